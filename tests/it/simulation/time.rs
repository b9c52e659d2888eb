//! Virtual time: what waits for its moment, and the steps from one to the next.

use super::core::{Core, Event};
use super::network::Arrivals;
use super::world::{Checked, World};
use floe::pure::allocation::Tenure;
use floe::pure::base::{PeerName, RunId, ServerId};
use floe::pure::model::ServerSpec;
use floe::pure::registry::Kept;
use floe::pure::supervisor::Exit;
use std::sync::Arc;

/// More events than any life needs.
const STEPS_MAX: u64 = 500_000;

/// What waits for its time.
#[derive(Clone, Debug)]
pub(super) enum Todo {
    /// Something arrives from one peer at another.
    Arrive((usize, usize)),
    /// A peer asked to be woken.
    Wake { peer: usize, boot: u64, wake: u64 },
    /// A peer dials whom it has no link to.
    Dial { peer: usize, boot: u64 },
    /// A dial failed.
    Unreachable {
        peer: usize,
        boot: u64,
        other: usize,
        known: Option<PeerName>,
    },
    /// Gossip carries a record.
    Gossip { from: usize, to: usize },
    /// What was written in haste gets synced.
    Sync { peer: usize, boot: u64 },
    /// The old database of a peer is kept.
    Kept { peer: usize, boot: u64 },
    /// A peer dies.
    Die { peer: usize, boot: u64 },
    /// A peer that stood still goes on.
    Resume { peer: usize, boot: u64 },
    /// A group of effects is carried out.
    Group { peer: usize, boot: u64 },
    /// A node's shell makes a process.
    Spawn {
        peer: usize,
        boot: u64,
        server: ServerId,
        run: RunId,
        spec: Arc<ServerSpec>,
        tenure: Option<Tenure>,
    },
    /// A process ends, whether its node lives or not.
    Exit {
        peer: usize,
        server: ServerId,
        run: RunId,
        how: Exit,
    },
    /// A node's shell tells it of a process.
    Tell { peer: usize, boot: u64, event: Box<Event> },
}

impl World {
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
    /// One peer in few words.
    pub(super) fn sketch(&self, index: usize) -> String {
        let name = &self.peers[index].card.name;
        match &self.peers[index].core {
            None => format!("{name} is down"),
            Some(Core::Registry(core)) => {
                let (standing, reason) = core.standing();
                let (end, promise) = (core.database().end(), core.promise());
                format!("{name} {standing} at {end} promise {promise} ({reason})")
            }
            Some(Core::Node(core)) => {
                let applied = core
                    .applied()
                    .map_or_else(|| "nothing".to_owned(), |version| version.to_string());
                let servers: Vec<String> = core
                    .reports()
                    .iter()
                    .map(|report| format!("{} {} {}", report.id, report.state, report.reason))
                    .collect();
                format!("{name} runs {applied} obeys {} [{}]", core.obeys(), servers.join(", "))
            }
        }
    }
    pub(super) fn later(&mut self, at: u64, todo: Todo) {
        self.next += 1;
        self.queue.insert((at.max(self.now), self.next), todo);
    }
    pub(super) fn arrive(&mut self, arrivals: Arrivals) {
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
        if self.steps > STEPS_MAX {
            return Err("the peers never come to rest".to_owned());
        }
        if !self.is_current(&todo) {
            return Ok(());
        }
        match todo {
            Todo::Arrive(key) => self.receive(key),
            Todo::Wake { peer, .. } => self.event(peer, Event::Wake),
            Todo::Dial { peer, .. } => {
                self.dial(peer);
                Ok(())
            }
            Todo::Unreachable { peer, other, known, .. } => {
                let event = Event::Unreachable {
                    peer: known,
                    address: self.peers[other].card.address.clone(),
                    reason: "connection refused".to_owned(),
                };
                self.event(peer, event)
            }
            Todo::Gossip { from, to } => self.gossip(from, to),
            Todo::Sync { peer, .. } => self.sync(peer),
            Todo::Kept { peer, .. } => self.kept(peer),
            Todo::Die { .. } if self.peace => Ok(()),
            Todo::Die { peer, .. } => {
                self.crash(peer);
                Ok(())
            }
            Todo::Resume { peer, .. } => self.resume(peer),
            // Carried out when it goes on.
            Todo::Group { peer, .. } if self.peers[peer].stalled.is_some() => Ok(()),
            Todo::Group { peer, .. } => self.flush(peer),
            Todo::Spawn {
                peer,
                server,
                run,
                spec,
                tenure,
                ..
            } => self.spawn(peer, server, run, spec, tenure),
            Todo::Exit { peer, server, run, how } => {
                self.exit(peer, server, run, how);
                Ok(())
            }
            Todo::Tell { peer, event, .. } => self.event(peer, *event),
        }
    }
    /// Mostly the old database can be kept.
    fn kept(&mut self, index: usize) -> Checked {
        let full = self.chance.hits(1, 10);
        let kept = Kept {
            surplus: match self.peers[index]
                .aside
                .as_ref()
                .and_then(|aside| aside.surplus.as_ref())
            {
                Some(_) => "a file".to_owned(),
                None => String::new(),
            },
            ..Kept::default()
        };
        let outcome = if full {
            Err("the disk is full".to_owned())
        } else {
            Ok(kept)
        };
        self.event(index, Event::SetAside(outcome))
    }
    /// Is it for a peer's present life?
    fn is_current(&self, todo: &Todo) -> bool {
        match todo {
            Todo::Arrive(_) | Todo::Gossip { .. } | Todo::Exit { .. } => true,
            Todo::Wake { peer, boot, wake } => self.peers[*peer].boot == *boot && self.peers[*peer].wake == *wake,
            Todo::Dial { peer, boot }
            | Todo::Unreachable { peer, boot, .. }
            | Todo::Sync { peer, boot }
            | Todo::Kept { peer, boot }
            | Todo::Die { peer, boot }
            | Todo::Resume { peer, boot }
            | Todo::Group { peer, boot }
            | Todo::Spawn { peer, boot, .. }
            | Todo::Tell { peer, boot, .. } => self.peers[*peer].boot == *boot,
        }
    }
}
