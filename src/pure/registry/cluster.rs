//! A few registry cores that talk to each other without delay, for tests of what several do together. Disks keep what was
//! committed; a crash keeps nothing else. Real networks are the simulation's.

use super::effect::{Effect, Image};
use super::event::Event;
use super::fixture::{card, peer};
use super::{Config, Database, Registry, ReplyTo};
use crate::pure::base::{GridName, Moment, PeerName, Time, WallTime};
use crate::pure::lineage::Entry;
use crate::pure::membership::{Identity, Role, Standing};
use crate::pure::model::Application;
use crate::pure::protocol::report::RegistryReport;
use crate::pure::protocol::{Request, Response};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// One registry with its disk.
struct Member {
    registry: Option<Registry>,
    identity: Identity,
    image: Image,
}

/// Registries that are all linked to each other, but for those that are cut off.
pub(crate) struct Cluster {
    members: BTreeMap<PeerName, Member>,
    wires: VecDeque<(PeerName, Event)>,
    cut: BTreeSet<PeerName>,
    answers: BTreeMap<ReplyTo, Response>,
    now: u64,
    asked: u64,
    /// Messages of these kinds (as in their debug form) are lost.
    pub(crate) losing: Vec<&'static str>,
}

impl Cluster {
    /// `names` started, the first as master, the others as replicas.
    pub(crate) fn new(names: &[&str]) -> Self {
        let mut cluster = Self {
            members: BTreeMap::new(),
            wires: VecDeque::new(),
            cut: BTreeSet::new(),
            answers: BTreeMap::new(),
            now: 0,
            asked: 0,
            losing: Vec::new(),
        };
        for (place, name) in names.iter().enumerate() {
            let role = if place == 0 { Role::Master } else { Role::Replica };
            cluster.add(name, |config| config.role = role);
        }
        cluster
    }
    /// One more, with an empty disk.
    pub(crate) fn add(&mut self, name: &str, change: impl FnOnce(&mut Config)) {
        let card = card(name);
        let grid: GridName = "test".parse().unwrap();
        let member = Member {
            registry: None,
            identity: Identity::new(grid, card.name.clone(), card.kind, card.instance),
            image: Image::default(),
        };
        self.members.insert(card.name, member);
        self.start(name, change);
    }
    /// Starts a registry from its disk, linked to all that run.
    pub(crate) fn start(&mut self, name: &str, change: impl FnOnce(&mut Config)) {
        let name = peer(name);
        let member = self.members.get_mut(&name).unwrap();
        let mut config = Config::new(card(name.as_str()), member.identity.grid.clone());
        change(&mut config);
        member.identity.generation += 1;
        let database = Database::restore(member.image.clone()).unwrap();
        member.registry = Some(Registry::new(config, member.identity.clone(), database, Vec::new()));
        self.wires.push_back((name.clone(), Event::Started));
        self.run();
        self.link(&name);
        self.run();
    }
    fn link(&mut self, name: &PeerName) {
        let others: Vec<PeerName> = self.running().filter(|other| other != name).collect();
        for other in others.into_iter().filter(|other| !self.cut.contains(other)) {
            let (a, b) = (card(name.as_str()), card(other.as_str()));
            self.wires.push_back((other, Event::Linked { card: a }));
            self.wires.push_back((name.clone(), Event::Linked { card: b }));
        }
    }
    fn running(&self) -> impl Iterator<Item = PeerName> + use<'_> {
        let running = self.members.iter().filter(|(_, member)| member.registry.is_some());
        running.map(|(name, _)| name.clone())
    }
    /// The process ends as by `kill -9`.
    pub(crate) fn crash(&mut self, name: &str) {
        let name = peer(name);
        self.members.get_mut(&name).unwrap().registry = None;
        self.unlink(&name);
        self.run();
    }
    /// Nobody hears it, it hears nobody.
    pub(crate) fn cut_off(&mut self, name: &str) {
        let name = peer(name);
        self.unlink(&name);
        self.cut.insert(name);
        self.run();
    }
    /// The end of [`Cluster::cut_off`].
    pub(crate) fn rejoin(&mut self, name: &str) {
        let name = peer(name);
        self.cut.remove(&name);
        self.link(&name);
        self.run();
    }
    fn unlink(&mut self, name: &PeerName) {
        let reason = "gone".to_owned();
        let others: Vec<PeerName> = self.running().filter(|other| other != name).collect();
        for other in others {
            self.wires.push_back((
                name.clone(),
                Event::Unlinked {
                    peer: other.clone(),
                    reason: reason.clone(),
                },
            ));
            self.wires.push_back((
                other,
                Event::Unlinked {
                    peer: name.clone(),
                    reason: reason.clone(),
                },
            ));
        }
    }
    /// Everybody lives on for so long, in steps of 100 ms.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = Time::from_micros(self.now).after(time).as_micros();
        while self.now < end {
            self.now += 100_000;
            let names: Vec<PeerName> = self.running().collect();
            self.wires.extend(names.into_iter().map(|name| (name, Event::Wake)));
            self.run();
        }
    }
    /// The machine slept: time passed and nobody noticed.
    pub(crate) fn sleep(&mut self, time: Duration) {
        self.now = Time::from_micros(self.now).after(time).as_micros();
    }
    /// Until nobody says anything more.
    fn run(&mut self) {
        while let Some((name, event)) = self.wires.pop_front() {
            self.step(&name, event);
        }
    }
    /// A node that says nothing of itself is linked to a registry.
    pub(crate) fn link_node(&mut self, name: &str, node: &str) {
        self.wires.push_back((peer(name), Event::Linked { card: card(node) }));
        self.run();
    }
    fn step(&mut self, name: &PeerName, event: Event) {
        self.now += 10;
        let moment = Moment {
            now: Time::from_micros(self.now),
            wall: WallTime(1),
            dice: u128::from(self.now) << 70 | u128::from(self.now),
        };
        // Nodes only look on.
        let Some(member) = self.members.get_mut(name) else {
            return;
        };
        let Some(registry) = &mut member.registry else { return };
        let effects = registry.handle(event, &moment);
        registry.check();
        for effect in effects {
            self.carry_out(name, effect);
        }
    }
    fn carry_out(&mut self, name: &PeerName, effect: Effect) {
        let member = self.members.get_mut(name).unwrap();
        match effect {
            Effect::Identity(identity) => member.identity = *identity,
            Effect::Commit(batch) => {
                if batch.wipe {
                    member.image = Image::default();
                }
                let log = &mut member.image.log;
                log.retain(|entry| batch.cut_after.is_none_or(|cut| entry.serial <= cut));
                log.extend(batch.append.iter().map(|entry| Entry::clone(entry)));
                log.retain(|entry| batch.trim_before.is_none_or(|first| entry.serial >= first));
                member.image.values.extend(batch.put);
                for key in batch.delete {
                    member.image.values.remove(&key);
                }
            }
            Effect::Send { to, message } => {
                let kind = format!("{message:?}");
                let lost = self.losing.iter().any(|losing| kind.starts_with(losing));
                if lost || self.cut.contains(name) || self.cut.contains(&to) {
                    return;
                }
                let (from, message) = (name.clone(), Box::new(message));
                self.wires.push_back((to, Event::Message { from, message }));
            }
            Effect::Reply { to, response, .. } => drop(self.answers.insert(to, response)),
            _ => {}
        }
    }

    /// Sends a request; its answer is taken with [`Cluster::answer`].
    pub(crate) fn send(&mut self, name: &str, request: Request) -> ReplyTo {
        self.asked += 1;
        let to = ReplyTo(self.asked);
        let event = Event::Request {
            to,
            actor: "operator".to_owned(),
            deadline: Duration::from_secs(10),
            request: Box::new(request),
        };
        self.wires.push_back((peer(name), event));
        self.run();
        to
    }
    /// The answer, if there is one.
    pub(crate) fn answer(&mut self, to: ReplyTo) -> Option<Response> {
        self.answers.remove(&to)
    }
    /// The answer, if need be after some time.
    pub(crate) fn ask(&mut self, name: &str, request: Request) -> Response {
        let to = self.send(name, request);
        for _ in 0..200 {
            if let Some(response) = self.answer(to) {
                return response;
            }
            self.pass(Duration::from_millis(100));
        }
        panic!("no answer in 20 s");
    }
    /// An update; request ids count up.
    pub(crate) fn apply(&mut self, name: &str, application: &str) -> Response {
        let text = format!("application = \"{application}\"");
        let application = Application::from_toml(&text, "test").unwrap();
        let request = crate::pure::base::RequestId::from_bits(u128::from(self.asked) + 1000);
        let if_revision = None;
        self.ask(
            name,
            Request::Apply {
                application,
                if_revision,
                request,
            },
        )
    }
    pub(crate) fn report(&mut self, name: &str) -> RegistryReport {
        match self.ask(name, Request::Registry) {
            Response::Registry(report) => *report,
            other => panic!("{other:?}"),
        }
    }
    pub(crate) fn registry(&self, name: &str) -> &Registry {
        self.members[&peer(name)].registry.as_ref().unwrap()
    }
    pub(crate) fn identity(&self, name: &str) -> &Identity {
        &self.members[&peer(name)].identity
    }
    pub(crate) fn standing(&self, name: &str) -> Standing {
        self.registry(name).standing().0
    }
    /// What each registry holds: serial and digest of its end.
    pub(crate) fn versions(&self) -> Vec<String> {
        let images = self.members.iter().map(|(name, member)| {
            let database = Database::restore(member.image.clone()).unwrap();
            format!(
                "{name} {} {} {:?}",
                database.end(),
                database.end().digest,
                member.identity.promise
            )
        });
        images.collect()
    }
}
