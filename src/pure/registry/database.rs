//! The database in memory: the log's kept end, its lineage and digests, and the deployment that it adds up to.
//!
//! ```text
//!   trimmed ......... | kept entries ............. |
//!   1            base | base+1               end   |
//!                     digest known, state as values
//! ```
//!
//! Every change returns the [`Batch`] that makes it durable. Invariants: serials have no gaps, each digest chains over the
//! one before, an entry's epoch is the lineage's last, and two databases with the same end have equal deployments and histories. The log
//! is guarded by its digests, the values by a seal that changes with each of them.

use super::effect::{Batch, Image};
use super::history::History;
use super::payload::Payload;
use super::requests::{Done, REQUESTS_KEPT, Requests};
use super::seal::{SEAL_KEY, Seal};
use crate::pure::allocation::{Allocations, Change, Mark};
use crate::pure::base::{DatabaseId, PeerName, RequestId};
use crate::pure::lineage::{Digest, Entry, EntryKind, Lineage, Reign, Serial, Summary, Version};
use crate::pure::model::validate::Fault;
use crate::pure::model::{Deployment, Expansion};
use crate::pure::wire::{CodecError, decode, encode};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A digest is kept for every so many entries, so that logs can be compared below what was trimmed.
const CHECK_EVERY: Serial = 1024;
/// How many bytes of kept entries a registry holds in memory at most, whatever `log_keep` says.
const LOG_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why the database, or an addition to it, is not sound. The database is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// The entry does not follow the end.
    #[error("entry {got} does not follow entry {end}")]
    Gap {
        /// What came.
        got: Serial,
        /// The end.
        end: Serial,
    },
    /// The digest is not the one that the content gives.
    #[error("entry {at} has another digest than its content gives")]
    Digest {
        /// Where.
        at: Serial,
    },
    /// The entry names another epoch than the reign that it stands in.
    #[error("entry {at} names another epoch than the reign that it stands in")]
    Epoch {
        /// Where.
        at: Serial,
    },
    /// The content cannot be read.
    #[error("entry {at} cannot be read: {source}")]
    Content {
        /// Where.
        at: Serial,
        /// Why.
        source: CodecError,
    },
    /// The content breaks a rule of the deployment.
    #[error("entry {at} does not fit the deployment: {}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults {
        /// Where.
        at: Serial,
        /// Which.
        faults: Vec<Fault>,
    },
    /// The stored values are damaged.
    #[error("the stored values are damaged: {0}")]
    Values(String),
}

/// The end of what was trimmed: what the first kept entry follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Base {
    version: Version,
}

/// The database.
#[derive(Clone, Debug, Default)]
pub struct Database {
    id: Option<DatabaseId>,
    lineage: Lineage,
    checks: BTreeMap<Serial, Digest>,
    base: Base,
    log: VecDeque<Arc<Entry>>,
    log_bytes: usize,
    requests: Requests,
    deployment: Arc<Deployment>,
    history: History,
    joining: Option<(PeerName, Serial)>,
    allocations: Allocations,
    seal: Seal,
}

