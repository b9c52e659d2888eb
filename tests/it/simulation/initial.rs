//! What the oracle knows of initialisations: the old database goes only after it was set aside, with a complete export of
//! what only it held; what an operator gave up that way is nobody's loss, everything else still is.

use super::history::History;
use super::oracle::Oracle;
use super::world::{Checked, World};
use floe::pure::base::PeerName;
use floe::pure::lineage::{Digest, EntryKind, Serial};
use floe::pure::membership::Identity;
use floe::pure::registry::SetAside;

/// A log that an initialisation replaced, beyond what its successor has of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) end: Digest,
    fork: Serial,
}

impl Replaced {
    /// Was this entry in it, and not in what took its place?
    pub(super) fn held(self, history: &History, entry: Digest) -> bool {
        history.serial(entry) > self.fork && history.contains(self.end, entry)
    }
}

impl World {
    /// A database was replaced by one that does not continue it: only an initialisation may do that.
    pub(super) fn after_swap(&mut self, index: usize, before: Digest, after: Digest) -> Checked {
        let history = &self.oracle.history;
        if history.contains(after, before) {
            return Ok(());
        }
        let peer = &self.peers[index];
        let name = &peer.card.name;
        let Some(aside) = peer.aside.as_ref().filter(|aside| aside.version.digest == before) else {
            return Err(format!(
                "promise 2: {name} replaces its database by one that does not contain it, and has not kept it"
            ));
        };
        let fork = history.fork(before, after);
        check_export(name, history, aside, fork)?;
        let replaced = Replaced { end: before, fork };
        // What the leading master holds is what the grid goes on with.
        let last = history.log(after).find_map(|(_, place)| place.reign.as_ref());
        let taken = peer.disk.identity.initialised.taken.as_ref();
        let of_master = last.map(|reign| &reign.by) == taken.map(|taken| &taken.from);
        if peer.disk.identity.initialised.unproven.is_none() && of_master {
            self.oracle.given_up.push(replaced);
        }
        self.peers[index].replaced.push(replaced);
        Ok(())
    }
    /// The mark of an initialised registry goes: it holds what a leading master held.
    pub(super) fn note_mark(&mut self, index: usize, identity: &Identity) {
        let peer = &self.peers[index];
        let marked = |identity: &Identity| identity.initialised.unproven.is_some();
        if marked(&peer.disk.identity) && !marked(identity) {
            self.oracle.given_up.extend(peer.replaced.iter().copied());
        }
    }
    /// Does this peer hold the entry, or did it until an operator replaced its database?
    pub(super) fn has_held(&self, index: usize, entry: Digest) -> bool {
        let (peer, history) = (&self.peers[index], &self.oracle.history);
        history.contains(peer.disk.end, entry) || (peer.replaced.iter()).any(|replaced| replaced.held(history, entry))
    }
}

impl Oracle {
    /// An operator gave it up, and has it in a file.
    pub(super) fn is_given_up(&self, entry: Digest) -> bool {
        let mut given_up = self.given_up.iter();
        given_up.any(|replaced| replaced.held(&self.history, entry))
    }
}

fn check_export(name: &PeerName, history: &History, aside: &SetAside, fork: Serial) -> Checked {
    let end = aside.version.digest;
    let beyond = history.log(end).take_while(|(_, place)| place.serial > fork);
    let mut updates = beyond.filter(|(_, place)| place.kind != EntryKind::Reign);
    let exported = aside.surplus.as_deref();
    if exported.is_some_and(|file| !file.complete) {
        // The log began after the fork: the states are compared instead.
        return Ok(());
    }
    let has = |serial, request| {
        exported.is_some_and(|file| {
            let mut updates = file.updates.iter();
            updates.any(|update| update.serial == serial && update.request == request)
        })
    };
    match updates.find(|(_, place)| !has(place.serial, place.request)) {
        Some((_, place)) => Err(format!(
            "promise 2: {name} gives up entry {} of epoch {} and does not export it",
            place.serial, place.epoch
        )),
        None => Ok(()),
    }
}
