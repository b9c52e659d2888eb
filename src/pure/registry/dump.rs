//! A whole database as JSON, for backups and for reading by people, and back again to the very same database.
//!
//! ```text
//! {
//!   "floe_dump": 1,            how the rest is to be read
//!   "version": "4.93", ...     what is readable stands as such; values that this build cannot write
//!   "other": { key: hex },     again byte for byte, and those that say nothing to people, stand here
//!   "log": [ ... ],            the kept entries, their content as stored
//!   "digest": "..."            over every byte above this line
//! }
//! ```
//!
//! Invariants: reading what was written gives the same bytes for every value and entry, which is tried before a dump is
//! handed out; no byte of a dump can change without its being refused.

use super::database::{Database, DatabaseError, check_key, request_key};
use super::effect::Image;
use super::requests::Done;
use crate::pure::base::{DatabaseId, PeerName, RequestId, ServerId, WallTime, hex};
use crate::pure::lineage::{Digest, Entry, EntryKind, Epoch, Lineage, Serial, Version};
use crate::pure::model::RegistryRecord;
use crate::pure::model::descriptor::ObjectRecord;
use crate::pure::model::durable::{Stored, application_key, object_key, registry_key, removal_key};
use crate::pure::wire::{decode, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a dump is to be read. A build reads its own number only.
pub const DUMP_FORMAT: u64 = 1;
/// Largest dump, in bytes: bounds what reading one holds in memory.
pub const DUMP_BYTES_MAX: usize = 2 * 1024 * 1024 * 1024;

/// How every dump begins.
const HEAD: &str = "{\n  \"floe_dump\": ";
/// What stands before and after the digest, at the very end.
const DIGEST_HEAD: &str = "  \"digest\": \"";
const DIGEST_TAIL: &str = "\"\n}\n";
const TAIL_BYTES: usize = DIGEST_HEAD.len() + 64 + DIGEST_TAIL.len();
/// How every database file begins.
const DATABASE_MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";

/// Why there is no dump, or no database from one. Reads after "failed to load FILE: " and the like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// Something else.
    #[error("it is no dump: floe db dump makes one")]
    Foreign,
    /// A database file itself.
    #[error("it is a database file, not a dump")]
    Database,
    /// The end is missing, or was changed.
    #[error("it does not end in its digest: it was cut off, or changed after it was written")]
    Cut,
    /// Something above the digest was changed.
    #[error("its digest is {found}, at its end it says {told}: it was changed after it was written")]
    Digest {
        /// What its bytes give.
        found: String,
        /// What it says.
        told: String,
    },
    /// Another format.
    #[error(
        "it has dump format {0}, this build reads format {DUMP_FORMAT}; load it with the version of floe that wrote it"
    )]
    Format(u64),
    /// The digest holds but the content means nothing to this build.
    #[error("it cannot be read: {0}")]
    Content(String),
    /// What it holds is no sound database.
    #[error("what it holds is not sound: {0}")]
    Unsound(#[source] DatabaseError),
    /// What it says of itself is not what it holds.
    #[error("it says that it ends at {told}, what it holds ends at {found}")]
    Contradiction {
        /// What it says.
        told: String,
        /// What it holds.
        found: String,
    },
    /// Larger than what can be read again.
    #[error(
        "the dump would take {0} bytes, at most {DUMP_BYTES_MAX} can be read again; copy the database file instead"
    )]
    TooLarge(usize),
    /// Reading it again gave something else.
    #[error(
        "this build cannot write the database in a form that brings all of it back; copy the database file instead"
    )]
    Lossy,
}

/// What a dump holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dump {
    #[serde(rename = "floe_dump")]
    format: u64,
    version: String,
    end: Version,
    database: Option<DatabaseId>,
    log_first: Serial,
    lineage: Lineage,
    checks: BTreeMap<Serial, Digest>,
    registries: Vec<RegistryRecord>,
    applications: Vec<Stored>,
    objects: Vec<ObjectRecord>,
    removals: Vec<Removal>,
    requests: Vec<Done>,
    other: BTreeMap<String, String>,
    log: Vec<DumpedEntry>,
    /// Filled in by reading only; writing adds it to the text.
    #[serde(default, skip_serializing)]
    digest: String,
}

/// A server that went from its node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    node: PeerName,
    server: ServerId,
    serial: Serial,
}

/// A log entry with its content as stored, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DumpedEntry {
    serial: Serial,
    epoch: Epoch,
    request: RequestId,
    actor: String,
    time: WallTime,
    kind: EntryKind,
    bytes: String,
    digest: Digest,
}

