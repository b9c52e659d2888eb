//! What each of two registries has that the other lacks, by application, object and registry record.
//!
//! Three steps, so that the asker fetches no more than is needed: [`need`] says from two summaries what else is wanted,
//! [`learn`] takes in what the fetched rows prove about the common part, [`difference`] puts it together. Whose log
//! contains whose is decided by `lineage::compare` alone.
//!
//! Where both logs still hold everything after the fork, the rows are the entries. Where one was trimmed below it, or the
//! two have nothing in common, entries tell nothing; then what the logs add up to is compared instead, and that is said.

mod advice;

use crate::pure::base::WallTime;
use crate::pure::lineage::compare::compare;
use crate::pure::lineage::rules::Rules;
use crate::pure::lineage::{Digest, EntryKind, Relation, Serial, Surplus};
use crate::pure::protocol::content::{ContentKind, ContentRow, LogRow, LogSummary};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

pub use advice::{Step, verdict};

/// Where one side's data was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A running registry, by name.
    Registry(String),
    /// A database file that no process uses.
    File(String),
}
impl Source {
    /// Its name in tables and sentences.
    pub fn name(&self) -> &str {
        match self {
            Self::Registry(name) | Self::File(name) => name,
        }
    }
}

/// One side: where it was read, and its log as a whole.
#[derive(Clone, Debug)]
pub struct Side {
    /// Where.
    pub source: Source,
    /// The log.
    pub log: LogSummary,
}

/// What must be fetched from both sides before they can be told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: they are the same.
    Nothing,
    /// The entries after this serial.
    Rows(Serial),
    /// What the logs add up to, and why the entries do not do.
    Contents(String),
}

/// What was fetched, of the one side and the other.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// Nothing was needed.
    Nothing,
    /// The entries after the serial that [`need`] gave.
    Rows(Vec<LogRow>, Vec<LogRow>),
    /// All contents.
    Contents(Vec<ContentRow>, Vec<ContentRow>),
}

/// How the first side stands to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The same entries.
    Same,
    /// The first holds all of the second, and more.
    Ahead,
    /// The second holds all of the first, and more.
    Behind,
    /// Each holds entries that the other lacks.
    Diverged,
    /// Different databases, or no entry in common.
    Foreign,
    /// Same place, other digest: one of the two is damaged.
    Corrupt,
}

/// The outcome. Its fields are what `--format json` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// How the first stands to the second.
    pub verdict: Verdict,
    /// The same in a sentence.
    pub summary: String,
    /// The last entry that both have, or null where there is none.
    pub fork: Option<Serial>,
    /// Where the two contradict each other, when they do.
    pub damage: Option<Serial>,
    /// What the rows were made of: `log` or `contents`.
    pub basis: &'static str,
    /// Why they are not made of the log; empty when they are.
    pub note: String,
    /// The first and the second.
    pub sides: [SideReport; 2],
    /// What to do next, for either choice.
    pub next: Vec<Step>,
}

/// One side of the outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SideReport {
    /// The registry's name or the file's path.
    pub name: String,
    /// What it may do now; empty for a file.
    pub standing: String,
    /// Its database's id; empty when it has none.
    pub database: String,
    /// Its end, as `4.93`.
    pub version: String,
    /// The digest there.
    pub digest: String,
    /// The first entry that its log still holds.
    pub log_first: Serial,
    /// Entries that only it has.
    pub entries: u64,
    /// Those of them that are updates; the others only open a reign.
    pub updates: u64,
    /// What only it has, by name.
    pub only_here: Vec<Item>,
}

/// One application, object or registry record that a side has and the other lacks, or has otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What it is.
    pub kind: ContentKind,
    /// Its name.
    pub name: String,
    /// What was done to it last, or how it differs.
    pub change: Change,
    /// The application's revision; 0 where there is none.
    pub revision: u64,
    /// When it was changed last, where that is known.
    pub time: Option<WallTime>,
    /// Who did it; empty where that is not known.
    pub actor: String,
    /// The entries that did it, where the log tells.
    pub entries: Vec<Serial>,
    /// The other side has changed it as well, or has it otherwise.
    pub both: bool,
}

