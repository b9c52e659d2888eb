//! Servers that moved from one node to another: the new node holds each until the old one has stopped it.
//!
//! ```text
//!   an update moves S from n1 to n2       waiting: n2 is told to hold S
//!   n1 says that it has applied it and
//!     has S no longer                     forgotten: n2 is told to start S
//!   n1 has applied it and keeps S, or     forgotten: n1 has S from another history, in which the removal does not stand, and
//!   is of another database                would never stop it; operators are warned of all that a node keeps
//!   n1 is out of reach for GONE_AFTER     lapsed: n2 is told to start S; operators are warned that S may still run on n1
//! ```
//!
//! Volatile, and known to the master only: a new master finds the same moves in the removals that the database remembers.

use super::affected::NodeKnown;
use crate::pure::base::{DatabaseId, Moment, PeerName, ServerId, Time};
use crate::pure::lineage::Serial;
use crate::pure::model::{Deployment, Plan};
use crate::pure::protocol::message::Hold;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long the old node may be out of reach before the server starts on the new one: several times what a node needs to
/// find a master again, and short enough for an operator who moves servers off a machine that is dead.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(10);

/// One server and a node that it left.
type Left = (ServerId, PeerName);

/// The moves of one reign.
#[derive(Clone, Debug, Default)]
pub(super) struct Moves {
    /// Removals up to here have been looked at.
    seen: Serial,
    waiting: BTreeMap<Left, Waiting>,
    /// The old node was out of reach for too long.
    lapsed: BTreeMap<Left, Serial>,
    /// Servers that came to a node which has not been told of them: it cannot run them.
    untold: BTreeSet<(PeerName, ServerId)>,
}

/// Why a server is waited for no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Released {
    /// The old node has stopped it.
    Stopped,
    /// The old node goes on as it is: no removal of this database reaches the server there.
    Kept,
    /// The old node was out of reach for too long.
    GivenUp,
}

/// A server that another node may still run.
#[derive(Clone, Debug)]
struct Waiting {
    /// The removal's.
    serial: Serial,
    /// Since when the old node has been out of reach.
    absent_since: Option<Time>,
}

impl Moves {
    /// An update was stored: these servers came to nodes that have not been told of them.
    pub(super) fn stored(&mut self, plan: &Plan, before: &Deployment, after: &Deployment) {
        for id in plan.added.iter().chain(&plan.moved) {
            let Some(placed) = after.servers.get(id) else { continue };
            let key = (placed.node.clone(), id.clone());
            // A node that had it once may have it still.
            if !before.removals.contains_key(&key) {
                self.untold.insert(key);
            }
        }
    }

    /// Nodes hear of a deployment from now on: what moved since the last one is waited for.
    pub(super) fn acknowledged(&mut self, deployment: &Deployment, serial: Serial) {
        let news = deployment.removals.iter().filter(|(_, removed)| **removed > self.seen);
        let mut waiting = Vec::new();
        for ((node, id), removed) in news {
            let key = (node.clone(), id.clone());
            let moved = deployment.servers.get(id).is_some_and(|placed| placed.node != *node);
            // What the old node was never told of, it cannot run.
            if moved && !self.untold.remove(&key) {
                waiting.push(((id.clone(), node.clone()), *removed));
            }
        }
        for (left, serial) in waiting {
            self.lapsed.remove(&left);
            let absent_since = None;
            self.waiting.insert(left, Waiting { serial, absent_since });
        }
        self.seen = serial;
        let still = |(id, node): &Left| deployment.removals.contains_key(&(node.clone(), id.clone()));
        self.waiting
            .retain(|left, _| still(left) && deployment.servers.contains_key(&left.0));
        self.lapsed.retain(|left, _| still(left));
    }

    /// A node is told its slice: from now on it may run what is in it.
    pub(super) fn told(&mut self, node: &PeerName) {
        self.untold.retain(|(untold, _)| untold != node);
    }

    /// Looks at the nodes again; `own` is the database that they should be of. Returns the servers that need not wait any more, each with the node that it left.
    pub(super) fn progress<'a>(
        &mut self,
        own: DatabaseId,
        node: impl Fn(&PeerName) -> NodeKnown<'a>,
        moment: &Moment,
    ) -> Vec<(ServerId, PeerName, Released)> {
        let mut released = Vec::new();
        let outcome = |(id, name): &Left, serial: Serial| {
            let NodeKnown::Told(sight) = node(name) else {
                return None;
            };
            if sight.report.database.is_some_and(|database| database != own) {
                return Some(Released::Kept);
            }
            let applied = sight.report.applied.is_some_and(|applied| applied.serial >= serial);
            match sight.servers.contains_key(id) {
                _ if !applied => None,
                false => Some(Released::Stopped),
                true => sight.report.kept.contains(id).then_some(Released::Kept),
            }
        };
        for (left, waiting) in &mut self.waiting {
            let absent = matches!(node(&left.1), NodeKnown::Absent);
            waiting.absent_since = absent.then(|| waiting.absent_since.unwrap_or(moment.now));
            let given_up = waiting
                .absent_since
                .is_some_and(|since| moment.now.since(since) >= GONE_AFTER);
            let why = outcome(left, waiting.serial).or(given_up.then_some(Released::GivenUp));
            released.extend(why.map(|why| (left.0.clone(), left.1.clone(), why)));
        }
        for (id, name, why) in &released {
            let left = (id.clone(), name.clone());
            let waited = self.waiting.remove(&left);
            if let Some(waited) = waited.filter(|_| *why == Released::GivenUp) {
                self.lapsed.insert(left, waited.serial);
            }
        }
        self.lapsed.retain(|left, serial| outcome(left, *serial).is_none());
        released
    }

    /// When `progress` is due because of time.
    pub(super) fn next(&self) -> Option<Time> {
        let since = self.waiting.values().filter_map(|waiting| waiting.absent_since);
        since.min().map(|since| since.after(GONE_AFTER))
    }

    /// Nothing is waited for, and nothing was given up.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.lapsed.is_empty()
    }

    /// What a node is to hold of its slice.
    pub(super) fn holds(&self, deployment: &Deployment, node: &PeerName) -> Vec<Hold> {
        let here = |id: &ServerId| deployment.servers.get(id).is_some_and(|placed| placed.node == *node);
        let holds = self.waiting.iter().filter(|((id, _), _)| here(id));
        let holds = holds.map(|((id, from), waiting)| Hold {
            server: id.clone(),
            from: from.clone(),
            since: waiting.serial,
        });
        holds.collect()
    }

    /// Servers that may still run on a node that was given up, by node.
    pub(super) fn given_up(&self) -> BTreeMap<PeerName, Vec<ServerId>> {
        let mut by_node: BTreeMap<PeerName, Vec<ServerId>> = BTreeMap::new();
        for (id, node) in self.lapsed.keys() {
            by_node.entry(node.clone()).or_default().push(id.clone());
        }
        by_node
    }
}
