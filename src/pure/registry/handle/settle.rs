//! After each event: time that ran out, the claim to follow, and news for peers, gossip and people.

use super::super::effect::{Effect, Target};
use super::super::peer::Peer;
use super::super::seat::Seat;
use super::super::state::{Position, Registry};
use crate::pure::base::{Address, Moment, PeerName, Time};
use crate::pure::lineage::compare::{Relation, compare};
use crate::pure::membership::{Record, Remembered, Standing};
use crate::pure::protocol::Message;
use std::time::Duration;

/// How often a registry looks after itself when nothing happens.
const TICK: Duration = Duration::from_secs(1);
/// The file of remembered peers is written this long after a change, so that a burst makes one write.
const REMEMBER_AFTER: Duration = Duration::from_secs(1);

impl Registry {
    /// Deadlines.
    pub(super) fn woken(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        self.wake = None;
        self.survey_progress(moment, out);
        self.preparation_progress(moment, out);
        self.rested(moment, out);
        self.resend(moment, out);
        self.nudge(moment, out);
        self.acknowledge(moment, out);
        self.expire_asks(moment, out);
        self.expire_sessions(moment, out);
        self.tell_slow(out);
        self.look_at_the_queue();
    }

    /// Ends the handling of every event.
    pub(super) fn settle(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        self.initialise_on(moment, out);
        self.release_moved(moment, out);
        self.rested(moment, out);
        self.order_progress(moment, out);
        self.hand_over_progress(moment, out);
        self.seek_master(moment, out);
        self.look_around(moment);
        self.keep_contact(moment, out);
        self.prove(moment, out);
        self.settle_registrations(moment, out);
        self.settle_desk(moment, out);
        let standing = self.tell_standing(moment, out);
        self.tell_gossip(standing, out);
        self.dial(out);
        self.remember(moment, out);
        self.set_wake(moment, out);
    }

    fn tell_standing(&mut self, moment: &Moment, out: &mut Vec<Effect>) -> Standing {
        let (standing, reason) = self.standing();
        let now = (standing, self.standing_detail().unwrap_or_else(|| reason.clone()));
        if self.told.standing.as_ref() != Some(&now) {
            self.happened(moment, standing.as_str(), now.1.clone(), out);
            self.told.standing = Some(now);
        }
        let position = Position {
            promise: self.identity.promise,
            claim: self.reign(),
            standing,
            reason,
            preparing: matches!(self.seat, Seat::Preparing(_)),
            unproven: self.identity.initialised.unproven.is_some(),
        };
        if self.told.status.as_ref() != Some(&position) {
            self.told.status = Some(position);
            let message = Message::Status(Box::new(self.status()));
            for peer in self.peers.values().filter(|peer| peer.linked) {
                out.push(Effect::Send {
                    to: peer.card.name.clone(),
                    message: message.clone(),
                });
            }
        }
        standing
    }

    fn tell_gossip(&mut self, standing: Standing, out: &mut Vec<Effect>) {
        let (role, standing, version) = (Some(self.role), Some(standing), Some(self.database.end()));
        let (claim, obeys) = (self.reign(), self.identity.promise);
        // Asked after every event: nothing is copied unless there is news.
        let told = self.told.record.as_ref().filter(|told| {
            (told.role, told.standing, told.version) == (role, standing, version)
                && (told.claim, told.obeys) == (claim, obeys)
                && told.card == self.config.card
        });
        if told.is_some() {
            return;
        }
        let record = Record {
            card: self.config.card.clone(),
            role,
            standing,
            claim,
            version,
            obeys,
            servers: None,
        };
        self.told.record = Some(record.clone());
        out.push(Effect::Publish(Box::new(record)));
    }

    /// A link to everybody who is known, and to whoever is behind the locator.
    fn dial(&mut self, out: &mut Vec<Effect>) {
        let peers = self.peers.values();
        let mut targets: Vec<(Option<&PeerName>, &Address)> =
            peers.map(|peer| (Some(&peer.card.name), &peer.card.address)).collect();
        let recorded = self.database.deployment().registries.values();
        let others = recorded.filter(|record| record.name != *self.name() && !self.peers.contains_key(&record.name));
        targets.extend(others.map(|record| (Some(&record.name), &record.address)));
        let locator = self.config.locator.iter();
        for address in locator.filter(|address| **address != self.config.card.address) {
            if !targets.iter().any(|(_, known)| *known == address) {
                targets.push((None, address));
            }
        }
        targets.sort();
        let told = self.told.dialled.iter();
        // Asked after every event: nothing is copied unless there is news.
        if told
            .map(|told| (told.name.as_ref(), &told.address))
            .eq(targets.iter().copied())
        {
            return;
        }
        let targets: Vec<Target> = targets
            .into_iter()
            .map(|(name, address)| Target {
                name: name.cloned(),
                address: address.clone(),
            })
            .collect();
        self.told.dialled.clone_from(&targets);
        out.push(Effect::Dial(targets));
    }