/// A database as a dump, after checking that it is sound and that the dump brings all of it back.
///
/// # Errors
/// [`DumpError::Unsound`], [`DumpError::TooLarge`] or [`DumpError::Lossy`].
pub fn write(image: &Image) -> Result<String, DumpError> {
    let database = Database::restore(image.clone()).map_err(DumpError::Unsound)?;
    let text = Dump::of(image, &database).to_text()?;
    match read(text.as_bytes()) {
        Ok((_, again)) if again == *image => Ok(text),
        _ => Err(DumpError::Lossy),
    }
}

/// The database that a dump holds, checked as a whole, and what makes it durable. The caller has bounded the bytes.
///
/// # Errors
/// [`DumpError`] says what is wrong with it.
pub fn read(bytes: &[u8]) -> Result<(Database, Image), DumpError> {
    let dump = Dump::of_text(verified(bytes)?)?;
    let (told, first) = (dump.end, dump.log_first);
    let version = dump.version.clone();
    let image = dump.into_image()?;
    let database = Database::restore(image.clone()).map_err(DumpError::Unsound)?;
    let end = database.end();
    if told != end || first != database.log_first() || version != end.to_string() {
        return Err(DumpError::Contradiction {
            told: format!("{told} ({}), called {version}, log from {first}", told.digest.short()),
            found: format!("{end} ({}), log from {}", end.digest.short(), database.log_first()),
        });
    }
    Ok((database, image))
}

/// The text of a dump whose every byte is as it was written.
fn verified(bytes: &[u8]) -> Result<&str, DumpError> {
    if bytes.starts_with(DATABASE_MAGIC) {
        return Err(DumpError::Database);
    }
    if !bytes.starts_with(HEAD.as_bytes()) {
        return Err(DumpError::Foreign);
    }
    let (head, tail) = bytes
        .split_at_checked(bytes.len().saturating_sub(TAIL_BYTES))
        .ok_or(DumpError::Cut)?;
    let told = tail.strip_prefix(DIGEST_HEAD.as_bytes());
    let told = told.and_then(|tail| tail.strip_suffix(DIGEST_TAIL.as_bytes()));
    let told = told
        .and_then(|told| std::str::from_utf8(told).ok())
        .ok_or(DumpError::Cut)?;
    let found = digest(head);
    if told != found {
        return Err(DumpError::Digest {
            found,
            told: told.to_owned(),
        });
    }
    std::str::from_utf8(bytes).map_err(|error| DumpError::Content(error.to_string()))
}

fn digest(head: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("floe 2026 dump 1");
    hasher.update(head);
    Digest(*hasher.finalize().as_bytes()).to_string()
}

impl Dump {
    fn of(image: &Image, database: &Database) -> Self {
        let end = database.end();
        let mut dump = Self {
            format: DUMP_FORMAT,
            version: end.to_string(),
            end,
            database: None,
            log_first: database.log_first(),
            lineage: Lineage::default(),
            checks: BTreeMap::new(),
            registries: Vec::new(),
            applications: Vec::new(),
            objects: Vec::new(),
            removals: Vec::new(),
            requests: Vec::new(),
            other: BTreeMap::new(),
            log: image.log.iter().map(DumpedEntry::of).collect(),
            digest: String::new(),
        };
        for (key, bytes) in &image.values {
            if !dump.take(key, bytes) {
                dump.other.insert(key.clone(), hex::text(bytes));
            }
        }
        dump
    }

    /// Takes a value in readable form. False: this build does not know it, or would not write the same bytes again.
    fn take(&mut self, key: &str, bytes: &[u8]) -> bool {
        match key.split_once('/') {
            None if key == "database" => exact(bytes).map(|id| self.database = Some(id)).is_some(),
            None if key == "lineage" => {
                // An empty one is not the same as none.
                let lineage = exact(bytes).filter(|lineage: &Lineage| !lineage.0.is_empty());
                lineage.map(|lineage| self.lineage = lineage).is_some()
            }
            Some(("application", _)) => keep(key, bytes, &mut self.applications, |stored| {
                application_key(&stored.record.descriptor.name)
            }),
            Some(("registry", _)) => keep(key, bytes, &mut self.registries, |record| registry_key(&record.name)),
            Some(("object", _)) => keep(key, bytes, &mut self.objects, |record| object_key(&record.id)),
            Some(("request", _)) => keep(key, bytes, &mut self.requests, |done| request_key(done.serial)),
            Some(("check", serial)) => {
                let known = serial.parse().ok().filter(|serial| check_key(*serial) == key);
                let known = known.and_then(|serial| Some((serial, exact(bytes)?)));
                known
                    .map(|(serial, digest)| self.checks.insert(serial, digest))
                    .is_some()
            }
            Some(("removal", place)) => {
                let removal = removal(place, bytes).filter(|removal| removal.key() == key);
                removal.map(|removal| self.removals.push(removal)).is_some()
            }
            _ => false,
        }
    }

