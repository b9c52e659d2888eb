//! What a registry knows of each peer: volatile, but for what is remembered.

use crate::pure::base::{ServerId, Time};
use crate::pure::lineage::{Summary, Version};
use crate::pure::membership::{PeerCard, PeerKind, Record};
use crate::pure::protocol::Status;
use crate::pure::protocol::report::{NodeReport, ServerReport};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of one peer.
#[derive(Clone, Debug)]
pub struct Peer {
    pub(super) card: PeerCard,
    pub(super) linked: bool,
    /// When it last said anything over a link.
    pub(super) heard: Option<Time>,
    /// What gossip's failure detector thinks.
    pub(super) alive: bool,
    /// What a registry told over the present link.
    pub(super) status: Option<Status>,
    /// What gossip tells.
    pub(super) record: Option<Record>,
    /// A registry's log as it last told, on this link or an earlier one.
    pub(super) summary: Option<Summary>,
    /// The end of a master's log as far as it has fed it to us.
    pub(super) fed: Option<Version>,
    /// A node's word about itself and its servers.
    pub(super) node: Option<Arc<NodeSight>>,
    /// When a node last told its load.
    pub(super) load_heard: Option<Time>,
    /// Why it cannot be reached.
    pub(super) unreachable: String,
    /// As in `Remembered`.
    pub(super) seen: u64,
}

impl Peer {
    pub(super) fn new(card: PeerCard) -> Self {
        Self {
            card,
            linked: false,
            heard: None,
            alive: false,
            status: None,
            record: None,
            summary: None,
            fed: None,
            node: None,
            load_heard: None,
            unreachable: String::new(),
            seen: 0,
        }
    }
    /// The newest end that was heard of it.
    pub(super) fn version(&self) -> Option<Version> {
        let told = self.summary.as_ref().map(|summary| summary.end);
        let gossiped = self.record.as_ref().and_then(|record| record.version);
        [told, gossiped, self.fed]
            .into_iter()
            .flatten()
            .max_by_key(|version| (version.serial, version.epoch))
    }
    /// What it says itself that it holds: less than was heard of it once, where it was put back from a backup.
    pub(super) fn told_version(&self) -> Option<Version> {
        let told = self.summary.as_ref().map(|summary| summary.end);
        let gossiped = self.record.as_ref().and_then(|record| record.version);
        let newest = [told, gossiped].into_iter().flatten();
        newest.max_by_key(|version| (version.serial, version.epoch))
    }
    pub(super) fn is_registry(&self) -> bool {
        self.card.kind == PeerKind::Registry
    }
}

/// A node as this registry sees it over its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSight {
    /// Its own word.
    pub report: NodeReport,
    /// All of its servers have been told over this link, and not only some.
    pub whole: bool,
    /// Its servers.
    pub servers: BTreeMap<ServerId, ServerReport>,
}
