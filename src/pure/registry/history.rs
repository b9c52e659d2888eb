//! The earlier revisions of every application, removed ones included, so that they can be looked at and rolled back to.
//!
//! Part of the database's values: drawn from the entries alone, so equal on every registry with the same end, and kept when
//! their entries are trimmed. The revision in force is not here: its content stands once, in the deployment, and comes here
//! when the next one, or a removal, takes its place. Contents stay encoded: they are read when somebody asks.
//!
//! ```text
//!   revision/NAME/NUMBER  ->  Kept: who, when, what changed, which entry ended it, the content as written
//! ```
//!
//! Bounds: `REVISIONS_KEPT` an application, `REMOVED_KEPT` removed applications, `HISTORY_BYTES_MAX` in all; whatever ended
//! longest ago goes first.

use super::payload::Payload;
use crate::pure::base::{ApplicationName, WallTime};
use crate::pure::lineage::entry::bytes;
use crate::pure::lineage::{Entry, Serial, Version};
use crate::pure::model::{Application, ApplicationRecord, Changes, Deployment, Values};
use crate::pure::protocol::history::RevisionRow;
use crate::pure::wire::{CodecError, decode, encode};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many revisions of an application are kept, the one in force included.
pub const REVISIONS_KEPT: usize = 20;
/// How many removed applications keep their revisions: those that were removed last.
pub const REMOVED_KEPT: usize = 100;
/// How many bytes all earlier revisions together may take: half of what a snapshot may, because they travel in it.
pub const HISTORY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// About what a revision takes beside its content.
const OVERHEAD: usize = 256;

/// The earlier revisions of every application.
#[derive(Clone, Debug, Default)]
pub struct History {
    applications: BTreeMap<ApplicationName, BTreeMap<u64, Arc<Kept>>>,
    /// Index: what ended when. An entry ends one revision at most.
    ended: BTreeMap<Serial, (ApplicationName, u64)>,
    /// Index: applications that are not deployed, by the entry that removed them.
    removed: BTreeMap<Serial, ApplicationName>,
    bytes: usize,
}

/// A revision that is in force no longer. On disk: fields are only added, with a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    revision: u64,
    version: Version,
    time: WallTime,
    actor: String,
    changes: Option<Changes>,
    rolled_back_to: Option<u64>,
    /// The entry that ended it.
    until: Serial,
    /// The removal, when that is what ended it.
    removed: Option<Removed>,
    /// The application as written, encoded.
    #[serde(with = "bytes")]
    content: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Removed {
    version: Version,
    time: WallTime,
    actor: String,
    /// How many servers went.
    servers: u64,
}

/// A revision that the next entry takes out of force, with the number of its servers.
pub(super) type Replaced = Option<(Arc<ApplicationRecord>, u64)>;

impl Kept {
    fn size(&self) -> usize {
        self.content.len() + self.actor.len() + OVERHEAD
    }
    fn row(&self) -> RevisionRow {
        RevisionRow {
            revision: self.revision,
            action: action(self.rolled_back_to),
            version: self.version.to_string(),
            time: self.time,
            actor: self.actor.clone(),
            changes: self.changes,
            rolled_back_to: self.rolled_back_to,
            current: false,
        }
    }
    fn removal_row(&self) -> Option<RevisionRow> {
        let removed = self.removed.as_ref()?;
        Some(RevisionRow {
            action: "removed".to_owned(),
            version: removed.version.to_string(),
            time: removed.time,
            actor: removed.actor.clone(),
            changes: Some(Changes {
                removed: removed.servers,
                ..Changes::default()
            }),
            rolled_back_to: None,
            ..self.row()
        })
    }
}

