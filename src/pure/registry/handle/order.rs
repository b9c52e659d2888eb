//! An operator's order to promote this registry while it runs: ask around, let the master hand over, become master, tell
//! the outcome. A dry run stops after asking.
//!
//! Until the first promise is asked for, nothing has changed anywhere: the registry goes on following. From there on the
//! order is on disk with the promise, so that a crash does not leave a grid whose master was deposed for nobody.

use super::super::effect::Effect;
use super::super::order::{Order, Stage};
use super::super::seat::Seat;
use super::super::state::Registry;
use super::pass::Asked;
use crate::pure::base::{Moment, PeerName};
use crate::pure::lineage::promote::{Answer, Decision, Intent};
use crate::pure::lineage::{Epoch, Summary, Version};
use crate::pure::membership::{Role, RoleSource};
use crate::pure::protocol::report::PromotionReport;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Message, Response};
use std::time::Duration;

/// How long the master may take to hand over, beyond the time that its updates may wait for copies.
const HAND_OVER: Duration = Duration::from_secs(3);
/// How long a new reign waits for those who promised before it tells the outcome.
const SETTLE: Duration = Duration::from_secs(2);

/// How many clients may wait for one promotion.
const WAITING_MAX: usize = 64;

/// What an operator wants of a promotion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) dry_run: bool,
    pub(super) accept_loss: bool,
    pub(super) force: bool,
}

impl Registry {
    pub(super) fn promote(&mut self, asked: &Asked, wanted: Wanted, moment: &Moment, out: &mut Vec<Effect>) {
        if let Some(order) = self.order.as_mut().filter(|order| order.dry_run == wanted.dry_run) {
            // Sent again, or ordered twice: there is one promotion, and all who ordered it hear of it.
            if order.to.len() < WAITING_MAX {
                return order.to.push(asked.to);
            }
            let message = format!("{WAITING_MAX} clients wait for this promotion already");
            return asked.fail(
                Failure::new(ErrorCode::Overloaded, message, "come again in a moment"),
                out,
            );
        }
        if let Some(source) = self.is_being_initialised() {
            let message = format!("registry {} is being initialised from {source}", self.name());
            let hint = "wait for its end; `floe registry show` tells how far it is";
            return asked.fail(Failure::new(ErrorCode::Precondition, message, hint), out);
        }
        if let Some(order) = self.order.as_ref().filter(|_| wanted.dry_run) {
            let mut report = order.report.clone();
            report.dry_run = true;
            return asked.answer(Response::Promotion(Box::new(report)), out);
        }
        if self.order.is_some() || matches!(self.seat, Seat::Preparing(_)) {
            let message = format!("registry {} is on its way to lead already", self.name());
            return asked.fail(
                Failure::new(ErrorCode::Overloaded, message, "come again in a moment"),
                out,
            );
        }
        let report = PromotionReport {
            registry: self.name().to_string(),
            dry_run: wanted.dry_run,
            version: self.database.end().to_string(),
            ..PromotionReport::default()
        };
        if let Seat::Leading(reigning) = &self.seat {
            let report = PromotionReport {
                leads: true,
                epoch: reigning.epoch.number,
                proven: reigning.proof.proven,
                proof: reigning.proof.text.clone(),
                ..report
            };
            return asked.answer(Response::Promotion(Box::new(report)), out);
        }
        if !wanted.dry_run {
            self.happened(moment, "promotion ordered", format!("by {}", asked.actor), out);
        }
        let linked = self.peers.values().filter(|peer| peer.linked);
        let waiting: std::collections::BTreeSet<PeerName> = linked.map(|peer| peer.card.name.clone()).collect();
        for to in &waiting {
            out.push(Effect::Send {
                to: to.clone(),
                message: Message::Survey,
            });
        }
        // A master that may not lead asks around by itself; the order does that now.
        let asked_around = matches!(self.seat, Seat::Surveying(_) | Seat::Resting { .. });
        if asked_around {
            self.seat = Seat::Idle;
        }
        let until = moment.now.after(self.config.discovery_window);
        self.order = Some(Order {
            to: vec![asked.to],
            dry_run: wanted.dry_run,
            accept_loss: wanted.accept_loss,
            force: wanted.force,
            stage: Stage::Asking { waiting, until },
            asked_around,
            report,
        });
        self.order_progress(moment, out);
    }