/// What was done to a thing last, or how it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// An application came.
    Added,
    /// An application changed.
    Changed,
    /// An object or registry was set, new or changed.
    Set,
    /// It went.
    Removed,
    /// By contents: the other side does not have it.
    Present,
    /// By contents: the other side has it with another revision or content.
    Different,
}
impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Set => "set",
            Self::Removed => "removed",
            Self::Present => "only here",
            Self::Different => "different",
        })
    }
}

/// What else is wanted to tell these two apart.
pub fn need(one: &LogSummary, other: &LogSummary) -> Need {
    let relation = relation(one, other);
    match fork(relation) {
        None if relation == Relation::Same => Need::Nothing,
        None => Need::Contents(match relation {
            Relation::Corrupt { at } => format!("the logs contradict each other at entry {at}"),
            _ => "the logs have nothing in common".to_owned(),
        }),
        Some(fork) => {
            let short = [one, other]
                .into_iter()
                .find(|log| log.summary.end.serial > fork && log.first > fork + 1);
            match short {
                Some(log) => Need::Contents(format!(
                    "a log was trimmed below the fork: its first entry is {}, the fork is at {fork}",
                    log.first
                )),
                // The row at the fork carries the digest that proves it, unless a side keeps only what follows.
                None => Need::Rows(fork.saturating_sub(1)),
            }
        }
    }
}

/// Where to begin fetching a side's rows when the need is those after `after`: never below what it keeps.
pub fn begin(log: &LogSummary, after: Serial) -> Serial {
    after.max(log.first.saturating_sub(1))
}

/// Takes the digest at the fork, which the first fetched row carries, into the summary it is of: two sides that contradict
/// each other there are found by the next [`need`].
pub fn learn(log: &mut LogSummary, rows: &[LogRow]) {
    let first = rows.first().map(|row| (row.serial, row.digest));
    log.summary.checks.extend(first);
}

/// The outcome. `note` is the reason that [`need`] gave for contents.
pub fn difference(one: &Side, other: &Side, fetched: &Fetched, note: String) -> Difference {
    let relation = relation(&one.log, &other.log);
    let (ours, theirs) = match fetched {
        Fetched::Nothing => Default::default(),
        Fetched::Rows(ours, theirs) => {
            let fork = fork(relation).unwrap_or_default();
            by_rows(fork, ours, theirs)
        }
        Fetched::Contents(ours, theirs) => (by_contents(ours, theirs), by_contents(theirs, ours)),
    };
    let sides = [
        report(one, relation, true, ours),
        report(other, relation, false, theirs),
    ];
    let damage = match relation {
        Relation::Corrupt { at } => Some(at),
        _ => None,
    };
    Difference {
        verdict: verdict_of(relation),
        summary: verdict(relation, &sides),
        fork: match relation {
            Relation::Same => Some(one.log.summary.end.serial),
            _ => fork(relation),
        },
        damage,
        basis: if matches!(fetched, Fetched::Contents(..)) {
            "contents"
        } else {
            "log"
        },
        note,
        next: advice::next(relation, one, other),
        sides,
    }
}

/// How `other` stands to `one`.
fn relation(one: &LogSummary, other: &LogSummary) -> Relation {
    let known = |log: &LogSummary| {
        let mut summary = log.summary.clone();
        summary.checks.insert(log.first.saturating_sub(1), log.before);
        summary
    };
    compare(&known(one), &|_| None, &known(other), Rules::default())
}

fn verdict_of(relation: Relation) -> Verdict {
    match relation {
        Relation::Same => Verdict::Same,
        Relation::Older(_) => Verdict::Ahead,
        Relation::Newer(_) => Verdict::Behind,
        Relation::Diverged { .. } => Verdict::Diverged,
        Relation::Foreign => Verdict::Foreign,
        Relation::Corrupt { .. } => Verdict::Corrupt,
    }
}

/// What the first side has beyond the fork, and the second.
fn surplus(relation: Relation) -> (Option<Surplus>, Option<Surplus>) {
    match relation {
        Relation::Older(ours) => (Some(ours), None),
        Relation::Newer(theirs) => (None, Some(theirs)),
        Relation::Diverged { ours, theirs } => (Some(ours), Some(theirs)),
        Relation::Same | Relation::Foreign | Relation::Corrupt { .. } => (None, None),
    }
}

