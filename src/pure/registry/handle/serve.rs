//! The queue: who waits is served when something came free, and hears when it waited long enough.

use super::super::desk::Stage;
use super::super::effect::{Effect, ReplyTo};
use super::super::seat::Seat;
use super::super::state::Registry;
use super::allocate::{asking, out_of_service, refused};
use crate::pure::allocation::{Change, Decided, Outcome, Refusal, Scene, Waiter, Waiting};
use crate::pure::base::{Moment, ObjectId};
use crate::pure::protocol::Response;
use crate::pure::protocol::allocation::QueueReport;
use crate::pure::protocol::request::{ErrorCode, Failure};
use std::collections::BTreeSet;

/// Most waiting requests that an allocator puts into order at once: those that came first.
const ORDERED_MAX: usize = 1000;
/// Who was passed over this often is served first, whatever the allocator's order.
pub(super) const PASSED_MAX: u32 = 32;

impl Registry {
    /// Something came free, or may have: whoever waits is looked at, in the allocator's order, else first come first.
    pub(super) fn serve(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        loop {
            let Seat::Leading(reigning) = &mut self.seat else {
                return;
            };
            if reigning.desk.again.is_some_and(|again| again <= moment.now) {
                reigning.desk.again = None;
                reigning.desk.freed.all = true;
            }
            if reigning.desk.freed.is_empty() || reigning.desk.stage != Stage::Open {
                return;
            }
            let freed = std::mem::take(&mut reigning.desk.freed);
            // What an allocator holds back may hang on something else than what the request is for: a quota.
            let desk = &reigning.desk;
            let is_held_back = |waiting: &Waiting| desk.waits(waiting.place).is_some_and(|wait| wait.held_back);
            let waiting = self.database.allocations().waiting().values();
            let waiting = waiting.filter(|waiting| freed.concerns(waiting) || is_held_back(waiting));
            let waiting: Vec<Waiting> = waiting.cloned().collect();
            for place in self.turns_of(&waiting, moment) {
                let Some(next) = waiting.get(place) else { continue };
                if let Some(given) = self.serve_one(next, moment, out)
                    && let Some(reigning) = self.reigning()
                {
                    reigning.desk.passed(next.place, &given, &waiting);
                }
            }
        }
    }

    /// In which order those who wait are served: places in `waiting`. Who was passed over too often comes first, so that no
    /// order lets anybody wait for ever.
    fn turns_of(&self, waiting: &[Waiting], moment: &Moment) -> Vec<usize> {
        let as_they_came = || (0..waiting.len()).collect();
        let (Seat::Leading(reigning), allocator) = (&self.seat, &self.config.allocator) else {
            return as_they_came();
        };
        if waiting.len() < 2 || !allocator.orders() {
            return as_they_came();
        }
        let allocations = self.database.allocations();
        let waiters = waiting.iter().take(ORDERED_MAX).filter_map(|waiting| {
            let wait = reigning.desk.waits(waiting.place);
            Some(Waiter {
                waiting,
                session: allocations.session(waiting.session)?,
                since: wait.and_then(|wait| wait.since).unwrap_or(moment.now),
                passed: wait.map_or(0, |wait| wait.passed),
            })
        });
        let waiters: Vec<Waiter<'_>> = waiters.collect();
        let stall = self.stall(&reigning.desk.shelf, moment.now);
        let scene = Scene {
            now: moment.now,
            allocations,
            market: &stall,
        };
        let Some(order) = allocator.order(&waiters, &scene) else {
            return as_they_came();
        };
        let mut seen = BTreeSet::new();
        let overdue =
            (0..waiters.len()).filter(|place| waiters.get(*place).is_some_and(|one| one.passed >= PASSED_MAX));
        // Whoever it left out, or was not told of, comes last.
        let order = overdue.chain(order).chain(0..waiting.len());
        order
            .filter(|place| *place < waiting.len() && seen.insert(*place))
            .collect()
    }

