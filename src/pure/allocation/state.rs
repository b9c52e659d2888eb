//! Who holds and who waits, as every registry knows it.
//!
//! ```text
//!   sessions   by id                      durable, one value each
//!   leases     by resource                durable, one value each
//!   waiting    by place in the queue      durable, one value each
//!   mark       (epoch, number)            durable: which of two registries knows more
//!   held       leases of a session, of a server; who has a server for itself: indexes
//! ```
//!
//! Invariants: a resource has one lease at most; of a server with an exclusive lease all leases are of one session; whoever
//! holds or waits has a session; tokens and places only grow. [`Allocations::apply`] lets no change in that would break one.

use super::change::Change;
use super::lease::{Lease, Token};
use super::queue::Waiting;
use super::session::{Session, SessionId};
use super::tenure::{Tenure, Tenures};
use crate::pure::base::shared_map::SharedMap;
use crate::pure::base::{ObjectId, ServerId};
use crate::pure::wire::{decode, encode};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How far a registry knows: which reign decided last, and how many decisions of it are known. Of two registries, the one
/// with the higher mark knows all that the other does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// The number of the reign; 0 before there was one.
    pub epoch: u64,
    /// Counts its decisions.
    pub number: u64,
}

/// Numbers that never go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// How far this goes.
    pub mark: Mark,
    /// The number of the last token.
    pub token: u64,
    /// The last place in the queue.
    pub place: u64,
}

/// The value that holds the counters.
const COUNTERS_KEY: &str = "allocation";

/// Values to put and to delete.
pub type Stored = (BTreeMap<String, Vec<u8>>, Vec<String>);

/// Who holds and who waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allocations {
    counters: Counters,
    sessions: BTreeMap<SessionId, Session>,
    leases: BTreeMap<ObjectId, Lease>,
    waiting: BTreeMap<u64, Waiting>,
    of_session: BTreeMap<SessionId, Own>,
    of_server: BTreeMap<ServerId, BTreeSet<ObjectId>>,
    tenures: SharedMap<ServerId, Tenure>,
}

/// What one session has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Own {
    leases: BTreeSet<ObjectId>,
    waiting: BTreeSet<u64>,
}

impl Allocations {
    /// How far this goes.
    pub fn mark(&self) -> Mark {
        self.counters.mark
    }
    /// The numbers that never go back.
    pub fn counters(&self) -> Counters {
        self.counters
    }
    /// The token of the next grant in a reign of this number.
    pub fn next_token(&self, epoch: u64) -> Token {
        let number = self.counters.token + 1;
        Token { epoch, number }
    }
    /// The next place in the queue.
    pub fn next_place(&self) -> u64 {
        self.counters.place + 1
    }
    /// One session.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }
    /// All sessions.
    pub fn sessions(&self) -> &BTreeMap<SessionId, Session> {
        &self.sessions
    }
    /// Who holds a resource.
    pub fn lease(&self, resource: &ObjectId) -> Option<&Lease> {
        self.leases.get(resource)
    }
    /// All leases.
    pub fn leases(&self) -> &BTreeMap<ObjectId, Lease> {
        &self.leases
    }
    /// All that wait, first come first.
    pub fn waiting(&self) -> &BTreeMap<u64, Waiting> {
        &self.waiting
    }
    /// What a session holds, in order of ids.
    pub fn leases_of(&self, session: SessionId) -> impl Iterator<Item = &Lease> {
        let own = self.of_session.get(&session);
        let ids = own.into_iter().flat_map(|own| &own.leases);
        ids.filter_map(|id| self.leases.get(id))
    }
    /// What a session waits for, in order.
    pub fn waiting_of(&self, session: SessionId) -> impl Iterator<Item = &Waiting> {
        let own = self.of_session.get(&session);
        let places = own.into_iter().flat_map(|own| &own.waiting);
        places.filter_map(|place| self.waiting.get(place))
    }
    /// The leases on a server.
    pub fn leases_on(&self, server: &ServerId) -> impl Iterator<Item = &Lease> {
        let ids = self.of_server.get(server).into_iter().flatten();
        ids.filter_map(|id| self.leases.get(id))
    }

    /// Which session has which server for itself.
    pub fn tenures(&self) -> Tenures {
        let Counters { mark, token, .. } = self.counters;
        let as_of = Token {
            epoch: mark.epoch,
            number: token,
        };
        let held = self.tenures.clone();
        Tenures { held, as_of }
    }
    /// Who has this server for itself.
    pub fn tenure(&self, server: &ServerId) -> Option<Tenure> {
        self.tenures.get(server).copied()
    }
    fn set_tenure(&mut self, server: &ServerId) {
        let tenure = self.leases_on(server).find_map(Lease::tenure);
        match tenure {
            Some(tenure) if self.tenure(server) != Some(tenure) => drop(self.tenures.insert(server.clone(), tenure)),
            None if self.tenures.contains_key(server) => drop(self.tenures.remove(server)),
            Some(_) | None => {}
        }
    }