    /// A peer answered, or is gone.
    pub(super) fn order_heard(&mut self, from: &PeerName, moment: &Moment, out: &mut Vec<Effect>) {
        if let Some(Order {
            stage: Stage::Asking { waiting, .. },
            ..
        }) = &mut self.order
        {
            waiting.remove(from);
            self.order_progress(moment, out);
        }
    }

    /// Time passed, or something was heard. Called after each event.
    pub(super) fn order_progress(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(order) = &self.order else { return };
        match &order.stage {
            Stage::Asking { waiting, until } => {
                if waiting.is_empty() || moment.now >= *until {
                    self.asked_around(moment, out);
                }
            }
            Stage::HandingOver { master, epoch, until } => {
                let (master, epoch) = (master.clone(), *epoch);
                if !matches!(&self.seat, Seat::Following(following) if following.epoch == epoch) {
                    let reason =
                        format!("{master} is not in reach any more, or reigns no longer, before it handed over");
                    return self.give_up(ErrorCode::Unavailable, &reason, moment, out);
                }
                if moment.now < *until {
                    return;
                }
                if order.force {
                    return self.begin_candidacy(moment, out);
                }
                let message = Message::HandOverEnded { epoch };
                out.push(Effect::Send {
                    to: master.clone(),
                    message,
                });
                let reason = format!("master {master} did not hand over in time: updates of its wait for copies");
                self.give_up(ErrorCode::TimedOut, &reason, moment, out);
            }
            Stage::Promising => {}
            Stage::Settling { until } => {
                if self.is_settled() || moment.now >= *until {
                    self.promotion_done(out);
                }
            }
        }
    }

    /// Everybody answered, or had time enough.
    fn asked_around(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let answers = self.answers();
        let master = self.master_to_hand_over(&answers);
        let decision = match &master {
            Some((_, summary)) => self.decide_holding(summary, Intent::Promotion, answers.clone(), moment),
            None => self.decide(Intent::Promotion, answers.clone(), moment),
        };
        let rows = self.standing_rows(&answers);
        let Some(order) = &mut self.order else { return };
        order.report.registries = rows;
        order.report.hands_over = master.as_ref().map(|(name, _)| name.to_string()).unwrap_or_default();
        let refusal = match decision {
            Decision::Reign { proof, .. } => {
                (order.report.proven, order.report.proof) = (proof.proven, proof.text);
                None
            }
            Decision::Outdated { code, reason, .. } => Some(format!("{}: {reason}", code.as_str())),
            Decision::Wait { reason } => Some(reason),
            Decision::Yield { .. } | Decision::Superseded { .. } => None,
        };
        order.report.refusal = refusal.clone().unwrap_or_default();
        if order.dry_run {
            let (report, asked_around) = (Box::new(order.report.clone()), order.asked_around);
            self.end_order(&Response::Promotion(report), out);
            return self.stand_by(asked_around, moment);
        }
        if let Some(reason) = refusal {
            return self.give_up(ErrorCode::Precondition, &reason, moment, out);
        }
        let Some((name, _)) = master else {
            return self.begin_candidacy(moment, out);
        };
        let Seat::Following(following) = &self.seat else { return };
        let epoch = following.epoch;
        out.push(Effect::Send {
            to: name.clone(),
            message: Message::HandOver { epoch },
        });
        let until = moment.now.after(self.config.copy_deadline + HAND_OVER);
        if let Some(order) = &mut self.order {
            order.stage = Stage::HandingOver {
                master: name,
                epoch,
                until,
            };
        }
    }

