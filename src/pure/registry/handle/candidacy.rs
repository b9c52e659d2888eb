//! Becoming master: survey (in `survey`), decide, prepare, decide again, reign. What is decided is in `lineage::promote`.

use super::super::effect::Effect;
use super::super::moves::Moves;
use super::super::order::Order;
use super::super::payload::{Payload, ReignPayload};
use super::super::seat::{Preparation, Reigning, Seat};
use super::super::state::Registry;
use crate::pure::base::{DatabaseId, EpochId, Moment, PeerName, RequestId};
use crate::pure::lineage::Epoch;
use crate::pure::lineage::claim::within_reach;
use crate::pure::lineage::promote::{Answer, Decision, Intent, Proof};
use crate::pure::lineage::rules::Rule;
use crate::pure::membership::{Role, RoleSource};
use crate::pure::protocol::{Message, Status};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How often a refused candidate tries a higher number before it rests.
const ATTEMPTS: u32 = 3;

impl Registry {
    /// The shell is up. A replica waits for a claim; a master asks around.
    pub(super) fn started(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        self.happened(moment, "started", format!("role {}", self.role), out);
        if self.config.readonly {
            self.seat = Seat::Reviewing;
            return;
        }
        if !self.initialises_first(moment, out) {
            self.take_seat(moment, out);
        }
    }

    /// What the role asks for.
    pub(super) fn take_seat(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        if self.resume_order(moment, out) {
            return;
        }
        if self.role == Role::Replica {
            let changed =
                self.identity.role != Some(Role::Replica) || self.identity.file_role != Some(self.config.role);
            if changed {
                self.assign(Role::Replica, RoleSource::File, out);
            }
            return;
        }
        let newer_word = self.config.promote || self.identity.role == Some(Role::Replica);
        let unknown_past = self.identity.role.is_none() && self.database.end().serial > 0 && !self.sees_a_master();
        let intent = if newer_word || unknown_past {
            Intent::Promotion
        } else {
            Intent::Resume
        };
        self.survey(intent, 0, moment, out);
    }

    /// The role becomes durable, with the word of the file that it answers to.
    pub(super) fn assign(&mut self, role: Role, source: RoleSource, out: &mut Vec<Effect>) {
        self.role = role;
        self.identity.role = Some(role);
        self.identity.role_source = source;
        self.identity.file_role = Some(self.config.role);
        out.push(Effect::Identity(Box::new(self.identity.clone())));
    }

    pub(super) fn prepare(
        &mut self,
        intent: Intent,
        number: u64,
        attempt: u32,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let mut epoch = Epoch {
            number,
            id: EpochId::from_bits(moment.dice),
        };
        let own = self.database.lineage().last().filter(|last| last.by == *self.name());
        if !self.config.rules.hold(Rule::NewEpochAtStart)
            && let Some(last) = own.filter(|last| last.epoch == self.identity.promise)
        {
            epoch = last.epoch;
        }
        // Stored before it is asked for: a restart must know its own number from a stranger's.
        self.identity.drawn = Some(epoch);
        if self.order.is_some() && self.config.rules.hold(Rule::OrderIsDurable) {
            self.identity.ordered = Some(epoch);
        }
        self.promise_to(epoch, out);
        let waiting: BTreeSet<PeerName> = self
            .peers
            .values()
            .filter(|peer| peer.linked)
            .map(|peer| peer.card.name.clone())
            .collect();
        let database = self.database.id();
        for to in &waiting {
            out.push(Effect::Send {
                to: to.clone(),
                message: Message::Prepare { epoch, database },
            });
        }
        let until = moment.now.after(self.config.discovery_window);
        let (promised, declined) = (BTreeMap::new(), None);
        self.seat = Seat::Preparing(Preparation {
            intent,
            epoch,
            until,
            asked: waiting.clone(),
            waiting,
            promised,
            marks: BTreeMap::new(),
            declined,
            attempt,
        });
        self.preparation_progress(moment, out);
    }

    /// A restart goes on with an order that a crash interrupted after promises were asked for: the master was deposed for
    /// it.
    fn resume_order(&mut self, moment: &Moment, out: &mut Vec<Effect>) -> bool {
        let Some(epoch) = self.identity.ordered else {
            return false;
        };
        let newer_word = self.config.promote || self.identity.file_role != Some(self.config.role);
        if !newer_word && self.database.lineage().last().is_some_and(|last| last.epoch == epoch) {
            // It came to reign, and only the role was not written any more: the order is done, and this is the start of a
            // master. Given up later, it would leave a grid that waits for the master of an epoch that stands in a log.
            self.identity.ordered = None;
            self.assign(Role::Master, RoleSource::Command, out);
            return false;
        }
        if newer_word || epoch != self.identity.promise {
            self.identity.ordered = None;
            return false;
        }
        self.happened(
            moment,
            "promotion resumed",
            format!("epoch {} was drawn for it", epoch.number),
            out,
        );
        self.order = Some(Order::resumed(self.name()));
        self.survey(Intent::Resume, 0, moment, out);
        true
    }

    /// Whose word made this registry master.
    fn source_of_reign(&self) -> RoleSource {
        let by_command = self.order.is_some() || self.config.promote || self.config.role != Role::Master;
        if by_command {
            RoleSource::Command
        } else {
            RoleSource::File
        }
    }

