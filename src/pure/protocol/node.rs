//! What a node tells of itself and of one of its servers when it is asked for more than a row.

use super::report::{Happening, Load, ServerReport};
use crate::pure::base::{RunId, WallTime};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// How many transitions of a server, and events of a node, are kept: a page for people.
pub const PAST_MAX: usize = 32;

/// The host's load, times the node's load factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loads {
    /// Over the last minute.
    pub one: Load,
    /// Over the last five minutes.
    pub five: Load,
    /// Over the last fifteen minutes.
    pub fifteen: Load,
}

/// Who wanted something to be as it is, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Who.
    pub by: String,
    /// When, for people.
    pub time: WallTime,
}

/// A node that starts nothing. On the node's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// What ran was left alone.
    pub keep_running: bool,
    /// Whose order it is.
    pub order: Word,
}

/// One change in the life of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When, for people.
    pub time: WallTime,
    /// What it was from then on: `active`, or `inactive, disabled`.
    pub state: String,
    /// Why, with how the process ended.
    pub reason: String,
    /// Its process; of one that has just ended, that one.
    pub pid: Option<u32>,
    /// Which start of the server it was; `None` without a process.
    pub run: Option<RunId>,
}

/// What a node remembers of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// The last transitions, oldest first.
    pub transitions: VecDeque<Transition>,
    /// Whose stop it was that holds now.
    pub stopped: Option<Word>,
    /// Who disabled it.
    pub disabled: Option<Word>,
}

impl Past {
    /// Adds a transition; the oldest one goes when there are too many.
    pub fn add(&mut self, transition: Transition) {
        while self.transitions.len() >= PAST_MAX {
            self.transitions.pop_front();
        }
        self.transitions.push_back(transition);
    }
}

/// Why a server stands as it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainReport {
    /// How it stands now.
    pub server: ServerReport,
    /// Who starts it: `manual`, `on-demand`, `always`, `session`.
    pub activation: String,
    /// Program and arguments of the definition in force, with the node's variables.
    pub command: Vec<String>,
    /// What the process runs by, when that is not the definition in force; else empty.
    pub outdated: String,
    /// Who disabled it, when and for how long; empty when it is enabled.
    pub disabled: String,
    /// Who stopped it, and when; empty when nobody did.
    pub stopped: String,
    /// What else keeps it from being started; empty when nothing does.
    pub held: String,
    /// The last transitions, oldest first.
    pub transitions: Vec<Transition>,
    /// The last lines of its standard error.
    pub stderr: String,
}

/// A node in detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeDetail {
    /// Its name.
    pub name: String,
    /// What `${node.host}` gives.
    pub host: String,
    /// Its control address.
    pub address: String,
    /// Its daemon's process runs since.
    pub since: WallTime,
    /// The epoch that it obeys.
    pub obeys_epoch: u64,
    /// The version of the database whose slice it runs; empty before the first.
    pub applied: String,
    /// Since when it runs that; as `since` when an earlier life of it did already.
    pub applied_since: WallTime,
    /// For people and programs.
    pub labels: BTreeMap<String, String>,
    /// Load averages times the load factor.
    pub load: Loads,
    /// What load averages are multiplied by.
    pub load_factor: String,
    /// Processors of the host.
    pub processors: u32,
    /// It starts nothing; or null.
    pub drained: Option<Drained>,
    /// It is on its way out.
    pub stopping: bool,
    /// Servers by state; states without any are left out.
    pub servers: BTreeMap<String, u64>,
    /// Servers that have a process.
    pub running: u64,
    /// What happened to it last, oldest first.
    pub events: Vec<Happening>,
}