    /// The master that this registry follows, if it answered: it can hand over what is lacking here.
    fn master_to_hand_over(&self, answers: &[Answer]) -> Option<(PeerName, Summary)> {
        let Seat::Following(following) = &self.seat else {
            return None;
        };
        let mut answers = answers.iter();
        let master = answers.find(|answer| answer.name == following.master && answer.claim == Some(following.epoch))?;
        Some((master.name.clone(), master.summary.clone()?))
    }

    /// The master stopped writing, and all of its log is here.
    pub(super) fn handed_over(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        version: Version,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let expected = match &self.order {
            Some(Order {
                stage:
                    Stage::HandingOver {
                        master,
                        epoch: from_epoch,
                        ..
                    },
                ..
            }) => master == from && *from_epoch == epoch,
            _ => false,
        };
        if expected && self.database.end() == version {
            // What it said before it handed over does not count any more.
            if let Some(peer) = self.peers.get_mut(from) {
                peer.summary = Some(self.database.summary());
            }
            self.begin_candidacy(moment, out);
        }
    }

    /// Everything that can be known is here: the log is judged once more, and promises are asked for.
    fn begin_candidacy(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        match self.decide(Intent::Promotion, self.answers(), moment) {
            Decision::Reign { number, .. } => {
                if let Some(order) = &mut self.order {
                    order.stage = Stage::Promising;
                }
                self.happened(moment, "candidate", "promises are asked for", out);
                self.prepare(Intent::Promotion, number, 0, moment, out);
            }
            other => self.not_now(Intent::Promotion, other, moment, out),
        }
    }

    /// Reigns: the outcome is told when those who promised are there.
    pub(super) fn ordered_reign(&mut self, epoch: Epoch, asked: Vec<PeerName>, moment: &Moment) {
        let proof = match &self.seat {
            Seat::Leading(reigning) => Some(reigning.proof.clone()),
            _ => None,
        };
        let me = self.name().to_string();
        let Some(order) = &mut self.order else { return };
        order.stage = Stage::Settling {
            until: moment.now.after(SETTLE),
        };
        order.report.leads = true;
        order.report.epoch = epoch.number;
        order.report.asked = asked.iter().map(ToString::to_string).chain([me]).collect();
        if let Some(proof) = proof {
            (order.report.proven, order.report.proof) = (proof.proven, proof.text);
        }
    }

    /// Who was asked to obey the reign does, as far as can be seen.
    fn obedient(&self) -> Vec<String> {
        let Seat::Leading(reigning) = &self.seat else {
            return Vec::new();
        };
        let attached = reigning.followers.keys();
        let nodes = self.peers.values().filter(|peer| {
            let node = peer.node.as_ref().filter(|_| peer.linked);
            node.is_some_and(|node| node.report.obeys == reigning.epoch)
        });
        let names = attached.chain(nodes.map(|peer| &peer.card.name)).chain([self.name()]);
        let mut names: Vec<String> = names.map(ToString::to_string).collect();
        names.sort();
        names
    }

    fn is_settled(&self) -> bool {
        let Some(order) = &self.order else { return true };
        let obedient = self.obedient();
        let all = order.report.asked.iter().all(|name| obedient.contains(name));
        self.reign().is_none() || (self.acknowledged() > 0 && all)
    }

    fn promotion_done(&mut self, out: &mut Vec<Effect>) {
        let obedient = self.obedient();
        let version = self.database.end().to_string();
        let Some(order) = &mut self.order else { return };
        let asked = order.report.asked.clone();
        order.report.acknowledged = asked.into_iter().filter(|name| obedient.contains(name)).collect();
        order.report.version = version;
        let report = order.report.clone();
        let response = if obedient.is_empty() {
            let message = format!("registry {} reigned and was replaced at once", report.registry);
            Response::Failed(Failure::new(
                ErrorCode::Precondition,
                message,
                "`floe status` shows who leads",
            ))
        } else {
            Response::Promotion(Box::new(report))
        };
        self.end_order(&response, out);
    }

