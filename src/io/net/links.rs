//! Which links stand: at most one per peer name, and whom it would be vain to dial.
//!
//! A link is `Preparing` while its predecessor still says good-bye, `Ready` from the moment that its `Linked` is handed
//! over, `Closing` from its end until its `Unlinked` was handed over. So arrivals of two links of one name never mix.

use super::rule::{Candidate, Choice, Prospect, choose};
use super::stream::Outbox;
use crate::pure::base::PeerName;
use crate::pure::membership::PeerCard;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// What the admission of a candidate came to.
#[derive(Debug)]
pub(super) enum Admission {
    /// It is the link now.
    Admitted(Seat),
    /// It must not be; why.
    Refused(String),
    /// The link that stands is as good, and stays; why.
    Superfluous(String),
    /// Both connections are ours: the other side has kept one and closes the other. Ask again when this one is gone.
    Undecided(watch::Receiver<()>),
}

/// The place of a link in the table.
#[derive(Debug)]
pub(super) struct Seat {
    id: u64,
    name: PeerName,
    /// Changes (is closed) when the replaced link has handed over its last arrival.
    pub(super) predecessor: Option<watch::Receiver<()>>,
    /// Dropped with the seat: tells the successor that it may begin.
    _alive: watch::Sender<()>,
}

/// All links.
#[derive(Debug)]
pub(super) struct Links {
    own_name: PeerName,
    table: Mutex<Table>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Table {
    links: BTreeMap<PeerName, Entry>,
    /// Dials under way.
    dials: BTreeMap<u64, Prospect>,
    last_id: u64,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    state: State,
    candidate: Candidate,
    gone: watch::Receiver<()>,
}

impl Entry {
    fn stands(&self) -> bool {
        self.state != State::Closing
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preparing,
    Ready,
    Closing,
}

/// A dial under way; dropping it says that it came to something or to nothing.
#[derive(Debug)]
pub(super) struct Dial<'a> {
    links: &'a Links,
    id: u64,
}

impl Links {
    pub(super) fn new(own_name: PeerName) -> Self {
        Self {
            own_name,
            table: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// Makes the candidate the link to its peer, if the rule says so; the link that it replaces is told to close.
    pub(super) fn admit(&self, candidate: Candidate) -> Admission {
        let mut table = self.lock();
        let mut predecessor = None;
        if let Some(entry) = table.links.get(&candidate.card.name) {
            if entry.stands() {
                match choose(&self.own_name, &entry.candidate, &candidate) {
                    Choice::Newcomer => {}
                    Choice::Neither(reason) => return Admission::Refused(reason),
                    Choice::Existing(reason) => return Admission::Superfluous(reason),
                    Choice::Theirs => return Admission::Undecided(entry.gone.clone()),
                }
                entry
                    .candidate
                    .outbox
                    .close("another connection to the same peer took its place");
            }
            predecessor = Some(entry.gone.clone());
        }
        table.last_id += 1;
        let (id, name) = (table.last_id, candidate.card.name.clone());
        let (alive, gone) = watch::channel(());
        let entry = Entry {
            id,
            state: State::Preparing,
            candidate,
            gone,
        };
        table.links.insert(name.clone(), entry);
        drop(table);
        self.changed.send_replace(());
        Admission::Admitted(Seat {
            id,
            name,
            predecessor,
            _alive: alive,
        })
    }
    /// The link may be used from now on.
    pub(super) fn ready(&self, seat: &Seat) {
        self.set(seat, State::Ready);
    }
    /// The link is at its end: nothing is sent on it any more, and its peer may be dialled again.
    pub(super) fn closing(&self, seat: &Seat) {
        self.set(seat, State::Closing);
    }
    /// The link has handed over its last arrival.
    pub(super) fn remove(&self, seat: Seat) {
        let mut table = self.lock();
        if table.links.get(&seat.name).is_some_and(|entry| entry.id == seat.id) {
            table.links.remove(&seat.name);
        }
        drop(table);
        self.changed.send_replace(());
    }
    /// Where to queue frames for a peer.
    pub(super) fn outbox(&self, to: &PeerName) -> Option<Outbox> {
        let table = self.lock();
        let entry = table.links.get(to).filter(|entry| entry.state == State::Ready)?;
        Some(entry.candidate.outbox.clone())
    }
    /// Is there a link to this peer, or one about to be?
    pub(super) fn holds(&self, name: &PeerName) -> bool {
        self.lock().links.get(name).is_some_and(Entry::stands)
    }

    /// Waits until nobody is linked to whom the dial would lead, and then counts as dialling until the result is dropped.
    pub(super) async fn dial(&self, prospect: Prospect) -> Dial<'_> {
        let mut changes = self.changed.subscribe();
        loop {
            changes.mark_unchanged();
            {
                let mut table = self.lock();
                let mut standing = table.links.values().filter(|entry| entry.stands());
                if !standing.any(|entry| prospect.leads_to(&entry.candidate.card)) {
                    table.last_id += 1;
                    let id = table.last_id;
                    table.dials.insert(id, prospect);
                    return Dial { links: self, id };
                }
            }
            // The sender lives in `self`, so this ends by a change only.
            changes.changed().await.ok();
        }
    }
    /// A peer dialled us. If our own dial to it is under way and would be preferred, waits for its fate, bounded.
    pub(super) async fn settle(&self, card: &PeerCard, limit: Duration) {
        if card.name < self.own_name {
            return;
        }
        let mut changes = self.changed.subscribe();
        let quiet = async {
            loop {
                changes.mark_unchanged();
                let under_way = self.lock().dials.values().any(|prospect| prospect.leads_to(card));
                if !under_way || changes.changed().await.is_err() {
                    return;
                }
            }
        };
        timeout(limit, quiet).await.ok();
    }

    fn set(&self, seat: &Seat, state: State) {
        let mut table = self.lock();
        if let Some(entry) = table.links.get_mut(&seat.name).filter(|entry| entry.id == seat.id) {
            entry.state = state;
        }
        drop(table);
        self.changed.send_replace(());
    }
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Dial<'_> {
    fn drop(&mut self) {
        self.links.lock().dials.remove(&self.id);
        self.links.changed.send_replace(());
    }
}
