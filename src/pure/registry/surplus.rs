//! What only a database holds that is about to be replaced, in a form that can be read and applied again.

use super::database::Database;
use super::payload::Payload;
use super::state::Registry;
use crate::pure::base::{ApplicationName, PeerName, RequestId};
use crate::pure::lineage::compare::Relation;
use crate::pure::lineage::{Entry, Serial};
use crate::pure::protocol::surplus::{SURPLUS_FORMAT, SurplusFile, SurplusKind, SurplusUpdate};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The export of what `registry` holds and `taken` lacks; `None` when that is nothing.
pub(super) fn file(
    registry: &Registry,
    source: &PeerName,
    taken: &Database,
    relation: Relation,
) -> Option<SurplusFile> {
    let own = registry.database();
    let fork = fork(own, taken, relation)?;
    let complete = fork + 1 >= own.log_first();
    let updates = if complete {
        from_log(own, taken, fork)
    } else {
        from_state(own, taken, fork)
    };
    if updates.is_empty() && complete {
        return None;
    }
    let note = if complete {
        "every update that only the replaced database held, in order".to_owned()
    } else {
        format!(
            "the replaced log began at entry {}, after the fork: this is how its state differs, each application as it was last put; the kept database holds everything",
            own.log_first()
        )
    };
    Some(SurplusFile {
        floe_surplus: SURPLUS_FORMAT,
        grid: registry.config.grid.to_string(),
        registry: registry.name().to_string(),
        source: source.to_string(),
        database: own.id().map(|id| id.to_string()).unwrap_or_default(),
        held: own.end().to_string(),
        taken: taken.end().to_string(),
        fork,
        complete,
        note,
        updates,
    })
}

/// The last entry that both are known to have; `None` when the own log has nothing of its own.
fn fork(own: &Database, taken: &Database, relation: Relation) -> Option<Serial> {
    match relation {
        Relation::Same | Relation::Newer(_) => None,
        Relation::Older(ours) | Relation::Diverged { ours, .. } => (!ours.is_empty()).then_some(ours.fork),
        Relation::Foreign => Some(0),
        // Where the two last agreed: everything after that is in doubt.
        Relation::Corrupt { at } => {
            let theirs = taken.summary();
            let places = theirs.checks.keys().copied().filter(|place| *place < at);
            let agree = places.filter(|place| {
                let mine = own.digest_at(*place);
                mine.is_some() && mine == theirs.digest_at(*place)
            });
            Some(agree.max().unwrap_or(0))
        }
    }
}

fn from_log(own: &Database, taken: &Database, fork: Serial) -> Vec<SurplusUpdate> {
    let mut revisions: BTreeMap<ApplicationName, u64> = BTreeMap::new();
    let mut updates = Vec::new();
    for serial in (fork + 1)..=own.end().serial {
        let Some(entry) = own.entry(serial) else { continue };
        let Ok(payload) = Payload::of(entry) else { continue };
        let mut update = blank(entry);
        match payload {
            Payload::Reign(_) => continue,
            Payload::PutApplication(put) => {
                let name = put.descriptor.name.clone();
                update.kind = SurplusKind::PutApplication;
                update.name = name.to_string();
                update.after_revision = Some(put.revision.saturating_sub(1));
                update.application = Some(Arc::unwrap_or_clone(put.descriptor));
                revisions.insert(name, put.revision);
            }
            Payload::RemoveApplication(name) => {
                update.kind = SurplusKind::RemoveApplication;
                update.name = name.to_string();
                update.after_revision = revisions.get(&name).copied().or_else(|| at_fork(taken, &name, fork));
                revisions.insert(name, 0);
            }
            Payload::PutObject(object) => {
                update.kind = SurplusKind::PutObject;
                update.name = object.id.to_string();
                update.object = Some(object);
            }
            Payload::RemoveObject(id) => {
                update.kind = SurplusKind::RemoveObject;
                update.name = id.to_string();
            }
            Payload::PutRegistry(record) => {
                update.kind = SurplusKind::PutRegistry;
                update.name = record.name.to_string();
                update.address = Some(record.address);
            }
            Payload::ForgetRegistry(name) => {
                update.kind = SurplusKind::ForgetRegistry;
                update.name = name.to_string();
            }
        }
        updates.push(update);
    }
    updates
}

/// The revision that an application had at the fork, where the other side has not touched it since.
fn at_fork(taken: &Database, name: &ApplicationName, fork: Serial) -> Option<u64> {
    let record = taken.deployment().applications.get(name)?;
    (record.version.serial <= fork).then_some(record.revision)
}

/// What the two states differ in, as far as that can be told without the entries.
fn from_state(own: &Database, taken: &Database, fork: Serial) -> Vec<SurplusUpdate> {
    let (ours, theirs) = (own.deployment(), taken.deployment());
    let changed = ours.applications.values().filter(|record| record.version.serial > fork);
    let mut updates: Vec<SurplusUpdate> = changed
        .map(|record| SurplusUpdate {
            serial: record.version.serial,
            epoch: record.version.epoch,
            request: request_of(own, record.version.serial, record.descriptor.name.as_str()),
            actor: record.actor.clone(),
            time: record.time.to_string(),
            kind: SurplusKind::PutApplication,
            name: record.descriptor.name.to_string(),
            after_revision: theirs
                .applications
                .get(&record.descriptor.name)
                .map_or(Some(0), |_| at_fork(taken, &record.descriptor.name, fork)),
            application: Some((*record.descriptor).clone()),
            object: None,
            address: None,
        })
        .collect();
    updates.sort_by_key(|update| update.serial);
    // Both had it at the fork, and only the other still has it, untouched: it was removed here.
    let gone = theirs
        .applications
        .values()
        .filter(|record| record.version.serial <= fork && !ours.applications.contains_key(&record.descriptor.name));
    let end = own.end();
    updates.extend(gone.map(|record| SurplusUpdate {
        serial: end.serial,
        epoch: end.epoch,
        request: request_of(own, 0, record.descriptor.name.as_str()),
        actor: String::new(),
        time: String::new(),
        kind: SurplusKind::RemoveApplication,
        name: record.descriptor.name.to_string(),
        after_revision: Some(record.revision),
        application: None,
        object: None,
        address: None,
    }));
    updates
}

fn blank(entry: &Entry) -> SurplusUpdate {
    SurplusUpdate {
        serial: entry.serial,
        epoch: entry.epoch.number,
        request: entry.request,
        actor: entry.actor.clone(),
        time: entry.time.to_string(),
        kind: SurplusKind::PutApplication,
        name: String::new(),
        after_revision: None,
        application: None,
        object: None,
        address: None,
    }
}

/// The request that made an entry, or where that is forgotten an id that the same database always gives: applied twice, it
/// is applied once.
fn request_of(own: &Database, serial: Serial, name: &str) -> RequestId {
    if let Some(request) = own.request_at(serial) {
        return request;
    }
    let mut hasher = blake3::Hasher::new_derive_key("floe 2026 surplus request 1");
    hasher.update(&own.end().digest.0);
    hasher.update(&serial.to_be_bytes());
    hasher.update(name.as_bytes());
    let mut bits = [0; 16];
    hasher.finalize_xof().fill(&mut bits);
    RequestId::from_bits(u128::from_be_bytes(bits))
}
