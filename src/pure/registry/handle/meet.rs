//! Two registries meet: claims are judged, promises heard, refusals said and taken.

use super::super::effect::Effect;
use super::super::seat::{Following, Seat, Trouble};
use super::super::state::Registry;
use crate::pure::base::{DatabaseId, Moment, PeerName};
use crate::pure::lineage::claim::{Authority, Data, RefusalCode, authority, judge};
use crate::pure::lineage::compare::{Relation, compare};
use crate::pure::lineage::rules::Rule;
use crate::pure::lineage::{Epoch, Summary};
use crate::pure::membership::Standing;
use crate::pure::protocol::{Message, Status};

impl Registry {
    pub(super) fn heard_status(&mut self, from: &PeerName, status: Status, moment: &Moment, out: &mut Vec<Effect>) {
        // A master that may not lead looks again whenever somebody's position changed: not at every answer to its own
        // question, which would keep the two asking each other for ever.
        let rests = matches!(self.seat, Seat::Resting { .. });
        let Some(peer) = self.peers.get_mut(from).filter(|peer| peer.is_registry()) else {
            return;
        };
        // A mere promise is no news either: two candidates that woke each other by theirs would never let each other through.
        let position = |status: &Status| (status.claim, status.standing, status.summary.end);
        let news = peer.status.as_ref().map(position) != Some(position(&status));
        peer.summary = Some(status.summary.clone());
        peer.status = Some(status.clone());
        if self.is_foreign(status.summary.database) {
            // Numbers of another database say nothing here: they neither depose nor are contested.
            if let Some(claim) = status.claim {
                self.refuse(from, claim, RefusalCode::ForeignStore, out);
            }
            return self.survey_answered(from, moment, out);
        }
        // Whoever only looks on changes nothing here.
        if self.reign().is_some() && status.standing != Standing::Reviewing {
            self.heard_promise(from, status.promise, moment, out);
        }
        if let Some(claim) = status.claim.filter(|_| !matches!(self.seat, Seat::Reviewing)) {
            self.heard_claim(from, claim, moment, out);
        }
        self.survey_answered(from, moment, out);
        if let Seat::Resting { until, .. } = &mut self.seat
            && rests
            && news
        {
            *until = moment.now;
        }
    }

    /// Both hold a database, and not the same.
    pub(super) fn is_foreign(&self, theirs: Option<DatabaseId>) -> bool {
        // An empty database that once joined a grid holds nothing that could be mixed up.
        let mine = self.database.id().filter(|_| self.database.end().serial > 0);
        matches!((theirs, mine), (Some(theirs), Some(mine)) if theirs != mine)
    }

    /// A peer's claim to reign: stop for a higher one, contest an equal one, tell a lower one.
    pub(super) fn heard_claim(&mut self, from: &PeerName, claim: Epoch, moment: &Moment, out: &mut Vec<Effect>) {
        match authority(self.identity.promise, claim, self.config.rules) {
            Authority::Lower => self.refuse(from, claim, RefusalCode::StaleMaster, out),
            Authority::Jump => self.refuse(from, claim, RefusalCode::EpochJump, out),
            Authority::Contest => {
                self.refuse(from, claim, RefusalCode::Contested, out);
                if let Some(mine) = self.reign().filter(|mine| mine.contests(claim)) {
                    self.contest(from, mine, moment, out);
                }
            }
            // `settle` looks for the highest claim and follows or refuses it.
            Authority::Higher | Authority::Same => {}
        }
    }

    /// A peer obeys a higher epoch than the one we reign in: stop before the next write.
    pub(super) fn heard_promise(&mut self, from: &PeerName, promise: Epoch, moment: &Moment, out: &mut Vec<Effect>) {
        let rules = self.config.rules;
        let Some(mine) = self.reign() else { return };
        match authority(mine, promise, rules) {
            Authority::Higher if promise.number > mine.number && rules.hold(Rule::DeposedStops) => {
                let reason = format!(
                    "{from} obeys epoch {}, this registry reigned in {}",
                    promise.number, mine.number
                );
                self.remember_successor(from, promise, moment);
                self.step_down(Standing::Superseded, reason, moment, out);
                self.look_again(moment);
                self.promise_to(promise, out);
            }
            Authority::Contest => self.contest(from, mine, moment, out),
            Authority::Higher | Authority::Same | Authority::Lower | Authority::Jump => {}
        }
    }

