//! Compares two logs by lineage and end: whose data contains whose.

use super::version::{Digest, Lineage, Serial, Version};
use crate::pure::base::DatabaseId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a registry tells of its log: enough to compare, whatever was trimmed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Which database; `None` for an empty one.
    pub database: Option<DatabaseId>,
    /// All its reigns.
    pub lineage: Lineage,
    /// Its end.
    pub end: Version,
    /// Digests kept at epoch ends and every 1,024 entries.
    pub checks: BTreeMap<Serial, Digest>,
}

/// The entries that one side has beyond the fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surplus {
    /// The last entry that both have.
    pub fork: Serial,
    /// The last entry of this side.
    pub end: Serial,
    /// How many of them are updates, not just `Reign` entries. 0 is an empty surplus: nothing was promised in it.
    pub updates: u64,
}

/// How their log stands to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// The same entries.
    Same,
    /// Theirs is a prefix of ours; what we have beyond it.
    Older(Surplus),
    /// Ours is a prefix of theirs; what they have beyond it.
    Newer(Surplus),
    /// Both have entries that the other lacks.
    Diverged {
        /// What only we have.
        ours: Surplus,
        /// What only they have.
        theirs: Surplus,
    },
    /// Another database, or nothing in common.
    Foreign,
    /// Same place, other digest: one of the two is damaged.
    Corrupt {
        /// The place.
        at: Serial,
    },
}