impl History {
    /// The history that [`History::values`] were taken of. A database from before histories were kept has none of them.
    ///
    /// # Errors
    /// In words, which value is damaged and how.
    pub(super) fn restore(values: &BTreeMap<String, Vec<u8>>, deployment: &Deployment) -> Result<Self, String> {
        let mut history = Self::default();
        let ours = values.range("revision/".to_owned()..);
        for (key, bytes) in ours.take_while(|(key, _)| key.starts_with("revision/")) {
            let damaged = |reason: String| format!("value {key:?} is damaged: {reason}");
            let kept: Kept = decode(bytes).map_err(|error| damaged(error.to_string()))?;
            let name = key.split('/').nth(1).unwrap_or_default();
            let name: ApplicationName = name.parse().map_err(|error| damaged(format!("{error}")))?;
            if *key != revision_key(&name, kept.revision) {
                return Err(damaged(format!("it holds revision {}", kept.revision)));
            }
            history.insert(&name, kept);
        }
        for (name, revisions) in &history.applications {
            let last = revisions.last_key_value().map(|(_, kept)| kept.until);
            if let Some(until) = last.filter(|_| !deployment.applications.contains_key(name)) {
                history.removed.insert(until, name.clone());
            }
        }
        Ok(history)
    }

    /// All of it in its durable form.
    pub(super) fn values(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let all = self.applications.iter();
        all.flat_map(|(name, revisions)| {
            let values = revisions.values();
            values.map(move |kept| (revision_key(name, kept.revision), encode(kept.as_ref())))
        })
    }

    /// The revision that an entry with this content will take out of force, to be handed to [`History::follow`].
    pub(super) fn about_to_go(payload: &Payload, deployment: &Deployment) -> Replaced {
        let name = payload.application()?;
        let record = deployment.applications.get(name)?.clone();
        let servers = deployment
            .contents
            .get(name)
            .map_or(0, |contents| contents.servers.len());
        Some((record, u64::try_from(servers).unwrap_or(u64::MAX)))
    }

    /// Takes in an entry that the deployment has taken in. Returns what changed in the durable form.
    pub(super) fn follow(&mut self, entry: &Entry, payload: &Payload, replaced: Replaced) -> Values {
        let Some(name) = payload.application() else {
            return Values::default();
        };
        let removal = matches!(payload, Payload::RemoveApplication(_));
        let mut touched = BTreeSet::new();
        match replaced {
            Some((record, servers)) => {
                let kept = ended(&record, entry, removal.then_some(servers));
                touched.insert((name.clone(), kept.revision));
                self.insert(name, kept);
                if removal {
                    self.removed.insert(entry.serial, name.clone());
                }
            }
            // It may have been here before.
            None => self.returned(name),
        }
        self.bound(name, removal, &mut touched);
        let mut values = Values::default();
        for (name, revision) in touched {
            let key = revision_key(&name, revision);
            match self.applications.get(&name).and_then(|kept| kept.get(&revision)) {
                Some(kept) => drop(values.put.insert(key, encode(kept.as_ref()))),
                None => values.delete.push(key),
            }
        }
        values
    }

    /// The number of an application's next revision: numbers go on after a removal.
    pub fn next_revision(&self, name: &ApplicationName, in_force: Option<u64>) -> u64 {
        let last = self.applications.get(name).and_then(|kept| kept.last_key_value());
        last.map_or(0, |(revision, _)| *revision).max(in_force.unwrap_or(0)) + 1
    }

    /// The revision before the one in force; the last one where none is in force.
    pub fn before(&self, name: &ApplicationName, in_force: Option<u64>) -> Option<u64> {
        let kept = self.applications.get(name)?;
        let (revision, _) = kept.range(..in_force.unwrap_or(u64::MAX)).next_back()?;
        Some(*revision)
    }

    /// An application as it was; `None` when that revision is not kept, or is the one in force.
    ///
    /// # Errors
    /// When the content cannot be read.
    pub fn content(&self, name: &ApplicationName, revision: u64) -> Option<Result<Application, CodecError>> {
        let kept = self.applications.get(name)?.get(&revision)?;
        Some(decode(&kept.content))
    }

