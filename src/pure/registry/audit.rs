//! Does the stored state say what the log says? `Database::restore` proves that neither was changed since it was written;
//! this proves that they belong together.
//!
//! Where the log is whole, it is replayed and must add up to the state. Where it was trimmed, each thing that a kept entry
//! names must be as the last such entry left it.

use super::database::{Database, DatabaseError};
use super::payload::Payload;
use crate::pure::lineage::{Entry, Serial, Version};
use crate::pure::model::deployment::ApplicationRecord;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How far the proof went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Kept entries whose digests were checked and whose outcome was held against the state.
    pub entries: u64,
    /// The log is whole, and adds up to the state from the first entry on.
    pub replayed: bool,
}

/// Holds the state against the log.
///
/// # Errors
/// In words, the first place where they differ.
pub fn audit(database: &Database) -> Result<Audit, String> {
    let kept = database.log_first()..=database.end().serial;
    let entries: Vec<&Arc<Entry>> = kept.map_while(|serial| database.entry(serial)).collect();
    check_records(database)?;
    check_outcomes(database, &entries)?;
    let replayed = database.log_first() == 1 && replays(database, &entries)?;
    Ok(Audit {
        entries: u64::try_from(entries.len()).unwrap_or(u64::MAX),
        replayed,
    })
}

/// Each application was made by an entry of this log, as far as the log can still tell.
fn check_records(database: &Database) -> Result<(), String> {
    for (name, record) in &database.deployment().applications {
        let (made, end) = (record.version, database.end());
        let known = database.digest_at(made.serial);
        if made.serial > end.serial || known.is_some_and(|digest| digest != made.digest) {
            return Err(format!(
                "application {name}: it says that entry {made} made it, which is not in this log"
            ));
        }
        if made.serial >= database.log_first() && !made_by(database, record) {
            return Err(format!("application {name}: entry {} did not make it", made.serial));
        }
    }
    Ok(())
}

fn made_by(database: &Database, record: &ApplicationRecord) -> bool {
    let entry = database.entry(record.version.serial);
    entry.is_some_and(|entry| match Payload::of(entry) {
        Ok(Payload::PutApplication(put)) => same_application(record, entry, &put.descriptor, put.revision),
        _ => false,
    })
}

fn same_application(
    record: &ApplicationRecord,
    entry: &Entry,
    descriptor: &crate::pure::model::Application,
    revision: u64,
) -> bool {
    let version: Version = entry.version();
    *record.descriptor == *descriptor
        && record.revision == revision
        && record.version == version
        && record.time == entry.time
        && record.actor == entry.actor
}

/// The last entry that names a thing decides how that stands.
fn check_outcomes(database: &Database, entries: &[&Arc<Entry>]) -> Result<(), String> {
    let mut last: BTreeMap<String, (Serial, bool)> = BTreeMap::new();
    for entry in entries {
        let at = entry.serial;
        let payload = Payload::of(entry).map_err(|error| format!("entry {at}: {error}"))?;
        let (name, holds) = outcome(database, entry, payload);
        if !name.is_empty() {
            last.insert(name, (at, holds));
        }
    }
    match last.into_iter().find(|(_, (_, holds))| !holds) {
        Some((name, (at, _))) => Err(format!("{name}: it is not as entry {at} left it")),
        None => Ok(()),
    }
}

/// What an entry is about, and whether the state is as it left that.
fn outcome(database: &Database, entry: &Entry, payload: Payload) -> (String, bool) {
    let deployment = database.deployment();
    match payload {
        Payload::Reign(_) => (String::new(), true),
        Payload::PutRegistry(record) => {
            let holds = deployment.registries.get(&record.name) == Some(&record);
            (format!("registry {}", record.name), holds)
        }
        Payload::ForgetRegistry(name) => {
            let holds = !deployment.registries.contains_key(&name);
            (format!("registry {name}"), holds)
        }
        Payload::PutApplication(put) => {
            let name = put.descriptor.name.clone();
            let record = deployment.applications.get(&name);
            let holds = record.is_some_and(|record| same_application(record, entry, &put.descriptor, put.revision));
            (format!("application {name}"), holds)
        }
        Payload::RemoveApplication(name) => {
            let holds = !deployment.applications.contains_key(&name);
            (format!("application {name}"), holds)
        }
        Payload::PutObject(record) => {
            let holds = deployment.objects.get(&record.id) == Some(&record);
            (format!("object {}", record.id), holds)
        }
        Payload::RemoveObject(id) => {
            let holds = !deployment.objects.contains_key(&id);
            (format!("object {id}"), holds)
        }
    }
}

/// Replays a whole log. False: a rule of this build is stricter than the one that accepted an entry, which is no damage.
fn replays(database: &Database, entries: &[&Arc<Entry>]) -> Result<bool, String> {
    let Some(id) = database.id() else { return Ok(true) };
    let mut again = Database::default();
    again.belong_to(id);
    for entry in entries {
        match again.append(Arc::clone(entry), u64::MAX) {
            Ok(_) => {}
            Err(DatabaseError::Faults { .. }) => return Ok(false),
            Err(error) => return Err(error.to_string()),
        }
    }
    let (now, told) = (database.deployment(), again.deployment());
    let parts = [
        ("the applications", now.applications == told.applications),
        ("the objects", now.objects == told.objects),
        ("the registries", now.registries == told.registries),
        ("the removed servers", now.removals == told.removals),
        ("the servers", now.servers == told.servers),
        ("the indexes", now == told),
        ("the reigns", database.lineage() == again.lineage()),
        ("the end", database.end() == again.end()),
        ("the joining registry", database.joining() == again.joining()),
    ];
    match parts.iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(format!(
            "the log from its first entry adds up to something else: {what} differ"
        )),
        None => Ok(true),
    }
}

#[cfg(test)]
#[path = "audit_test.rs"]
mod tests;
