//! Compares two logs by lineage and end: whose data contains whose.

use super::rules::{Rule, Rules};
use super::version::{Digest, Lineage, Reign, Serial, Version};
use crate::pure::base::DatabaseId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a registry tells of its log: enough to compare, whatever was trimmed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Which database; `None` for an empty one.
    pub database: Option<DatabaseId>,
    /// All its reigns.
    pub lineage: Lineage,
    /// Its end.
    pub end: Version,
    /// Digests kept at epoch ends and every 1,024 entries.
    pub checks: BTreeMap<Serial, Digest>,
}

/// The entries that one side has beyond the fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surplus {
    /// The last entry that both have.
    pub fork: Serial,
    /// The last entry of this side.
    pub end: Serial,
    /// How many of them are updates, not just `Reign` entries. 0 is an empty surplus: nothing was promised in it.
    pub updates: u64,
}

/// How their log stands to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// The same entries.
    Same,
    /// Theirs is a prefix of ours; what we have beyond it.
    Older(Surplus),
    /// Ours is a prefix of theirs; what they have beyond it.
    Newer(Surplus),
    /// Both have entries that the other lacks.
    Diverged {
        /// What only we have.
        ours: Surplus,
        /// What only they have.
        theirs: Surplus,
    },
    /// Another database, or nothing in common.
    Foreign,
    /// Same place, other digest: one of the two is damaged.
    Corrupt {
        /// The place.
        at: Serial,
    },
}

impl Summary {
    /// True for a log that holds nothing.
    pub fn is_empty(&self) -> bool {
        self.end.serial == 0
    }
    /// What this log has after `fork`.
    pub fn surplus(&self, fork: Serial) -> Surplus {
        let entries = self.end.serial.saturating_sub(fork);
        let reigns = self.lineage.reigns_after(fork, self.end.serial);
        Surplus {
            fork,
            end: self.end.serial,
            updates: entries.saturating_sub(reigns),
        }
    }
    /// The digest after `serial` entries, where it is still known.
    pub fn digest_at(&self, serial: Serial) -> Option<Digest> {
        match serial {
            0 => Some(Digest::default()),
            _ if serial == self.end.serial => Some(self.end.digest),
            _ => self.checks.get(&serial).copied(),
        }
    }
}

impl Surplus {
    /// Only `Reign` entries: nothing was promised to anybody in them, so their holder drops them without asking.
    pub fn is_empty(self) -> bool {
        self.updates == 0
    }
}

/// How `theirs` stands to `ours`. `our_digest` knows digests beyond those in `ours.checks` (entries still in the log).
///
/// Steps as in the specification: database, common reigns, the fork as the smaller end of the last common reign, then
/// the ends; and every place whose digest both sides know must agree up to the fork.
pub fn compare(
    ours: &Summary,
    our_digest: &dyn Fn(Serial) -> Option<Digest>,
    theirs: &Summary,
    rules: Rules,
) -> Relation {
    match (ours.is_empty(), theirs.is_empty()) {
        (true, true) => return Relation::Same,
        (true, false) => return Relation::Newer(theirs.surplus(0)),
        (false, true) => return Relation::Older(ours.surplus(0)),
        (false, false) => {}
    }
    if ours.database != theirs.database {
        return Relation::Foreign;
    }
    let Some(fork) = fork(ours, theirs, rules) else {
        return Relation::Foreign;
    };
    if let Some(at) = disagreement(fork, our_digest, ours, theirs) {
        return Relation::Corrupt { at };
    }
    match (fork == ours.end.serial, fork == theirs.end.serial) {
        (true, true) => Relation::Same,
        (true, false) => Relation::Newer(theirs.surplus(fork)),
        (false, true) => Relation::Older(ours.surplus(fork)),
        (false, false) => Relation::Diverged {
            ours: ours.surplus(fork),
            theirs: theirs.surplus(fork),
        },
    }
}

/// The last serial that both logs have, or `None` when not even their first reign is the same.
fn fork(ours: &Summary, theirs: &Summary, rules: Rules) -> Option<Serial> {
    let same = |a: &Reign, b: &Reign| {
        let epoch = if rules.hold(Rule::EpochIdDecides) {
            a.epoch == b.epoch
        } else {
            a.epoch.number == b.epoch.number
        };
        epoch && a.first == b.first
    };
    let (a, b) = (&ours.lineage.0, &theirs.lineage.0);
    let common = a.iter().zip(b).take_while(|(a, b)| same(a, b)).count();
    let end = |reigns: &[Reign], end: Serial| reigns.get(common).map_or(end, |next| next.first.saturating_sub(1));
    (common > 0).then(|| end(a, ours.end.serial).min(end(b, theirs.end.serial)))
}

/// The first place up to the fork where both sides know a digest and the digests differ.
fn disagreement(
    fork: Serial,
    our_digest: &dyn Fn(Serial) -> Option<Digest>,
    ours: &Summary,
    theirs: &Summary,
) -> Option<Serial> {
    let places = theirs.checks.keys().chain(ours.checks.keys()).copied();
    let mut places: Vec<Serial> = places
        .chain([fork, ours.end.serial, theirs.end.serial])
        .filter(|at| *at <= fork)
        .collect();
    places.sort_unstable();
    places.dedup();
    places.into_iter().find(|at| {
        let mine = our_digest(*at).or_else(|| ours.digest_at(*at));
        matches!((mine, theirs.digest_at(*at)), (Some(mine), Some(theirs)) if mine != theirs)
    })
}

#[cfg(test)]
#[path = "compare_test.rs"]
mod tests;
