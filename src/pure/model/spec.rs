//! What a node must run: one server, expanded. All variables are gone but those that only the node knows
//! (`${node.host}`, `${port.NAME}`, `${server.data}`, `${server.config}`).
//!
//! `run`, `environment`, `directory`, `stop`, `logs`, values of `files` and endpoints are deferred texts: the node ends
//! them with `expand::fill`, which also turns `$$` into the dollar that it stands for.
//!
//! The node's slice and its records of processes hold specs of earlier builds: whatever is added here has a default, and is
//! left out where it has it.

use crate::pure::base::{AdapterId, ApplicationName, GroupId, ServerId, Signal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long until a server must be ready, and between SIGTERM and SIGKILL, when nothing is written.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_mins(1);

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
    /// The session that holds it, and only while it does.
    Session,
}

/// When a server counts as active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ready {
    /// As soon as it runs.
    AtOnce,
    /// When the endpoint of this adapter (by name) accepts a TCP connection.
    Tcp(String),
    /// When a GET there is answered by a status from 200 to 399.
    Http {
        /// The adapter, by name.
        adapter: String,
        /// The path, with its leading slash.
        path: String,
    },
    /// When it says so itself: `READY=1` to its NOTIFY_SOCKET (sd_notify).
    Notify,
    /// When it has run this long.
    After(Duration),
}

/// What a server may use. `None`: as much as its node may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Thousandths of one processor, as an upper bound over time.
    pub cpu_millis: Option<u64>,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Open descriptors.
    pub files: Option<u64>,
    /// Processes and threads.
    pub tasks: Option<u64>,
}

/// Where Prometheus scrapes a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrape {
    /// The adapter, by name.
    pub adapter: String,
    /// The path, with its leading slash.
    pub path: String,
}

/// How a server is asked to end; SIGKILL follows after the deactivation timeout in either case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// A command to run; empty: a signal. When it fails the signal is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The signal to the process group. `None`: SIGTERM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
}

/// How much of a server's standard output and error is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// A file that is larger is rotated, in bytes.
    pub rotate_bytes: u64,
    /// How many rotated files are kept beside the one that is written.
    pub keep: u32,
}
impl Default for Output {
    fn default() -> Self {
        Self {
            rotate_bytes: 16 * 1024 * 1024,
            keep: 4,
        }
    }
}

/// A file that the node writes into the server's `${server.config}` before it starts: one `key=value` a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyFile {
    /// Its name, without a folder.
    pub name: String,
    /// What it holds; values are deferred texts.
    pub properties: BTreeMap<String, String>,
}

/// When a server that fails again and again is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisableAfter {
    /// After so many failures in a row, at least 1. A failure is an end that nobody asked for, other than exit code 0, or a
    /// start that did not come about.
    pub failures: u32,
    /// For how long. `None`: until an operator enables or starts it.
    pub period: Option<Duration>,
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
    /// The user that it runs as. `None`: the node's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What it may use.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// How it is asked to end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stop: Stop,
    /// The signal that tells it that its files have changed. `None`: it sees them at its next start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<Signal>,
    /// How much of its output is kept.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output: Output,
    /// Log files that it writes itself and that people may read, by name; paths are deferred texts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub logs: BTreeMap<String, String>,
    /// Files that the node writes for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PropertyFile>,
    /// When it is disabled because it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_after: Option<DisableAfter>,
    /// For people and programs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Where Prometheus scrapes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Scrape>,
    /// The first of its allocatables that a session takes claims the whole server.
    #[serde(default, skip_serializing_if = "is_default")]
    pub exclusive: bool,
}

impl ServerSpec {
    /// Does it run for one session at a time, and only then?
    pub fn is_lent(&self) -> bool {
        self.activation == Activation::Session
    }
    /// Does a use of it start it?
    pub fn starts_on_use(&self) -> bool {
        self.is_lent() || self.activation == Activation::OnDemand
    }
    /// A server that runs a command and leaves everything else at its default.
    pub fn new(id: ServerId, application: ApplicationName, run: Vec<String>) -> Self {
        Self {
            id,
            application,
            run,
            activation: Activation::default(),
            ready: Ready::AtOnce,
            environment: BTreeMap::new(),
            directory: None,
            activation_timeout: TIMEOUT_DEFAULT,
            deactivation_timeout: TIMEOUT_DEFAULT,
            ports: BTreeMap::new(),
            adapters: Vec::new(),
            user: None,
            limits: Limits::default(),
            stop: Stop::default(),
            reload: None,
            output: Output::default(),
            logs: BTreeMap::new(),
            files: Vec::new(),
            disable_after: None,
            labels: BTreeMap::new(),
            metrics: None,
            exclusive: false,
        }
    }
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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
