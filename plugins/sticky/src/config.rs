//! What can be configured.

use floe_plugin_sdk::Error;
use serde::Deserialize;

/// Who is the same client.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    /// The same session.
    Session,
    /// The same owner, over its sessions.
    Principal,
}

/// The plugin's table.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Who is the same client.
    pub(crate) by: By,
    /// How long a grant is remembered after it was given or given back, in seconds; 0: only the hash counts.
    pub(crate) ttl_s: u32,
    /// How many grants are remembered, 1 to 1,000,000; about 50 bytes each. The oldest are forgotten first.
    pub(crate) clients_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            by: By::Principal,
            ttl_s: 600,
            clients_max: 10_000,
        }
    }
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let config: Self = serde_json::from_str(text).map_err(Error::config)?;
        if !(1..=1_000_000).contains(&config.clients_max) {
            return Err(Error::config(format!(
                "clients_max is {}; wants 1 to 1000000",
                config.clients_max
            )));
        }
        Ok(config)
    }
}