    /// The order comes to nothing. Who promised meanwhile is told by the status that this registry is no candidate.
    pub(super) fn give_up(&mut self, code: ErrorCode, reason: &str, moment: &Moment, out: &mut Vec<Effect>) {
        let me = self.name().clone();
        let asked_around = self.order.as_ref().is_some_and(|order| order.asked_around);
        self.happened(moment, "promotion given up", reason, out);
        let hint = match code {
            ErrorCode::Precondition => format!(
                "nothing was changed. `floe registry promote {me} --dry-run` shows who holds what; promote the one that is ahead, or `floe registry init {me} --from OTHER` first. --accept-loss overrides what is only remembered, --force the rest"
            ),
            _ => format!("try again: floe registry promote {me}; --force goes on without the master's word"),
        };
        let message = format!("registry {me} was not promoted: {reason}");
        self.end_order(&Response::Failed(Failure::new(code, message, hint)), out);
        // Under review nothing is written: an earlier order that a crash interrupted stays for the next start.
        if !matches!(self.seat, Seat::Reviewing) && self.identity.ordered.take().is_some() {
            out.push(Effect::Identity(Box::new(self.identity.clone())));
        }
        self.stand_by(asked_around, moment);
    }

    /// Back to what it does without an order: a replica looks for a master, a master asks around from time to time. One that
    /// did neither, because its number is contested, is left alone: an order that changed nothing chose nobody.
    fn stand_by(&mut self, asked_around: bool, moment: &Moment) {
        match (&self.seat, self.role) {
            (Seat::Idle, Role::Master) if !asked_around => {}
            (Seat::Reviewing | Seat::Leading(_) | Seat::Following(_), _) => {}
            (_, Role::Master) => self.rest(Intent::Resume, moment),
            (_, Role::Replica) => {
                self.seat = Seat::Idle;
                self.trouble = None;
            }
        }
    }

    fn end_order(&mut self, response: &Response, out: &mut Vec<Effect>) {
        let waiting = self.order.take().map(|order| order.to).unwrap_or_default();
        out.extend(waiting.into_iter().map(|to| Effect::Reply {
            to,
            response: response.clone(),
            last: true,
        }));
    }

    /// This registry is to be a replica from now on.
    pub(super) fn demote(&mut self, asked: &Asked, force: bool, moment: &Moment, out: &mut Vec<Effect>) {
        if matches!(self.seat, Seat::Leading(_)) && !force {
            let message = format!("registry {} leads, and nobody would after it", self.name());
            let hint = "promote another, which takes over without a gap: floe registry promote NAME; --force demotes all the same";
            return asked.fail(Failure::new(ErrorCode::Precondition, message, hint), out);
        }
        if self.order.is_some() {
            self.give_up(ErrorCode::Precondition, "it was demoted meanwhile", moment, out);
        }
        if matches!(self.seat, Seat::Leading(_)) {
            self.abandon_pending("the master was demoted", out);
        }
        if !matches!(self.seat, Seat::Following(_)) {
            self.seat = Seat::Idle;
            self.trouble = None;
        }
        self.happened(moment, "demoted", format!("by {}", asked.actor), out);
        self.assign(Role::Replica, RoleSource::Command, out);
        self.seek_master(moment, out);
        asked.answer(Response::Registry(Box::new(self.report_of_registry())), out);
    }

    /// The operator knows that the others are gone.
    pub(super) fn lead_alone(&mut self, asked: &Asked, moment: &Moment, out: &mut Vec<Effect>) {
        if self.role == Role::Replica {
            let message = format!("registry {} is a replica", self.name());
            let hint = format!(
                "make it the master: floe registry promote {} --accept-loss",
                self.name()
            );
            return asked.fail(Failure::new(ErrorCode::Precondition, message, hint), out);
        }
        self.alone = true;
        self.happened(moment, "leads alone", format!("by order of {}", asked.actor), out);
        self.look_around(moment);
        if let Seat::Resting { until, .. } = &mut self.seat {
            *until = moment.now;
        }
        self.rested(moment, out);
        asked.answer(Response::Registry(Box::new(self.report_of_registry())), out);
    }
}

#[cfg(test)]
#[path = "order_test.rs"]
mod tests;
