//! What processes that no node runs have registered, as one registry knows it: what it took itself and what others told.
//!
//! Each registry ends a registration by its own clock, so one whose process died is gone everywhere within its time to live,
//! whoever is cut off. Two registries that took one adapter from two processes agree without asking: the higher claim has
//! it, of equal claims the greater registrant. A registrant that lost learns it at its next renewal.

use super::registration::{REGISTRATIONS_MAX, Register, Registration, RegistrationRow, TTL_MAX};
use crate::pure::base::{AdapterId, GroupId, RegistrantId, SharedMap, SharedSet, Time};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// One registration that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is offered.
    pub registration: Registration,
    /// Whose it is.
    pub registrant: RegistrantId,
    /// As in `RegistrationRow`.
    pub claim: u64,
    /// As in `Register`.
    pub renewal: u64,
    /// How long it holds after a renewal.
    pub ttl: Duration,
    /// When it ends without another one.
    pub until: Time,
    /// Who registered it, for people.
    pub actor: String,
}

impl Entry {
    fn row(&self, now: Time) -> RegistrationRow {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        RegistrationRow {
            registration: self.registration.clone(),
            registrant: self.registrant,
            claim: self.claim,
            renewal: self.renewal,
            left_ms: ms(self.until.since(now)),
            ttl_ms: ms(self.ttl),
            actor: self.actor.clone(),
        }
    }
    /// Does it stand above that one? Renewals of one registrant count up.
    fn beats(&self, other: &Self) -> bool {
        (self.claim, self.registrant, self.renewal) > (other.claim, other.registrant, other.renewal)
    }
}

/// What stands, for readers: clones are cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// By adapter.
    pub entries: SharedMap<AdapterId, Arc<Entry>>,
    /// Members of groups that registrations make.
    pub groups: SharedMap<GroupId, SharedSet<AdapterId>>,
}

/// Why a registration was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not well formed.
    Malformed(String),
    /// Another process has the adapter.
    Taken {
        /// Who, for people.
        by: String,
        /// How long it holds if it is not renewed.
        left: Duration,
    },
    /// There are as many as a registry holds.
    Full,
    /// A newer word of the same registrant stands already.
    Late,
}

/// What became of an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It is there, or is somewhere else, or is somebody else's now.
    Put(Arc<Entry>),
    /// It is gone.
    Gone(Arc<Entry>),
}

/// All registrations.
#[derive(Clone, Debug, Default)]
pub struct Registrations {
    shown: Registered,
    /// When each ends.
    ends: BTreeSet<(Time, AdapterId)>,
}

impl Registrations {
    /// What stands, for readers.
    pub fn shown(&self) -> &Registered {
        &self.shown
    }
    /// When the first one ends.
    pub fn next_end(&self) -> Option<Time> {
        self.ends.first().map(|(time, _)| *time)
    }
    /// All that stand, to be told to another registry.
    pub fn rows(&self, now: Time) -> Vec<RegistrationRow> {
        self.shown.entries.values().map(|entry| entry.row(now)).collect()
    }
    /// How one stands, to be told to another registry.
    pub fn row(&self, adapter: &AdapterId, now: Time) -> Option<RegistrationRow> {
        self.shown.entries.get(adapter).map(|entry| entry.row(now))
    }

    /// A process registers or renews. `None` where nothing but its end changed.
    ///
    /// # Errors
    /// Why not; nothing changed.
    pub fn register(&mut self, register: &Register, actor: &str, now: Time) -> Result<Option<Moved>, Refused> {
        let ttl = register.ttl().map_err(Refused::Malformed)?;
        register.registration.check().map_err(Refused::Malformed)?;
        let adapter = &register.registration.adapter;
        let standing = self.shown.entries.get(adapter);
        let claim = match standing {
            None if self.shown.entries.len() >= REGISTRATIONS_MAX => return Err(Refused::Full),
            None => 1,
            Some(standing) if standing.registrant == register.registrant => {
                // The same word again is a retry: its answer was lost.
                if register.renewal < standing.renewal {
                    return Err(Refused::Late);
                }
                standing.claim
            }
            // Two processes cannot listen at one place: the one that stands has ended.
            Some(standing)
                if register.take_over || standing.registration.endpoints == register.registration.endpoints =>
            {
                standing.claim.saturating_add(1)
            }
            Some(standing) => {
                return Err(Refused::Taken {
                    by: standing.actor.clone(),
                    left: standing.until.since(now),
                });
            }
        };
        let entry = Entry {
            registration: register.registration.clone(),
            registrant: register.registrant,
            claim,
            renewal: register.renewal,
            ttl,
            until: now.after(ttl),
            actor: actor.to_owned(),
        };
        Ok(self.put(entry))
    }

