//! What can be configured.

use floe_plugin_sdk::Error;
use serde::Deserialize;

/// What is filled.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    /// A node, with all its candidates.
    Node,
    /// Each candidate.
    Candidate,
}

/// The plugin's table.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// What is filled.
    pub(crate) unit: Unit,
    /// Up to which share of its slots something is filled. From above 0 to 1.
    pub(crate) high_water: f64,
    /// Whether nothing is filled above the high water; the request then waits. Else it is the last resort.
    pub(crate) hard: bool,
    /// Slots that a candidate without a bound is taken to have. From 1.
    pub(crate) slots_if_unbounded: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            unit: Unit::Node,
            high_water: 1.0,
            hard: false,
            slots_if_unbounded: 100,
        }
    }
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let config: Self = serde_json::from_str(text).map_err(Error::config)?;
        if config.high_water <= 0.0 || config.high_water > 1.0 {
            return Err(Error::config(format!(
                "high_water is {}; wants a share above 0 and up to 1",
                config.high_water
            )));
        }
        if config.slots_if_unbounded == 0 {
            return Err(Error::config("slots_if_unbounded is 0; wants at least 1"));
        }
        Ok(config)
    }
}
