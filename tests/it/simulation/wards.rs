//! What the oracle knows of nodes: what they were told, what they took, and what may follow from each event.
//!
//! Promise 3: nothing of a lower epoch, of another database, or not acknowledged, reaches what a node runs. Promise 6: a
//! server's directory goes only because of an entry that removed the server. Promise 8: who asked for an update hears
//! before a node does. Promise 9: the coming and going of registries neither starts nor stops anything, and `always`
//! servers start with their node. Promise 10, one process a server, is checked where processes are made.

use super::core::{Core, Effect, Event};
use super::oracle::Oracle;
use super::world::World;
use floe::pure::base::{PeerName, RequestId, ServerId};
use floe::pure::lineage::{Digest, EntryKind, Epoch};
use floe::pure::model::Activation;
use floe::pure::node::{self, Placed, Slice};
use floe::pure::protocol::Message;
use floe::pure::protocol::message::SlicePart;
use std::collections::{BTreeMap, BTreeSet};

/// Told and taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Wards {
    /// Logs that a master told nodes of.
    told: BTreeSet<Digest>,
    /// The log that last listed a server, as a node took it.
    listed: BTreeMap<(usize, ServerId), Digest>,
    /// Slices that nodes took.
    pub(super) taken: usize,
}

impl Oracle {
    /// The last entry of a log that is more than who reigns: what only says that may be dropped again by whoever follows
    /// another.
    pub(super) fn lasting(&self, log: Digest) -> Option<Digest> {
        let mut places = self.history.log(log);
        let place = places.find(|(_, place)| place.kind != EntryKind::Reign);
        place.map(|(digest, _)| digest)
    }

    /// A master tells a node what to run: the log of that is on enough disks, and nobody waits for the answer to an update
    /// in it.
    pub(super) fn tells_node(
        &mut self,
        master: &PeerName,
        part: &SlicePart,
        unanswered: &[RequestId],
        on_disk: usize,
    ) -> Result<(), String> {
        let (log, serial) = (part.version.digest, part.version.serial);
        let mut places = self.history.log(log);
        if !unanswered.is_empty() && places.any(|(_, place)| unanswered.contains(&place.request)) {
            return Err(format!(
                "promise 8: {master} tells a node of entry {serial} and has not answered a client whose update is in it"
            ));
        }
        if !self.wards.told.insert(log) || self.disks_lie {
            return Ok(());
        }
        let Some(last) = self.lasting(log) else {
            return Ok(());
        };
        let members: BTreeSet<&PeerName> = self
            .history
            .log(last)
            .filter_map(|(_, place)| place.records.as_ref())
            .collect();
        // A master's own entries make do with all registries where there are fewer than copies wanted.
        let needed = members.len().min(usize::try_from(self.min_copies).expect("few"));
        if on_disk < needed {
            return Err(format!(
                "promise 8: {master} tells a node of entry {serial}, which is on {on_disk} of {needed} disks"
            ));
        }
        Ok(())
    }

    /// A node stores a slice.
    pub(super) fn takes(&mut self, peer: usize, name: &PeerName, before: &Slice, after: &Slice) -> Result<(), String> {
        let place = |slice: &Slice| (slice.epoch, slice.version);
        let Some(version) = after.version.filter(|_| place(before) != place(after)) else {
            return Ok(());
        };
        self.wards.taken += 1;
        self.obeys(peer, after.epoch)
            .map_err(|fault| format!("promise 3: {name} takes a slice: {fault}"))?;
        if before.database.is_some() && before.database != after.database {
            return Err(format!("promise 3: {name} takes a slice of another database"));
        }
        if !self.wards.told.contains(&version.digest) {
            return Err(format!("promise 3: {name} takes slice {version}, which nobody told"));
        }
        let deployed = self.history.deployed(version.digest, name);
        let listed = after.servers.iter().filter(|(_, placed)| !placed.kept);
        let listed: BTreeMap<ServerId, Vec<String>> = listed
            .map(|(id, placed)| (id.clone(), placed.spec.run.clone()))
            .collect();
        if listed != deployed {
            return Err(format!(
                "promise 3: {name} takes slice {version} as {listed:?}, deployed is {deployed:?}"
            ));
        }
        for (id, placed) in &before.servers {
            self.may_go((peer, name), (id, placed), after)?;
        }
        for id in listed.into_keys() {
            self.wards.listed.insert((peer, id), version.digest);
        }
        Ok(())
    }

