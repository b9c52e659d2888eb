//! Who a peer is, and what its data folder remembers of that.

use super::initialised::Initialised;
use super::record::{Role, RoleSource};
use crate::pure::base::{Address, GridName, InstanceId, PeerName};
use crate::pure::lineage::{Epoch, Summary, Version};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerKind {
    /// Holds the database.
    Registry,
    /// Runs servers.
    Node,
}
impl fmt::Display for PeerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Registry => "registry",
            Self::Node => "node",
        })
    }
}

/// Who a peer is and where it is found. Small: it is sent about every peer to every peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCard {
    /// Its name.
    pub name: PeerName,
    /// What it is.
    pub kind: PeerKind,
    /// Its data folder.
    pub instance: InstanceId,
    /// Its boot counter: the higher card of one instance is the newer.
    pub generation: u64,
    /// Control and gossip address, as others reach it.
    pub address: Address,
    /// HTTP address, as others reach it.
    pub http: Option<Address>,
}

/// A peer to keep a link to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Its name, where it is known: nothing is dialled while a link to it exists.
    pub name: Option<PeerName>,
    /// Where.
    pub address: Address,
}

/// The identity file: apart from the database, and untouched when that is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The grid that the data folder belongs to.
    pub grid: GridName,
    /// The peer that it belongs to.
    pub name: PeerName,
    /// What that peer is.
    pub kind: PeerKind,
    /// Drawn at the first start.
    pub instance: InstanceId,
    /// Boot counter: one higher at each start; also the gossip generation.
    pub generation: u64,
    /// The highest epoch that the peer ever agreed to obey. Never goes back.
    pub promise: Epoch,
    /// The highest epoch that a registry drew for itself, whether it came to reign in it or not.
    #[serde(default)]
    pub drawn: Option<Epoch>,
    /// A registry's role when it last ran; `None` before its first run, and for nodes.
    pub role: Option<Role>,
    /// The role that the configuration file gave when it last ran: a change is the operator's newer word.
    pub file_role: Option<Role>,
    /// Who gave the role.
    #[serde(default)]
    pub role_source: RoleSource,
    /// The epoch that a registry drew on an operator's order to promote it, until it reigns or gives up: a restart goes on.
    #[serde(default)]
    pub ordered: Option<Epoch>,
    /// How a registry came to the database that it has, where it was taken from another.
    #[serde(default)]
    pub initialised: Initialised,
}

impl Identity {
    /// Of a peer that never ran.
    pub fn new(grid: GridName, name: PeerName, kind: PeerKind, instance: InstanceId) -> Self {
        Self {
            grid,
            name,
            kind,
            instance,
            generation: 0,
            promise: Epoch::NONE,
            drawn: None,
            role: None,
            file_role: None,
            role_source: RoleSource::File,
            ordered: None,
            initialised: Initialised::default(),
        }
    }
}

/// A peer that was met, kept on disk: the grid is found again through any of them, and a silent registry's last known log
/// counts when a candidate asks whether its own is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Who and where.
    pub card: PeerCard,
    /// A registry's log, as it last told.
    pub summary: Option<Summary>,
    /// A registry's end, as gossip last told.
    pub version: Option<Version>,
    /// Counts meetings of whoever remembers: the higher, the later this peer was last linked or alive. A full list forgets
    /// the lowest first. A count and not a time: a clock that was stepped must not decide who is forgotten.
    #[serde(default)]
    pub seen: u64,
}
