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

use super::database::Database;
use super::effect::{Effect, ReplyTo, Target};
use crate::pure::base::{Address, GridName, Moment, PeerName, ServerId, Time};
use crate::pure::lineage::claim::RefusalCode;
use crate::pure::lineage::promote::{Answer, Intent, Proof};
use crate::pure::lineage::rules::Rules;
use crate::pure::lineage::{Epoch, Serial, Summary, Version};
use crate::pure::membership::{Identity, PeerCard, PeerKind, Record, Remembered, Role, Standing};
use crate::pure::model::Deployment;
use crate::pure::protocol::Status;
use crate::pure::protocol::report::{AppliedReport, Happening, NodeReport, ServerReport};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How a registry was started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who and where it is.
    pub card: PeerCard,
    /// The grid.
    pub grid: GridName,
    /// The role that the configuration gives.
    pub role: Role,
    /// `--promote`: lead, whatever the role was before.
    pub promote: bool,
    /// `--accept-loss`.
    pub accept_loss: bool,
    /// `--force`.
    pub force: bool,
    /// Lead only when completeness is proven.
    pub require_proof: bool,
    /// Registries that must have an update on disk before it is acknowledged, this one included. At least 1.
    pub min_copies: u64,
    /// How long an update waits for attached replicas.
    pub copy_deadline: Duration,
    /// How long a survey waits for silent peers.
    pub discovery_window: Duration,
    /// Log entries kept.
    pub log_keep: u64,
    /// Where to look for peers.
    pub locator: Vec<Address>,
    /// All of them, but in a test.
    pub rules: Rules,
}

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
    /// What was last told to peers, gossip and people: a difference makes news.
    pub(super) told: Told,
    pub(super) wake: Option<Time>,
}

/// What this registry does about mastership.
#[derive(Clone, Debug)]
pub(super) enum Seat {
    /// A replica that looks for a leading master, or a master that may not lead (`trouble` says why).
    Idle,
    /// Wants to lead: asks around, without promises.
    Surveying(Survey),
    /// Wants to lead: collects promises.
    Preparing(Preparation),
    /// Wants to lead, and will ask around again at this time or when a peer comes.
    Resting {
        /// When.
        until: Time,
        /// What for.
        intent: Intent,
    },
    /// Leads.
    Leading(Box<Reigning>),
    /// Attached to a leading master.
    Following(Following),
}

/// A survey under way.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    pub(super) intent: Intent,
    pub(super) until: Time,
    /// Peers that have neither answered nor refused.
    pub(super) names: BTreeSet<PeerName>,
    /// Locator addresses behind which nobody was met yet.
    pub(super) addresses: BTreeSet<Address>,
    pub(super) attempt: u32,
}

/// Promises under way.
#[derive(Clone, Debug)]
pub(super) struct Preparation {
    pub(super) intent: Intent,
    pub(super) epoch: Epoch,
    pub(super) until: Time,
    pub(super) waiting: BTreeSet<PeerName>,
    pub(super) promised: BTreeMap<PeerName, Answer>,
    /// The highest promise that stood against it.
    pub(super) declined: Option<(PeerName, Epoch)>,
    pub(super) attempt: u32,
}

/// A reign.
#[derive(Clone, Debug)]
pub(super) struct Reigning {
    pub(super) epoch: Epoch,
    pub(super) proof: Proof,
    pub(super) followers: BTreeMap<PeerName, Follower>,
    /// Updates stored and not yet acknowledged, in order.
    pub(super) pending: VecDeque<Pending>,
    /// What nodes may hear of: the deployment of the last acknowledged entry. `None` until the reign's own first entry is
    /// on enough disks, because what stands before it may never have been acknowledged.
    pub(super) acknowledged: Option<(Version, Arc<Deployment>)>,
    /// What each node was last told over its present link, or said itself that it runs: changes start there.
    pub(super) told_nodes: BTreeMap<PeerName, (Version, Arc<Deployment>)>,
    /// Replicas that refuse this master, with their reason.
    pub(super) refusals: BTreeMap<PeerName, (RefusalCode, String)>,
}

/// An attached replica.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    /// On its disk.
    pub(super) have: Version,
    /// Sent up to here.
    pub(super) sent: Serial,
    /// When it was last heard or sent something to while something was open.
    pub(super) moved: Time,
    /// Missed a deadline, or has not caught up yet: no update waits for it.
    pub(super) late: bool,
    /// A snapshot on its way.
    pub(super) snapshot: Option<Outgoing>,
}

/// A snapshot on its way to a replica.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) version: Version,
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) digest: crate::pure::lineage::Digest,
    pub(super) offset: u64,
    /// The part at `offset` was asked for and not sent yet.
    pub(super) wanted: bool,
}

/// An update that is stored and waits for copies.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) version: Version,
    pub(super) until: Time,
    /// Who waits, with the answer that it gets; internal updates have none.
    pub(super) reply: Option<(Vec<ReplyTo>, AppliedReport)>,
    pub(super) deployment: Arc<Deployment>,
    /// The deadline passed with too few copies and the client was told so.
    pub(super) in_doubt: bool,
}

/// Attached to a master.
#[derive(Clone, Debug)]
pub(super) struct Following {
    pub(super) master: PeerName,
    pub(super) epoch: Epoch,
    /// When the feed was last asked for.
    pub(super) asked: Time,
    /// A snapshot that is coming in.
    pub(super) incoming: Option<Incoming>,
}