fn fork(relation: Relation) -> Option<Serial> {
    let (ours, theirs) = surplus(relation);
    ours.or(theirs).map(|surplus| surplus.fork)
}

fn report(side: &Side, relation: Relation, is_first: bool, only_here: Vec<Item>) -> SideReport {
    let (ours, theirs) = surplus(relation);
    let own = if is_first { ours } else { theirs };
    let summary = &side.log.summary;
    SideReport {
        name: side.source.name().to_owned(),
        standing: side
            .log
            .standing
            .map(|standing| standing.to_string())
            .unwrap_or_default(),
        database: summary.database.map(|id| id.to_string()).unwrap_or_default(),
        version: summary.end.to_string(),
        digest: summary.end.digest.to_string(),
        log_first: side.log.first,
        entries: own.map_or(0, |own| own.end.saturating_sub(own.fork)),
        updates: own.map_or(0, |own| own.updates),
        only_here,
    }
}

/// Entries after the fork, grouped by what they changed.
fn by_rows(fork: Serial, ours: &[LogRow], theirs: &[LogRow]) -> (Vec<Item>, Vec<Item>) {
    let (ours, theirs) = (grouped(fork, ours), grouped(fork, theirs));
    let names = |items: &BTreeMap<Key, Item>| items.keys().cloned().collect::<BTreeSet<Key>>();
    let both: BTreeSet<Key> = names(&ours).intersection(&names(&theirs)).cloned().collect();
    let marked = |items: BTreeMap<Key, Item>| {
        let mark = |(key, item)| Item {
            both: both.contains(&key),
            ..item
        };
        items.into_iter().map(mark).collect()
    };
    (marked(ours), marked(theirs))
}

type Key = (ContentKind, String);

fn grouped(fork: Serial, rows: &[LogRow]) -> BTreeMap<Key, Item> {
    let mut items: BTreeMap<Key, Item> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.serial > fork) {
        let Some((kind, change)) = change(row) else { continue };
        let key = (kind, row.name.clone());
        let mut entries = items.remove(&key).map(|item| item.entries).unwrap_or_default();
        entries.push(row.serial);
        let item = Item {
            kind,
            name: row.name.clone(),
            change,
            revision: row.revision,
            time: Some(row.time),
            actor: row.actor.clone(),
            entries,
            both: false,
        };
        items.insert(key, item);
    }
    items
}

/// What an entry did to what; `None` when it only opens a reign.
fn change(row: &LogRow) -> Option<(ContentKind, Change)> {
    Some(match row.kind {
        EntryKind::Reign => return None,
        EntryKind::PutApplication if row.revision <= 1 => (ContentKind::Application, Change::Added),
        EntryKind::PutApplication => (ContentKind::Application, Change::Changed),
        EntryKind::RemoveApplication => (ContentKind::Application, Change::Removed),
        EntryKind::PutObject => (ContentKind::Object, Change::Set),
        EntryKind::RemoveObject => (ContentKind::Object, Change::Removed),
        EntryKind::PutRegistry => (ContentKind::Registry, Change::Set),
        EntryKind::ForgetRegistry => (ContentKind::Registry, Change::Removed),
    })
}

/// What `here` holds that `there` lacks or has otherwise.
fn by_contents(here: &[ContentRow], there: &[ContentRow]) -> Vec<Item> {
    let there: BTreeMap<(ContentKind, &str), (u64, Digest)> = there
        .iter()
        .map(|row| ((row.kind, row.name.as_str()), (row.revision, row.digest)))
        .collect();
    let item = |row: &ContentRow| {
        let other = there.get(&(row.kind, row.name.as_str()));
        let same = other.is_some_and(|other| *other == (row.revision, row.digest));
        (!same).then(|| Item {
            kind: row.kind,
            name: row.name.clone(),
            change: if other.is_some() {
                Change::Different
            } else {
                Change::Present
            },
            revision: row.revision,
            time: row.time,
            actor: row.actor.clone(),
            entries: Vec::new(),
            both: other.is_some(),
        })
    };
    here.iter().filter_map(item).collect()
}

#[cfg(test)]
#[path = "difference_test.rs"]
mod tests;
