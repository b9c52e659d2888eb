//! Links and peers: who is there, whom to dial, what to remember.

use crate::pure::base::PeerName;
use crate::pure::base::limits::PEERS_MAX;
use crate::pure::membership::{Change, PeerCard, PeerKind, Remembered};
use crate::pure::node::effect::Asker;
use crate::pure::node::state::{Known, Link, Node};
use crate::pure::protocol::report::PeerRow;
use crate::pure::protocol::{Message, Status, Target};

impl Node {
    pub(in crate::pure::node) fn linked(&mut self, card: PeerCard) {
        let peer = card.name.clone();
        let link = Link {
            kind: card.kind,
            fresh: true,
            asked: false,
        };
        self.links.insert(peer.clone(), link);
        self.learn(card, Word::Itself);
        let mut cards = vec![self.config.card.clone()];
        cards.extend(self.known.values().map(|known| known.remembered.card.clone()));
        self.send(&peer, Message::Peers(cards));
    }

    pub(in crate::pure::node) fn unlinked(&mut self, peer: &PeerName) {
        self.links.remove(peer);
        self.met(peer);
        if self.assembly.as_ref().is_some_and(|assembly| assembly.from == *peer) {
            self.assembly = None;
        }
        // Its answers have nowhere to go; the commands themselves go on.
        self.waiters
            .retain(|waiter| !matches!(&waiter.asker, Asker::Peer(name, _) if name == peer));
        if let Some(known) = self.known.get_mut(peer) {
            known.claim = None;
        }
    }

    pub(in crate::pure::node) fn members(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Seen(member) => {
                    let name = member.record.card.name.clone();
                    let word = if member.alive { Word::Alive } else { Word::Hearsay };
                    self.learn(member.record.card, word);
                    if let Some(known) = self.known.get_mut(&name) {
                        known.alive = member.alive;
                        known.remembered.version = member.record.version;
                    }
                }
                // Told by the registries; a node trusts its links, not names.
                Change::Clash { .. } => {}
                Change::Gone(name) => {
                    if let Some(known) = self.known.get_mut(&name) {
                        known.alive = false;
                    }
                }
            }
        }
    }

    pub(in crate::pure::node) fn peers_told(&mut self, cards: Vec<PeerCard>) {
        for card in cards {
            self.learn(card, Word::Hearsay);
        }
    }

    /// A registry tells where it stands: a hint for clients that ask for the master, never an order.
    pub(in crate::pure::node) fn status_told(&mut self, from: &PeerName, status: Status) {
        if let Some(known) = self.known.get_mut(from) {
            known.claim = status.claim;
            known.remembered.version = Some(status.summary.end);
        }
    }

    /// Whom to keep a link to: every known registry, and the locator list, whoever answers there.
    pub(in crate::pure::node) fn targets(&self) -> Vec<Target> {
        let mut targets: Vec<Target> = self
            .registries()
            .map(|card| Target {
                name: Some(card.name.clone()),
                address: card.address.clone(),
            })
            .collect();
        let knows_a_registry = !targets.is_empty();
        for address in &self.config.locator {
            let owner = self
                .known
                .values()
                .map(|known| &known.remembered.card)
                .find(|card| card.address == *address);
            // A node in the list leads to registries; once one is known, the link to the node has done its work.
            let superfluous = owner.is_some_and(|card| card.kind == PeerKind::Registry || knows_a_registry);
            if superfluous || *address == self.config.card.address {
                continue;
            }
            targets.push(Target {
                name: owner.map(|card| card.name.clone()),
                address: address.clone(),
            });
        }
        targets.sort();
        targets.dedup();
        targets
    }

    /// The rows of `floe peer list`, this node among them.
    pub(in crate::pure::node) fn peer_rows(&self) -> Vec<PeerRow> {
        let row = |card: &PeerCard, alive: bool, version: Option<_>| PeerRow {
            name: card.name.to_string(),
            kind: card.kind,
            state: if alive { "alive" } else { "unreachable" }.to_owned(),
            address: card.address.to_string(),
            http: card.http.as_ref().map(ToString::to_string).unwrap_or_default(),
            version: version.map_or_else(String::new, |v: crate::pure::lineage::Version| v.to_string()),
        };
        let mut rows = vec![row(&self.config.card, true, self.slice.version)];
        rows.extend(self.known.iter().map(|(name, known)| {
            let alive = known.alive || self.links.contains_key(name);
            row(&known.remembered.card, alive, known.remembered.version)
        }));
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows
    }

    /// Takes in a card. One that the peer did not say itself never replaces one that is newer or that a link vouches for.
    fn learn(&mut self, card: PeerCard, word: Word) {
        if card.name == self.config.card.name {
            return;
        }
        let name = card.name.clone();
        self.take_in(card, word);
        if word != Word::Hearsay {
            self.met(&name);
        }
    }

    fn take_in(&mut self, card: PeerCard, word: Word) {
        // A newcomer that is only spoken of drives nobody out: else two long lists would empty each other for ever.
        if self.known.len() >= PEERS_MAX && word != Word::Hearsay && !self.known.contains_key(&card.name) {
            self.forget_one();
        }
        let full = self.known.len() >= PEERS_MAX;
        match self.known.get_mut(&card.name) {
            Some(known) if known.remembered.card == card => (),
            Some(known) => {
                let old = &known.remembered.card;
                let older = old.instance == card.instance && card.generation < old.generation;
                if word == Word::Itself || !(older || self.links.contains_key(&card.name)) {
                    known.remembered.card = card;
                    self.dirty.known = true;
                }
            }
            None if !full => {
                let remembered = Remembered {
                    card: card.clone(),
                    summary: None,
                    version: None,
                    seen: 0,
                };
                self.known.insert(card.name, Known::new(remembered));
                self.dirty.known = true;
            }
            None => (),
        }
    }

    /// The peer is or was there just now.
    fn met(&mut self, peer: &PeerName) {
        if let Some(known) = self.known.get_mut(peer) {
            self.meetings += 1;
            known.remembered.seen = self.meetings;
        }
    }

    /// Everybody who is there now was met just now: what is written then is as of now.
    pub(in crate::pure::node) fn remembered(&mut self) -> Vec<Remembered> {
        self.meetings += 1;
        for (name, known) in &mut self.known {
            if known.alive || self.links.contains_key(name) {
                known.remembered.seen = self.meetings;
            }
        }
        self.known.values().map(|known| known.remembered.clone()).collect()
    }

    /// Makes room: of those that are neither linked nor alive, the one that was not met for longest goes.
    fn forget_one(&mut self) {
        let absent = self
            .known
            .iter()
            .filter(|(name, known)| !known.alive && !self.links.contains_key(*name));
        let oldest = absent.min_by_key(|(_, known)| known.remembered.seen);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.known.remove(&name);
            self.dirty.known = true;
        }
    }
}

/// Who vouches for a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// The peer, on its link.
    Itself,
    /// Gossip, which thinks that the peer lives.
    Alive,
    /// Others speak of it.
    Hearsay,
}
