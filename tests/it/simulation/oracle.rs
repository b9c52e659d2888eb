//! Checks the promises after every step, on what is on disks and on what was said; it asks no core what it believes.

use super::disk::Disk;
use super::history::History;
use super::initial::Replaced;
use super::wards::Wards;
use floe::pure::lineage::{Digest, Epoch};
use floe::pure::protocol::Message;
use floe::pure::registry::Batch;
use std::collections::BTreeMap;

/// An update that a client was told to be safe.
#[derive(Clone, Debug)]
struct Acknowledged {
    epoch: Epoch,
    entry: Digest,
    copies: u64,
}

/// A reign that began.
#[derive(Clone, Debug)]
struct Began {
    epoch: Epoch,
    log: Digest,
    /// It said to be proven to lose nothing, and nobody overrode anything.
    proven: bool,
    /// An operator let somebody lead whom the log did not name: what it acknowledges is known to nobody's proof.
    unrecorded: bool,
}

/// All that was ever seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Oracle {
    pub(super) history: History,
    pub(super) wards: Wards,
    /// Which epoch of a number a peer ever agreed to obey, as it told others.
    pub(super) said: BTreeMap<(usize, u64), Epoch>,
    pub(super) highest: BTreeMap<usize, u64>,
    acknowledged: Vec<Acknowledged>,
    reigns: Vec<Began>,
    /// Disks may lose their tails in this world: then only promises 4 and 5 hold.
    pub(super) disks_lie: bool,
    registries: u64,
    pub(super) min_copies: u64,
    /// What operators gave up by an initialisation, knowing of it.
    pub(super) given_up: Vec<Replaced>,
}

