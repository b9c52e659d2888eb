//! What a node must run: one server, expanded. All variables are gone but those that only the node knows
//! (`${node.host}`, `${port.NAME}`, `${server.data}`).
//!
//! `run`, `environment`, `directory` and endpoints are deferred texts: the node ends them with `expand::fill`, which
//! also turns `$$` into the dollar that it stands for.

use crate::pure::base::{AdapterId, ApplicationName, GroupId, ServerId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Who starts a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// An operator.
    #[default]
    Manual,
    /// An operator, or somebody who resolves one of its adapters.
    OnDemand,
    /// The node, at once and again whenever it ends.
    Always,
}

/// When a server counts as active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ready {
    /// As soon as it runs.
    AtOnce,
    /// When the endpoint of this adapter (by name) accepts a TCP connection.
    Tcp(String),
}

/// One server as its node must run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSpec {
    /// Its id.
    pub id: ServerId,
    /// The application that it belongs to.
    pub application: ApplicationName,
    /// Program and arguments.
    pub run: Vec<String>,
    /// Who starts it.
    pub activation: Activation,
    /// When it counts as active.
    pub ready: Ready,
    /// Environment variables beside those that floe sets.
    pub environment: BTreeMap<String, String>,
    /// Working directory; `None` for the server's own.
    pub directory: Option<String>,
    /// How long until it must be ready.
    pub activation_timeout: Duration,
    /// How long between SIGTERM and SIGKILL.
    pub deactivation_timeout: Duration,
    /// Ports by name; 0 lets the node choose. Holds every port that a text mentions.
    pub ports: BTreeMap<String, u16>,
    /// What it offers.
    pub adapters: Vec<AdapterSpec>,
}

/// One adapter of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterSpec {
    /// Its name within the server.
    pub name: String,
    /// Its id, unique in the grid.
    pub id: AdapterId,
    /// Its replica group.
    pub group: Option<GroupId>,
    /// Its endpoint, with the node's variables still in it.
    pub endpoint: String,
    /// For ordered groups: smaller first.
    pub priority: i32,
}
