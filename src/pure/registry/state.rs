//! What a registry knows, and the invariants over it.
//!
//! ```text
//!   identity   the promise and the role: durable, apart from the database
//!   database   the log and what it adds up to: durable
//!   peers      who is there and what each last told: volatile
//!   seat       what this registry does about mastership: leads, tries to, follows, or none of it
//!   asks       what clients wait for
//! ```
//!
//! Invariants, checked by [`Registry::check`] after each event in tests:
//! 1. While it reigns, its promise is its own epoch and its log's last reign is that epoch.
//! 2. While it follows, its promise is the epoch that it follows.
//! 3. The promise's number never falls, and two ids of one number are never both obeyed.

use super::asks::Asks;
use super::config::Config;
use super::database::Database;
use super::effect::{Effect, Target};
use super::handle::{Incoming, Proving, Untold};
use super::initialisation::{Copies, Initialisation};
use super::order::{HandedOver, Order};
use super::peer::Peer;
use super::seat::{Following, Reigning, Seat, Trouble};
use crate::pure::base::{Moment, PeerName, Time};
use crate::pure::lineage::{Epoch, Version};
use crate::pure::locator::{Registrations, Turns};
use crate::pure::membership::{Identity, PeerCard, Record, Remembered, Role, Standing};
use crate::pure::model::Deployment;
use crate::pure::protocol::Status;
use crate::pure::protocol::report::Happening;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a replica is detached, where nothing is wrong with it.
pub(super) const NO_MASTER: &str = "no leading master in reach";
/// How much of a reason peers are told.
const REASON_CHARS_MAX: usize = 1000;

/// The registry's core.
#[derive(Debug)]
pub struct Registry {
    pub(super) config: Config,
    pub(super) identity: Identity,
    pub(super) database: Database,
    pub(super) peers: BTreeMap<PeerName, Peer>,
    /// Meetings so far, see `Remembered::seen`.
    pub(super) meetings: u64,
    pub(super) role: Role,
    pub(super) seat: Seat,
    /// Why the seat is not what the role asks for; empty when it is.
    pub(super) trouble: Option<Trouble>,
    pub(super) asks: Asks,
    /// An operator's order to promote this registry, under way.
    pub(super) order: Option<Order>,
    /// A reign that was handed over and whose successor has not claimed yet.
    pub(super) handed: Option<HandedOver>,
    /// Sight is not asked for, until the next start.
    pub(super) alone: bool,
    /// An initialisation from another registry that is under way.
    pub(super) initialisation: Option<Box<Initialisation>>,
    /// How far an unproven follower is.
    pub(super) proving: Option<Proving>,
    /// Copies of the database that other registries are taking.
    pub(super) copies: Copies,
    /// What was last told to peers, gossip and people: a difference makes news.
    pub(super) told: Told,
    pub(super) wake: Option<Time>,
    /// What processes have registered.
    pub(super) registrations: Registrations,
    /// Registrations that the other registries are to be told of.
    pub(super) untold: Untold,
    /// Whose turn it is in each group, for this deployment.
    pub(super) turns: Turns,
    /// The deployment that the turns and the conflicts of registrations were looked at for.
    pub(super) followed: Arc<Deployment>,
    /// Everything about sessions, as it comes in from another registry.
    pub(super) incoming_allocations: Option<Incoming>,
    /// When the latest event was handled.
    pub(super) now: Time,
}

/// What peers are told anew when it changes; the log's end is not part of it, gossip carries that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) promise: Epoch,
    pub(super) claim: Option<Epoch>,
    pub(super) standing: Standing,
    pub(super) reason: String,
    pub(super) preparing: bool,
    pub(super) unproven: bool,
}

/// What was last told.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) record: Option<Record>,
    pub(super) standing: Option<(Standing, String)>,
    pub(super) status: Option<Position>,
    pub(super) remembered: Vec<Remembered>,
    pub(super) remember_at: Option<Time>,
    pub(super) dialled: Vec<Target>,
}

impl Registry {
    /// A registry from what its disk holds. `identity.generation` was raised by the shell already.
    pub fn new(config: Config, mut identity: Identity, database: Database, remembered: Vec<Remembered>) -> Self {
        let changed = identity.file_role.is_some_and(|before| before != config.role);
        let role = match identity.role {
            _ if config.promote => Role::Master,
            Some(stored) if !changed => stored,
            Some(_) | None => config.role,
        };
        identity.file_role.get_or_insert(config.role);
        // The two are written one after the other: a crash between them must not leave a promise below the own log.
        if let Some(last) = database.lineage().last()
            && last.epoch.number > identity.promise.number
        {
            identity.promise = last.epoch;
        }
        let me = config.card.name.clone();
        let meetings = remembered.iter().map(|known| known.seen).max().unwrap_or(0);
        let on_disk = remembered.clone();
        let known = remembered
            .into_iter()
            .filter(|known| known.card.name != me)
            .map(|known| {
                let mut peer = Peer::new(known.card);
                peer.summary = known.summary;
                peer.seen = known.seen;
                // Only what is beyond the summary is news; the record itself is not remembered.
                peer.record = known.version.map(|version| record_of(&peer.card, version));
                (peer.card.name.clone(), peer)
            });
        let peers = known.collect();
        let asks = Asks::default();
        let alone = config.alone;
        let told = Told {
            remembered: on_disk,
            ..Told::default()
        };
        Self {
            config,
            identity,
            database,
            peers,
            meetings,
            role,
            seat: Seat::Idle,
            trouble: None,
            asks,
            order: None,
            handed: None,
            alone,
            initialisation: None,
            proving: None,
            copies: Copies::default(),
            told,
            wake: None,
            registrations: Registrations::default(),
            untold: Untold::default(),
            turns: Turns::default(),
            followed: Arc::default(),
            incoming_allocations: None,
            now: Time::ZERO,
        }
    }