    /// What it was given.
    fn serve_one(&mut self, waiting: &Waiting, moment: &Moment, out: &mut Vec<Effect>) -> Option<ObjectId> {
        let session = self.database.allocations().session(waiting.session).cloned()?;
        let until = match &self.seat {
            Seat::Leading(reigning) => reigning.desk.waits(waiting.place).and_then(|wait| wait.until),
            _ => None,
        };
        let wait = until.map(|until| until.since(moment.now));
        let asking = asking(
            &session,
            &waiting.wish,
            wait,
            moment.roll(waiting.place, u64::MAX),
            moment,
        );
        let Decided { outcome, how } = self.comes_to(&asking);
        match outcome {
            Outcome::Grant { resource, exclusive } => {
                let lease = self.lease(&session, resource.clone(), exclusive, waiting.request, moment);
                self.note(&session, &waiting.wish, lease.as_ref(), how, moment);
                let reigning = self.reigning();
                let clients = reigning.map(|reigning| reigning.desk.stop_waiting(waiting.place));
                let left = vec![Change::Left(waiting.place)];
                self.grant(left, lease, clients.unwrap_or_default(), moment, out);
                return Some(resource);
            }
            Outcome::Refuse(refusal @ (Refusal::Unknown | Refusal::Held | Refusal::Denied(..))) => {
                let (number, clients) = self.leave(waiting.place, moment, out);
                self.say_failure(number, clients, &refused(&waiting.wish, &refusal), moment, out);
            }
            // It comes back into service, or its time runs out.
            Outcome::Refuse(Refusal::Out(id, reason)) => {
                if let Some(reigning) = self.reigning() {
                    reigning.desk.wait(waiting.place, |wait| {
                        wait.held_back = false;
                        wait.why = out_of_service(&id, reason);
                    });
                }
            }
            Outcome::Wait(again) => {
                self.ask_again(again, moment);
                self.say_why(waiting.place, how);
            }
        }
        None
    }

    /// Requests that have waited long enough, and clients that were told how long to listen.
    pub(super) fn end_waits(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        while let Some((place, wait)) = self.reigning().and_then(|reigning| {
            let (place, wait) = reigning.desk.due(moment.now)?;
            Some((place, wait.clone()))
        }) {
            if wait.until.is_some_and(|until| moment.now >= until) {
                let why = wait.why.clone();
                let wish = self
                    .database
                    .allocations()
                    .waiting()
                    .get(&place)
                    .map(|waiting| waiting.wish.clone());
                let (number, clients) = self.leave(place, moment, out);
                let failure = wish.map_or_else(
                    || Failure::new(ErrorCode::TimedOut, "it waited long enough", ""),
                    |wish| self.busy(&wish, &why),
                );
                self.say_failure(number, clients, &failure, moment, out);
                continue;
            }
            let report = self.queue_report(place);
            let number = self.database.allocations().mark().number;
            let due = wait.clients.iter().filter(|(_, until)| moment.now >= *until);
            let replies = due.map(|(to, _)| (*to, Response::Queued(report.clone())));
            let replies = replies.collect();
            if let Some(reigning) = self.reigning() {
                reigning
                    .desk
                    .wait(place, |wait| wait.clients.retain(|(_, until)| moment.now < *until));
            }
            self.say(number, replies, moment, out);
        }
    }

    fn queue_report(&self, place: u64) -> QueueReport {
        let waiting = self.database.allocations().waiting();
        let wish = waiting.get(&place).map(|waiting| &waiting.wish);
        let ahead = waiting.range(..place).filter(|(_, other)| Some(&other.wish) == wish);
        QueueReport {
            wish: wish.map(ToString::to_string).unwrap_or_default(),
            ahead: u64::try_from(ahead.count()).unwrap_or(u64::MAX),
        }
    }

    /// Servers, nodes or time moved.
    pub(super) fn look_at_the_queue(&mut self) {
        let waits = !self.database.allocations().waiting().is_empty();
        if let Some(reigning) = self.reigning().filter(|_| waits) {
            reigning.desk.freed.all = true;
        }
    }

    /// A client is gone; its request keeps its place until its session ends.
    pub(super) fn hung_up(&mut self, to: ReplyTo) {
        if let Some(reigning) = self.reigning() {
            reigning.desk.hung_up(to);
        }
    }
}
