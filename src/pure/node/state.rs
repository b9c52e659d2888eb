//! A node: who it is and obeys, what it runs, whom it knows, who waits.
//!
//! ```text
//! identity.promise   the highest epoch ever obeyed; on disk before it is said or acted on
//! slice              what to run, as on disk       --->  servers: one machine each
//! links, known       peers, linked or remembered         waiters: commands until their server is as wanted
//! ```
//!
//! Invariants: nothing of a lower epoch is obeyed, of one number only one id, and nothing of a database other than the
//! slice's; a server's directory is deleted only
//! because of a removal entry later than the slice that last listed it; every registry that is linked has been told the
//! whole state once and each change since, in order.

use super::config::{Config, Memory, Restored};
use super::effect::Asker;
use super::effect::Effect;
use super::event::Event;
use super::handle::command::Waiter;
use super::slice::{Assembly, Slice};
use crate::pure::base::{Address, DatabaseId, Moment, PeerName, ServerId, Time, WallTime};
use crate::pure::lineage::{Epoch, Version};
use crate::pure::membership::{Identity, PeerCard, PeerKind, Record, Remembered};
use crate::pure::protocol::node::{Drained, ExplainReport, Loads, Past};
use crate::pure::protocol::report::{Happening, NodeReport, ServerReport, ServerState};
use crate::pure::protocol::{Message, Target};
use crate::pure::supervisor::{Machine, Marks, Running};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A node's core.
#[derive(Debug)]
pub struct Node {
    pub(super) config: Config,
    pub(super) host: Arc<str>,
    pub(super) identity: Identity,
    pub(super) slice: Slice,
    pub(super) servers: BTreeMap<ServerId, Server>,
    /// Processes that were found at the start and not yet given to their machines.
    pub(super) found: BTreeMap<ServerId, Running>,
    pub(super) memory: Memory,
    pub(super) links: BTreeMap<PeerName, Link>,
    pub(super) known: BTreeMap<PeerName, Known>,
    /// Meetings so far, see `Remembered::seen`.
    pub(super) meetings: u64,
    pub(super) assembly: Option<Assembly>,
    /// Changes came that do not fit the slice: a whole one is needed.
    pub(super) unfit: bool,
    pub(super) waiters: Vec<Waiter>,
    pub(super) load: Loads,
    /// The node starts nothing.
    pub(super) drained: Option<Drained>,
    /// Explanations that wait for the end of a server's output.
    pub(super) explaining: BTreeMap<Asker, ExplainReport>,
    /// What happened to the node last.
    pub(super) events: VecDeque<Happening>,
    /// For people: when this life began, and since when it runs the slice's version, if that came in this life.
    pub(super) since: WallTime,
    pub(super) applied_since: Option<WallTime>,
    pub(super) closing: bool,
    pub(super) finished: bool,
    pub(super) dirty: Dirty,
    pub(super) said: Said,
    pub(super) out: Vec<Effect>,
}

/// One server of the node.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) machine: Machine,
    pub(super) place: Standing,
    /// What was last told of it.
    pub(super) told: Option<ServerReport>,
    pub(super) past: Past,
}

/// How a server stands in the slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The slice lists it.
    Listed,
    /// The slice neither lists nor removes it.
    Kept,
    /// The slice lists it, and the node that it came from may still run it.
    Held,
    /// It was removed: it is stopped, then its directory goes.
    Removed,
}

/// A link to a peer.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) kind: PeerKind,
    /// The peer has not been told the whole state yet.
    pub(super) fresh: bool,
    /// The peer asked for the node's status.
    pub(super) asked: bool,
}

/// A peer that the node knows.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) remembered: Remembered,
    /// Does gossip think that it lives?
    pub(super) alive: bool,
    /// The epoch that it reigns in, as it last said itself.
    pub(super) claim: Option<Epoch>,
}

/// What this event changed and the shell has not been told.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    pub(super) identity: bool,
    pub(super) slice: bool,
    pub(super) known: bool,
    pub(super) drained: bool,
    pub(super) servers: BTreeSet<ServerId>,
    /// A server is gone: registries need the whole state.
    pub(super) whole: bool,
}

/// What the shell and the peers were last told.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) marks: BTreeMap<ServerId, Marks>,
    pub(super) status: Option<NodeReport>,
    pub(super) record: Option<Record>,
    pub(super) targets: Option<Vec<Target>>,
    pub(super) wake: Option<Time>,
    /// Readings of the load since registries were last told of it.
    pub(super) loads: u32,
    /// The peer and its database that people were last told of as foreign.
    pub(super) foreign: Option<(PeerName, Option<DatabaseId>)>,
}

impl Node {
    /// A node as its disk left it. Nothing happens before [`Event::Started`].
    pub fn new(config: Config, restored: Restored) -> Self {
        let host: Arc<str> = config.host.as_str().into();
        let marks = |id: &ServerId| restored.marks.get(id).copied().unwrap_or_default();
        let server = |(id, placed): (&ServerId, &super::slice::Placed)| {
            let machine = Machine::new(placed.spec.clone(), host.clone(), marks(id));
            let place = match &placed.held {
                Some(_) => Standing::Held,
                None if placed.kept => Standing::Kept,
                None => Standing::Listed,
            };
            (id.clone(), Server::new(machine, place))
        };
        let mut servers: BTreeMap<ServerId, Server> = restored.slice.servers.iter().map(server).collect();
        let mut memory = restored.memory;
        for (id, server) in &mut servers {
            server.past = memory.past.remove(id).unwrap_or_default();
        }
        let meetings = restored.remembered.iter().map(|known| known.seen).max().unwrap_or(0);
        let known = restored.remembered.into_iter().map(|remembered| {
            let name = remembered.card.name.clone();
            (name, Known::new(remembered))
        });
        Self {
            known: known.filter(|(name, _)| *name != config.card.name).collect(),
            host,
            identity: restored.identity,
            servers,
            slice: restored.slice,
            found: restored.running,
            drained: memory.drained.take(),
            memory,
            meetings,
            links: BTreeMap::new(),
            assembly: None,
            unfit: false,
            waiters: Vec::new(),
            load: Loads::default(),
            explaining: BTreeMap::new(),
            events: VecDeque::new(),
            since: WallTime::default(),
            applied_since: None,
            closing: false,
            finished: false,
            dirty: Dirty::default(),
            said: Said {
                marks: restored.marks,
                ..Said::default()
            },
            out: Vec::new(),
            config,
        }
    }

