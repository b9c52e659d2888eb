//! Every entry that was ever on a disk, as a tree: a digest names a whole log, so a log is its last digest.

use floe::pure::base::{ApplicationName, PeerName, RequestId, ServerId};
use floe::pure::lineage::{Digest, Entry, EntryKind, Epoch, Serial};
use floe::pure::model::Application;
use floe::pure::registry::payload::{Payload, ReignPayload};
use std::collections::{BTreeMap, BTreeSet};

/// One entry and the log before it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) before: Digest,
    pub(super) serial: Serial,
    pub(super) epoch: Epoch,
    pub(super) request: RequestId,
    pub(super) kind: EntryKind,
    pub(super) reign: Option<ReignPayload>,
    pub(super) records: Option<PeerName>,
    /// The application that it puts or removes, with its servers.
    pub(super) application: Option<(ApplicationName, Servers)>,
}

/// Where each server of an application runs, and by which command.
pub(super) type Servers = BTreeMap<ServerId, (PeerName, Vec<String>)>;

/// The tree.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    places: BTreeMap<Digest, Place>,
    by_epoch: BTreeMap<(Epoch, Serial), Digest>,
}

impl History {
    /// Takes an entry in that follows `before`.
    ///
    /// Violations: the same epoch id and serial with other bytes (promise 4), a request applied twice in one log.
    pub(super) fn add(&mut self, before: Digest, entry: &Entry) -> Result<(), String> {
        if self.places.contains_key(&entry.digest) {
            return Ok(());
        }
        let place = Place {
            before,
            serial: entry.serial,
            epoch: entry.epoch,
            request: entry.request,
            kind: entry.kind,
            reign: None,
            records: None,
            application: None,
        };
        let place = match Payload::of(entry) {
            Ok(Payload::Reign(reign)) => Place {
                reign: Some(reign),
                ..place
            },
            Ok(Payload::PutRegistry(record)) => Place {
                records: Some(record.name),
                ..place
            },
            Ok(Payload::PutApplication(put)) => Place {
                application: Some((put.descriptor.name.clone(), servers_of(&put.descriptor))),
                ..place
            },
            Ok(Payload::RemoveApplication(name)) => Place {
                application: Some((name, Servers::new())),
                ..place
            },
            _ => place,
        };
        let key = (entry.epoch, entry.serial);
        if let Some(other) = self.by_epoch.insert(key, entry.digest) {
            return Err(format!(
                "promise 4: epoch {} entry {} exists with digests {} and {}",
                entry.epoch, entry.serial, other, entry.digest
            ));
        }
        if self.log(before).any(|(_, known)| known.request == entry.request) {
            return Err(format!(
                "request {} is applied twice in one log, again as entry {} of epoch {}",
                entry.request, entry.serial, entry.epoch
            ));
        }
        self.places.insert(entry.digest, place);
        Ok(())
    }
    /// The length of the log that ends in `end`.
    pub(super) fn serial(&self, end: Digest) -> Serial {
        self.places.get(&end).map_or(0, |place| place.serial)
    }
    /// The log that ends in `end`, last entry first.
    pub(super) fn log(&self, end: Digest) -> impl Iterator<Item = (Digest, &Place)> {
        let step = |digest: Digest| self.places.get(&digest).map(|place| (digest, place));
        std::iter::successors(step(end), move |(_, place)| step(place.before))
    }
    /// The digest that the log ending in `end` has at `serial`.
    pub(super) fn at(&self, end: Digest, serial: Serial) -> Digest {
        let found = self.log(end).find(|(_, place)| place.serial <= serial);
        found.map_or_else(Digest::default, |(digest, _)| digest)
    }
    /// Is the log `part` a beginning of the log `whole`?
    pub(super) fn contains(&self, whole: Digest, part: Digest) -> bool {
        self.at(whole, self.serial(part)) == part
    }
    /// The last serial that both logs have.
    pub(super) fn fork(&self, one: Digest, other: Digest) -> Serial {
        let (mut one, mut other) = (one, other);
        while one != other {
            if self.serial(one) >= self.serial(other) {
                one = self.places.get(&one).map_or_else(Digest::default, |place| place.before);
            } else {
                other = self
                    .places
                    .get(&other)
                    .map_or_else(Digest::default, |place| place.before);
            }
        }
        self.serial(one)
    }
    /// What a node must run after the log that ends in `end`: its servers and their commands.
    pub(super) fn deployed(&self, end: Digest, node: &PeerName) -> BTreeMap<ServerId, Vec<String>> {
        let mut decided = BTreeSet::new();
        let mut deployed = BTreeMap::new();
        for (name, servers) in self.log(end).filter_map(|(_, place)| place.application.as_ref()) {
            if decided.insert(name) {
                let here = servers.iter().filter(|(_, (place, _))| place == node);
                deployed.extend(here.map(|(id, (_, run))| (id.clone(), run.clone())));
            }
        }
        deployed
    }
    /// The last entry of the log that says that this server of the application goes from the node; it may have come back.
    pub(super) fn removal(
        &self,
        end: Digest,
        application: &ApplicationName,
        server: &ServerId,
        node: &PeerName,
    ) -> Option<Serial> {
        let mut log = self.log(end);
        let without = log.find(|(_, place)| {
            let concerns = place.application.as_ref().filter(|(name, _)| name == application);
            concerns.is_some_and(|(_, servers)| servers.get(server).is_none_or(|(place, _)| place != node))
        })?;
        // The entry that did it is the first one without the server after the last one with it.
        let mut gone = without.1.serial;
        for (_, place) in log {
            match place.application.as_ref().filter(|(name, _)| name == application) {
                Some((_, servers)) if servers.get(server).is_some_and(|(place, _)| place == node) => return Some(gone),
                Some(_) => gone = place.serial,
                None => {}
            }
        }
        None
    }
    /// How many entries beyond `fork` are more than the beginning of a reign.
    pub(super) fn updates_after(&self, end: Digest, fork: Serial) -> usize {
        self.log(end)
            .take_while(|(_, place)| place.serial > fork)
            .filter(|(_, place)| place.kind != EntryKind::Reign)
            .count()
    }
}

fn servers_of(application: &Application) -> Servers {
    let nodes = application.nodes.iter();
    let servers = nodes.flat_map(|(node, runs)| runs.servers.iter().map(move |server| (node, server)));
    let named = servers.map(|(node, server)| {
        let id = server.id.parse().expect("simulated servers have plain ids");
        (id, (node.clone(), server.run.clone()))
    });
    named.collect()
}
