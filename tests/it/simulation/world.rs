//! All registries with their disks, links and clients, and what a test may do to them.

use super::chance::Chance;
use super::network::Network;
use super::oracle::Oracle;
use super::peer::{Peer, Start, name};
use super::time::Todo;
use super::trace::Trace;
use floe::pure::base::{Address, ApplicationName, RequestId};
use floe::pure::lineage::rules::{Rule, Rules};
use floe::pure::membership::Standing;
use floe::pure::model::Application;
use floe::pure::protocol::{Request, Response};
use floe::pure::registry::{Config, Database, Event, Registry, ReplyTo};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a world is made of.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) registries: usize,
    pub(super) min_copies: u64,
    pub(super) log_keep: u64,
    pub(super) require_proof: bool,
    pub(super) rules: Rules,
    /// The rule that the shell breaks, if it is one of the shell's.
    pub(super) shell_breaks: Option<Rule>,
    /// Let the cores check themselves after every step.
    pub(super) self_check: bool,
}

impl Setup {
    pub(super) fn new(registries: usize, min_copies: u64) -> Self {
        Self {
            registries,
            min_copies,
            log_keep: 10_000,
            require_proof: false,
            rules: Rules::default(),
            shell_breaks: None,
            self_check: true,
        }
    }
}

/// A client's request.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) peer: usize,
    pub(super) request: RequestId,
    pub(super) response: Option<Response>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) setup: Setup,
    pub(super) chance: Chance,
    pub(super) now: u64,
    pub(super) peers: Vec<Peer>,
    pub(super) network: Network,
    pub(super) oracle: Oracle,
    pub(super) trace: Trace,
    pub(super) tickets: BTreeMap<ReplyTo, Ticket>,
    /// How many of 10,000 events kill the peer that handles them.
    pub(super) deaths: u64,
    pub(super) steps: u64,
    /// How many of 100 events wait to be carried out together with later ones.
    pub(super) groups: u64,
    pub(super) queue: BTreeMap<(u64, u64), Todo>,
    pub(super) next: u64,
}

pub(super) type Checked = Result<(), String>;

impl World {
    pub(super) fn new(setup: Setup, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let peers = (0..setup.registries)
            .map(|index| Peer::new(index, &mut chance))
            .collect();
        let oracle = Oracle::new(u64::try_from(setup.registries).expect("few"), setup.min_copies);
        Self {
            setup,
            chance,
            now: 0,
            peers,
            network: Network::new((100, 2_000)),
            oracle,
            trace: Trace::default(),
            tickets: BTreeMap::new(),
            deaths: 0,
            groups: 0,
            steps: 0,
            queue: BTreeMap::new(),
            next: 0,
        }
    }

    /// Starts a registry that is down.
    pub(super) fn start(&mut self, index: usize, start: Start) -> Checked {
        let locator: Vec<Address> = self.peers.iter().map(|peer| peer.card.address.clone()).collect();
        let setup = &self.setup;
        let peer = &mut self.peers[index];
        assert!(peer.core.is_none(), "a peer is started when it is down");
        peer.start = start;
        peer.boot += 1;
        peer.disk.identity.generation += 1;
        peer.card.generation = peer.disk.identity.generation;
        let config = Config {
            card: peer.card.clone(),
            grid: peer.disk.identity.grid.clone(),
            role: start.role,
            promote: start.promote,
            accept_loss: start.accept_loss,
            force: start.force,
            require_proof: setup.require_proof,
            initdb: None,
            min_copies: setup.min_copies,
            copy_deadline: Duration::from_secs(2),
            discovery_window: Duration::from_secs(3),
            log_keep: setup.log_keep,
            locator,
            rules: setup.rules,
        };
        let database = Database::restore(peer.disk.image());
        let database = database.map_err(|error| format!("peer {index} finds its database damaged: {error}"))?;
        if database.end().digest != peer.disk.end {
            return Err(format!("peer {index} restored another end than it stored"));
        }
        let (identity, remembered) = (peer.disk.identity.clone(), peer.disk.remembered.clone());
        peer.core = Some(Registry::new(config, identity, database, remembered));
        self.trace.say(self.now, || format!("{} starts {start:?}", name(index)));
        self.event(index, Event::Started)
    }
    /// Pulls a registry's plug.
    pub(super) fn crash(&mut self, index: usize) {
        let peers = self.peers.len();
        if !self.peers[index].die() {
            return;
        }
        self.trace.say(self.now, || format!("{} dies", name(index)));
        let arrivals = self.network.crash(index, peers, self.now, &mut self.chance);
        self.arrive(arrivals);
        for ticket in self.tickets.values_mut().filter(|ticket| ticket.peer == index) {
            ticket.peer = usize::MAX;
        }
    }
    /// Breaks a link.
    pub(super) fn sever(&mut self, a: usize, b: usize) {
        self.trace
            .say(self.now, || format!("link {} {} breaks", name(a), name(b)));
        let arrivals = self.network.sever(a, b, self.now, &mut self.chance);
        self.arrive(arrivals);
    }
    /// Nothing passes in either direction for so many milliseconds, and links break.
    pub(super) fn part(&mut self, a: usize, b: usize, millis: u64) {
        let until = self.now + millis * 1000;
        self.network.block(a, b, until);
        self.network.block(b, a, until);
        self.sever(a, b);
    }
    /// All partitions end.
    pub(super) fn heal(&mut self) {
        let arrivals = self.network.heal(self.now);
        self.arrive(arrivals);
    }
    /// A client asks a registry to deploy an application. The ticket's response comes later, or never.
    pub(super) fn apply(&mut self, index: usize, application: &str, request: RequestId) -> Result<ReplyTo, String> {
        let application = Application {
            name: application.parse::<ApplicationName>().expect("a valid name"),
            description: String::new(),
            variables: BTreeMap::new(),
            groups: Vec::new(),
            nodes: BTreeMap::new(),
        };
        self.ask(
            index,
            request,
            Request::Apply {
                application,
                if_revision: None,
                request,
            },
        )
    }
    /// A client asks a registry to remove an application.
    pub(super) fn remove(&mut self, index: usize, application: &str, request: RequestId) -> Result<ReplyTo, String> {
        let name = application.parse().expect("a valid name");
        self.ask(index, request, Request::Remove { name, request })
    }
    fn ask(&mut self, index: usize, id: RequestId, request: Request) -> Result<ReplyTo, String> {
        self.next += 1;
        let to = ReplyTo(self.next);
        let ticket = Ticket {
            peer: index,
            request: id,
            response: None,
        };
        self.tickets.insert(to, ticket);
        let event = Event::Request {
            to,
            actor: "client".to_owned(),
            deadline: Duration::from_secs(10),
            request: Box::new(request),
        };
        self.event(index, event)?;
        Ok(to)
    }
    pub(super) fn response(&self, to: ReplyTo) -> Option<&Response> {
        self.tickets.get(&to)?.response.as_ref()
    }
    /// The core of a running registry.
    pub(super) fn core(&self, index: usize) -> &Registry {
        self.peers[index].core.as_ref().expect("the registry runs")
    }
    pub(super) fn is_up(&self, index: usize) -> bool {
        self.peers[index].core.is_some()
    }
    pub(super) fn standing(&self, index: usize) -> Standing {
        self.core(index).standing().0
    }
}