    pub(super) fn promised(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        status: Option<Status>,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if let (Some(peer), Some(status)) = (self.peers.get_mut(from), &status) {
            peer.summary = Some(status.summary.clone());
            peer.status = Some(status.clone());
        }
        let Seat::Preparing(preparation) = &mut self.seat else {
            return;
        };
        if preparation.epoch != epoch {
            return;
        }
        preparation.waiting.remove(from);
        let marks = status.iter().map(|status| (from.clone(), status.allocations));
        preparation.marks.extend(marks);
        let name = from.clone();
        let answer = match &status {
            Some(status) => answer_of(name, status),
            None => Answer {
                name,
                promise: epoch,
                claim: None,
                summary: None,
                unproven: false,
                member: false,
                drawn: None,
                preparing: false,
            },
        };
        preparation.promised.insert(from.clone(), answer);
        self.preparation_progress(moment, out);
    }

    pub(super) fn declined(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        promise: Epoch,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let Seat::Preparing(preparation) = &mut self.seat else {
            return;
        };
        if preparation.epoch != epoch {
            return;
        }
        preparation.waiting.remove(from);
        // A number that no grid came to: its peer counts as one that did not answer. To go beyond it would use up the
        // numbers for everybody else.
        if !within_reach(epoch.number, promise.number) {
            return self.preparation_progress(moment, out);
        }
        if preparation
            .declined
            .as_ref()
            .is_none_or(|(_, before)| before.number < promise.number)
        {
            preparation.declined = Some((from.clone(), promise));
        }
        self.preparation_progress(moment, out);
    }

    /// Ends the preparation when everybody answered, or its time is up.
    pub(super) fn preparation_progress(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let Seat::Preparing(preparation) = &self.seat else {
            return;
        };
        if !preparation.waiting.is_empty() && moment.now < preparation.until {
            return;
        }
        let (intent, epoch, attempt) = (preparation.intent, preparation.epoch, preparation.attempt);
        // A registry of another database declines whatever the number is: it counts as one that did not answer.
        let declined = preparation.declined.clone();
        if let Some((who, promise)) = declined.filter(|(_, promise)| promise.number >= epoch.number) {
            if attempt + 1 < ATTEMPTS {
                let number = promise.number.saturating_add(1);
                return self.prepare(intent, number, attempt + 1, moment, out);
            }
            let reason = format!(
                "{who} declined epoch {}: it has promised epoch {}",
                epoch.number, promise.number
            );
            return self.not_now(intent, Decision::Wait { reason }, moment, out);
        }
        let again = self.config.rules.hold(Rule::PromisesDecideAgain);
        let surveyed = |_| self.database.summary();
        let answers: Vec<Answer> = preparation
            .promised
            .values()
            .map(|answer| {
                let told = answer.summary.clone();
                // Its promise is ours by now, and a claim that it had has ended with it.
                Answer {
                    promise: epoch,
                    claim: None,
                    summary: if again { told } else { told.map(surveyed) },
                    ..answer.clone()
                }
            })
            .collect();
        match self.decide(Intent::Promotion, answers, moment) {
            Decision::Reign { proof, .. } => self.begin_reign(epoch, proof, moment, out),
            other => self.not_now(intent, other, moment, out),
        }
    }

    pub(super) fn begin_reign(&mut self, epoch: Epoch, proof: Proof, moment: &Moment, out: &mut Vec<Effect>) {
        if self.database.id().is_none() {
            let id = DatabaseId::from_bits(moment.dice.rotate_left(64) ^ u128::from(moment.roll(3, u64::MAX)));
            out.push(Effect::Commit(self.database.belong_to(id)));
        }
        let opened = self.database.lineage().last().is_some_and(|last| last.epoch == epoch);
        let expected = match &self.seat {
            Seat::Preparing(preparation) => {
                let promised = preparation.promised.values().filter(|answer| answer.summary.is_some());
                promised.map(|answer| answer.name.clone()).collect()
            }
            Seat::Idle
            | Seat::Reviewing
            | Seat::Surveying(_)
            | Seat::Resting { .. }
            | Seat::Leading(_)
            | Seat::Following(_) => BTreeSet::new(),
        };
        let promised = match &self.seat {
            Seat::Preparing(preparation) => preparation.asked.iter().cloned().collect(),
            _ => Vec::new(),
        };
        let unrecorded = self.is_unrecorded();
        let desk = self.desk_for(epoch, &proof, moment, out);
        self.trouble = None;
        self.handed = None;
        self.seat = Seat::Leading(Box::new(Reigning {
            epoch,
            proof: proof.clone(),
            followers: BTreeMap::new(),
            expected,
            pending: VecDeque::new(),
            acknowledged: None,
            unrecorded,
            told_nodes: BTreeMap::new(),
            moves: Moves::default(),
            refusals: BTreeMap::new(),
            blind: None,
            contacted: None,
            handing: None,
            desk,
        }));
        let order = self.order.as_ref();
        if !opened {
            let payload = Payload::Reign(ReignPayload {
                by: self.name().clone(),
                accepted_loss: order.map_or(self.config.accept_loss, |order| order.accept_loss),
                forced: order.map_or(self.config.force, |order| order.force),
                proof: proof.text.clone(),
            });
            self.append_own(payload, RequestId::from_bits(moment.dice ^ 1), moment, out);
        }
        // Behind the reign: a crash between the two must not leave a master that never reigned.
        self.identity.ordered = None;
        let source = self.source_of_reign();
        self.assign(Role::Master, source, out);
        self.ordered_reign(epoch, promised, moment);
        // Asked for once: what comes later is a plain master.
        self.config.promote = false;
        self.config.accept_loss = false;
        self.config.force = false;
        self.acknowledge(moment, out);
    }
}

pub(super) fn answer_of(name: PeerName, status: &Status) -> Answer {
    Answer {
        name,
        promise: status.promise,
        claim: status.claim,
        summary: Some(status.summary.clone()),
        unproven: status.unproven,
        member: false,
        drawn: status.drawn,
        preparing: status.preparing,
    }
}