    /// Takes one event and says what follows: what must be durable first, then the rest in order.
    pub fn handle(&mut self, event: Event, moment: &Moment) -> Vec<Effect> {
        match event {
            Event::Started => self.started(moment),
            Event::Linked { card } => self.linked(card),
            Event::Unlinked { peer, .. } => self.unlinked(&peer),
            // The network goes on dialling and logs why; nothing follows from it here.
            Event::Unreachable { .. } => (),
            Event::Message { from, message } => self.message(&from, *message, moment),
            Event::Members(changes) => self.members(changes),
            Event::Request {
                to,
                actor,
                deadline,
                request,
            } => self.request(to, &actor, deadline, *request, moment),
            Event::Cancelled { to } => self.cancelled(to),
            Event::Server { id, event } => self.server_event(&id, event, moment),
            Event::LogsRead { to, result } if self.explained(&to, &result) => (),
            Event::LogsRead { to, result } => self.logs_read(to, result),
            Event::UsageRead { to, result } => self.usage_read(to, result),
            Event::Load(load) => {
                self.load = load;
                self.said.loads += 1;
            }
            Event::Shutdown => self.shutdown(moment),
            Event::Wake => self.wake(moment),
        }
        self.settle(moment)
    }

    /// The highest epoch ever obeyed.
    pub fn obeys(&self) -> Epoch {
        self.identity.promise
    }
    /// The slice as it is on disk after the last effects.
    pub fn slice(&self) -> &Slice {
        &self.slice
    }
    /// The version of the slice that runs.
    pub fn applied(&self) -> Option<Version> {
        self.slice.version
    }
    /// How every server stands.
    pub fn reports(&self) -> Vec<ServerReport> {
        self.servers.values().map(|server| self.report(server)).collect()
    }
    /// Peers that are linked now.
    pub fn linked_peers(&self) -> Vec<PeerName> {
        self.links.keys().cloned().collect()
    }
    /// Does the node start nothing?
    pub fn is_drained(&self) -> bool {
        self.drained.is_some()
    }
    /// Is a registry linked now?
    pub fn reaches_a_registry(&self) -> bool {
        self.links.values().any(|link| link.kind == PeerKind::Registry)
    }
    /// What the node says of itself to registries.
    pub fn status(&self) -> NodeReport {
        NodeReport {
            obeys: self.identity.promise,
            applied: self.slice.version,
            database: self.slice.database,
            unfit: self.unfit,
            held: self.held(),
            kept: self.kept(),
            load: self.load.one,
            host: self.config.host.clone(),
            load_longer: (self.load.five, self.load.fifteen),
            drained: self.drained.is_some(),
            labels: self.config.about.labels.clone(),
            means: self.config.means.clone(),
        }
    }
    /// How many servers are in each state; states without servers are left out.
    pub fn states(&self) -> BTreeMap<ServerState, u64> {
        let mut counts = BTreeMap::new();
        for server in self.servers.values() {
            *counts.entry(server.machine.state()).or_default() += 1;
        }
        counts
    }
    /// Servers active, and in all.
    pub fn counts(&self) -> (u64, u64) {
        let active = self
            .servers
            .values()
            .filter(|server| server.machine.state() == ServerState::Active);
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        (count(active.count()), count(self.servers.len()))
    }

    /// How one server stands, with what its place in the slice adds to it.
    pub(super) fn report(&self, server: &Server) -> ServerReport {
        let mut report = server.machine.report(&self.config.card.name);
        if server.place == Standing::Held {
            report.reason = self.held_reason(&report.id);
        }
        if server.place == Standing::Kept {
            let version = self.slice.version.map_or_else(|| "none".to_owned(), |v| v.to_string());
            let kept = format!("kept: slice {version} neither lists nor removes it");
            report.reason = match report.reason.as_str() {
                "" => kept,
                reason => format!("{reason}; {kept}"),
            };
        }
        report
    }
    pub(super) fn send(&mut self, to: &PeerName, message: Message) {
        self.out.push(Effect::Send {
            to: to.clone(),
            message,
        });
    }
    /// Addresses that a server or a client of this node can ask: known registries, then the locator list.
    pub(super) fn registry_addresses(&self) -> Vec<Address> {
        let mut addresses: Vec<Address> = self.registries().map(|card| card.address.clone()).collect();
        for address in &self.config.locator {
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        addresses
    }
    pub(super) fn registries(&self) -> impl Iterator<Item = &PeerCard> {
        let cards = self.known.values().map(|known| &known.remembered.card);
        cards.filter(|card| card.kind == PeerKind::Registry)
    }
}

impl Server {
    pub(super) fn new(machine: Machine, place: Standing) -> Self {
        Self {
            machine,
            place,
            told: None,
            past: Past::default(),
        }
    }
}
impl Known {
    pub(super) fn new(remembered: Remembered) -> Self {
        Self {
            remembered,
            alive: false,
            claim: None,
        }
    }
}
