//! What can be configured.

use floe_plugin_sdk::Error;
use serde::Deserialize;

/// Which leases are counted together.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scope {
    /// Those of the same type or replica group.
    Type,
    /// Those of the same owner.
    Principal,
    /// Those of the owner's group.
    Group,
    /// Those of the same session.
    Session,
    /// All.
    All,
}

/// The plugin's table.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Which leases are counted together.
    pub(crate) scope: Scope,
    /// By how much a zone may lead, if that is `hard`. From 1.
    pub(crate) max_skew: i64,
    /// Whether a zone that leads by `max_skew` takes nothing more; the request then waits. Else it is only preferred less.
    pub(crate) hard: bool,
    /// Zones that count even when nothing is free there; at most 256. Without them a zone that is full holds nobody back.
    pub(crate) zones: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            scope: Scope::Type,
            max_skew: 1,
            hard: false,
            zones: Vec::new(),
        }
    }
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let config: Self = serde_json::from_str(text).map_err(Error::config)?;
        if !(1..=1_000_000).contains(&config.max_skew) {
            return Err(Error::config(format!(
                "max_skew is {}; wants 1 to 1000000",
                config.max_skew
            )));
        }
        if config.zones.len() > 256 || config.zones.iter().any(String::is_empty) {
            return Err(Error::config("zones wants at most 256 names, none of them empty"));
        }
        Ok(config)
    }
}