impl Database {
    /// The database as the store loaded it, checked as a whole.
    ///
    /// # Errors
    /// [`DatabaseError`] names the place of the damage; such a database must not be served.
    pub fn restore(image: Image) -> Result<Self, DatabaseError> {
        let damaged = |key: &str, error: CodecError| DatabaseError::Values(format!("{key}: {error}"));
        let get = |key: &str| image.values.get(key);
        let mut database = Self::default();
        if let Some(bytes) = get("database") {
            database.id = Some(decode(bytes).map_err(|error| damaged("database", error))?);
        }
        if let Some(bytes) = get("base") {
            database.base = decode(bytes).map_err(|error| damaged("base", error))?;
        }
        if let Some(bytes) = get("lineage") {
            database.lineage = decode(bytes).map_err(|error| damaged("lineage", error))?;
        }
        if let Some(bytes) = get("joining") {
            database.joining = Some(decode(bytes).map_err(|error| damaged("joining", error))?);
        }
        for (key, bytes) in image
            .values
            .range("check/".to_owned()..)
            .take_while(|(key, _)| key.starts_with("check/"))
        {
            let serial = key
                .trim_start_matches("check/")
                .parse()
                .ok()
                .ok_or_else(|| DatabaseError::Values(format!("{key}: no serial")))?;
            database
                .checks
                .insert(serial, decode(bytes).map_err(|error| damaged(key, error))?);
        }
        for (key, bytes) in image
            .values
            .range("request/".to_owned()..)
            .take_while(|(key, _)| key.starts_with("request/"))
        {
            database
                .requests
                .keep(decode(bytes).map_err(|error| damaged(key, error))?);
        }
        database.deployment = Arc::new(Deployment::restore(&image.values).map_err(DatabaseError::Values)?);
        database.history = History::restore(&image.values, &database.deployment).map_err(DatabaseError::Values)?;
        database.allocations = Allocations::restore(&image.values).map_err(DatabaseError::Values)?;
        for entry in image.log {
            database.verify(&entry)?;
            database.verify_stored_reign(&entry)?;
            database.push(Arc::new(entry));
        }
        database.verify_lineage()?;
        database.seal = Seal::of(&image.values);
        let sealed = database.seal.bytes(database.end());
        match get(SEAL_KEY) {
            Some(stored) if *stored == sealed => Ok(database),
            None if image.values.is_empty() && database.end().serial == 0 => Ok(database),
            _ => Err(DatabaseError::Values("they do not fit their seal".to_owned())),
        }
    }