    fn remember(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let due = self.told.remember_at.is_some_and(|at| moment.now >= at) || self.somebody_was_replaced();
        if !due && self.told.remember_at.is_some() {
            return;
        }
        let news = self.knows_more();
        if due {
            self.told.remember_at = None;
            if news {
                let known = self.known_peers();
                self.told.remembered.clone_from(&known);
                let known = self.as_met_now(known);
                out.push(Effect::Remember(known));
            }
        } else if news {
            self.told.remember_at = Some(moment.now.after(REMEMBER_AFTER));
        }
    }

    /// Is what is known of peers something else than what is remembered of them?
    fn knows_more(&self) -> bool {
        let version = |peer: &Peer| peer.version().filter(|_| peer.is_registry());
        let mut pairs = self.peers.values().zip(&self.told.remembered);
        self.peers.len() != self.told.remembered.len()
            || pairs.any(|(peer, told)| {
                (peer.seen, version(peer)) != (told.seen, told.version)
                    || peer.summary != told.summary
                    || peer.card != told.card
            })
    }
    fn known_peers(&self) -> Vec<Remembered> {
        let known = self.peers.values().map(|peer| Remembered {
            card: peer.card.clone(),
            summary: peer.summary.clone(),
            version: peer.version().filter(|_| peer.is_registry()),
            seen: peer.seen,
        });
        known.collect()
    }

    /// What is to be remembered of peers when the daemon stops: what came last is not written yet, and at the next start a
    /// log that somebody held an hour ago would count.
    pub fn farewell(&mut self) -> Vec<Remembered> {
        let known = self.known_peers();
        self.as_met_now(known)
    }

    /// A registry's log is another one than what is on disk of it: a candidate that starts with the old word would wait for
    /// updates that their holder has given up.
    fn somebody_was_replaced(&self) -> bool {
        let before = self
            .told
            .remembered
            .iter()
            .filter_map(|known| Some((&known.card.name, known.summary.as_ref()?)));
        let mut pairs = before.filter_map(|(name, old)| Some((old, self.peers.get(name)?.summary.as_ref()?)));
        pairs.any(|(old, new)| {
            old.end != new.end
                && matches!(
                    compare(old, &|_| None, new, self.config.rules),
                    Relation::Diverged { .. } | Relation::Foreign | Relation::Corrupt { .. }
                )
        })
    }

    fn set_wake(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let seat = match &self.seat {
            Seat::Surveying(survey) => Some(survey.until),
            Seat::Preparing(preparation) => Some(preparation.until),
            // Nobody rests out while the database waits to be replaced: what ends that is an event of its own.
            Seat::Resting { until, .. } => (!self.is_database_held()).then_some(*until),
            Seat::Leading(reigning) => {
                let pending = reigning.pending.iter().filter(|pending| !pending.in_doubt);
                let pending = pending.map(|pending| pending.until);
                // What is due at the desk and cannot be done now is looked at with the next tick.
                let desk = reigning.desk.next().filter(|at| *at > moment.now);
                pending.chain(reigning.moves.next()).chain(desk).min()
            }
            Seat::Idle | Seat::Reviewing | Seat::Following(_) => None,
        };
        let asks = self.asks.passed.values().map(|passed| passed.until);
        let resolves = self.asks.resolves.values().map(|parked| parked.until);
        let tick = moment.now.after(TICK);
        let next: Time = asks
            .chain(resolves)
            .chain(seat)
            .chain(self.told.remember_at)
            .chain(self.registrations.next_end())
            .min()
            .unwrap_or(tick)
            .min(tick);
        // A tick that is already set stays: else every event would push it further away.
        if self.wake.is_none_or(|set| next < set || set < moment.now) {
            self.wake = Some(next);
            out.push(Effect::Wake(next));
        }
    }
}
