//! The typed view of a member's gossip entries; the only file that spells a gossip key.

use super::card::PeerCard;
use crate::pure::lineage::{Epoch, Version};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A registry's role: assigned by the operator, never voted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes updates.
    Master,
    /// Copies the master.
    #[default]
    Replica,
}
impl Role {
    /// As in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Replica => "replica",
        }
    }
}
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a registry may do now (design, section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Reigns: takes updates, feeds replicas, commands nodes.
    Leading,
    /// Role master with `--readonly`: looks only.
    Reviewing,
    /// Role master, surveying or not enough in sight; goes on by itself.
    Waiting,
    /// Role master, somebody holds entries that it lacks.
    Outdated,
    /// Reigned; a higher promise exists and its own log has a surplus.
    Superseded,
    /// Another id claims the same number.
    Contested,
    /// Attached to the leading master.
    Following,
    /// No leading master in reach.
    #[default]
    Detached,
    /// Newer than or diverged from the registry that leads: obeys its epoch, takes none of its data.
    Refusing,
}
impl Standing {
    /// All standings, for metrics and tests.
    pub const ALL: [Self; 9] = [
        Self::Leading,
        Self::Reviewing,
        Self::Waiting,
        Self::Outdated,
        Self::Superseded,
        Self::Contested,
        Self::Following,
        Self::Detached,
        Self::Refusing,
    ];
    /// As in JSON, gossip and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leading => "leading",
            Self::Reviewing => "reviewing",
            Self::Waiting => "waiting",
            Self::Outdated => "outdated",
            Self::Superseded => "superseded",
            Self::Contested => "contested",
            Self::Following => "following",
            Self::Detached => "detached",
            Self::Refusing => "refusing",
        }
    }
}
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a peer publishes of itself. `card` says who and where; the rest how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Who and where.
    pub card: PeerCard,
    /// A registry's role.
    pub role: Option<Role>,
    /// A registry's standing.
    pub standing: Option<Standing>,
    /// The epoch that a registry reigns in.
    pub claim: Option<Epoch>,
    /// What a registry holds, or the slice that a node runs.
    pub version: Option<Version>,
    /// The epoch that the peer promised to obey.
    pub obeys: Epoch,
    /// Servers active and in all, of a node.
    pub servers: Option<(u64, u64)>,
}

/// A member as gossip sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it says of itself.
    pub record: Record,
    /// Does gossip's failure detector think that it lives?
    pub alive: bool,
}