    fn into_image(self) -> Result<Image, DumpError> {
        let mut values: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (key, text) in &self.other {
            let bytes =
                hex::bytes(text).ok_or_else(|| DumpError::Content(format!("value {key:?} is no hexadecimal text")))?;
            values.insert(key.clone(), bytes);
        }
        values.extend(self.database.map(|id| ("database".to_owned(), encode(&id))));
        if !self.lineage.0.is_empty() {
            values.insert("lineage".to_owned(), encode(&self.lineage));
        }
        let applications = self.applications.iter();
        values.extend(applications.map(|stored| (application_key(&stored.record.descriptor.name), encode(stored))));
        values.extend(
            self.registries
                .iter()
                .map(|record| (registry_key(&record.name), encode(record))),
        );
        values.extend(
            self.objects
                .iter()
                .map(|record| (object_key(&record.id), encode(record))),
        );
        values.extend(
            self.requests
                .iter()
                .map(|done| (request_key(done.serial), encode(done))),
        );
        values.extend(
            self.checks
                .iter()
                .map(|(serial, digest)| (check_key(*serial), encode(digest))),
        );
        values.extend(
            self.removals
                .iter()
                .map(|removal| (removal.key(), encode(&removal.serial))),
        );
        let log: Result<Vec<Entry>, DumpError> = self.log.into_iter().map(DumpedEntry::into_entry).collect();
        Ok(Image { values, log: log? })
    }

    fn to_text(&self) -> Result<String, DumpError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| DumpError::Content(error.to_string()))?;
        let body = text.strip_suffix("\n}").ok_or(DumpError::Lossy)?;
        let head = format!("{body},\n");
        let digest = digest(head.as_bytes());
        let text = format!("{head}{DIGEST_HEAD}{digest}{DIGEST_TAIL}");
        if text.len() > DUMP_BYTES_MAX {
            return Err(DumpError::TooLarge(text.len()));
        }
        Ok(text)
    }

    fn of_text(text: &str) -> Result<Self, DumpError> {
        #[derive(Deserialize)]
        struct Format {
            floe_dump: u64,
        }
        let content = |error: serde_json::Error| DumpError::Content(error.to_string());
        match serde_json::from_str::<Format>(text).map_err(content)?.floe_dump {
            DUMP_FORMAT => serde_json::from_str(text).map_err(content),
            other => Err(DumpError::Format(other)),
        }
    }
}

impl Removal {
    fn key(&self) -> String {
        removal_key(&(self.node.clone(), self.server.clone()))
    }
}

fn removal(place: &str, bytes: &[u8]) -> Option<Removal> {
    let (node, server) = place.split_once('/')?;
    Some(Removal {
        node: node.parse().ok()?,
        server: server.parse().ok()?,
        serial: exact(bytes)?,
    })
}

impl DumpedEntry {
    fn of(entry: &Entry) -> Self {
        Self {
            serial: entry.serial,
            epoch: entry.epoch,
            request: entry.request,
            actor: entry.actor.clone(),
            time: entry.time,
            kind: entry.kind,
            bytes: hex::text(&entry.bytes),
            digest: entry.digest,
        }
    }
    fn into_entry(self) -> Result<Entry, DumpError> {
        let serial = self.serial;
        let bytes = hex::bytes(&self.bytes)
            .ok_or_else(|| DumpError::Content(format!("the bytes of entry {serial} are no hexadecimal text")))?;
        Ok(Entry {
            serial,
            epoch: self.epoch,
            request: self.request,
            actor: self.actor,
            time: self.time,
            kind: self.kind,
            bytes,
            digest: self.digest,
        })
    }
}

/// The value, if writing it again gives the same bytes.
fn exact<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    decode::<T>(bytes).ok().filter(|value| encode(value) == bytes)
}

/// Takes a value in whose key follows from it.
fn keep<T: Serialize + DeserializeOwned>(
    key: &str,
    bytes: &[u8],
    list: &mut Vec<T>,
    key_of: impl Fn(&T) -> String,
) -> bool {
    let value = exact(bytes).filter(|value| key_of(value) == key);
    value.map(|value| list.push(value)).is_some()
}

#[cfg(test)]
#[path = "dump_test.rs"]
mod tests;