    /// Takes changes in, all or none.
    ///
    /// # Errors
    /// In words, which invariant one of them would break; nothing was changed.
    pub fn apply_all(&mut self, changes: &[Change]) -> Result<(), String> {
        let counters = self.counters;
        let mut back = Vec::with_capacity(changes.len());
        for change in changes {
            let undo = self.undo(change);
            if let Err(reason) = self.apply(change) {
                back.iter().rev().flatten().for_each(|undo| self.put(undo));
                self.counters = counters;
                return Err(reason);
            }
            back.push(undo);
        }
        Ok(())
    }

    /// Takes a change in.
    ///
    /// # Errors
    /// In words, which invariant it would break; nothing was changed.
    pub fn apply(&mut self, change: &Change) -> Result<(), String> {
        self.check(change)?;
        self.put(change);
        Ok(())
    }

    /// What takes a change back.
    fn undo(&self, change: &Change) -> Option<Change> {
        Some(match change {
            Change::Opened(session) => Change::Closed(session.id),
            Change::Closed(id) => Change::Opened(self.sessions.get(id)?.clone()),
            Change::Granted(lease) => Change::Released(lease.resource.clone()),
            Change::Released(resource) => Change::Granted(self.leases.get(resource)?.clone()),
            Change::Queued(waiting) => Change::Left(waiting.place),
            Change::Left(place) => Change::Queued(self.waiting.get(place)?.clone()),
        })
    }

    fn put(&mut self, change: &Change) {
        match change {
            Change::Opened(session) => {
                self.of_session.insert(session.id, Own::default());
                self.sessions.insert(session.id, session.clone());
            }
            Change::Closed(id) => {
                self.sessions.remove(id);
                self.of_session.remove(id);
            }
            Change::Granted(lease) => {
                self.counters.token = lease.token.number;
                if let Some(own) = self.of_session.get_mut(&lease.session) {
                    own.leases.insert(lease.resource.clone());
                }
                let on_server = self.of_server.entry(lease.server.clone()).or_default();
                on_server.insert(lease.resource.clone());
                self.leases.insert(lease.resource.clone(), lease.clone());
                if lease.exclusive {
                    self.set_tenure(&lease.server);
                }
            }
            Change::Released(resource) => {
                let Some(lease) = self.leases.remove(resource) else {
                    return;
                };
                if let Some(own) = self.of_session.get_mut(&lease.session) {
                    own.leases.remove(resource);
                }
                if let Some(on_server) = self.of_server.get_mut(&lease.server) {
                    on_server.remove(resource);
                    if on_server.is_empty() {
                        self.of_server.remove(&lease.server);
                    }
                }
                if lease.exclusive {
                    self.set_tenure(&lease.server);
                }
            }
            Change::Queued(waiting) => {
                self.counters.place = waiting.place;
                if let Some(own) = self.of_session.get_mut(&waiting.session) {
                    own.waiting.insert(waiting.place);
                }
                self.waiting.insert(waiting.place, waiting.clone());
            }
            Change::Left(place) => {
                if let Some(waiting) = self.waiting.remove(place)
                    && let Some(own) = self.of_session.get_mut(&waiting.session)
                {
                    own.waiting.remove(place);
                }
            }
        }
    }

    /// The one function that checks "never two".
    fn check(&self, change: &Change) -> Result<(), String> {
        let known = |session: &SessionId| {
            let there = self.sessions.contains_key(session);
            there
                .then_some(())
                .ok_or_else(|| format!("there is no session {session}"))
        };
        match change {
            Change::Opened(session) if self.sessions.contains_key(&session.id) => {
                Err(format!("session {} is there already", session.id))
            }
            Change::Opened(_) => Ok(()),
            Change::Closed(id) => {
                known(id)?;
                let own = self.of_session.get(id);
                let empty = own.is_none_or(|own| own.leases.is_empty() && own.waiting.is_empty());
                empty
                    .then_some(())
                    .ok_or_else(|| format!("session {id} still holds or waits"))
            }
            Change::Granted(lease) => {
                known(&lease.session)?;
                if let Some(other) = self.leases.get(&lease.resource) {
                    return Err(format!(
                        "{} is held by session {} already",
                        lease.resource, other.session
                    ));
                }
                let mut others = self
                    .leases_on(&lease.server)
                    .filter(|other| other.session != lease.session);
                if let Some(other) = others.find(|other| other.exclusive || lease.exclusive) {
                    let (server, holder) = (&lease.server, other.session);
                    return Err(format!(
                        "server {server} of {} is held by session {holder}",
                        lease.resource
                    ));
                }
                if lease.token.number <= self.counters.token {
                    return Err(format!("token {} was given before", lease.token));
                }
                Ok(())
            }
            Change::Released(resource) => {
                let held = self.leases.contains_key(resource);
                held.then_some(()).ok_or_else(|| format!("nobody holds {resource}"))
            }
            Change::Queued(waiting) => {
                known(&waiting.session)?;
                let later = waiting.place > self.counters.place;
                later
                    .then_some(())
                    .ok_or_else(|| format!("place {} was given before", waiting.place))
            }
            Change::Left(place) => {
                let waits = self.waiting.contains_key(place);
                waits
                    .then_some(())
                    .ok_or_else(|| format!("nobody waits at place {place}"))
            }
        }
    }

