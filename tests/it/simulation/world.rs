//! Runs the cores: gives them events in virtual time, carries out their effects as the shells promise to, and lets the
//! oracle look after every step.

use super::chance::Chance;
use super::disk::{Disk, Write};
use super::network::{Arrivals, Item, Network};
use super::oracle::Oracle;
use super::trace::{Trace, effect_words, event_words};
use floe::pure::base::{Address, ApplicationName, InstanceId, Moment, PeerName, RequestId, Time, WallTime};
use floe::pure::lineage::Epoch;
use floe::pure::lineage::rules::{Rule, Rules};
use floe::pure::membership::{Change, Identity, Member, PeerCard, PeerKind, Record, Role, Standing};
use floe::pure::model::Application;
use floe::pure::protocol::{Request, Response};
use floe::pure::registry::{Batch, Config, Database, Effect, Event, Registry, ReplyTo};
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

/// How the operator starts a registry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Start {
    pub(super) role: Role,
    pub(super) promote: bool,
    pub(super) accept_loss: bool,
    pub(super) force: bool,
}

/// One registry: what it is, what its disk holds, and its core while it runs.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) card: PeerCard,
    pub(super) start: Start,
    pub(super) disk: Disk,
    pub(super) core: Option<Registry>,
    boot: u64,
    wake: u64,
    dials: Vec<(usize, Option<PeerName>)>,
    dial_due: bool,
    gossip: Option<Record>,
    claim: Option<Epoch>,
    /// An older database, for disks that lie.
    pub(super) backup: Option<Disk>,
}

/// What waits for its time.
#[derive(Clone, Debug)]
enum Todo {
    Arrive((usize, usize)),
    Wake {
        peer: usize,
        boot: u64,
        wake: u64,
    },
    Dial {
        peer: usize,
        boot: u64,
    },
    Unreachable {
        peer: usize,
        boot: u64,
        other: usize,
        known: Option<PeerName>,
    },
    Gossip {
        from: usize,
        to: usize,
    },
    Sync {
        peer: usize,
        boot: u64,
    },
}

/// A client's request.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) peer: usize,
    pub(super) request: RequestId,
    pub(super) response: Option<Response>,
}

/// Where in the carrying out of one event's effects a peer dies.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// After so many durable effects, before anything is sent.
    Writing(usize),
    /// After so many of the rest.
    Sending(usize),
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
    queue: BTreeMap<(u64, u64), Todo>,
    next: u64,
}

pub(super) type Checked = Result<(), String>;

