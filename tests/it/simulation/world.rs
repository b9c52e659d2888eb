//! All peers with their disks, links and clients, and what a test may do to them.

use super::chance::Chance;
use super::core::{Core, Event};
use super::leasers::Leasers;
use super::network::Network;
use super::oracle::Oracle;
use super::orders::Ordered;
use super::peer::{Peer, Start};
use super::time::Todo;
use super::trace::Trace;
use super::trap::Trap;
use floe::pure::base::{Address, ApplicationName, RequestId, ServerId};
use floe::pure::lineage::rules::{Rule, Rules};
use floe::pure::lineage::sight::Sight;
use floe::pure::membership::{PeerKind, Standing};
use floe::pure::model::Application;
use floe::pure::node::{self, Node, OnStop, Restored};
use floe::pure::protocol::{ReplyTo, Request, Response};
use floe::pure::registry::{Config, Database, Initdb, Registry};
use floe::pure::supervisor::Running;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// What a world is made of.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) registries: usize,
    pub(super) nodes: usize,
    pub(super) min_copies: u64,
    pub(super) log_keep: u64,
    pub(super) require_proof: bool,
    pub(super) sight: Sight,
    pub(super) rules: Rules,
    /// Those of the nodes.
    pub(super) node_rules: Rules,
    /// The rule that the shell breaks, if it is one of the shell's.
    pub(super) shell_breaks: Option<Rule>,
    /// Let the cores check themselves after every step.
    pub(super) self_check: bool,
}

impl Setup {
    pub(super) fn new(registries: usize, min_copies: u64) -> Self {
        Self {
            registries,
            nodes: 0,
            min_copies,
            log_keep: 10_000,
            require_proof: false,
            // The rules must hold without it: it is a check against bad luck, not a rule.
            sight: Sight::Off,
            rules: Rules::default(),
            node_rules: Rules::default(),
            shell_breaks: None,
            self_check: true,
        }
    }
}

/// A client's request.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) peer: usize,
    /// Of an update.
    pub(super) request: Option<RequestId>,
    /// Of an order to promote a registry.
    pub(super) order: Option<Ordered>,
    pub(super) response: Option<Response>,
    /// What the world had counted to when its peer heard of it: one that stands still has not.
    pub(super) heard: u64,
}

/// All of it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) setup: Setup,
    pub(super) chance: Chance,
    pub(super) now: u64,
    /// Registries, then nodes.
    pub(super) peers: Vec<Peer>,
    pub(super) network: Network,
    pub(super) oracle: Oracle,
    pub(super) trace: Trace,
    pub(super) tickets: BTreeMap<ReplyTo, Ticket>,
    /// How many of 10,000 events kill the peer that handles them.
    pub(super) deaths: u64,
    pub(super) steps: u64,
    /// How many of 100 starts of processes fail.
    pub(super) mishaps: u64,
    /// How many of 100 events wait to be carried out together with later ones.
    pub(super) groups: u64,
    pub(super) queue: BTreeMap<(u64, u64), Todo>,
    pub(super) next: u64,
    /// Nothing breaks any more.
    pub(super) peace: bool,
    /// Somebody dies at a step of a promotion.
    pub(super) trap: Option<Trap>,
    /// Steps wall clocks.
    pub(super) wall_dice: Option<Chance>,
    /// Clients with sessions.
    pub(super) leasers: Leasers,
}

pub(super) type Checked = Result<(), String>;