    /// Another registry tells how one stands there. `None` where nothing but its end changed.
    pub fn hear(&mut self, row: RegistrationRow, now: Time) -> Option<Moved> {
        if row.registration.check().is_err() {
            return None;
        }
        // Whatever is said, nothing stands for longer than it may.
        let left = Duration::from_millis(row.left_ms).min(TTL_MAX);
        let entry = Entry {
            registration: row.registration,
            registrant: row.registrant,
            claim: row.claim,
            renewal: row.renewal,
            ttl: Duration::from_millis(row.ttl_ms).min(TTL_MAX),
            until: now.after(left),
            actor: row.actor.chars().take(200).collect(),
        };
        let standing = self.shown.entries.get(&entry.registration.adapter);
        if left.is_zero() {
            let ended = standing
                .is_some_and(|standing| standing.registrant == entry.registrant && standing.renewal <= entry.renewal);
            return ended.then(|| self.take(&entry.registration.adapter)).flatten();
        }
        let room = self.shown.entries.len() < REGISTRATIONS_MAX;
        let wins = standing.map_or(room, |standing| entry.beats(standing));
        wins.then(|| self.put(entry)).flatten()
    }

    /// Takes one back: its registrant does, or an operator (`None`).
    ///
    /// # Errors
    /// Another process has the adapter.
    pub fn unregister(
        &mut self,
        adapter: &AdapterId,
        registrant: Option<RegistrantId>,
        now: Time,
    ) -> Result<Option<Moved>, Refused> {
        let Some(standing) = self.shown.entries.get(adapter) else {
            return Ok(None);
        };
        if registrant.is_some_and(|registrant| registrant != standing.registrant) {
            return Err(Refused::Taken {
                by: standing.actor.clone(),
                left: standing.until.since(now),
            });
        }
        Ok(self.take(adapter))
    }

    /// Ends those whose time is over.
    pub fn expire(&mut self, now: Time) -> Vec<Moved> {
        let mut gone = Vec::new();
        while let Some((_, adapter)) = self.ends.first().filter(|(until, _)| *until <= now) {
            let adapter = adapter.clone();
            gone.extend(self.take(&adapter));
        }
        gone
    }

    fn put(&mut self, entry: Entry) -> Option<Moved> {
        let adapter = entry.registration.adapter.clone();
        let before = self.take(&adapter);
        let same = matches!(&before, Some(Moved::Gone(old))
            if old.registration == entry.registration && old.registrant == entry.registrant);
        self.ends.insert((entry.until, adapter.clone()));
        if let Some(group) = &entry.registration.group {
            let mut members = self.shown.groups.get(group).cloned().unwrap_or_default();
            members.insert(adapter.clone());
            self.shown.groups.insert(group.clone(), members);
        }
        let entry = Arc::new(entry);
        self.shown.entries.insert(adapter, entry.clone());
        (!same).then_some(Moved::Put(entry))
    }

    fn take(&mut self, adapter: &AdapterId) -> Option<Moved> {
        let entry = self.shown.entries.remove(adapter)?;
        self.ends.remove(&(entry.until, adapter.clone()));
        if let Some(group) = &entry.registration.group
            && let Some(mut members) = self.shown.groups.remove(group)
        {
            members.remove(adapter);
            if !members.is_empty() {
                self.shown.groups.insert(group.clone(), members);
            }
        }
        Some(Moved::Gone(entry))
    }
}

#[cfg(test)]
#[path = "registrations_test.rs"]
mod tests;