    /// Which database; `None` while empty.
    pub fn id(&self) -> Option<DatabaseId> {
        self.id
    }
    /// Its end.
    pub fn end(&self) -> Version {
        self.log.back().map_or(self.base.version, |entry| entry.version())
    }
    /// All its reigns.
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }
    /// What it adds up to.
    pub fn deployment(&self) -> &Arc<Deployment> {
        &self.deployment
    }
    /// The earlier revisions of every application.
    pub fn history(&self) -> &History {
        &self.history
    }
    /// The registry that was recorded last and not yet a second time, with the entry that recorded it: it is not known
    /// yet whether enough of the others have heard of it. Where the writer was the only one, it has, and no second record
    /// is needed.
    pub fn joining(&self) -> Option<(&PeerName, Serial)> {
        self.joining.as_ref().map(|(name, serial)| (name, *serial))
    }
    /// The first entry that is still kept, or the one to come.
    pub fn log_first(&self) -> Serial {
        self.base.version.serial + 1
    }
    /// What this request did, if a client's request of this id was carried out not too long ago.
    pub fn find(&self, request: RequestId) -> Option<Done> {
        let serial = self.requests.serial(request)?;
        self.entry(serial)
            .map_or_else(|| self.requests.trimmed(serial).cloned(), |entry| Done::of(entry))
    }
    /// The request that the entry of this serial carried out, if that is still known.
    pub fn request_at(&self, serial: Serial) -> Option<RequestId> {
        let kept = self.entry(serial).map(|entry| entry.request);
        kept.or_else(|| self.requests.trimmed(serial).map(|done| done.request))
    }
    /// The entry of this serial, if it is still kept.
    pub fn entry(&self, serial: Serial) -> Option<&Arc<Entry>> {
        let index = serial.checked_sub(self.log_first())?;
        self.log.get(usize::try_from(index).ok()?)
    }
    /// The digest after `serial` entries, where it is still known.
    pub fn digest_at(&self, serial: Serial) -> Option<Digest> {
        if serial == self.base.version.serial {
            return Some(self.base.version.digest);
        }
        self.entry(serial)
            .map(|entry| entry.digest)
            .or_else(|| self.checks.get(&serial).copied())
    }
    /// What others need for comparing.
    pub fn summary(&self) -> Summary {
        Summary {
            database: self.id,
            lineage: self.lineage.clone(),
            end: self.end(),
            checks: self.checks.clone(),
        }
    }
    /// Kept entries after `serial`, at most `count` and about `bytes`, at least one if there is one.
    pub fn entries_after(&self, serial: Serial, count: u64, bytes: usize) -> Vec<Arc<Entry>> {
        let mut taken = 0;
        let range = (serial + 1)..=serial.saturating_add(count).min(self.end().serial);
        let fits = |entry: &&Arc<Entry>| {
            taken += entry.size();
            taken <= bytes || taken == entry.size()
        };
        range
            .map_while(|serial| self.entry(serial))
            .take_while(fits)
            .cloned()
            .collect()
    }

    /// Who holds and who waits: beside the log, and no part of a snapshot.
    pub fn allocations(&self) -> &Allocations {
        &self.allocations
    }
    /// Takes decisions about sessions in, after which this database knows as much as `mark` says.
    ///
    /// # Errors
    /// In words, which change breaks an invariant; none was taken in.
    pub(super) fn allocate(&mut self, changes: &[Change], mark: Mark) -> Result<Batch, String> {
        self.allocations.apply_all(changes)?;
        let mut batch = Batch::default();
        for change in changes {
            let (put, delete) = Allocations::stored(change);
            batch.put.retain(|key, _| !delete.contains(key));
            batch.delete.retain(|key| !put.contains_key(key));
            batch.put.extend(put);
            batch.delete.extend(delete);
        }
        self.allocations.set_mark(mark);
        batch.put.extend([self.allocations.stored_counters()]);
        self.seal.renew(&mut batch, self.end());
        Ok(batch)
    }
    /// Puts other allocations in the place of all that were known.
    pub(super) fn replace_allocations(&mut self, allocations: Allocations) -> Batch {
        let (before, after) = (self.allocations.values(), allocations.values());
        self.allocations = allocations;
        let gone = before.into_keys().filter(|key| !after.contains_key(key));
        let mut batch = Batch {
            delete: gone.collect(),
            put: after,
            ..Batch::default()
        };
        self.seal.renew(&mut batch, self.end());
        batch
    }

    /// Makes this empty database that of a grid: a new one, or the one that a replica joins.
    pub fn belong_to(&mut self, id: DatabaseId) -> Batch {
        debug_assert!(self.end().serial == 0, "only an empty database may still choose");
        self.id = Some(id);
        let mut batch = Batch {
            put: [("database".to_owned(), encode(&id))].into(),
            ..Batch::default()
        };
        self.seal.renew(&mut batch, self.end());
        batch
    }

    /// Appends one entry after checking everything about it; trims to `keep` entries.
    ///
    /// # Errors
    /// [`DatabaseError`]; the database is as it was.
    pub fn append(&mut self, entry: Arc<Entry>, keep: u64) -> Result<Batch, DatabaseError> {
        let at = entry.serial;
        self.verify(&entry)?;
        self.verify_new_reign(&entry)?;
        let payload = Payload::of(&entry).map_err(|source| DatabaseError::Content { at, source })?;
        self.take(entry, payload, None, keep)
    }

    /// Appends an entry that this registry has made itself: it knows the content, and what was planned with it need not be
    /// checked again.
    ///
    /// # Errors
    /// As [`Database::append`].
    pub(super) fn append_made(
        &mut self,
        entry: Arc<Entry>,
        payload: Payload,
        planned: Option<Expansion>,
        keep: u64,
    ) -> Result<Batch, DatabaseError> {
        self.verify(&entry)?;
        self.verify_new_reign(&entry)?;
        debug_assert!(
            Payload::of(&entry).is_ok_and(|read| read == payload),
            "who reads the entry reads what its maker meant"
        );
        self.take(entry, payload, planned, keep)
    }

    fn take(
        &mut self,
        entry: Arc<Entry>,
        payload: Payload,
        planned: Option<Expansion>,
        keep: u64,
    ) -> Result<Batch, DatabaseError> {
        let at = entry.serial;
        let mut batch = Batch::default();
        let joining = self.joining_after(&payload, at);
        if let Some(update) = payload.update(&entry) {
            let replaced = History::about_to_go(&payload, &self.deployment);
            let deployment = Arc::make_mut(&mut self.deployment);
            let values = match planned {
                Some(expansion) => deployment.apply_checked(&update, expansion, at),
                None => deployment.apply(&update, at),
            };
            let values = values.map_err(|faults| DatabaseError::Faults { at, faults })?;
            let past = self.history.follow(&entry, &payload, replaced);
            batch.put = values.put.into_iter().chain(past.put).collect();
            batch.delete = values.delete.into_iter().chain(past.delete).collect();
        }
        if joining != self.joining {
            match &joining {
                Some(joining) => drop(batch.put.insert("joining".to_owned(), encode(joining))),
                None => batch.delete.push("joining".to_owned()),
            }
            self.joining = joining;
        }
        let before = self.end();
        if let Payload::Reign(reign) = payload {
            if before.serial > 0 {
                self.keep_check(before.serial, before.digest, &mut batch);
            }
            self.lineage.0.push(Reign {
                epoch: entry.epoch,
                by: reign.by,
                first: at,
            });
            batch.put.insert("lineage".to_owned(), encode(&self.lineage));
        }
        if at.is_multiple_of(CHECK_EVERY) {
            self.keep_check(at, entry.digest, &mut batch);
        }
        self.push(entry.clone());
        batch.append = vec![entry];
        self.trim(keep, &mut batch);
        self.seal.renew(&mut batch, self.end());
        Ok(batch)
    }

    /// Drops an empty surplus: the entries after `fork`, all of which open a reign. Trimmed ones too: they left no trace
    /// but in the lineage.
    ///
    /// `None` when one of them is no `Reign` entry, or the digest at `fork` is not known; nothing is dropped then.
    pub fn drop_empty_surplus(&mut self, fork: Serial) -> Option<Batch> {
        let end = self.end().serial;
        let reigns = self.lineage.reigns_after(fork, end);
        let digest = self.digest_at(fork)?;
        if fork > end || end - fork != reigns {
            return None;
        }
        let mut batch = self.cut(fork);
        if fork < self.base.version.serial {
            self.base.version = Version {
                epoch: self.lineage.last().map_or(0, |reign| reign.epoch.number),
                serial: fork,
                digest,
            };
            batch.put.insert("base".to_owned(), encode(&self.base));
            self.seal.renew(&mut batch, self.end());
        }
        Some(batch)
    }

    /// Drops what follows `fork`, whatever it is. Only for a test that switches the rule off that forbids it.
    #[cfg(feature = "mutants")]
    pub fn drop_any_surplus(&mut self, fork: Serial) -> Option<Batch> {
        (fork >= self.base.version.serial).then(|| self.cut(fork))
    }

    fn cut(&mut self, fork: Serial) -> Batch {
        let mut batch = Batch {
            cut_after: Some(fork),
            ..Batch::default()
        };
        while self.log.back().is_some_and(|entry| entry.serial > fork) {
            if let Some(entry) = self.log.pop_back() {
                self.log_bytes -= entry.size();
                self.requests.forget(&entry);
            }
        }
        self.lineage.truncate(fork);
        batch.put.insert("lineage".to_owned(), encode(&self.lineage));
        let gone: Vec<Serial> = self.checks.range(fork + 1..).map(|(serial, _)| *serial).collect();
        for serial in gone {
            self.checks.remove(&serial);
            batch.delete.push(check_key(serial));
        }
        self.seal.renew(&mut batch, self.end());
        batch
    }

    /// Everything that is needed to go on from here, as bytes: the state, without the log.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut values = self.deployment.values();
        values.extend(self.history.values());
        values.extend(self.id.map(|id| ("database".to_owned(), encode(&id))));
        values.insert("lineage".to_owned(), encode(&self.lineage));
        values.insert("base".to_owned(), encode(&Base { version: self.end() }));
        values.extend(
            self.joining
                .as_ref()
                .map(|joining| ("joining".to_owned(), encode(joining))),
        );
        values.extend(
            self.checks
                .iter()
                .map(|(serial, digest)| (check_key(*serial), encode(digest))),
        );
        let oldest = self.end().serial.saturating_sub(REQUESTS_KEPT) + 1;
        let logged = self.log.iter().filter(|entry| entry.serial >= oldest);
        let done = logged.filter_map(|entry| Done::of(entry));
        values.extend(
            done.chain(self.requests.all_trimmed().cloned())
                .map(|done| (request_key(done.serial), encode(&done))),
        );
        values.insert(SEAL_KEY.to_owned(), Seal::of(&values).bytes(self.end()));
        let values: Vec<(String, serde_bytes::Bytes)> = values
            .into_iter()
            .map(|(key, bytes)| (key, serde_bytes::Bytes(bytes)))
            .collect();
        encode(&values)
    }

    /// What tells one snapshot from another: its values are not covered by the chained digests of the log.
    pub fn snapshot_digest(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// The database that a snapshot holds, and the batch that puts it in place of whatever is there.
    ///
    /// # Errors
    /// When the bytes are not those that `digest` was taken of, or their end is not `version`.
    pub fn from_snapshot(bytes: &[u8], digest: Digest, version: Version) -> Result<(Self, Batch), DatabaseError> {
        if Self::snapshot_digest(bytes) != digest {
            return Err(DatabaseError::Values("the snapshot came altered".to_owned()));
        }
        let values: Vec<(String, serde_bytes::Bytes)> =
            decode(bytes).map_err(|error| DatabaseError::Values(error.to_string()))?;
        let values: BTreeMap<String, Vec<u8>> = values.into_iter().map(|(key, bytes)| (key, bytes.0)).collect();
        let database = Self::restore(Image {
            values: values.clone(),
            log: Vec::new(),
        })?;
        if database.end() != version || database.id.is_none() {
            return Err(DatabaseError::Values(format!(
                "it ends at {}, {version} was announced",
                database.end()
            )));
        }
        Ok((
            database,
            Batch {
                wipe: true,
                put: values,
                ..Batch::default()
            },
        ))
    }

    /// Who joins after this entry. Every replica draws the same from the same log.
    fn joining_after(&self, payload: &Payload, at: Serial) -> Option<(PeerName, Serial)> {
        let registries = &self.deployment.registries;
        match payload {
            Payload::PutRegistry(record) if !registries.contains_key(&record.name) => {
                let alone = self
                    .lineage
                    .last()
                    .is_some_and(|reign| registries.contains_key(&reign.by));
                let heard = registries.is_empty() || (registries.len() == 1 && alone);
                (!heard).then(|| (record.name.clone(), at))
            }
            Payload::PutRegistry(record) => self.joining.clone().filter(|(name, _)| *name != record.name),
            Payload::ForgetRegistry(gone) => self.joining.clone().filter(|(name, _)| name != gone),
            Payload::Reign(_)
            | Payload::PutApplication(_)
            | Payload::RemoveApplication(_)
            | Payload::PutObject(_)
            | Payload::RemoveObject(_) => self.joining.clone(),
        }
    }

    fn verify(&self, entry: &Entry) -> Result<(), DatabaseError> {
        let (end, at) = (self.end(), entry.serial);
        if at != end.serial + 1 {
            return Err(DatabaseError::Gap {
                got: at,
                end: end.serial,
            });
        }
        let id = self
            .id
            .ok_or_else(|| DatabaseError::Values("entries without a database id".to_owned()))?;
        if entry.chain(id, &end.digest) != entry.digest {
            return Err(DatabaseError::Digest { at });
        }
        Ok(())
    }

    /// A new entry stands in the last reign, or opens one with a higher number.
    fn verify_new_reign(&self, entry: &Entry) -> Result<(), DatabaseError> {
        let last = self.lineage.last();
        let fits = match entry.kind {
            EntryKind::Reign => last.is_none_or(|reign| reign.epoch.number < entry.epoch.number),
            _ => last.is_some_and(|reign| reign.epoch == entry.epoch),
        };
        if fits {
            Ok(())
        } else {
            Err(DatabaseError::Epoch { at: entry.serial })
        }
    }

    /// A stored entry stands in, or opens, the reign that the stored lineage tells of.
    fn verify_stored_reign(&self, entry: &Entry) -> Result<(), DatabaseError> {
        let at = entry.serial;
        let reign = self.lineage.0.iter().rev().find(|reign| reign.first <= at);
        let opens = entry.kind == EntryKind::Reign;
        let fits = reign.is_some_and(|reign| reign.epoch == entry.epoch && opens == (reign.first == at));
        if fits { Ok(()) } else { Err(DatabaseError::Epoch { at }) }
    }

    fn verify_lineage(&self) -> Result<(), DatabaseError> {
        let end = self.end();
        let ordered = self
            .lineage
            .0
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if a.first < b.first));
        let ends = self.lineage.last().map_or(end.serial == 0, |last| {
            last.first <= end.serial && last.epoch.number == end.epoch
        });
        if !ordered || !ends {
            return Err(DatabaseError::Values("the lineage does not fit the log".to_owned()));
        }
        let wrong = self
            .checks
            .iter()
            .find(|(serial, digest)| self.entry(**serial).is_some_and(|entry| entry.digest != **digest));
        wrong.map_or(Ok(()), |(serial, _)| Err(DatabaseError::Digest { at: *serial }))
    }

    fn push(&mut self, entry: Arc<Entry>) {
        self.log_bytes += entry.size();
        self.requests.add(&entry);
        self.log.push_back(entry);
    }

    fn keep_check(&mut self, serial: Serial, digest: Digest, batch: &mut Batch) {
        self.checks.insert(serial, digest);
        batch.put.insert(check_key(serial), encode(&digest));
    }

    fn trim(&mut self, keep: u64, batch: &mut Batch) {
        let keep = usize::try_from(keep.max(1)).unwrap_or(usize::MAX);
        let end = self.end().serial;
        let mut trimmed = false;
        while self.log.len() > 1 && (self.log.len() > keep || self.log_bytes > LOG_BYTES_MAX) {
            let Some(entry) = self.log.pop_front() else { break };
            self.log_bytes -= entry.size();
            let recent = entry.serial + REQUESTS_KEPT > end;
            match Done::of(&entry).filter(|_| recent) {
                Some(done) => {
                    batch.put.insert(request_key(done.serial), encode(&done));
                    self.requests.keep(done);
                }
                None => self.requests.forget(&entry),
            }
            self.base = Base {
                version: entry.version(),
            };
            trimmed = true;
        }
        if trimmed {
            batch.trim_before = Some(self.log_first());
            batch.put.insert("base".to_owned(), encode(&self.base));
        }
        batch
            .delete
            .extend(self.requests.expire(end).into_iter().map(request_key));
    }
}

pub(super) fn request_key(serial: Serial) -> String {
    format!("request/{serial:020}")
}

pub(super) fn check_key(serial: Serial) -> String {
    format!("check/{serial:020}")
}

mod serde_bytes {
    use serde::{Deserialize, Serialize};

    /// Bytes as one CBOR byte string.
    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    pub(super) struct Bytes(#[serde(with = "crate::pure::lineage::entry::bytes")] pub(super) Vec<u8>);
}

#[cfg(test)]
#[path = "database_test.rs"]
mod tests;
