//! Who is there: links, gossip, and what peers tell of each other.

use super::super::effect::Effect;
use super::super::peer::{NodeSight, Peer};
use super::super::seat::Seat;
use super::super::state::Registry;
use crate::pure::base::limits::{PEERS_MAX, SERVERS_PER_NODE_MAX};
use crate::pure::base::{Address, Moment, PeerName};
use crate::pure::membership::{Change, PeerCard, PeerKind, Remembered};
use crate::pure::protocol::Message;
use crate::pure::protocol::report::{Happening, NodeReport, ServerReport};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Registry {
    pub(super) fn linked(&mut self, card: PeerCard, moment: &Moment, out: &mut Vec<Effect>) {
        let name = card.name.clone();
        if !self.know(card.clone(), true) {
            return;
        }
        let cards = self
            .peers
            .values()
            .filter(|peer| peer.card.name != name)
            .map(|peer| peer.card.clone())
            .collect();
        if let Some(peer) = self.peers.get_mut(&name) {
            peer.card = card;
            peer.linked = true;
            peer.heard = Some(moment.now);
            peer.status = None;
            peer.node = None;
            peer.unreachable.clear();
        }
        if let Some(reigning) = self.reigning() {
            reigning.told_nodes.remove(&name);
        }
        out.push(Effect::Send {
            to: name.clone(),
            message: Message::Peers(cards),
        });
        out.push(Effect::Send {
            to: name.clone(),
            message: Message::Status(Box::new(self.status())),
        });
        self.tell_registrations(&name, moment, out);
        self.candidate_met(&name, moment, out);
        self.peer_news(&name, "linked", "", moment, out);
    }

    pub(super) fn unlinked(&mut self, name: &PeerName, reason: &str, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(peer) = self.peers.get_mut(name) else { return };
        peer.linked = false;
        self.meetings += 1;
        peer.seen = self.meetings;
        peer.status = None;
        peer.node = None;
        reason.clone_into(&mut peer.unreachable);
        self.peer_news(name, "unlinked", reason, moment, out);
        self.link_lost(name, moment, out);
        self.candidate_missed(name, moment, out);
        if matches!(&self.seat, Seat::Following(following) if following.master == *name) {
            self.seat = Seat::Idle;
        }
        if let Some(reigning) = self.reigning() {
            reigning.detach(name);
            reigning.expected.remove(name);
            reigning.told_nodes.remove(name);
            reigning.refusals.remove(name);
            self.acknowledge(moment, out);
        }
    }

    pub(super) fn unreachable(
        &mut self,
        peer: Option<&PeerName>,
        address: &Address,
        reason: &str,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let at_address = self
            .peers
            .values()
            .find(|known| known.card.address == *address)
            .map(|known| known.card.name.clone());
        let recorded = || {
            let mut records = self.database.deployment().registries.values();
            Some(records.find(|record| record.address == *address)?.name.clone())
        };
        let name = peer.cloned().or(at_address).or_else(recorded);
        if let Some(peer) = name
            .as_ref()
            .and_then(|name| self.peers.get_mut(name))
            .filter(|peer| !peer.linked)
        {
            reason.clone_into(&mut peer.unreachable);
        }
        if let Seat::Surveying(survey) = &mut self.seat {
            survey.addresses.remove(address);
        }
        if let Some(name) = name {
            self.candidate_missed(&name, moment, out);
        } else {
            self.survey_progress(moment, out);
        }
    }

    pub(super) fn members(&mut self, changes: Vec<Change>, moment: &Moment, out: &mut Vec<Effect>) {
        for change in changes {
            match change {
                Change::Seen(member) => {
                    let name = member.record.card.name.clone();
                    if !self.know(member.record.card.clone(), member.alive) {
                        continue;
                    }
                    let Some(peer) = self.peers.get_mut(&name) else {
                        continue;
                    };
                    let before = std::mem::replace(&mut peer.alive, member.alive);
                    if before != member.alive {
                        self.meetings += 1;
                        peer.seen = self.meetings;
                    }
                    peer.record = Some(member.record);
                    if before != member.alive {
                        self.peer_news(
                            &name,
                            if member.alive { "alive" } else { "silent" },
                            "gossip",
                            moment,
                            out,
                        );
                    }
                }
                Change::Clash { name, addresses } => {
                    let places: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                    let reason = format!(
                        "two peers of this name are alive, at {}; stop one of them",
                        places.join(" and ")
                    );
                    self.peer_news(&name, "clash", &reason, moment, out);
                }
                Change::Gone(name) => {
                    if let Some(peer) = self.peers.get_mut(&name) {
                        peer.alive = false;
                    }
                }
            }
        }
    }

    /// Peers that another peer knows: a hint where to dial.
    pub(super) fn told_of(&mut self, cards: Vec<PeerCard>) {
        for card in cards.into_iter().take(PEERS_MAX) {
            self.know(card, false);
        }
    }

    pub(super) fn heard_node(&mut self, from: &PeerName, report: NodeReport, moment: &Moment, out: &mut Vec<Effect>) {
        let obeys = report.obeys;
        // What a node of another grid promised there says nothing about who reigns here.
        let foreign = self.is_foreign(report.database);
        let Some(peer) = self.peers.get_mut(from).filter(|peer| peer.card.kind == PeerKind::Node) else {
            return;
        };
        let before = peer.node.take();
        let servers = before.as_ref().map(|sight| sight.servers.clone()).unwrap_or_default();
        let whole = before.as_ref().is_some_and(|sight| sight.whole);
        let moved = before.is_none_or(|sight| sight.report.obeys != obeys || sight.report.applied != report.applied);
        let news = moved || report.unfit;
        peer.node = Some(Arc::new(NodeSight { report, whole, servers }));
        peer.load_heard = Some(moment.now);
        if !foreign {
            self.heard_promise(from, obeys, moment, out);
        }
        self.survey_answered(from, moment, out);
        if news {
            self.tell_node(from, out);
        }
    }

    pub(super) fn heard_servers(
        &mut self,
        from: &PeerName,
        (first, last): (bool, bool),
        servers: Vec<ServerReport>,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let Some(sight) = self.peers.get_mut(from).and_then(|peer| peer.node.as_mut()) else {
            return;
        };
        let sight = Arc::make_mut(sight);
        let before = if first {
            sight.whole = false;
            std::mem::take(&mut sight.servers)
        } else {
            BTreeMap::new()
        };
        let mut news = Vec::new();
        for server in servers {
            if server.node != *from || sight.servers.len() >= SERVERS_PER_NODE_MAX {
                continue;
            }
            let known = before.get(&server.id).or_else(|| sight.servers.get(&server.id));
            if known.is_none_or(|known| known.state != server.state || known.enabled != server.enabled) {
                news.push(server.clone());
            }
            sight.servers.insert(server.id.clone(), server);
        }
        // Parts come in order, and the whole comes first on every link.
        sight.whole |= last;
        for server in news {
            out.push(Effect::Happened(Box::new(Happening {
                time: moment.wall,
                subject: "server".to_owned(),
                name: server.id.to_string(),
                state: if server.enabled {
                    server.state.to_string()
                } else {
                    format!("{} (disabled)", server.state)
                },
                reason: server.reason,
                version: None,
            })));
        }
        self.servers_moved(moment, out);
    }

    /// Takes a card in, unless it is ours, older than what is known, or one too many. `met`: the peer is there, and not
    /// only spoken of; it may take the place of one that is not.
    fn know(&mut self, card: PeerCard, met: bool) -> bool {
        if card.name == *self.name() {
            return false;
        }
        if met && self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&card.name) {
            self.forget_one();
        }
        let room = self.peers.len() < PEERS_MAX;
        match self.peers.get_mut(&card.name) {
            Some(peer) => {
                let newer = card.instance != peer.card.instance || card.generation >= peer.card.generation;
                if newer && !peer.linked {
                    peer.card = card;
                }
                true
            }
            None if room => {
                self.peers.insert(card.name.clone(), Peer::new(card));
                true
            }
            None => false,
        }
    }

    /// Makes room: of those that are neither linked nor alive, the one that was not met for longest goes. A registry of the
    /// grid, or one whose log is known, stays: what it holds counts when a candidate asks whether its own log is complete.
    fn forget_one(&mut self) {
        let recorded = &self.database.deployment().registries;
        let counts =
            |peer: &Peer| recorded.contains_key(&peer.card.name) || (peer.is_registry() && peer.version().is_some());
        let absent = self
            .peers
            .values()
            .filter(|peer| !peer.linked && !peer.alive && !counts(peer));
        let oldest = absent.min_by_key(|peer| peer.seen).map(|peer| peer.card.name.clone());
        if let Some(name) = oldest {
            self.peers.remove(&name);
        }
    }

    /// What is written of peers is as of now: everybody who is there was met just now.
    pub(super) fn as_met_now(&mut self, mut known: Vec<Remembered>) -> Vec<Remembered> {
        self.meetings += 1;
        for remembered in &mut known {
            if self
                .peers
                .get(&remembered.card.name)
                .is_some_and(|peer| peer.linked || peer.alive)
            {
                remembered.seen = self.meetings;
            }
        }
        known
    }

    fn peer_news(&self, name: &PeerName, state: &str, reason: &str, moment: &Moment, out: &mut Vec<Effect>) {
        let kind = self.peers.get(name).map_or(PeerKind::Node, |peer| peer.card.kind);
        out.push(Effect::Happened(Box::new(Happening {
            time: moment.wall,
            subject: format!("{kind} link"),
            name: name.to_string(),
            state: state.to_owned(),
            reason: reason.to_owned(),
            version: None,
        })));
    }
}