impl Oracle {
    pub(super) fn new(registries: u64, min_copies: u64) -> Self {
        Self {
            registries,
            min_copies,
            ..Self::default()
        }
    }
    /// What was acknowledged and how many reigns began, for the figures.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.acknowledged.len(), self.reigns.len())
    }

    /// Did an operator let a registry lead that the others do not count on, or give something up?
    pub(super) fn is_split(&self) -> bool {
        !self.given_up.is_empty() || self.reigns.iter().any(|reign| reign.unrecorded)
    }

    /// Before a transaction: promise 2, and the place that a cut leads to.
    pub(super) fn before_commit(&mut self, peer: usize, disk: &Disk, batch: &Batch) -> Result<Digest, String> {
        let mut end = disk.end;
        if let Some(serial) = batch.cut_after {
            let gone = self.history.updates_after(end, serial);
            if gone > 0 {
                return Err(format!(
                    "promise 2: peer {peer} drops {gone} updates after entry {serial}"
                ));
            }
            end = self.history.at(end, serial);
        }
        self.written(end, batch)?;
        Ok(end)
    }
    /// Entries that a core wrote behind a log, synced or not. Returns the log's new end.
    pub(super) fn written(&mut self, mut end: Digest, batch: &Batch) -> Result<Digest, String> {
        for entry in &batch.append {
            self.history.add(end, entry)?;
            end = entry.digest;
        }
        Ok(end)
    }
    /// What a peer says.
    pub(super) fn says(&mut self, peer: usize, message: &Message) -> Result<(), String> {
        let epoch = match message {
            Message::Status(status) => status.promise,
            Message::NodeStatus(report) => report.obeys,
            Message::Promised { epoch, .. } | Message::Have { epoch, .. } | Message::Follow { epoch, .. } => *epoch,
            _ => return Ok(()),
        };
        self.obeys(peer, epoch)
    }
    /// What a peer says or stores that it obeys: promises 5 and 6.
    pub(super) fn obeys(&mut self, peer: usize, epoch: Epoch) -> Result<(), String> {
        if epoch == Epoch::NONE {
            return Ok(());
        }
        let first = *self.said.entry((peer, epoch.number)).or_insert(epoch);
        if first != epoch {
            return Err(format!("promise 5: peer {peer} obeyed {first} and now obeys {epoch}"));
        }
        let highest = self.highest.entry(peer).or_default();
        if epoch.number < *highest {
            return Err(format!(
                "promise 6: peer {peer} obeyed epoch {highest} and now obeys {epoch}"
            ));
        }
        *highest = epoch.number;
        Ok(())
    }

    /// A reign's first entry is on its master's disk: promise 1 for everything acknowledged so far.
    pub(super) fn begins(&mut self, epoch: Epoch, log: Digest) -> Result<(), String> {
        if self.reigns.iter().any(|known| known.epoch == epoch) {
            return Ok(());
        }
        let start = self
            .history
            .log(log)
            .find(|(_, place)| place.epoch == epoch && place.reign.is_some());
        let Some((_, start)) = start else {
            return Err(format!("epoch {epoch} reigns without an entry that says so"));
        };
        let Some(reign) = &start.reign else { return Ok(()) };
        let overridden = reign.accepted_loss || reign.forced;
        let mut before = self.history.log(start.before);
        let began = Began {
            epoch,
            log,
            proven: reign.proof.starts_with("proven") && !overridden,
            unrecorded: start.serial > 1 && !before.any(|(_, place)| place.records.as_ref() == Some(&reign.by)),
        };
        drop(before);
        for update in &self.acknowledged {
            self.keeps(&began, update)?;
        }
        self.reigns.push(began);
        Ok(())
    }
    fn keeps(&self, reign: &Began, update: &Acknowledged) -> Result<(), String> {
        let same_database = self.history.fork(reign.log, update.entry) > 0;
        let concerns = reign.proven
            && same_database
            && update.epoch.number < reign.epoch.number
            && update.copies >= self.min_copies;
        if self.disks_lie
            || !concerns
            || self.is_kept(reign.log, update.entry)
            || self.is_left_behind(reign.log, update)
        {
            return Ok(());
        }
        Err(format!(
            "promise 1: entry {} of epoch {} was acknowledged with {} copies and is not in the log of epoch {}, which was proven to lose nothing",
            self.history.serial(update.entry),
            update.epoch,
            update.copies,
            reign.epoch
        ))
    }

    /// An operator let somebody lead whom its log did not name, and so without those who hold the update: whatever is built
    /// on that log counts its registries anew. Or the other way round: the update was built on such a log, and this one is not.
    fn is_left_behind(&self, log: Digest, update: &Acknowledged) -> bool {
        let behind = |reign: &Began| {
            let built = self.history.contains(log, reign.log);
            let before = self.history.contains(reign.log, update.entry);
            let beyond = self.history.contains(update.entry, reign.log);
            reign.unrecorded && ((built && !before) || (beyond && !built))
        };
        self.reigns.iter().any(behind)
    }
    fn is_kept(&self, log: Digest, entry: Digest) -> bool {
        self.history.contains(log, entry) || self.is_given_up(entry)
    }
    /// A master says that its successor has everything: what it acknowledged, at least.
    pub(super) fn hands_over(&self, epoch: Epoch, log: Digest) -> Result<(), String> {
        let mut own = self.acknowledged.iter().filter(|update| update.epoch == epoch);
        match own.find(|update| !self.history.contains(log, update.entry)) {
            Some(update) => Err(format!(
                "promise 1: epoch {epoch} is handed over without entry {}, which it acknowledged",
                self.history.serial(update.entry)
            )),
            None => Ok(()),
        }
    }
    /// An operator is told that a registry leads and that it is proven to lack nothing.
    pub(super) fn promoted(&self, number: u64, log: Digest) -> Result<(), String> {
        let concerns = |update: &&Acknowledged| {
            update.epoch.number < number && update.copies >= self.min_copies && self.history.fork(log, update.entry) > 0
        };
        let mut earlier = self.acknowledged.iter().filter(concerns);
        match earlier.find(|update| !self.is_kept(log, update.entry) && !self.is_left_behind(log, update)) {
            Some(update) if !self.disks_lie => Err(format!(
                "promise 1: a promotion into epoch {number} is told to be proven, and its log lacks entry {} of epoch {}, acknowledged with {} copies",
                self.history.serial(update.entry),
                update.epoch,
                update.copies
            )),
            _ => Ok(()),
        }
    }

    /// A client is told that its update is safe: promise 1, and nothing new below a higher epoch that acknowledged.
    pub(super) fn acknowledges(
        &mut self,
        epoch: Epoch,
        entry: Digest,
        copies: u64,
        on_disk: u64,
    ) -> Result<(), String> {
        let serial = self.history.serial(entry);
        if !self.disks_lie && on_disk < copies {
            return Err(format!(
                "promise 1: entry {serial} is acknowledged with copies: {copies}, but on {on_disk} disks"
            ));
        }
        if copies < self.min_copies {
            return Err(format!(
                "promise 1: entry {serial} is acknowledged with copies: {copies} of {}",
                self.min_copies
            ));
        }
        if self.reigns.iter().any(|reign| reign.epoch == epoch && reign.unrecorded) {
            return Ok(());
        }
        let update = Acknowledged { epoch, entry, copies };
        for reign in &self.reigns {
            self.keeps(reign, &update)?;
        }
        if 2 * self.min_copies > self.registries && !self.disks_lie {
            let above = self
                .acknowledged
                .iter()
                .filter(|other| other.epoch.number > epoch.number);
            for other in above {
                // What it acknowledged may be an early entry of its log: a client asked again.
                let mut reigns = self.reigns.iter().filter(|reign| reign.epoch == other.epoch);
                let mut logs = reigns.next().map(|reign| reign.log).into_iter().chain([other.entry]);
                if !logs.any(|log| self.history.contains(log, entry)) && self.history.fork(other.entry, entry) > 0 {
                    return Err(format!(
                        "promise 5: epoch {epoch} acknowledges entry {serial} after epoch {} acknowledged without it",
                        other.epoch
                    ));
                }
            }
        }
        self.acknowledged.push(update);
        Ok(())
    }
}
