//! A database as rows: its log, and what it adds up to. For telling two registries apart, not for copying one: that is
//! what snapshots and dumps are for.
//!
//! Each part is bounded in rows and bytes, whatever the names and actors are.

use super::database::Database;
use super::payload::Payload;
use crate::pure::base::limits::PART_BYTES_MAX;
use crate::pure::lineage::{Digest, Entry, Serial};
use crate::pure::membership::Standing;
use crate::pure::model::Deployment;
use crate::pure::protocol::content::{ContentKind, ContentPart, ContentRow, LogPart, LogRow, LogSummary};
use crate::pure::wire::encode;
use serde::Serialize;

/// Most rows of one part: making them must not hold a registry's loop up.
pub const ROWS_MAX: usize = 1000;

/// The log as a whole.
pub fn log_summary(database: &Database, standing: Option<Standing>) -> LogSummary {
    let first = database.log_first();
    LogSummary {
        standing,
        first,
        before: database.digest_at(first.saturating_sub(1)).unwrap_or_default(),
        summary: database.summary(),
    }
}

/// Kept entries after `after`; none when the next one is kept no longer.
pub fn log_rows(database: &Database, after: Serial) -> LogPart {
    let count = u64::try_from(ROWS_MAX).unwrap_or(u64::MAX);
    let range = after.saturating_add(1)..=after.saturating_add(count);
    let rows = range.map_while(|serial| database.entry(serial)).map(|entry| row(entry));
    LogPart {
        rows: bounded(rows, |row: &LogRow| row.name.len() + row.actor.len()).0,
        end: database.end(),
    }
}

/// What is deployed after the row that `after` names.
pub fn content_rows(database: &Database, after: Option<&(ContentKind, String)>) -> ContentPart {
    let deployment = database.deployment();
    let next = |kind, name: &str| after.is_none_or(|(last, done)| (*last, done.as_str()) < (kind, name));
    let rows = applications(deployment, next)
        .chain(objects(deployment, next))
        .chain(registries(deployment, next));
    let (rows, more) = bounded(rows, |row| row.name.len() + row.actor.len());
    ContentPart {
        rows,
        more,
        end: database.end(),
    }
}

fn applications(deployment: &Deployment, next: impl Fn(ContentKind, &str) -> bool) -> impl Iterator<Item = ContentRow> {
    let kind = ContentKind::Application;
    let records = deployment.applications.iter();
    let records = records.filter(move |(name, _)| next(kind, name.as_str()));
    records.map(move |(name, record)| ContentRow {
        kind,
        name: name.to_string(),
        revision: record.revision,
        digest: digest(&record.descriptor),
        serial: record.version.serial,
        time: Some(record.time),
        actor: record.actor.clone(),
    })
}

fn objects(deployment: &Deployment, next: impl Fn(ContentKind, &str) -> bool) -> impl Iterator<Item = ContentRow> {
    let records = deployment.objects.iter();
    let records = records.filter(move |(id, _)| next(ContentKind::Object, id.as_str()));
    records.map(|(id, record)| undated(ContentKind::Object, id.to_string(), digest(record)))
}

fn registries(deployment: &Deployment, next: impl Fn(ContentKind, &str) -> bool) -> impl Iterator<Item = ContentRow> {
    let records = deployment.registries.iter();
    let records = records.filter(move |(name, _)| next(ContentKind::Registry, name.as_str()));
    records.map(|(name, record)| undated(ContentKind::Registry, name.to_string(), digest(record)))
}

fn undated(kind: ContentKind, name: String, digest: Digest) -> ContentRow {
    ContentRow {
        kind,
        name,
        revision: 0,
        digest,
        serial: 0,
        time: None,
        actor: String::new(),
    }
}

/// One entry as a row.
pub fn row(entry: &Entry) -> LogRow {
    // Every entry of a database was read when it was appended or restored from a sealed state.
    let (name, revision) = Payload::of(entry).map_or_else(|_| Default::default(), names);
    LogRow {
        serial: entry.serial,
        epoch: entry.epoch,
        time: entry.time,
        actor: entry.actor.clone(),
        kind: entry.kind,
        name,
        revision,
        digest: entry.digest,
    }
}

fn names(payload: Payload) -> (String, u64) {
    match payload {
        Payload::Reign(reign) => (reign.by.to_string(), 0),
        Payload::PutRegistry(record) => (record.name.to_string(), 0),
        Payload::ForgetRegistry(name) => (name.to_string(), 0),
        Payload::PutApplication(put) => (put.descriptor.name.to_string(), put.revision),
        Payload::RemoveApplication(name) => (name.to_string(), 0),
        Payload::PutObject(record) => (record.id.to_string(), 0),
        Payload::RemoveObject(id) => (id.to_string(), 0),
    }
}

/// Of the content alone, so that equal contents have equal digests whoever wrote them, and when.
fn digest<T: Serialize>(content: &T) -> Digest {
    Digest(*blake3::hash(&encode(content)).as_bytes())
}

/// As many rows as one part may hold, at least one, and whether there are more.
fn bounded<T>(rows: impl Iterator<Item = T>, text: impl Fn(&T) -> usize) -> (Vec<T>, bool) {
    /// What a row takes beside its texts, at most.
    const ROW_BYTES: usize = 256;
    let (mut taken, mut bytes) = (Vec::new(), 0);
    for row in rows {
        bytes += text(&row) + ROW_BYTES;
        if taken.len() == ROWS_MAX || (bytes > PART_BYTES_MAX && !taken.is_empty()) {
            return (taken, true);
        }
        taken.push(row);
    }
    (taken, false)
}
