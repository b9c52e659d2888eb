//! What a registry's identity remembers of being initialised from another registry.

use crate::pure::base::{PeerName, WallTime};
use crate::pure::lineage::Version;
use serde::{Deserialize, Serialize};

/// What an identity file tells of initialisations. Empty for a registry that never was initialised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initialised {
    /// The registry that the start flag named when it was carried out, or found to be needless. While every start names the
    /// same one, the flag does nothing more: forgotten in a service file, it must not throw away what came later.
    #[serde(default)]
    pub flag: Option<PeerName>,
    /// Where the present database came from.
    #[serde(default)]
    pub taken: Option<Taken>,
    /// Set while the registry may lack copies that it acknowledged.
    #[serde(default)]
    pub unproven: Option<Unproven>,
}

/// A database that was taken from another registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// From whom.
    pub from: PeerName,
    /// Its end, then.
    pub version: Version,
    /// When, for people.
    pub time: WallTime,
}

/// The registry may no longer hold copies that it acknowledged: it does not count when a candidate asks whether its log is
/// proven to be complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unproven {
    /// Since when and why, for people.
    pub reason: String,
    /// The mark goes when the log reaches this end, which the leading master had when this registry attached to it; `None`
    /// while it has not attached to one.
    #[serde(default)]
    pub until: Option<Version>,
}

impl Unproven {
    /// What it means and when it ends, for people.
    pub fn words(&self) -> String {
        let end = match self.until {
            Some(version) => format!("it does not count as a proof until it holds version {version}"),
            None => "it does not count as a proof until it has caught up with a leading master".to_owned(),
        };
        format!("{}; {end}", self.reason)
    }
}
