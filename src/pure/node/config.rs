//! What a node is told at its start, and what its disk gives back.

use super::slice::Slice;
use crate::pure::base::{Address, ServerId};
use crate::pure::lineage::rules::Rules;
use crate::pure::membership::{Identity, PeerCard, Remembered};
use crate::pure::supervisor::{Marks, Running};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happens to running servers when their node stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStop {
    /// They go on and are adopted by the node's next life.
    #[default]
    Leave,
    /// They are stopped first.
    Stop,
}

/// What an operator wrote, and what the shell found out before the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The node, as others see it.
    pub card: PeerCard,
    /// What `${node.host}` gives.
    pub host: String,
    /// The locator list.
    pub locator: Vec<Address>,
    /// What happens to running servers when the node stops.
    pub on_stop: OnStop,
    /// The safety rules: all of them, but in a test build.
    pub rules: Rules,
    /// What bounds servers on this host, in one line for people.
    pub means: String,
}

/// What the disk gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The identity file, with the generation of this start.
    pub identity: Identity,
    /// What the node runs; empty before its first slice.
    pub slice: Slice,
    /// What operators said of servers.
    pub marks: BTreeMap<ServerId, Marks>,
    /// Peers that were met.
    pub remembered: Vec<Remembered>,
    /// Processes of an earlier life that still run.
    pub running: BTreeMap<ServerId, Running>,
}