/// A snapshot that is coming in.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) version: Version,
    pub(super) digest: crate::pure::lineage::Digest,
    pub(super) total: u64,
    pub(super) bytes: Vec<u8>,
}

/// Why a registry does not do what its role asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) standing: Standing,
    /// What it is, who has what, and the next step.
    pub(super) reason: String,
}

/// What is known of one peer.
#[derive(Clone, Debug)]
pub struct Peer {
    pub(super) card: PeerCard,
    pub(super) linked: bool,
    /// What gossip's failure detector thinks.
    pub(super) alive: bool,
    /// What a registry told over the present link.
    pub(super) status: Option<Status>,
    /// What gossip tells.
    pub(super) record: Option<Record>,
    /// A registry's log as it last told, on this link or an earlier one.
    pub(super) summary: Option<Summary>,
    /// The end of a master's log as far as it has fed it to us.
    pub(super) fed: Option<Version>,
    /// A node's word about itself and its servers.
    pub(super) node: Option<Arc<NodeSight>>,
    /// Why it cannot be reached.
    pub(super) unreachable: String,
    /// As in `Remembered`.
    pub(super) seen: u64,
}

impl Peer {
    pub(super) fn new(card: PeerCard) -> Self {
        Self {
            card,
            linked: false,
            alive: false,
            status: None,
            record: None,
            summary: None,
            fed: None,
            node: None,
            unreachable: String::new(),
            seen: 0,
        }
    }
    /// The newest end that was heard of it.
    pub(super) fn version(&self) -> Option<Version> {
        let told = self.summary.as_ref().map(|summary| summary.end);
        let gossiped = self.record.as_ref().and_then(|record| record.version);
        [told, gossiped, self.fed]
            .into_iter()
            .flatten()
            .max_by_key(|version| (version.serial, version.epoch))
    }
    pub(super) fn is_registry(&self) -> bool {
        self.card.kind == PeerKind::Registry
    }
}

/// A node as this registry sees it over its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSight {
    /// Its own word.
    pub report: NodeReport,
    /// Its servers.
    pub servers: BTreeMap<ServerId, ServerReport>,
}

/// What clients wait for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asks {
    pub(super) next: u64,
    /// Requests passed on to nodes.
    pub(super) passed: BTreeMap<u64, Passed>,
    /// Resolves that wait for a server's start.
    pub(super) resolves: BTreeMap<ReplyTo, Parked>,
}

/// A request passed on to a node.
#[derive(Clone, Debug)]
pub(super) struct Passed {
    pub(super) node: PeerName,
    pub(super) until: Time,
    /// The client, or the server whose start resolves wait for.
    pub(super) purpose: Purpose,
}

/// What a passed request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A client's command.
    Client(ReplyTo),
    /// A server's start, for the resolves that wait for it.
    Start(ServerId),
}

/// A resolve that waits.
#[derive(Clone, Debug)]
pub(super) struct Parked {
    pub(super) id: String,
    pub(super) until: Time,
    /// The start that it waits for.
    pub(super) server: ServerId,
}

/// What was last told.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) record: Option<Record>,
    pub(super) standing: Option<(Standing, String)>,
    pub(super) status: Option<(Epoch, Option<Epoch>, Standing)>,
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
        let (asks, told) = (Asks::default(), Told::default());
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
            told,
            wake: None,
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
        match &self.seat {
            Seat::Leading(_) => (Standing::Leading, String::new()),
            Seat::Following(following) => (Standing::Following, self.following_reason(following)),
            Seat::Surveying(_) => self.troubled(Standing::Waiting, "asking the other peers what they hold"),
            Seat::Preparing(_) => self.troubled(Standing::Waiting, "asking the other peers for their promise"),
            Seat::Resting { .. } => self.troubled(Standing::Waiting, "will ask the other peers again"),
            Seat::Idle => self.troubled(Standing::Detached, "no leading master in reach"),
        }
    }
    /// What is worth telling of a standing that needs no reason.
    pub(super) fn standing_detail(&self) -> Option<String> {
        match &self.seat {
            Seat::Leading(reigning) => Some(format!("epoch {}, {}", reigning.epoch.number, reigning.proof.text)),
            Seat::Following(following) => Some(format!("{} in epoch {}", following.master, following.epoch.number)),
            Seat::Idle | Seat::Surveying(_) | Seat::Preparing(_) | Seat::Resting { .. } => None,
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
        match self.role {
            Role::Replica => String::new(),
            Role::Master => format!(
                "follows {}, which reigns in a higher epoch, although the configuration calls this registry master; set role = \"replica\" there, or restart with --promote to take over",
                following.master
            ),
        }
    }

    /// What it tells every peer of itself.
    pub(super) fn status(&self) -> Status {
        Status {
            promise: self.identity.promise,
            claim: self.reign(),
            summary: self.database.summary(),
            standing: self.standing().0,
            unproven: false,
        }
    }

    pub(super) fn reigning(&mut self) -> Option<&mut Reigning> {
        match &mut self.seat {
            Seat::Leading(reigning) => Some(reigning),
            _ => None,
        }
    }

    /// Registries that belong to the grid, this one included even before it is recorded.
    pub(super) fn registries(&self) -> BTreeSet<PeerName> {
        let recorded = self.database.deployment().registries.keys().cloned();
        recorded.chain([self.name().clone()]).collect()
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
            Seat::Idle | Seat::Surveying(_) | Seat::Preparing(_) | Seat::Resting { .. } => {}
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