    pub(super) fn contest(&mut self, with: &PeerName, mine: Epoch, moment: &Moment, out: &mut Vec<Effect>) {
        let me = self.name();
        let number = mine.number;
        let other = self.peers.get(with).filter(|peer| peer.is_registry());
        let reason = match other {
            Some(_) => format!(
                "epoch {number} is claimed twice, here and by or before {with}; neither writes. `floe registry compare {me} {with}` tells what each holds; then let one lead: floe registry promote {me}, or {with} (with --force where the other holds updates of its own, which stay there)"
            ),
            None => format!(
                "epoch {number} is claimed twice: {with} obeys another master of that number; neither writes. `floe registry list` shows both; let one lead: floe registry promote {me}"
            ),
        };
        self.step_down(Standing::Contested, reason, moment, out);
    }

    /// Leaves the seat of the master; updates that wait for copies are in doubt.
    pub(super) fn step_down(&mut self, standing: Standing, reason: String, moment: &Moment, out: &mut Vec<Effect>) {
        self.abandon_pending(&reason, out);
        self.happened(moment, "stepped down", reason.clone(), out);
        self.seat = Seat::Idle;
        self.trouble = Some(Trouble { standing, reason });
    }

    /// Looks for the claim to follow among linked registries, and follows or refuses it. Called after each event.
    pub(super) fn seek_master(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        self.leave_master();
        if !matches!(self.seat, Seat::Idle) || self.is_database_held() {
            return;
        }
        let linked = self.peers.values().filter(|peer| peer.linked);
        let claims = linked.filter_map(|peer| {
            let status = peer.status.as_ref()?;
            Some((status.claim?, peer.card.name.clone(), status.summary.clone()))
        });
        let usable = |claim: Epoch| {
            matches!(
                authority(self.identity.promise, claim, self.config.rules),
                Authority::Higher | Authority::Same
            )
        };
        // A master of another database is met, and refused, only where there is none of this one.
        let Some((claim, master, summary)) = claims
            .filter(|(claim, ..)| usable(*claim))
            .max_by_key(|(claim, _, summary)| (!self.is_foreign(summary.database), *claim))
        else {
            return self.no_master(out);
        };
        self.meet(&master, claim, &summary, moment, out);
    }

    /// A follower leaves a master that says it reigns no longer, and one below a higher claim.
    pub(super) fn leave_master(&mut self) {
        let Seat::Following(following) = &self.seat else { return };
        let told =
            |peer: &super::super::peer::Peer| peer.status.as_ref().filter(|_| peer.linked).map(|status| status.claim);
        let over = self.peers.get(&following.master).and_then(told) != Some(Some(following.epoch));
        let own = |peer: &&super::super::peer::Peer| {
            let summary = peer.status.as_ref().map(|status| &status.summary);
            !self.is_foreign(summary.and_then(|summary| summary.database))
        };
        let others = self.peers.values().filter(own);
        let higher = others.filter_map(told).flatten().any(|claim| {
            claim.number > following.epoch.number
                && authority(self.identity.promise, claim, self.config.rules) == Authority::Higher
        });
        if over || higher {
            self.seat = Seat::Idle;
        }
    }

    pub(super) fn meet(
        &mut self,
        master: &PeerName,
        claim: Epoch,
        summary: &Summary,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let relation = self.relation(summary);
        let verdict = judge(self.identity.promise, claim, relation, self.config.rules);
        if verdict.obey {
            self.promise_to(claim, out);
        }
        match verdict.data {
            Data::Follow => self.follow(master, claim, moment, out),
            Data::DropAndFollow(fork) => {
                let dropped = self.database.drop_empty_surplus(fork);
                #[cfg(feature = "mutants")]
                let dropped = dropped.or_else(|| {
                    let off = !self.config.rules.hold(Rule::RefuseOverwrite);
                    off.then(|| self.database.drop_any_surplus(fork)).flatten()
                });
                if let Some(batch) = dropped {
                    out.push(Effect::Commit(batch));
                    self.follow(master, claim, moment, out);
                } else {
                    self.refuse_data(master, claim, RefusalCode::ReplicaAhead, relation, out);
                }
            }
            Data::Refuse(code) => self.refuse_data(master, claim, code, relation, out),
        }
    }

