//! What nodes are told to run: a whole slice when a node is new to the link or the reign, or in doubt; else what changed
//! since it was last told.
//!
//! A link loses nothing in its middle: what does not fit its queue closes it. So a node that was told a version is told
//! the way from there to the next one, and each acknowledged version moves every node on, also by an empty change.

use super::super::effect::Effect;
use super::super::state::Registry;
use crate::pure::base::limits::PART_BYTES_MAX;
use crate::pure::base::{PeerName, ServerId};
use crate::pure::lineage::{Serial, Version};
use crate::pure::membership::PeerKind;
use crate::pure::model::ServerSpec;
use crate::pure::protocol::Message;
use crate::pure::protocol::message::SlicePart;
use crate::pure::wire::encode;
use std::sync::Arc;

/// Bytes that a removal takes in a part, beside those of its id.
const REMOVAL_BYTES: usize = 16;

impl Registry {
    /// Tells every linked node what was acknowledged since it was last told.
    pub(super) fn tell_all_nodes(&mut self, out: &mut Vec<Effect>) {
        let nodes = self
            .peers
            .values()
            .filter(|peer| peer.linked && peer.card.kind == PeerKind::Node);
        let nodes: Vec<PeerName> = nodes.map(|peer| peer.card.name.clone()).collect();
        for node in nodes {
            if !self.send_changes(&node, out) {
                self.send_slice(&node, out);
            }
        }
    }

    /// A node told how it stands: sends it the whole slice, unless it obeys this reign and runs the slice already, or
    /// will with what is on its way.
    pub(super) fn tell_node(&mut self, node: &PeerName, out: &mut Vec<Effect>) {
        let sight = self.peers.get(node).and_then(|peer| peer.node.clone());
        let Some(reigning) = self.reigning() else { return };
        let Some((version, deployment)) = reigning.acknowledged.clone() else {
            return;
        };
        if let Some(sight) = sight.filter(|sight| !sight.report.unfit) {
            let applied = sight.report.applied;
            if sight.report.obeys == reigning.epoch && applied == Some(version) {
                // What it was told to hold, or is to hold now, may have changed while it was away.
                let holds = !sight.report.held.is_empty() || !reigning.moves.holds(&deployment, node).is_empty();
                reigning.moves.told(node);
                let told = reigning.told_nodes.insert(node.clone(), (version, deployment));
                if holds {
                    self.send_changes(node, out);
                }
                if told.is_none() {
                    self.owe_tenures_of(node);
                }
                return;
            }
            let place = |version: Version| (version.epoch, version.serial);
            let told = reigning.told_nodes.get(node).map(|(told, _)| place(*told));
            if told.is_some_and(|told| applied.is_none_or(|applied| place(applied) < told)) {
                return;
            }
        }
        self.send_slice(node, out);
    }

    pub(super) fn send_slice(&mut self, node: &PeerName, out: &mut Vec<Effect>) {
        let Some(reigning) = self.reigning() else { return };
        let Some((_, deployment)) = &reigning.acknowledged else {
            return;
        };
        let (servers, removals) = deployment.slice(node);
        self.send_parts(node, None, servers, removals, out);
    }

    /// False when only the whole slice will do.
    pub(super) fn send_changes(&mut self, node: &PeerName, out: &mut Vec<Effect>) -> bool {
        let Some(reigning) = self.reigning() else { return true };
        let (Some((base, before)), Some((_, now))) = (reigning.told_nodes.get(node), &reigning.acknowledged) else {
            return false;
        };
        let base = *base;
        let Some((servers, removals)) = now.changes(node, before, base.serial) else {
            return false;
        };
        self.send_parts(node, Some(base), servers, removals, out);
        true
    }

    fn send_parts(
        &mut self,
        node: &PeerName,
        base: Option<Version>,
        servers: Vec<Arc<ServerSpec>>,
        removals: Vec<(ServerId, Serial)>,
        out: &mut Vec<Effect>,
    ) {
        let Some(database) = self.database.id() else { return };
        let Some(reigning) = self.reigning() else { return };
        let Some((version, deployment)) = reigning.acknowledged.clone() else {
            return;
        };
        let mut parcel = Parcel::new(SlicePart {
            epoch: reigning.epoch,
            database,
            version,
            base,
            first: false,
            last: false,
            servers: Vec::new(),
            removals: Vec::new(),
            held: Vec::new(),
        });
        let mut lent = Vec::new();
        for spec in servers {
            if spec.is_lent() {
                lent.push(spec.id.clone());
            }
            let size = encode(spec.as_ref()).len();
            parcel.part_for(size).servers.push(Arc::unwrap_or_clone(spec));
        }
        for (id, serial) in removals {
            let size = id.as_str().len() + REMOVAL_BYTES;
            parcel.part_for(size).removals.push((id, serial));
        }
        for hold in reigning.moves.holds(&deployment, node) {
            let size = hold.server.as_str().len() + hold.from.as_str().len() + REMOVAL_BYTES;
            parcel.part_for(size).held.push(hold);
        }
        reigning.moves.told(node);
        reigning.told_nodes.insert(node.clone(), (version, deployment));
        out.extend(parcel.finish().into_iter().map(|part| Effect::Send {
            to: node.clone(),
            message: Message::Slice(Box::new(part)),
        }));
        self.owe_tenures(lent);
    }
}

/// Parts of one slice, each as full as a frame allows.
struct Parcel {
    full: Vec<SlicePart>,
    part: SlicePart,
    empty: SlicePart,
    room: usize,
}

impl Parcel {
    fn new(empty: SlicePart) -> Self {
        Self {
            full: Vec::new(),
            part: empty.clone(),
            empty,
            room: PART_BYTES_MAX,
        }
    }
    /// A part with room for so many bytes; what is larger than a part has one of its own.
    fn part_for(&mut self, size: usize) -> &mut SlicePart {
        if size > self.room && self.room < PART_BYTES_MAX {
            self.full.push(std::mem::replace(&mut self.part, self.empty.clone()));
            self.room = PART_BYTES_MAX;
        }
        self.room = self.room.saturating_sub(size);
        &mut self.part
    }
    fn finish(mut self) -> Vec<SlicePart> {
        self.full.push(self.part);
        if let Some(first) = self.full.first_mut() {
            first.first = true;
        }
        if let Some(last) = self.full.last_mut() {
            last.last = true;
        }
        self.full
    }
}

#[cfg(test)]
#[path = "slices_test.rs"]
mod tests;