impl World {
    pub(super) fn new(setup: Setup, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let peers = (0..setup.registries).map(|index| peer(index, &mut chance)).collect();
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
            steps: 0,
            queue: BTreeMap::new(),
            next: 0,
        }
    }

    // ---- what tests do ----

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
        let peer = &mut self.peers[index];
        if peer.core.take().is_none() {
            return;
        }
        peer.disk.unsynced.clear();
        peer.dials.clear();
        peer.dial_due = false;
        peer.claim = None;
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

    // ---- time ----

    /// Lets so much time pass.
    pub(super) fn run(&mut self, millis: u64) -> Checked {
        let end = self.now + millis * 1000;
        while let Some((&(at, _), _)) = self.queue.first_key_value() {
            if at > end {
                break;
            }
            self.step()?;
        }
        self.now = end;
        Ok(())
    }
    /// Lets time pass until something is so; an error after `millis`.
    pub(super) fn until(&mut self, millis: u64, what: &str, so: impl Fn(&Self) -> bool) -> Checked {
        let end = self.now + millis * 1000;
        while !so(self) {
            match self.queue.first_key_value() {
                Some((&(at, _), _)) if at <= end => self.step()?,
                _ => {
                    let standings: Vec<String> = (0..self.peers.len()).map(|index| self.sketch(index)).collect();
                    return Err(format!("not within {millis} ms: {what}; {}", standings.join("; ")));
                }
            }
        }
        Ok(())
    }
    /// One registry in few words.
    pub(super) fn sketch(&self, index: usize) -> String {
        let Some(core) = &self.peers[index].core else {
            return format!("{} is down", name(index));
        };
        let (standing, reason) = core.standing();
        format!(
            "{} {standing} at {} promise {} ({reason})",
            name(index),
            core.database().end(),
            core.promise()
        )
    }
    fn later(&mut self, at: u64, todo: Todo) {
        self.next += 1;
        self.queue.insert((at.max(self.now), self.next), todo);
    }
    fn arrive(&mut self, arrivals: Arrivals) {
        for (at, key) in arrivals {
            self.later(at, Todo::Arrive(key));
        }
    }
    fn step(&mut self) -> Checked {
        let Some(((at, _), todo)) = self.queue.pop_first() else {
            return Ok(());
        };
        self.now = at;
        self.steps += 1;
        match todo {
            Todo::Arrive(key) => self.receive(key),
            Todo::Wake { peer, boot, wake } => {
                let current = self.peers[peer].boot == boot && self.peers[peer].wake == wake;
                if current { self.event(peer, Event::Wake) } else { Ok(()) }
            }
            Todo::Dial { peer, boot } if self.peers[peer].boot == boot => self.dial(peer),
            Todo::Unreachable {
                peer,
                boot,
                other,
                known,
            } if self.peers[peer].boot == boot => {
                let card = &self.peers[other].card;
                let event = Event::Unreachable {
                    peer: known,
                    address: card.address.clone(),
                    reason: "connection refused".to_owned(),
                };
                self.event(peer, event)
            }
            Todo::Gossip { from, to } => self.gossip(from, to),
            Todo::Sync { peer, boot } if self.peers[peer].boot == boot => self.sync(peer),
            Todo::Dial { .. } | Todo::Unreachable { .. } | Todo::Sync { .. } => Ok(()),
        }
    }
    fn receive(&mut self, key: (usize, usize)) -> Checked {
        let (from, to) = key;
        let item = match self.network.receive(key, self.now) {
            Ok(item) => item,
            Err(again) => {
                if let Some(at) = again {
                    self.later(at, Todo::Arrive(key));
                }
                return Ok(());
            }
        };
        if self.network.is_ready(key, self.now) {
            self.later(self.now, Todo::Arrive(key));
        }
        let sender = self.peers[from].card.name.clone();
        let event = match item {
            Item::Linked(card) => Event::Linked { card: *card },
            Item::Message(message) => Event::Message { from: sender, message },
            Item::Unlinked => {
                self.dial_soon(to, 20);
                Event::Unlinked {
                    peer: sender,
                    reason: "connection closed".to_owned(),
                }
            }
        };
        self.event(to, event)
    }

    // ---- links and gossip ----

    fn dial_soon(&mut self, index: usize, millis: u64) {
        let jitter = self.chance.below(millis * 1000);
        let peer = &mut self.peers[index];
        if peer.core.is_some() && !peer.dial_due {
            peer.dial_due = true;
            let boot = peer.boot;
            self.later(self.now + millis * 500 + jitter, Todo::Dial { peer: index, boot });
        }
    }
    fn dial(&mut self, index: usize) -> Checked {
        self.peers[index].dial_due = false;
        let mut again = false;
        for (other, known) in self.peers[index].dials.clone() {
            if self.network.linked(index, other) || self.network.stands(index, other) {
                continue;
            }
            again = true;
            let blocked =
                self.network.is_blocked(index, other, self.now) || self.network.is_blocked(other, index, self.now);
            if blocked || !self.is_up(other) {
                let wait = if blocked { 1_000_000 } else { 500 };
                let boot = self.peers[index].boot;
                self.later(
                    self.now + wait,
                    Todo::Unreachable {
                        peer: index,
                        boot,
                        other,
                        known,
                    },
                );
            } else if self.network.is_clean(index, other) {
                let (a, b) = (
                    (index, self.peers[index].card.clone()),
                    (other, self.peers[other].card.clone()),
                );
                let arrivals = self.network.connect(&a, &b, self.now, &mut self.chance);
                self.arrive(arrivals);
            }
        }
        if again {
            self.dial_soon(index, 400);
        }
        Ok(())
    }
    fn gossip(&mut self, from: usize, to: usize) -> Checked {
        let Some(record) = self.peers[from].gossip.clone() else {
            return Ok(());
        };
        if self.network.is_blocked(from, to, self.now) {
            return Ok(());
        }
        let alive = self.is_up(from);
        let seen = Change::Seen(Box::new(Member { record, alive }));
        self.event(to, Event::Members(vec![seen]))
    }

    // ---- events and effects ----

    fn event(&mut self, index: usize, event: Event) -> Checked {
        let moment = Moment {
            now: Time::from_micros(self.now),
            wall: WallTime(i64::try_from(self.now / 1000).expect("short runs")),
            dice: self.chance.bits(),
        };
        let Some(core) = &mut self.peers[index].core else {
            return Ok(());
        };
        self.trace
            .say(self.now, || format!("{} <- {}", name(index), event_words(&event)));
        let effects = core.handle(event, &moment);
        if self.setup.self_check {
            core.check();
        }
        let death = self.chance.hits(self.deaths, 10_000).then(|| {
            let writing = self.chance.hits(1, 2);
            let count = self.chance.index(effects.len() + 1);
            if writing {
                Death::Writing(count)
            } else {
                Death::Sending(count)
            }
        });
        self.carry_out(index, effects, death)
    }

    /// First everything durable, then the rest, in order.
    fn carry_out(&mut self, index: usize, effects: Vec<Effect>, death: Option<Death>) -> Checked {
        if self.trace.on {
            for words in effects.iter().filter_map(effect_words) {
                self.trace.say(self.now, || format!("{} -> {words}", name(index)));
            }
        }
        let (durable, rest): (Vec<Effect>, Vec<Effect>) = effects
            .into_iter()
            .partition(|effect| matches!(effect, Effect::Identity(_) | Effect::Commit(_)));
        let mut written = 0;
        for effect in durable {
            if matches!(death, Some(Death::Writing(count)) if count == written) {
                break;
            }
            self.write(index, effect)?;
            written += 1;
        }
        if let Some(Death::Writing(_)) = death {
            self.crash(index);
            return Ok(());
        }
        self.look_after_write(index)?;
        self.compare_memory(index)?;
        for (sent, effect) in rest.into_iter().enumerate() {
            if matches!(death, Some(Death::Sending(count)) if count == sent) {
                break;
            }
            self.release(index, effect)?;
        }
        if death.is_some() {
            self.crash(index);
        }
        Ok(())
    }

    /// Does the shell of this peer leave this write for later?
    fn is_lazy(&self, index: usize, effect: &Effect) -> bool {
        let leads = self.peers[index]
            .core
            .as_ref()
            .is_some_and(|core| core.reign().is_some());
        match (self.setup.shell_breaks, effect) {
            (Some(Rule::PromiseIsDurable), Effect::Identity(_)) => true,
            (Some(Rule::MasterSyncsFirst), Effect::Commit(_)) => leads,
            (Some(Rule::ReplicaSyncsFirst), Effect::Commit(_)) => !leads,
            _ => false,
        }
    }
    fn write(&mut self, index: usize, effect: Effect) -> Checked {
        let lazy = self.is_lazy(index, &effect);
        let write = match effect {
            Effect::Identity(identity) => Write::Identity(identity),
            Effect::Commit(batch) => Write::Batch(batch),
            _ => return Ok(()),
        };
        // Batches keep their order among each other.
        let mut waiting = self.peers[index].disk.unsynced.iter();
        let behind = matches!(write, Write::Batch(_)) && waiting.any(|write| matches!(write, Write::Batch(_)));
        if lazy || behind {
            if let Write::Batch(batch) = &write {
                let mut unsynced = self.peers[index].disk.unsynced.iter().rev();
                let last = unsynced.find_map(|write| match write {
                    Write::Batch(batch) => Some(batch.append.last()?.digest),
                    Write::Identity(_) => None,
                });
                let end = last.unwrap_or(self.peers[index].disk.end);
                self.oracle.written(end, batch)?;
            }
            self.peers[index].disk.unsynced.push_back(write);
            let (boot, delay) = (self.peers[index].boot, self.chance.between(1_000, 300_000));
            self.later(self.now + delay, Todo::Sync { peer: index, boot });
            return Ok(());
        }
        self.store(index, write)
    }
    fn sync(&mut self, index: usize) -> Checked {
        while let Some(write) = self.peers[index].disk.unsynced.pop_front() {
            self.store(index, write)?;
        }
        Ok(())
    }
    fn store(&mut self, index: usize, write: Write) -> Checked {
        match write {
            Write::Identity(identity) => self.peers[index].disk.identity = *identity,
            Write::Batch(batch) => self.commit(index, &batch)?,
        }
        Ok(())
    }
    fn commit(&mut self, index: usize, batch: &Batch) -> Checked {
        let disk = &mut self.peers[index].disk;
        let before = disk.end;
        let cut = self.oracle.before_commit(index, disk, batch)?;
        disk.commit(batch, cut)?;
        let after = disk.end;
        if batch.wipe {
            self.oracle.after_wipe(index, before, after)
        } else {
            Ok(())
        }
    }
    /// What the core holds is what its disk holds, unless its shell breaks a rule.
    fn compare_memory(&self, index: usize) -> Checked {
        let peer = &self.peers[index];
        let Some(core) = peer.core.as_ref().filter(|_| self.setup.shell_breaks.is_none()) else {
            return Ok(());
        };
        if core.database().end().digest != peer.disk.end {
            return Err(format!("{} holds another log in memory than on disk", name(index)));
        }
        if core.promise() != peer.disk.identity.promise && peer.disk.identity.promise != Epoch::NONE {
            return Err(format!("{} holds another promise in memory than on disk", name(index)));
        }
        Ok(())
    }
    fn look_after_write(&mut self, index: usize) -> Checked {
        let peer = &mut self.peers[index];
        let claim = peer.core.as_ref().and_then(Registry::reign);
        let began = std::mem::replace(&mut peer.claim, claim) != claim;
        match claim.filter(|_| began) {
            Some(epoch) => {
                let end = self.core(index).database().end().digest;
                self.oracle.begins(epoch, end)
            }
            None => Ok(()),
        }
    }

    fn release(&mut self, index: usize, effect: Effect) -> Checked {
        match effect {
            Effect::Send { to, message } => {
                self.oracle.says(index, &message)?;
                if let Some(other) = self.number(&to) {
                    let arrivals = self.network.send(index, other, message, self.now, &mut self.chance);
                    self.arrive(arrivals);
                }
            }
            Effect::Reply { to, response, .. } => self.reply(index, to, response)?,
            Effect::Publish(record) => {
                self.peers[index].gossip = Some(*record);
                for to in (0..self.peers.len()).filter(|to| *to != index) {
                    let delay = self.chance.between(50_000, 1_000_000);
                    self.later(self.now + delay, Todo::Gossip { from: index, to });
                }
            }
            Effect::Dial(targets) => {
                let found = |address: &Address| self.peers.iter().position(|peer| peer.card.address == *address);
                let dials = targets
                    .into_iter()
                    .filter_map(|target| Some((found(&target.address)?, target.name)))
                    .collect();
                self.peers[index].dials = dials;
                self.dial_soon(index, 1);
            }
            Effect::Remember(remembered) => {
                // A hint: now and then it gets lost.
                if self.chance.hits(9, 10) {
                    self.peers[index].disk.remembered = remembered;
                }
            }
            Effect::Wake(at) => {
                let peer = &mut self.peers[index];
                peer.wake += 1;
                let (boot, wake) = (peer.boot, peer.wake);
                self.later(
                    at.as_micros(),
                    Todo::Wake {
                        peer: index,
                        boot,
                        wake,
                    },
                );
            }
            Effect::Happened(_) | Effect::Identity(_) | Effect::Commit(_) => {}
        }
        Ok(())
    }
    fn reply(&mut self, index: usize, to: ReplyTo, response: Response) -> Checked {
        let Some(ticket) = self.tickets.get_mut(&to) else {
            return Err(format!("reply {} was not asked for", to.0));
        };
        if ticket.response.is_some() {
            return Err(format!("request {} was answered twice", to.0));
        }
        let request = ticket.request;
        let copies = if let Response::Applied(report) = &response {
            Some(report.copies)
        } else {
            None
        };
        ticket.response = Some(response);
        let (Some(copies), Some(core)) = (copies, &self.peers[index].core) else {
            return Ok(());
        };
        let Some(epoch) = core.reign() else {
            return Err(format!("peer {index} acknowledges without reigning"));
        };
        let mut log = self.oracle.history.log(core.database().end().digest);
        let Some((entry, _)) = log.find(|(_, place)| place.request == request) else {
            return Err(format!("peer {index} acknowledges what is not in its log"));
        };
        drop(log);
        let disks: Vec<&Disk> = self.peers.iter().map(|peer| &peer.disk).collect();
        self.oracle.acknowledges(epoch, entry, copies, &disks)
    }
    fn number(&self, name: &PeerName) -> Option<usize> {
        self.peers.iter().position(|peer| peer.card.name == *name)
    }
}

/// How a registry is called in traces.
pub(super) fn name(index: usize) -> String {
    format!("r{}", index + 1)
}

fn peer(index: usize, chance: &mut Chance) -> Peer {
    let card = PeerCard {
        name: name(index).parse().expect("a valid name"),
        kind: PeerKind::Registry,
        instance: InstanceId::from_bits(chance.bits()),
        generation: 0,
        address: format!("127.0.0.1:{}", 7401 + index).parse().expect("a valid address"),
        http: None,
    };
    let identity = Identity {
        grid: "simulated".parse().expect("a valid name"),
        name: card.name.clone(),
        kind: card.kind,
        instance: card.instance,
        generation: 0,
        promise: Epoch::NONE,
        drawn: None,
        role: None,
        file_role: None,
    };
    Peer {
        card,
        start: Start::default(),
        disk: Disk::new(identity),
        core: None,
        boot: 0,
        wake: 0,
        dials: Vec::new(),
        dial_due: false,
        gossip: None,
        claim: None,
        backup: None,
    }
}