    /// Nobody leads whom this registry could follow. One that leads another database is named: whatever its number, the
    /// operator has the wrong address or the wrong data folder.
    pub(super) fn no_master(&mut self, out: &mut Vec<Effect>) {
        let passing = [Standing::Refusing, Standing::Detached];
        if (self.trouble.as_ref()).is_some_and(|trouble| !passing.contains(&trouble.standing)) {
            return;
        }
        // A master whose feed did not fit is not judged again before it tells something new; until then people see why.
        let unheard = |peer: &super::super::peer::Peer| peer.linked && peer.is_registry() && peer.status.is_none();
        let refuses = (self.trouble.as_ref()).is_some_and(|trouble| trouble.standing == Standing::Refusing);
        if refuses && self.peers.values().any(unheard) {
            return;
        }
        let mine = self.database.id().filter(|_| self.database.end().serial > 0);
        let foreign = self.peers.values().filter(|peer| peer.linked).find_map(|peer| {
            let status = peer.status.as_ref()?;
            let other = status
                .summary
                .database
                .is_some_and(|theirs| mine.is_some_and(|mine| theirs != mine));
            Some((peer.card.name.clone(), status.claim.filter(|_| other)?))
        });
        match foreign {
            Some((name, claim)) => self.refuse_data(&name, claim, RefusalCode::ForeignStore, Relation::Foreign, out),
            None => {
                self.trouble = self.reviewer().map(|reason| Trouble {
                    standing: Standing::Detached,
                    reason,
                });
            }
        }
    }

    pub(super) fn follow(&mut self, master: &PeerName, epoch: Epoch, moment: &Moment, out: &mut Vec<Effect>) {
        let theirs = self.peers.get(master).and_then(|peer| peer.summary.as_ref()?.database);
        if let Some(id) = theirs.filter(|id| self.database.end().serial == 0 && self.database.id() != Some(*id)) {
            out.push(Effect::Commit(self.database.belong_to(id)));
        }
        self.trouble = None;
        self.succeeded(epoch, out);
        self.seat = Seat::Following(Following {
            master: master.clone(),
            epoch,
            asked: moment.now,
            behind: None,
            incoming: None,
        });
        self.ask_for_feed(moment, out);
    }

    /// A candidate wants our promise.
    pub(super) fn asked_to_promise(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        database: Option<DatabaseId>,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let foreign = self.is_foreign(database);
        let standing = authority(self.identity.promise, epoch, self.config.rules);
        let looks_on = matches!(self.seat, Seat::Reviewing) && self.config.rules.hold(Rule::ReviewPromisesNothing);
        if foreign || looks_on || !matches!(standing, Authority::Higher | Authority::Same) {
            let promise = self.identity.promise;
            out.push(Effect::Send {
                to: from.clone(),
                message: Message::Declined { epoch, promise },
            });
            return;
        }
        if standing == Authority::Higher {
            self.give_way(from, epoch, moment, out);
        }
        // Newer than what it told before: without this a master that asks around would take the epoch for a dead one.
        if let Some(told) = self.peers.get_mut(from).and_then(|peer| peer.status.as_mut()) {
            (told.promise, told.drawn, told.claim, told.preparing) = (epoch, Some(epoch), None, true);
        }
        self.promise_to(epoch, out);
        let status = Some(Box::new(self.status()));
        out.push(Effect::Send {
            to: from.clone(),
            message: Message::Promised { epoch, status },
        });
    }

    /// Whatever this registry did under a lower epoch ends.
    pub(super) fn give_way(&mut self, to: &PeerName, epoch: Epoch, moment: &Moment, out: &mut Vec<Effect>) {
        match &self.seat {
            Seat::Leading(_) if !self.config.rules.hold(Rule::DeposedStops) => {}
            Seat::Leading(_) => {
                let reason = format!("{to} asked for the promise of epoch {}", epoch.number);
                self.remember_successor(to, epoch, moment);
                self.step_down(Standing::Superseded, reason, moment, out);
                self.look_again(moment);
            }
            Seat::Following(_) => self.seat = Seat::Idle,
            Seat::Preparing(preparation) => {
                let intent = preparation.intent;
                self.rest(intent, moment);
            }
            Seat::Idle | Seat::Reviewing | Seat::Surveying(_) | Seat::Resting { .. } => {}
        }
    }

    /// How a peer's log stands to ours.
    pub(super) fn relation(&self, theirs: &Summary) -> Relation {
        compare(
            &self.database.summary(),
            &|serial| self.database.digest_at(serial),
            theirs,
            self.config.rules,
        )
    }
}

#[cfg(test)]
#[path = "meet_test.rs"]
mod tests;