impl World {
    pub(super) fn new(setup: Setup, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let registries = (0..setup.registries).map(|number| (PeerKind::Registry, number));
        let nodes = (0..setup.nodes).map(|number| (PeerKind::Node, number));
        let peers = registries
            .chain(nodes)
            .enumerate()
            .map(|(index, (kind, number))| Peer::new(index, kind, number, &mut chance))
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
            mishaps: 0,
            groups: 0,
            steps: 0,
            queue: BTreeMap::new(),
            next: 0,
            peace: false,
            trap: None,
            wall_dice: None,
            leasers: Leasers::default(),
        }
    }

    /// Starts a registry that is down.
    pub(super) fn start(&mut self, index: usize, start: Start) -> Checked {
        let locator = self.registry_addresses();
        self.power(index);
        let initdb = start.initdb.map(|from| Initdb {
            from: self.peers[from].card.name.clone(),
            from_unproven: false,
            damaged: false,
        });
        let setup = &self.setup;
        let peer = &mut self.peers[index];
        peer.start = start;
        let config = Config {
            role: start.role,
            promote: start.promote,
            accept_loss: start.accept_loss,
            force: start.force,
            readonly: start.readonly,
            sight: setup.sight,
            require_proof: setup.require_proof,
            initdb,
            min_copies: setup.min_copies,
            log_keep: setup.log_keep,
            locator,
            rules: setup.rules,
            ..Config::new(peer.card.clone(), peer.disk.identity.grid.clone())
        };
        let database = Database::restore(peer.disk.image());
        let database = database.map_err(|error| format!("peer {index} finds its database damaged: {error}"))?;
        if database.end().digest != peer.disk.end {
            return Err(format!("peer {index} restored another end than it stored"));
        }
        let (identity, remembered) = (peer.disk.identity.clone(), peer.disk.remembered.clone());
        let core = Registry::new(config, identity, database, remembered);
        peer.core = Some(Core::Registry(Box::new(core)));
        self.trace
            .say(self.now, || format!("{} starts {start:?}", self.peers[index].card.name));
        self.event(index, Event::Started)
    }
    /// Starts a node that is down.
    pub(super) fn start_node(&mut self, index: usize) -> Checked {
        let locator = self.node_locator(index);
        self.power(index);
        let on_stop = self.chance.pick(&[OnStop::Leave, OnStop::Stop]);
        let peer = &mut self.peers[index];
        let found = |(server, process): (&ServerId, &Running)| {
            let known = peer.disk.journal.get(server) == Some(&process.run);
            known.then(|| (server.clone(), process.clone())).ok_or_else(|| {
                let node = &peer.card.name;
                format!("promise 10: {node} starts and cannot find the process of {server} again")
            })
        };
        let running: BTreeMap<ServerId, Running> = peer.host.processes.iter().map(found).collect::<Result<_, _>>()?;
        let config = node::Config {
            card: peer.card.clone(),
            host: "127.0.0.1".to_owned(),
            locator,
            on_stop,
            rules: self.setup.node_rules,
            about: node::About::default(),
            means: String::new(),
        };
        let restored = Restored {
            identity: peer.disk.identity.clone(),
            slice: peer.disk.slice.clone(),
            marks: peer.disk.marks.clone(),
            remembered: peer.disk.remembered.clone(),
            running,
            memory: node::Memory::default(),
        };
        peer.core = Some(Core::Node(Box::new(Node::new(config, restored))));
        self.trace.say(self.now, || {
            format!("{} starts, {on_stop:?}", self.peers[index].card.name)
        });
        self.event(index, Event::Started)
    }
    fn power(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        assert!(peer.core.is_none(), "a peer is started when it is down");
        peer.boot += 1;
        peer.disk.identity.generation += 1;
        peer.card.generation = peer.disk.identity.generation;
    }
    fn registry_addresses(&self) -> Vec<Address> {
        let registries = self.peers.iter().take(self.setup.registries);
        registries.map(|peer| peer.card.address.clone()).collect()
    }
    /// All registries, or any one peer: each leads to the grid.
    fn node_locator(&mut self, index: usize) -> Vec<Address> {
        let one = self.chance.index(self.peers.len());
        if one == index || self.chance.hits(1, 2) {
            self.registry_addresses()
        } else {
            vec![self.peers[one].card.address.clone()]
        }
    }
    /// Pulls a peer's plug. What runs on a node's machine runs on.
    pub(super) fn crash(&mut self, index: usize) {
        let peers = self.peers.len();
        if !self.peers[index].die() {
            return;
        }
        self.trace
            .say(self.now, || format!("{} dies", self.peers[index].card.name));
        let arrivals = self.network.crash(index, peers, self.now, &mut self.chance);
        self.arrive(arrivals);
        for ticket in self.tickets.values_mut().filter(|ticket| ticket.peer == index) {
            ticket.peer = usize::MAX;
        }
    }
    /// Breaks a link.
    pub(super) fn sever(&mut self, a: usize, b: usize) {
        self.trace.say(self.now, || {
            format!("link {} {} breaks", self.peers[a].card.name, self.peers[b].card.name)
        });
        let arrivals = self.network.sever(a, b, self.now, &mut self.chance);
        self.arrive(arrivals);
        // A link may break before either side has heard of it.
        self.dial_soon(a, 20);
        self.dial_soon(b, 20);
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
    /// A client asks a registry to deploy an application without servers. The ticket's response comes later, or never.
    pub(super) fn apply(&mut self, index: usize, application: &str, request: RequestId) -> Result<ReplyTo, String> {
        let application = Application::new(application.parse::<ApplicationName>().expect("a valid name"));
        self.deploy(index, application, request)
    }
    /// A client asks a registry to deploy an application.
    pub(super) fn deploy(
        &mut self,
        index: usize,
        application: Application,
        request: RequestId,
    ) -> Result<ReplyTo, String> {
        let update = Request::Apply {
            application,
            if_revision: None,
            request,
        };
        self.ask(index, Some(request), update)
    }
    /// A client asks a registry to remove an application.
    pub(super) fn remove(&mut self, index: usize, application: &str, request: RequestId) -> Result<ReplyTo, String> {
        let name = application.parse().expect("a valid name");
        self.ask(index, Some(request), Request::Remove { name, request })
    }
    /// The ticket of whoever asks next.
    pub(super) fn next_ticket(&self) -> ReplyTo {
        ReplyTo(self.next + 1)
    }
    /// A client asks any peer for anything; `id` is an update's.
    pub(super) fn ask(&mut self, index: usize, id: Option<RequestId>, request: Request) -> Result<ReplyTo, String> {
        self.next += 1;
        let to = ReplyTo(self.next);
        let ticket = Ticket {
            peer: index,
            request: id,
            order: match request {
                Request::Promote {
                    dry_run,
                    accept_loss,
                    force,
                } => Some(Ordered {
                    dry_run,
                    plain: !accept_loss && !force,
                }),
                _ => None,
            },
            response: None,
            heard: u64::MAX,
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
        let core = self.peers[index].core.as_ref().and_then(Core::registry);
        core.expect("the registry runs")
    }
    /// The core of a running node.
    pub(super) fn node(&self, index: usize) -> &Node {
        let core = self.peers[index].core.as_ref().and_then(Core::node);
        core.expect("the node runs")
    }
    /// How many processes there ever were.
    pub(super) fn processes(&self) -> usize {
        let spawned = self.peers.iter().map(|peer| peer.host.spawned);
        usize::try_from(spawned.sum::<u32>()).expect("few")
    }
    /// Where the registries stand among the peers.
    pub(super) fn registries(&self) -> Range<usize> {
        0..self.setup.registries
    }
    /// Where the nodes stand among the peers.
    pub(super) fn nodes(&self) -> Range<usize> {
        self.setup.registries..self.peers.len()
    }
    pub(super) fn is_up(&self, index: usize) -> bool {
        self.peers[index].core.is_some()
    }
    pub(super) fn standing(&self, index: usize) -> Standing {
        self.core(index).standing().0
    }
}
