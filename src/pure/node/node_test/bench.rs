//! A bench for one node: a disk, processes, and registries that are scripted. A crash keeps the disk and the processes, as
//! `kill -9` does. What nodes do among registries, networks and faults is the simulation's business.

use crate::pure::base::{DatabaseId, EpochId, InstanceId, Moment, ServerId, Signal, Time, WallTime};
use crate::pure::lineage::rules::Rules;
use crate::pure::lineage::{Digest, Epoch, Version};
use crate::pure::membership::{Identity, PeerCard, PeerKind, Remembered};
use crate::pure::model::{Activation, ServerSpec};
use crate::pure::node::{About, Config, Effect, Event, Memory, Node, OnStop, Restored, Slice};
use crate::pure::protocol::message::{Hold, SlicePart};
use crate::pure::protocol::report::{LogPosition, LogReport};
use crate::pure::protocol::request::Verb;
use crate::pure::protocol::{Message, ReplyTo, Request, Response};
use crate::pure::supervisor::{self, Exit, Running};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(super) fn epoch(number: u64, id: u128) -> Epoch {
    Epoch {
        number,
        id: EpochId::from_bits(id),
    }
}

pub(super) fn card(name: &str, kind: PeerKind) -> PeerCard {
    PeerCard {
        name: name.parse().unwrap(),
        kind,
        instance: InstanceId::from_bits(1),
        generation: 1,
        address: "127.0.0.1:7401".parse().unwrap(),
        http: None,
    }
}

pub(super) fn spec(id: &str, activation: Activation) -> ServerSpec {
    ServerSpec {
        activation,
        ..ServerSpec::new(id.parse().unwrap(), "shop".parse().unwrap(), vec!["true".into()])
    }
}

pub(super) fn always(ids: &[&str]) -> Vec<ServerSpec> {
    ids.iter().map(|id| spec(id, Activation::Always)).collect()
}

/// The database that the bench's registries hold.
pub(super) const HOME: DatabaseId = DatabaseId::from_bits(77);

pub(super) fn id(text: &str) -> ServerId {
    text.parse().unwrap()
}

pub(super) fn version(epoch: u64, serial: u64) -> Version {
    Version {
        epoch,
        serial,
        digest: Digest::default(),
    }
}

/// The node, its disk and its processes.
pub(super) struct Bench {
    pub(super) node: Node,
    pub(super) identity: Identity,
    pub(super) slice: Slice,
    pub(super) marks: BTreeMap<ServerId, supervisor::Marks>,
    pub(super) processes: BTreeMap<ServerId, Running>,
    pub(super) deleted: BTreeSet<ServerId>,
    pub(super) remembered: Vec<Remembered>,
    pub(super) memory: Memory,
    /// Everything said to registries and clients since it was last taken.
    pub(super) said: Vec<(String, Message)>,
    pub(super) replies: Vec<Response>,
    pub(super) signals: Vec<(ServerId, Signal)>,
    pub(super) finished: bool,
    pub(super) second: u64,
    pub(super) dice: u128,
}

impl Bench {
    pub(super) fn new() -> Self {
        let (grid, name) = ("test".parse().unwrap(), "n1".parse().unwrap());
        let identity = Identity::new(grid, name, PeerKind::Node, InstanceId::from_bits(9));
        let mut bench = Self {
            node: Node::new(config(), restored(&identity)),
            identity,
            slice: Slice::default(),
            marks: BTreeMap::new(),
            processes: BTreeMap::new(),
            deleted: BTreeSet::new(),
            remembered: Vec::new(),
            memory: Memory::default(),
            said: Vec::new(),
            replies: Vec::new(),
            signals: Vec::new(),
            finished: false,
            second: 1,
            dice: 1,
        };
        bench.event(Event::Started);
        bench
    }

