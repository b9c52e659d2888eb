//! How peers come to be linked, and what links and gossip bring.

use super::core::Event;
use super::network::Item;
use super::time::Todo;
use super::world::{Checked, World};
use floe::pure::membership::{Change, Member};

impl World {
    /// Hands over what has arrived in one direction.
    pub(super) fn receive(&mut self, key: (usize, usize)) -> Checked {
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
    /// Dials whoever is not linked, after about so many milliseconds.
    pub(super) fn dial_soon(&mut self, index: usize, millis: u64) {
        let jitter = self.chance.below(millis * 1000);
        let peer = &mut self.peers[index];
        if peer.core.is_some() && !peer.dial_due {
            peer.dial_due = true;
            let boot = peer.boot;
            self.later(self.now + millis * 500 + jitter, Todo::Dial { peer: index, boot });
        }
    }
    pub(super) fn dial(&mut self, index: usize) {
        self.peers[index].dial_due = false;
        if self.peers[index].stalled.is_some() {
            return self.dial_soon(index, 100);
        }
        let mut again = false;
        for (other, known) in self.peers[index].dials.clone() {
            if self.network.linked(index, other) || self.network.stands(index, other) {
                continue;
            }
            again = true;
            if self.peers[other].stalled.is_some() {
                continue;
            }
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
    }
    pub(super) fn gossip(&mut self, from: usize, to: usize) -> Checked {
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
}
