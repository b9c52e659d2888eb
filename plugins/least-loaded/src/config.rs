//! What can be configured.

use floe_plugin_sdk::Error;
use serde::Deserialize;

/// The plugin's table.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// How much free slots count. From 0 to 1000.
    pub(crate) slot_weight: f64,
    /// How much a low load counts. From 0 to 1000; not both 0.
    pub(crate) load_weight: f64,
    /// Age at which a load is believed by half. From 1 ms. Longer: slower to forget a machine that was busy.
    pub(crate) load_half_life_ms: u32,
    /// 0: the best of all. Else the best of so many drawn at random, 2 being usual, up to 16; lower spreads those who ask
    /// at once.
    pub(crate) choices: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            slot_weight: 1.0,
            load_weight: 1.0,
            load_half_life_ms: 30_000,
            choices: 0,
        }
    }
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let config: Self = serde_json::from_str(text).map_err(Error::config)?;
        for (key, weight) in [("slot_weight", config.slot_weight), ("load_weight", config.load_weight)] {
            if !(0.0..=1000.0).contains(&weight) {
                return Err(Error::config(format!("{key} is {weight}; wants 0 to 1000")));
            }
        }
        if config.slot_weight + config.load_weight <= 0.0 {
            return Err(Error::config("slot_weight and load_weight are both 0; one must count"));
        }
        if config.load_half_life_ms == 0 {
            return Err(Error::config("load_half_life_ms is 0; wants at least 1"));
        }
        if config.choices > 16 {
            return Err(Error::config(format!("choices is {}; wants 0 to 16", config.choices)));
        }
        Ok(config)
    }
}
