//! The sections as types. Ranges and defaults stand in `schema`; what a value costs in `config/*.toml`.

use super::allocation::Allocation;
use crate::pure::base::{Address, GridName, PeerName};
use crate::pure::lineage::sight::Sight;
use crate::pure::membership::{PeerKind, Role};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A whole, checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The grid that the peer belongs to.
    pub grid: GridName,
    /// Who the peer is and where.
    pub peer: Peer,
    /// Where it serves HTTP; `None` for nowhere.
    pub http: Option<Http>,
    /// Where it answers DNS; `None` for nowhere. Registries only.
    pub dns: Option<Dns>,
    /// How it gossips.
    pub gossip: Gossip,
    /// What it is.
    pub kind: Kind,
    /// How it logs.
    pub log: Log,
}

impl Config {
    /// What is allowed but should be known: one plain sentence each, to be logged at the start.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let open = |address: &Address| !address.is_loopback();
        if open(&self.peer.listen) {
            warnings.push(format!(
                "listening on {} without TLS: anybody who reaches this address can read and change the grid",
                self.peer.listen
            ));
            if self.gossip.key_file.is_none() {
                warnings.push("gossip is not sealed: anybody who reaches the UDP port can forge members".to_owned());
            }
            if self.peer.advertise.is_loopback() {
                warnings.push(format!(
                    "advertising {}: peers on other machines cannot reach it",
                    self.peer.advertise
                ));
            }
        }
        if let Some(http) = self.http.as_ref().filter(|http| open(&http.listen)) {
            warnings.push(format!(
                "serving HTTP on {} without TLS and without a login",
                http.listen
            ));
        }
        if let Some(dns) = self.dns.as_ref().filter(|dns| open(&dns.listen)) {
            warnings.push(format!(
                "answering DNS on {}: anybody who reaches it can ask where things are",
                dns.listen
            ));
        }
        warnings
    }
}

/// `[peer]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name, unique in the grid.
    pub name: PeerName,
    /// TCP control and UDP gossip on one number. Port 0: the system chooses.
    pub listen: Address,
    /// How others reach it. Port 0 only where `listen` has port 0: stands for the port that was chosen.
    pub advertise: Address,
    /// Its data folder.
    pub data: PathBuf,
    /// Where it looks for the grid; may be empty.
    pub locator: Vec<Address>,
}

/// `[http]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where it is served. Port 0: the system chooses.
    pub listen: Address,
}

/// `[dns]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// Where it answers, UDP and TCP on one number. Port 0: the system chooses.
    pub listen: Address,
    /// How long answers may be kept by whoever asks.
    pub ttl: Duration,
}

/// `[gossip]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gossip {
    /// Between two rounds.
    pub interval: Duration,
    /// The key that seals datagrams; checked to be closed to others, not yet read.
    pub key_file: Option<PathBuf>,
    /// Addresses that are not loopback are allowed without TLS.
    pub insecure: bool,
}

/// What the peer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `[registry]` is there.
    Registry(Registry),
    /// `[node]` is there.
    Node(Node),
}
impl Kind {
    /// The kind alone.
    pub fn of(&self) -> PeerKind {
        match self {
            Self::Registry(_) => PeerKind::Registry,
            Self::Node(_) => PeerKind::Node,
        }
    }
}

/// `[registry]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// Assigned by the operator.
    pub role: Role,
    /// Registries, this one included, that must hold an update on disk before it is acknowledged.
    pub min_copies: u64,
    /// How long an update waits for attached replicas.
    pub copy_deadline: Duration,
    /// How long a start as master waits for peers that do not answer.
    pub discovery_window: Duration,
    /// Entries that stay in the log; older ones only as state.
    pub log_keep: u64,
    /// Lead only when it is proven that nothing acknowledged is missing (`promote_requires = "proven"`).
    pub require_proof: bool,
    /// How many of the other registries a master must be in contact with.
    pub sight: Sight,
    /// `[allocation]`: who chooses what a session is given.
    pub allocation: Allocation,
}

/// `[node]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What `${node.host}` gives; never empty.
    pub host: String,
    /// What becomes of the servers when the node is stopped.
    pub on_stop: OnStop,
    /// For people and programs.
    pub labels: BTreeMap<String, String>,
    /// What load averages are multiplied by, in thousandths; `None`: divided by the number of processors.
    pub load_factor: Option<u64>,
    /// Whom servers run as whose definition names nobody. `None`: `nobody` where the node is root, else the node's own user.
    pub user: Option<String>,
    /// May servers be root?
    pub allow_root: bool,
}

/// What becomes of the servers when the node is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStop {
    /// They go on and are adopted at the node's next start.
    #[default]
    Leave,
    /// They are stopped first.
    Stop,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Levels, also by module: `info,floe::io::gossip=debug`. Checked.
    pub level: String,
    /// How lines look.
    pub format: Format,
}
impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: Format::Text,
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
