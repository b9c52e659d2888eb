//! One peer's durable state: what `Identity`, `Commit` (a registry's), `Slice` and `Marks` (a node's) and `Remember`
//! wrote, a node's journal of starts, and nothing else.

use floe::pure::base::{RunId, ServerId};
use floe::pure::lineage::{Digest, Entry, Serial};
use floe::pure::membership::{Identity, Remembered};
use floe::pure::node::Slice;
use floe::pure::registry::{Batch, Database, Image};
use floe::pure::supervisor::Marks;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A write that a faulty peer (a rule is switched off) has not synced yet.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Identity(Box<Identity>),
    Batch(Batch),
    Slice(Box<Slice>),
    Marks(BTreeMap<ServerId, Marks>),
}

/// The durable state.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) identity: Identity,
    pub(super) remembered: Vec<Remembered>,
    values: BTreeMap<String, Vec<u8>>,
    log: VecDeque<Arc<Entry>>,
    /// The last entry's digest: names the whole log.
    pub(super) end: Digest,
    pub(super) slice: Slice,
    pub(super) marks: BTreeMap<ServerId, Marks>,
    /// The last start of each server: written before its process is made.
    pub(super) journal: BTreeMap<ServerId, RunId>,
    /// Written and not synced: gone after a crash.
    pub(super) unsynced: VecDeque<Write>,
}

impl Disk {
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            identity,
            remembered: Vec::new(),
            values: BTreeMap::new(),
            log: VecDeque::new(),
            end: Digest::default(),
            slice: Slice::default(),
            marks: BTreeMap::new(),
            journal: BTreeMap::new(),
            unsynced: VecDeque::new(),
        }
    }
    /// What a starting peer loads.
    pub(super) fn image(&self) -> Image {
        Image {
            values: self.values.clone(),
            log: self.log.iter().map(|entry| entry.as_ref().clone()).collect(),
        }
    }
    /// The serial and digest of the last entry before the batch's own entries.
    pub(super) fn cut(&mut self, serial: Serial, end: Digest) {
        while self.log.back().is_some_and(|entry| entry.serial > serial) {
            self.log.pop_back();
        }
        self.end = end;
    }
    /// One transaction, in the order that `Batch` gives. `end_of_cut` is the digest at `cut_after`.
    pub(super) fn commit(&mut self, batch: &Batch, end_of_cut: Digest) -> Result<(), String> {
        if batch.wipe {
            self.values.clear();
            self.log.clear();
        }
        if let Some(serial) = batch.cut_after {
            self.cut(serial, end_of_cut);
        }
        for entry in &batch.append {
            if self.log.back().is_some_and(|last| last.serial + 1 != entry.serial) {
                return Err(format!("entry {} was appended behind a gap", entry.serial));
            }
            self.end = entry.digest;
            self.log.push_back(entry.clone());
        }
        if let Some(serial) = batch.trim_before {
            while self.log.front().is_some_and(|entry| entry.serial < serial) {
                self.log.pop_front();
            }
        }
        self.values
            .extend(batch.put.iter().map(|(key, value)| (key.clone(), value.clone())));
        for key in &batch.delete {
            self.values.remove(key);
        }
        if batch.wipe {
            let database = Database::restore(self.image());
            self.end = database
                .map_err(|error| format!("a snapshot left damage: {error}"))?
                .end()
                .digest;
        }
        Ok(())
    }
    /// Puts an older database back, or an older slice; what is outside of it stays.
    pub(super) fn roll_back(&mut self, older: &Self) {
        self.values.clone_from(&older.values);
        self.log.clone_from(&older.log);
        self.end = older.end;
        self.slice.clone_from(&older.slice);
        self.marks.clone_from(&older.marks);
    }
}