    /// Another decision is known, or another reign decides.
    pub fn set_mark(&mut self, mark: Mark) {
        self.counters.mark = mark;
    }

    /// Everything, as changes to nothing: what a registry is told that knows less.
    pub fn whole(&self) -> Vec<Change> {
        let sessions = self.sessions.values().cloned().map(Change::Opened);
        let mut leases: Vec<&Lease> = self.leases.values().collect();
        leases.sort_by_key(|lease| lease.token.number);
        let leases = leases.into_iter().cloned().map(Change::Granted);
        let waiting = self.waiting.values().cloned().map(Change::Queued);
        sessions.chain(leases).chain(waiting).collect()
    }
    /// The opposite of [`Allocations::whole`].
    ///
    /// # Errors
    /// In words, what does not fit together.
    pub fn of_whole(changes: &[Change], counters: Counters) -> Result<Self, String> {
        let mut allocations = Self::default();
        for change in changes {
            allocations.apply(change)?;
        }
        let found = allocations.counters;
        if found.token > counters.token || found.place > counters.place {
            return Err("the counters are behind what they count".to_owned());
        }
        allocations.counters = counters;
        Ok(allocations)
    }

    /// The values that hold everything.
    pub fn values(&self) -> BTreeMap<String, Vec<u8>> {
        let mut values = BTreeMap::new();
        for change in self.whole() {
            values.extend(Self::stored(&change).0);
        }
        if self.counters != Counters::default() {
            values.insert(COUNTERS_KEY.to_owned(), encode(&self.counters));
        }
        values
    }
    /// What a change does to the values, beside the counters.
    pub fn stored(change: &Change) -> Stored {
        let one = |key: String, bytes: Vec<u8>| (BTreeMap::from([(key, bytes)]), Vec::new());
        match change {
            Change::Opened(session) => one(session_key(session.id), encode(session)),
            Change::Closed(id) => (BTreeMap::new(), vec![session_key(*id)]),
            Change::Granted(lease) => one(lease_key(&lease.resource), encode(lease)),
            Change::Released(resource) => (BTreeMap::new(), vec![lease_key(resource)]),
            Change::Queued(waiting) => one(waiting_key(waiting.place), encode(waiting)),
            Change::Left(place) => (BTreeMap::new(), vec![waiting_key(*place)]),
        }
    }
    /// The counters as they are stored.
    pub fn stored_counters(&self) -> (String, Vec<u8>) {
        (COUNTERS_KEY.to_owned(), encode(&self.counters))
    }
    /// What the values hold.
    ///
    /// # Errors
    /// In words, which value is damaged and how.
    pub fn restore(values: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let counters = match values.get(COUNTERS_KEY) {
            None => Counters::default(),
            Some(bytes) => decode(bytes).map_err(|error| format!("value {COUNTERS_KEY:?} is damaged: {error}"))?,
        };
        let mut changes: Vec<Change> = read(values, "session/")?.into_iter().map(Change::Opened).collect();
        let mut leases: Vec<Lease> = read(values, "lease/")?;
        leases.sort_by_key(|lease| lease.token.number);
        changes.extend(leases.into_iter().map(Change::Granted));
        changes.extend(read(values, "waiting/")?.into_iter().map(Change::Queued));
        Self::of_whole(&changes, counters).map_err(|reason| format!("what sessions hold is damaged: {reason}"))
    }
}

fn read<T: serde::de::DeserializeOwned>(values: &BTreeMap<String, Vec<u8>>, prefix: &str) -> Result<Vec<T>, String> {
    let ours = values.range(prefix.to_owned()..);
    let ours = ours.take_while(|(key, _)| key.starts_with(prefix));
    ours.map(|(key, bytes)| decode(bytes).map_err(|error| format!("value {key:?} is damaged: {error}")))
        .collect()
}

fn session_key(id: SessionId) -> String {
    format!("session/{id}")
}
fn lease_key(resource: &ObjectId) -> String {
    format!("lease/{resource}")
}
fn waiting_key(place: u64) -> String {
    format!("waiting/{place:020}")
}

#[cfg(test)]
#[path = "state_test.rs"]
mod tests;