    /// The name of this registry.
    pub fn name(&self) -> &PeerName {
        &self.config.card.name
    }
    /// The highest epoch that it agreed to obey.
    pub fn promise(&self) -> Epoch {
        self.identity.promise
    }
    /// The epoch that it reigns in.
    pub fn reign(&self) -> Option<Epoch> {
        match &self.seat {
            Seat::Leading(reigning) => Some(reigning.epoch),
            _ => None,
        }
    }
    /// Its database.
    pub fn database(&self) -> &Database {
        &self.database
    }
    /// What it may do now, and why.
    pub fn standing(&self) -> (Standing, String) {
        if let Some(reason) = self.waits_to_be_initialised() {
            return (Standing::Waiting, reason);
        }
        match &self.seat {
            Seat::Leading(reigning) => match &reigning.blind {
                Some(reason) => (Standing::Waiting, reason.clone()),
                None => (Standing::Leading, String::new()),
            },
            Seat::Reviewing => (Standing::Reviewing, self.review_reason()),
            Seat::Following(following) => (Standing::Following, self.following_reason(following)),
            Seat::Surveying(_) => self.troubled(Standing::Waiting, "asking the other peers what they hold"),
            Seat::Preparing(_) => self.troubled(Standing::Waiting, "asking the other peers for their promise"),
            Seat::Resting { .. } => self.troubled(Standing::Waiting, "will ask the other peers again"),
            Seat::Idle => self.troubled(Standing::Detached, NO_MASTER),
        }
    }
    /// What is worth telling of a standing that needs no reason.
    pub(super) fn standing_detail(&self) -> Option<String> {
        match &self.seat {
            Seat::Leading(reigning) if reigning.blind.is_none() => {
                Some(format!("epoch {}, {}", reigning.epoch.number, reigning.proof.text))
            }
            Seat::Following(following) => Some(format!("{} in epoch {}", following.master, following.epoch.number)),
            Seat::Leading(_)
            | Seat::Reviewing
            | Seat::Idle
            | Seat::Surveying(_)
            | Seat::Preparing(_)
            | Seat::Resting { .. } => None,
        }
    }
    fn troubled(&self, standing: Standing, reason: &str) -> (Standing, String) {
        let trouble = self.trouble.clone();
        trouble.map_or_else(
            || (standing, reason.to_owned()),
            |trouble| (trouble.standing, trouble.reason),
        )
    }
    fn following_reason(&self, following: &Following) -> String {
        let me = self.name();
        match self.role {
            Role::Replica => String::new(),
            Role::Master => format!(
                "follows {}, which reigns in a higher epoch, although this registry is called master; floe registry demote {me} makes it a replica, floe registry promote {me} lets it take over",
                following.master
            ),
        }
    }

    /// What it tells every peer of itself.
    pub(super) fn status(&self) -> Status {
        let (standing, reason) = self.standing();
        Status {
            promise: self.identity.promise,
            claim: self.reign(),
            summary: self.database.summary(),
            standing,
            reason: reason.chars().take(REASON_CHARS_MAX).collect(),
            unproven: self.identity.initialised.unproven.is_some(),
            drawn: self.identity.drawn,
            preparing: matches!(self.seat, Seat::Preparing(_)),
            allocations: self.database.allocations().mark(),
        }
    }

    pub(super) fn reigning(&mut self) -> Option<&mut Reigning> {
        match &mut self.seat {
            Seat::Leading(reigning) => Some(reigning),
            _ => None,
        }
    }

    /// Stores a promise. The number never falls, and an id is never exchanged for another of its number.
    pub(super) fn promise_to(&mut self, epoch: Epoch, out: &mut Vec<Effect>) {
        if epoch != self.identity.promise {
            self.identity.promise = epoch;
            out.push(Effect::Identity(Box::new(self.identity.clone())));
        }
    }

    pub(super) fn happened(&self, moment: &Moment, state: &str, reason: impl Into<String>, out: &mut Vec<Effect>) {
        out.push(Effect::Happened(Box::new(Happening {
            time: moment.wall,
            subject: "registry".to_owned(),
            name: self.name().to_string(),
            state: state.to_owned(),
            reason: reason.into(),
            version: Some(self.database.end().to_string()),
        })));
    }

    /// The invariants of this file's header.
    ///
    /// # Panics
    /// When one is broken.
    pub fn check(&self) {
        match &self.seat {
            Seat::Leading(reigning) => {
                assert_eq!(self.identity.promise, reigning.epoch, "a master obeys its own epoch");
                assert_eq!(
                    self.database.lineage().last().map(|reign| reign.epoch),
                    Some(reigning.epoch),
                    "a reign is in the log"
                );
            }
            Seat::Following(following) => {
                assert_eq!(
                    self.identity.promise, following.epoch,
                    "a follower obeys the epoch that it follows"
                );
            }
            Seat::Idle | Seat::Reviewing | Seat::Surveying(_) | Seat::Preparing(_) | Seat::Resting { .. } => {}
        }
    }
}

fn record_of(card: &PeerCard, version: Version) -> Record {
    Record {
        card: card.clone(),
        role: None,
        standing: None,
        claim: None,
        version: Some(version),
        obeys: Epoch::NONE,
        servers: None,
    }
}
