//! What a node is told at its start, and what its disk gives back.

use super::slice::Slice;
use crate::pure::base::{Address, ServerId};
use crate::pure::lineage::rules::Rules;
use crate::pure::membership::{Identity, PeerCard, Remembered};
use crate::pure::protocol::node::{Drained, Past};
use crate::pure::supervisor::{Marks, Running, Told};
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
    /// What people and programs want to know of the node.
    pub about: About,
    /// What bounds servers on this host, in one line for people.
    pub means: String,
}

/// What people and programs want to know of the node; it decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// As written.
    pub labels: BTreeMap<String, String>,
    /// Processors of the host.
    pub processors: u32,
    /// What load averages are multiplied by, in text.
    pub load_factor: String,
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
    /// What else an earlier life left behind.
    pub memory: Memory,
}

/// What an earlier life of the node knew, beside what it has to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What processes that still run said of themselves.
    pub told: BTreeMap<ServerId, Told>,
    /// What is remembered of servers.
    pub past: BTreeMap<ServerId, Past>,
    /// The node starts nothing. This does decide, and was durable before it was said.
    pub drained: Option<Drained>,
}