    /// `kill -9` and a new start.
    pub(super) fn crash(&mut self) {
        self.node = Node::new(
            config(),
            Restored {
                identity: self.identity.clone(),
                slice: self.slice.clone(),
                marks: self.marks.clone(),
                remembered: self.remembered.clone(),
                running: self.processes.clone(),
                memory: self.memory.clone(),
            },
        );
        self.event(Event::Started);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.dice += 1;
        let moment = Moment {
            now: Time::from_micros(self.second * 1_000_000),
            wall: WallTime(0),
            dice: self.dice,
        };
        let effects = self.node.handle(event, &moment);
        let durable = |effect: &Effect| {
            matches!(
                effect,
                Effect::Identity(_) | Effect::Slice(_) | Effect::Marks(_) | Effect::Drained(_)
            )
        };
        let first_other = effects
            .iter()
            .position(|effect| !durable(effect))
            .unwrap_or(effects.len());
        assert!(
            !effects.iter().skip(first_other).any(durable),
            "durable effects come first"
        );
        for effect in effects {
            self.effect(effect);
        }
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Identity(identity) => self.identity = *identity,
            Effect::Remember(peers) => self.remembered = peers,
            Effect::Slice(slice) => self.slice = *slice,
            Effect::Marks(marks) => self.marks = marks,
            Effect::Drained(drained) => self.memory.drained = drained,
            Effect::Past { server, past } => drop(self.memory.past.insert(server, *past)),
            Effect::Signal { server, signal, .. } => self.signals.push((server, signal)),
            Effect::ReadLogs { to, .. } => {
                let result = Ok(LogReport {
                    file: String::new(),
                    text: "last words\n".to_owned(),
                    next: LogPosition::default(),
                    end: LogPosition::default(),
                    more: false,
                    missed: 0,
                });
                self.event(Event::LogsRead { to, result });
            }
            Effect::Finished => self.finished = true,
            Effect::Send { to, message } => {
                if let Message::Promised { epoch, .. } = message {
                    assert_eq!(self.identity.promise, epoch, "a promise is on disk before it is said");
                }
                self.said.push((to.to_string(), message));
            }
            Effect::Reply { response, .. } => self.replies.push(response),
            Effect::Spawn {
                server,
                run,
                spec,
                tenure,
                ..
            } => {
                let running = Running {
                    run,
                    spec,
                    pid: 1,
                    ports: BTreeMap::new(),
                    tenure,
                };
                let before = self.processes.insert(server.clone(), running);
                assert_eq!(before, None, "{server} runs twice");
                let (pid, ports) = (1, BTreeMap::new());
                let event = supervisor::Event::Spawned { run, pid, ports };
                self.event(Event::Server { id: server, event });
            }
            Effect::Delete { server } => {
                assert!(!self.processes.contains_key(&server), "deleted under a running process");
                self.deleted.insert(server);
            }
            _ => (),
        }
    }

    pub(super) fn exit(&mut self, server: &str) {
        if let Some(running) = self.processes.remove(server) {
            let run = running.run;
            let how = Exit::Signal(15);
            let event = supervisor::Event::Exited { run, how };
            self.event(Event::Server { id: id(server), event });
        }
    }

    pub(super) fn link(&mut self, registry: &str) {
        let card = card(registry, PeerKind::Registry);
        self.event(Event::Linked { card });
    }

    pub(super) fn hear(&mut self, from: &str, message: Message) {
        let from = from.parse().unwrap();
        let message = Box::new(message);
        self.event(Event::Message { from, message });
    }

    pub(super) fn slice(
        &mut self,
        from: &str,
        epoch: Epoch,
        serial: u64,
        servers: Vec<ServerSpec>,
        removals: &[(&str, u64)],
    ) {
        self.slice_with(from, epoch, serial, servers, removals, &[]);
    }

    /// With servers that came from another node at an entry, and wait for it.
    pub(super) fn slice_with(
        &mut self,
        from: &str,
        epoch: Epoch,
        serial: u64,
        servers: Vec<ServerSpec>,
        removals: &[(&str, u64)],
        held: &[(&str, &str, u64)],
    ) {
        let held = held.iter().map(|(server, from, since)| Hold {
            server: id(server),
            from: from.parse().unwrap(),
            since: *since,
        });
        let part = SlicePart {
            epoch,
            database: HOME,
            version: version(epoch.number, serial),
            base: None,
            first: true,
            last: true,
            servers,
            removals: removals.iter().map(|(name, serial)| (id(name), *serial)).collect(),
            held: held.collect(),
        };
        self.hear(from, Message::Slice(Box::new(part)));
    }

    pub(super) fn client(&mut self, request: Request) {
        self.event(Event::Request {
            to: ReplyTo(1),
            actor: "test".into(),
            deadline: Duration::from_secs(5),
            request: Box::new(request),
        });
    }

    pub(super) fn command(&mut self, server: &str, verb: Verb) {
        let server = id(server);
        self.client(Request::Command { server, verb });
    }

    /// How the last command was answered, in words.
    pub(super) fn reply(&mut self) -> String {
        match self.replies.pop() {
            None => "waits".into(),
            Some(Response::Commanded(report)) => report.state.to_string(),
            Some(Response::Failed(failure)) => format!("{:?}: {}", failure.code, failure.message),
            Some(other) => panic!("unexpected answer {other:?}"),
        }
    }

    /// What was said last, in one word.
    pub(super) fn last_word(&mut self) -> String {
        let said = std::mem::take(&mut self.said);
        match said.into_iter().map(|(_, message)| message).next_back() {
            Some(Message::Refusal { code, .. }) => format!("{code:?}"),
            Some(Message::Promised { .. }) => "Promised".into(),
            Some(Message::Declined { .. }) => "Declined".into(),
            Some(Message::Answer { response, .. }) => match *response {
                Response::Failed(failure) => format!("{:?}", failure.code),
                _ => "Answered".into(),
            },
            Some(_) => "other".into(),
            None => "nothing".into(),
        }
    }
}

pub(super) fn config() -> Config {
    Config {
        card: card("n1", PeerKind::Node),
        host: "127.0.0.1".into(),
        locator: vec!["127.0.0.1:7402".parse().unwrap()],
        on_stop: OnStop::Leave,
        rules: Rules::default(),
        about: About::default(),
        means: String::new(),
    }
}

pub(super) fn restored(identity: &Identity) -> Restored {
    Restored {
        identity: identity.clone(),
        slice: Slice::default(),
        marks: BTreeMap::new(),
        remembered: Vec::new(),
        running: BTreeMap::new(),
        memory: Memory::default(),
    }
}
