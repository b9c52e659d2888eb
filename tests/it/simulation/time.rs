//! Virtual time: what waits for its moment, and the steps from one to the next.

use super::network::Arrivals;
use super::peer::name;
use super::world::{Checked, World};
use floe::pure::base::PeerName;
use floe::pure::registry::{Event, Kept};

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
    /// A group of effects is carried out.
    Group { peer: usize, boot: u64 },
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
            Todo::Kept { peer, .. } => self.event(peer, Event::SetAside(Ok(Kept::default()))),
            Todo::Group { peer, .. } => self.flush(peer),
        }
    }
    /// Is it for a peer's present life?
    fn is_current(&self, todo: &Todo) -> bool {
        match todo {
            Todo::Arrive(_) | Todo::Gossip { .. } => true,
            Todo::Wake { peer, boot, wake } => self.peers[*peer].boot == *boot && self.peers[*peer].wake == *wake,
            Todo::Dial { peer, boot }
            | Todo::Unreachable { peer, boot, .. }
            | Todo::Sync { peer, boot }
            | Todo::Kept { peer, boot }
            | Todo::Group { peer, boot } => self.peers[*peer].boot == *boot,
        }
    }
}
