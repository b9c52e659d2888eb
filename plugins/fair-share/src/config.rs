//! What can be configured.

use floe_plugin_sdk::{Error, Request};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Whose share it is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    /// Of who asks.
    Principal,
    /// Of the group of who asks.
    Group,
}

impl By {
    /// The interned name of the owner; 0 if unknown, and all the unknown share as one.
    pub(crate) fn of_request(self, request: Request<'_>) -> u32 {
        match self {
            Self::Principal => request.principal(),
            Self::Group => request.group(),
        }
    }
}

/// What happens to a request over the quota.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OverQuota {
    /// It is refused.
    Deny,
    /// It waits, behind those that are within.
    Wait,
}

/// What applies to one owner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) weight: f64,
    /// `None`: that of the request.
    pub(crate) class: Option<i32>,
    /// `None`: no bound.
    pub(crate) quota: Option<u32>,
}

/// The plugin's table.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Whose share it is.
    pub(crate) by: By,
    /// In which time the past counts half, in seconds; 0: only what is held now counts. Longer: who used much waits longer.
    pub(crate) half_life_s: u32,
    /// Weights of owners, from 0.001 to 1000; others have 1. Twice the weight is twice the share.
    pub(crate) weights: BTreeMap<String, f64>,
    /// Classes of owners, smaller first; others have the priority of their requests. A class goes before all later ones.
    pub(crate) classes: BTreeMap<String, i32>,
    /// Most leases that an owner without a quota of its own holds; 0: no bound.
    pub(crate) quota: u32,
    /// Most leases that an owner holds; 0: no bound.
    pub(crate) quotas: BTreeMap<String, u32>,
    /// What happens to a request over the quota.
    pub(crate) over_quota: OverQuota,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            by: By::Principal,
            half_life_s: 600,
            weights: BTreeMap::new(),
            classes: BTreeMap::new(),
            quota: 0,
            quotas: BTreeMap::new(),
            over_quota: OverQuota::Deny,
        }
    }
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let config: Self = serde_json::from_str(text).map_err(Error::config)?;
        for (name, weight) in &config.weights {
            if !(0.001..=1000.0).contains(weight) {
                return Err(Error::config(format!(
                    "weights.{name} is {weight}; wants 0.001 to 1000"
                )));
            }
        }
        let mut names = config
            .weights
            .keys()
            .chain(config.classes.keys())
            .chain(config.quotas.keys());
        if names.any(String::is_empty) {
            return Err(Error::config("weights, classes or quotas name nobody"));
        }
        Ok(config)
    }

    /// The quota of owners without one of their own.
    pub(crate) fn quota(&self) -> Option<u32> {
        (self.quota != 0).then_some(self.quota)
    }

    /// What applies to an owner that is named somewhere.
    pub(crate) fn owner(&self, name: &str) -> Owner {
        Owner {
            weight: self.weights.get(name).copied().unwrap_or(1.0),
            class: self.classes.get(name).copied(),
            quota: match self.quotas.get(name) {
                None => self.quota(),
                Some(0) => None,
                Some(quota) => Some(*quota),
            },
        }
    }
}
