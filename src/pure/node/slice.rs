//! A node's slice of the deployment: what is on its disk, and how one is put together from its parts.

use crate::pure::base::limits::SERVERS_PER_NODE_MAX;
use crate::pure::base::{DatabaseId, PeerName, ServerId};
use crate::pure::lineage::{Epoch, Serial, Version};
use crate::pure::model::ServerSpec;
use crate::pure::protocol::message::{Hold, SlicePart};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most removals that one slice may tell: a master keeps the latest, and a node needs its own.
const REMOVALS_MAX: usize = 4 * SERVERS_PER_NODE_MAX;

/// What the node runs, as on its disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// The epoch of the master that sent it.
    pub epoch: Epoch,
    /// The database that it is of; `None` before the first. Only masters of this one are obeyed.
    #[serde(default)]
    pub database: Option<DatabaseId>,
    /// The version of the database that it is of; `None` before the first.
    pub version: Option<Version>,
    /// Its servers.
    pub servers: BTreeMap<ServerId, Placed>,
    /// Servers whose removal was ordered: to be stopped, and their directories deleted.
    pub removed: BTreeSet<ServerId>,
}
impl Default for Slice {
    fn default() -> Self {
        Self {
            epoch: Epoch::NONE,
            database: None,
            version: None,
            servers: BTreeMap::new(),
            removed: BTreeSet::new(),
        }
    }
}

/// One server of a slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// What to run.
    pub spec: Arc<ServerSpec>,
    /// The serial of the last slice that listed it: only a later removal counts.
    pub applied: Serial,
    /// A later slice did not list it, and did not remove it either: it goes on.
    pub kept: bool,
    /// The node that it came from, until that has stopped it: till then it is not started.
    #[serde(default)]
    pub held: Option<PeerName>,
}

/// A slice, or changes to it, whose parts are still coming in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assembly {
    pub(super) from: PeerName,
    pub(super) epoch: Epoch,
    pub(super) database: DatabaseId,
    pub(super) version: Version,
    /// What it holds are changes since then.
    pub(super) base: Option<Version>,
    pub(super) servers: BTreeMap<ServerId, Arc<ServerSpec>>,
    pub(super) removals: BTreeMap<ServerId, Serial>,
    pub(super) holds: BTreeMap<ServerId, Hold>,
}

impl Assembly {
    /// An assembly before its first part.
    pub(super) fn new(from: &PeerName, part: &SlicePart) -> Self {
        Self {
            from: from.clone(),
            epoch: part.epoch,
            database: part.database,
            version: part.version,
            base: part.base,
            servers: BTreeMap::new(),
            removals: BTreeMap::new(),
            holds: BTreeMap::new(),
        }
    }
    /// Does the part belong to it?
    pub(super) fn fits(&self, from: &PeerName, part: &SlicePart) -> bool {
        let same_place = self.epoch == part.epoch && self.database == part.database;
        self.from == *from && same_place && (self.version, self.base) == (part.version, part.base)
    }
    /// Takes a part. False when the slice grows beyond what a node may hold; it is then to be dropped.
    pub(super) fn take(&mut self, part: SlicePart) -> bool {
        self.servers
            .extend(part.servers.into_iter().map(|spec| (spec.id.clone(), Arc::new(spec))));
        self.removals.extend(part.removals);
        self.holds
            .extend(part.held.into_iter().map(|hold| (hold.server.clone(), hold)));
        self.holds.len() <= SERVERS_PER_NODE_MAX
            && self.servers.len() <= SERVERS_PER_NODE_MAX
            && self.removals.len() <= REMOVALS_MAX
    }
}