    /// A server of the slice before is listed or kept, or an entry after the slice that last listed it removed it; what was
    /// so removed is not kept.
    fn may_go(
        &self,
        (peer, name): (usize, &PeerName),
        (id, placed): (&ServerId, &Placed),
        after: &Slice,
    ) -> Result<(), String> {
        let log = after.version.map(|version| version.digest).unwrap_or_default();
        let now = after.servers.get(id);
        if now.is_some_and(|placed| !placed.kept) {
            return Ok(());
        }
        let removal = self.history.removal(log, &placed.spec.application, id, name);
        if now.is_some() {
            return match removal {
                Some(serial) if serial > placed.applied => {
                    Err(format!("{name} keeps {id}, which entry {serial} removed"))
                }
                _ => Ok(()),
            };
        }
        let listed = self.wards.listed.get(&(peer, id.clone())).copied().unwrap_or_default();
        let fork = self.history.fork(log, listed);
        if self.disks_lie || removal.is_some_and(|serial| serial > fork) {
            return Ok(());
        }
        Err(format!(
            "promise 6: {name} gives {id} up, and no entry after {fork} removed it"
        ))
    }

    /// Why a node must not do what a message says.
    fn objection(&self, peer: usize, slice: &Slice, message: &Message) -> Option<String> {
        let (epoch, database) = match message {
            Message::Slice(part) => (part.epoch, Some(part.database)),
            Message::Prepare { epoch, database } | Message::Ask { epoch, database, .. } => (*epoch, *database),
            _ => return Some("no order".to_owned()),
        };
        let highest = self.highest.get(&peer).copied().unwrap_or_default();
        let contested = |said: &Epoch| epoch.number == highest && *said != epoch;
        if slice.database.is_some() && slice.database != database {
            return Some(format!("an order of another database, epoch {epoch}"));
        }
        if epoch.number < highest {
            return Some(format!("an order of epoch {epoch} after it obeyed {highest}"));
        }
        let said = self.said.get(&(peer, highest)).filter(|said| contested(said))?;
        Some(format!("an order of epoch {epoch} after it obeyed {said}"))
    }
}

/// A node deletes a server's directory: its slice removes the server, and the oracle saw that an entry did.
pub(super) fn may_delete(node: &PeerName, server: &ServerId, slice: &Slice) -> Result<(), String> {
    if slice.removed.contains(server) && !slice.servers.contains_key(server) {
        return Ok(());
    }
    Err(format!(
        "promise 6: {node} deletes the directory of {server}, which its slice does not remove"
    ))
}

/// What may follow from an event.
#[derive(Debug)]
pub(super) enum Leash {
    /// Anything.
    Free,
    /// No deeds; a promise only where that is asked for.
    Bound { promises: bool, why: String },
    /// These servers must start.
    Boot(Vec<ServerId>),
}

impl World {
    /// What may follow at a peer from what is about to happen to it.
    pub(super) fn leash(&self, index: usize, event: &Event) -> Leash {
        let peer = &self.peers[index];
        if !matches!(peer.core, Some(Core::Node(_))) {
            return Leash::Free;
        }
        let bound = |promises, why: &str| Leash::Bound {
            promises,
            why: why.to_owned(),
        };
        match event {
            Event::Started => {
                let starts = |(id, placed): (&ServerId, &Placed)| {
                    let marks = peer.disk.marks.get(id).copied().unwrap_or_default();
                    let wanted = placed.spec.activation == Activation::Always && marks.enabled && !marks.stopped;
                    let held = placed.held.is_some();
                    (wanted && !held && !peer.host.processes.contains_key(id)).then(|| id.clone())
                };
                Leash::Boot(peer.disk.slice.servers.iter().filter_map(starts).collect())
            }
            Event::Linked { .. } => bound(false, "a new link"),
            Event::Unlinked { .. } => bound(false, "the loss of a link"),
            Event::Unreachable { .. } => bound(false, "a failed dial"),
            Event::Members(_) => bound(false, "gossip"),
            Event::Message { message, .. } => match self.oracle.objection(index, &peer.disk.slice, message) {
                Some(why) => bound(false, &why),
                None if matches!(**message, Message::Prepare { .. }) => bound(true, "a candidate's question"),
                None => Leash::Free,
            },
            Event::Request { .. }
            | Event::Wake
            | Event::Cancelled { .. }
            | Event::SetAside(_)
            | Event::Server { .. }
            | Event::Shutdown => Leash::Free,
        }
    }
}

impl Leash {
    /// Did no more and no less follow?
    pub(super) fn check(&self, name: &PeerName, effects: &[Effect]) -> Result<(), String> {
        match self {
            Self::Free => Ok(()),
            Self::Bound { promises, why } => {
                let breaks =
                    |effect: &&Effect| effect.is_deed() || (matches!(effect, Effect::Identity(_)) && !promises);
                match effects.iter().find(breaks) {
                    Some(effect) => Err(format!("promise 3: {name} follows {why}: {effect:?}")),
                    None => Ok(()),
                }
            }
            Self::Boot(servers) => {
                let spawned = |id: &ServerId| {
                    let mut acts = effects.iter();
                    acts.any(|effect| {
                        matches!(effect, Effect::Process(act)
                            if matches!(&**act, node::Effect::Spawn { server, .. } if server == id))
                    })
                };
                match servers.iter().find(|id| !spawned(id)) {
                    Some(id) => Err(format!("promise 9: {name} does not start {id} at its boot")),
                    None => Ok(()),
                }
            }
        }
    }
}