    /// All that is known of an application, newest first; empty when it is not known at all.
    pub fn rows(&self, name: &ApplicationName, in_force: Option<&ApplicationRecord>) -> Vec<RevisionRow> {
        let kept = self.applications.get(name).into_iter().flat_map(BTreeMap::values);
        let mut rows: Vec<RevisionRow> = kept
            .flat_map(|kept| [Some(kept.row()), kept.removal_row()])
            .flatten()
            .collect();
        rows.extend(in_force.map(|record| RevisionRow {
            revision: record.revision,
            action: action(record.rolled_back_to),
            version: record.version.to_string(),
            time: record.time,
            actor: record.actor.clone(),
            changes: record.changes,
            rolled_back_to: record.rolled_back_to,
            current: true,
        }));
        rows.reverse();
        rows
    }

    fn insert(&mut self, name: &ApplicationName, kept: Kept) {
        self.take(name, kept.revision);
        self.bytes += kept.size();
        self.ended.insert(kept.until, (name.clone(), kept.revision));
        let revisions = self.applications.entry(name.clone()).or_default();
        revisions.insert(kept.revision, Arc::new(kept));
    }

    fn take(&mut self, name: &ApplicationName, revision: u64) {
        let Some(revisions) = self.applications.get_mut(name) else {
            return;
        };
        let Some(kept) = revisions.remove(&revision) else {
            return;
        };
        if revisions.is_empty() {
            self.applications.remove(name);
        }
        self.bytes -= kept.size();
        self.ended.remove(&kept.until);
    }

    fn returned(&mut self, name: &ApplicationName) {
        let last = self.applications.get(name).and_then(|kept| kept.last_key_value());
        if let Some(until) = last.map(|(_, kept)| kept.until) {
            self.removed.remove(&until);
        }
    }

    /// Forgets what is too much, after something was added to `name`.
    fn bound(&mut self, name: &ApplicationName, removal: bool, touched: &mut BTreeSet<(ApplicationName, u64)>) {
        let most = if removal { REVISIONS_KEPT } else { REVISIONS_KEPT - 1 };
        let kept = self.applications.get(name).map(|kept| kept.keys().copied().collect());
        let kept: Vec<u64> = kept.unwrap_or_default();
        let surplus = kept.len().saturating_sub(most);
        let mut gone: Vec<(ApplicationName, u64)> = kept.iter().take(surplus).map(|at| (name.clone(), *at)).collect();
        while self.removed.len() > REMOVED_KEPT {
            let Some((_, oldest)) = self.removed.pop_first() else {
                break;
            };
            let all = self.applications.get(&oldest).into_iter().flat_map(BTreeMap::keys);
            gone.extend(all.map(|revision| (oldest.clone(), *revision)));
        }
        for (name, revision) in gone {
            self.take(&name, revision);
            touched.insert((name, revision));
        }
        self.bound_bytes(HISTORY_BYTES_MAX, touched);
    }

    fn bound_bytes(&mut self, most: usize, touched: &mut BTreeSet<(ApplicationName, u64)>) {
        while self.bytes > most {
            let Some((until, (name, revision))) = self.ended.pop_first() else {
                break;
            };
            self.removed.remove(&until);
            self.take(&name, revision);
            touched.insert((name, revision));
        }
    }
}

/// A revision as the entry leaves it that ends it; `servers` of a removal.
fn ended(record: &ApplicationRecord, entry: &Entry, servers: Option<u64>) -> Kept {
    Kept {
        revision: record.revision,
        version: record.version,
        time: record.time,
        actor: record.actor.clone(),
        changes: record.changes,
        rolled_back_to: record.rolled_back_to,
        until: entry.serial,
        removed: servers.map(|servers| Removed {
            version: entry.version(),
            time: entry.time,
            actor: entry.actor.clone(),
            servers,
        }),
        content: encode(&record.descriptor),
    }
}

fn action(rolled_back_to: Option<u64>) -> String {
    match rolled_back_to {
        Some(_) => "rolled-back",
        None => "applied",
    }
    .to_owned()
}

fn revision_key(name: &ApplicationName, revision: u64) -> String {
    format!("revision/{name}/{revision:020}")
}

#[cfg(test)]
#[path = "history_test.rs"]
mod tests;
