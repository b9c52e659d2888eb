//! Resources: asked for, waited for, given, given back.

use super::super::desk::{Shelf, Stage, Stall};
use super::super::effect::{Effect, ReplyTo};
use super::super::seat::Seat;
use super::super::state::Registry;
use super::pass::Asked;
use crate::pure::allocation::queue::{ATTRIBUTES_MAX, PER_SESSION_MAX, WAITING_MAX};
use crate::pure::allocation::{
    Asking, Change, Decided, How, Lease, Outcome, Purpose, Random, Refusal, Session, Token, Waiting, Wish,
};
use crate::pure::base::{Moment, ObjectId, RequestId, Secret, Time};
use crate::pure::protocol::Response;
use crate::pure::protocol::allocation::Allocate;
use crate::pure::protocol::request::{ErrorCode, Failure};
use std::sync::Arc;
use std::time::Duration;

/// Shortest and longest time after which an allocator that gave nothing is asked again although nothing changed.
const AGAIN_MIN: Duration = Duration::from_millis(10);
const AGAIN_MAX: Duration = Duration::from_mins(1);

impl Registry {
    pub(super) fn allocate(&mut self, asked: Asked, allocate: Allocate, moment: &Moment, out: &mut Vec<Effect>) {
        let session = self.may_decide().and_then(|()| self.session_of(allocate.secret));
        let session = match session {
            Ok(session) => session,
            Err(failure) => return asked.fail(failure, out),
        };
        self.lives_on(session.id, moment);
        if self.asked_before(&asked, &session, &allocate, moment, out) {
            return;
        }
        if let Err(failure) = self.has_room(&session, &allocate.wish) {
            return asked.fail(failure, out);
        }
        let wait = allocate.timeout_ms.map(Duration::from_millis);
        let asking = asking(&session, &allocate.wish, wait, moment.roll(11, u64::MAX), moment);
        let Decided { outcome, how } = self.comes_to(&asking);
        match outcome {
            Outcome::Grant { resource, exclusive } => {
                let lease = self.lease(&session, resource, exclusive, allocate.request, moment);
                self.note(&session, &allocate.wish, lease.as_ref(), how, moment);
                self.grant(Vec::new(), lease, vec![asked.to], moment, out);
            }
            Outcome::Refuse(refusal) => asked.fail(refused(&allocate.wish, &refusal), out),
            Outcome::Wait(_) if allocate.timeout_ms == Some(0) => {
                asked.fail(self.busy(&allocate.wish, &reason_of(how)), out);
            }
            Outcome::Wait(again) => {
                let waiting = Waiting {
                    place: self.database.allocations().next_place(),
                    session: session.id,
                    request: allocate.request,
                    wish: allocate.wish,
                    since: moment.wall,
                };
                let place = waiting.place;
                self.ask_again(again, moment);
                self.record(vec![Change::Queued(waiting)], moment, out);
                self.wait_for(place, asked, allocate.timeout_ms, moment);
                self.say_why(place, how);
            }
        }
    }

    /// A request that is known already keeps its place, or gives the lease that it gave.
    fn asked_before(
        &mut self,
        asked: &Asked,
        session: &Session,
        allocate: &Allocate,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) -> bool {
        let allocations = self.database.allocations();
        let lease = allocations
            .leases_of(session.id)
            .find(|lease| lease.request == allocate.request);
        if let Some(lease) = lease.cloned() {
            let report = self.lease_report(&lease, moment);
            let number = self.database.allocations().mark().number;
            self.say(
                number,
                vec![(asked.to, Response::Allocated(Box::new(report)))],
                moment,
                out,
            );
            return true;
        }
        let waiting = allocations
            .waiting_of(session.id)
            .find(|waiting| waiting.request == allocate.request);
        let Some(waiting) = waiting.cloned() else { return false };
        if allocate.timeout_ms == Some(0) {
            let (number, mut clients) = self.leave(waiting.place, moment, out);
            clients.push(asked.to);
            self.say_failure(number, clients, &self.busy(&waiting.wish, ""), moment, out);
            return true;
        }
        self.wait_for(waiting.place, asked.clone(), allocate.timeout_ms, moment);
        true
    }

    fn wait_for(&mut self, place: u64, asked: Asked, timeout_ms: Option<u64>, moment: &Moment) {
        let until = timeout_ms.map(|ms| moment.now.after(Duration::from_millis(ms)));
        if let Some(reigning) = self.reigning() {
            reigning.desk.wait(place, |wait| {
                wait.since.get_or_insert(moment.now);
                wait.until = until;
                // Said before the client gives up, so that it hears that it waits.
                let listens = asked.until.since(moment.now);
                wait.clients.push((asked.to, moment.now.after(listens * 3 / 4)));
            });
        }
    }

    pub(super) fn has_room(&self, session: &Session, wish: &Wish) -> Result<(), Failure> {
        let allocations = self.database.allocations();
        let (leases, waiting) = (
            allocations.leases_of(session.id).count(),
            allocations.waiting_of(session.id).count(),
        );
        let fault = if leases.max(waiting) >= PER_SESSION_MAX {
            let message = format!(
                "the session holds {leases} resources and waits for {waiting}, at most {PER_SESSION_MAX} of each are allowed"
            );
            return Err(Failure::new(
                ErrorCode::Precondition,
                message,
                "release something first",
            ));
        } else if allocations.waiting().len() >= WAITING_MAX {
            format!("{WAITING_MAX} requests wait already")
        } else if matches!(wish, Wish::Type { attributes, .. } if attributes.len() > ATTRIBUTES_MAX) {
            let message = format!("a request names at most {ATTRIBUTES_MAX} attributes");
            return Err(Failure::new(ErrorCode::Invalid, message, "name fewer"));
        } else {
            return Ok(());
        };
        Err(Failure::new(
            ErrorCode::Overloaded,
            fault,
            "release something, or come again later",
        ))
    }

    /// What a request comes to. While a new master is not sure that all is known, nothing is granted.
    pub(super) fn comes_to(&self, asking: &Asking<'_>) -> Decided {
        let Seat::Leading(reigning) = &self.seat else {
            return Decided::at_once(Outcome::Wait(None));
        };
        let stall = self.stall(&reigning.desk.shelf, asking.now);
        if reigning.desk.stage == Stage::Open {
            return self
                .database
                .allocations()
                .decide(asking, &stall, self.config.allocator.as_ref());
        }
        // What can never be had is said at once; the choice itself is for later.
        let decided = self.database.allocations().decide(asking, &stall, &Random);
        match decided.outcome {
            Outcome::Grant { .. } => Decided::at_once(Outcome::Wait(None)),
            outcome => Decided::at_once(outcome),
        }
    }

    pub(super) fn stall<'a>(&'a self, shelf: &'a Shelf, now: Time) -> Stall<'a> {
        Stall {
            shelf,
            peers: &self.peers,
            now,
        }
    }

    /// An allocator that gave nothing wants to be asked again although nothing changed.
    pub(super) fn ask_again(&mut self, again: Option<Duration>, moment: &Moment) {
        let again = again.map(|again| moment.now.after(again.clamp(AGAIN_MIN, AGAIN_MAX)));
        if let Some(reigning) = self.reigning() {
            reigning.desk.again = reigning.desk.again.into_iter().chain(again).min();
        }
    }

    /// Why the allocator lets it wait, for its clients.
    pub(super) fn say_why(&mut self, place: u64, how: Option<How>) {
        let why = reason_of(how);
        if let Some(reigning) = self.reigning() {
            reigning.desk.wait(place, |wait| {
                wait.held_back = !why.is_empty();
                wait.why = why;
            });
        }
    }

    pub(super) fn lease(
        &self,
        session: &Session,
        resource: ObjectId,
        exclusive: bool,
        request: RequestId,
        moment: &Moment,
    ) -> Option<Lease> {
        let epoch = self.reign()?.number;
        let server = self.database.deployment().allocatables.get(&resource)?.server.clone();
        let allocations = self.database.allocations();
        let claim = allocations
            .tenure(&server)
            .filter(|tenure| tenure.session == session.id);
        Some(Lease {
            resource,
            server,
            exclusive,
            session: session.id,
            token: allocations.next_token(epoch),
            request,
            since: moment.wall,
            claim: claim.filter(|_| exclusive).map(|tenure| tenure.token),
        })
    }

    pub(super) fn grant(
        &mut self,
        mut changes: Vec<Change>,
        lease: Option<Lease>,
        clients: Vec<ReplyTo>,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let Some(lease) = lease else { return };
        let report = Response::Allocated(Box::new(self.lease_report(&lease, moment)));
        changes.push(Change::Granted(lease));
        let number = self.record(changes, moment, out);
        let replies = clients.into_iter().map(|to| (to, report.clone()));
        self.say(number, replies.collect(), moment, out);
    }

    /// A request waits no longer. The number of that decision, and who is to hear of it.
    pub(super) fn leave(&mut self, place: u64, moment: &Moment, out: &mut Vec<Effect>) -> (u64, Vec<ReplyTo>) {
        let number = self.record(vec![Change::Left(place)], moment, out);
        let reigning = self.reigning();
        (
            number,
            reigning
                .map(|reigning| reigning.desk.stop_waiting(place))
                .unwrap_or_default(),
        )
    }

    /// The session does not want it any more: it waits no longer, and what it was given unseen is free again.
    pub(super) fn withdraw(
        &mut self,
        asked: &Asked,
        secret: Secret,
        request: RequestId,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let session = match self.may_decide().and_then(|()| self.session_of(secret)) {
            Ok(session) => session,
            Err(failure) => return asked.fail(failure, out),
        };
        let allocations = self.database.allocations();
        let place = allocations
            .waiting_of(session.id)
            .find(|waiting| waiting.request == request);
        let place = place.map(|waiting| waiting.place);
        let lease = allocations
            .leases_of(session.id)
            .find(|lease| lease.request == request)
            .cloned();
        let was_there = place.is_some() || lease.is_some();
        let mut number = allocations.mark().number;
        let mut replies = vec![(asked.to, Response::Withdrawn(was_there))];
        if let Some(place) = place {
            let (left, clients) = self.leave(place, moment, out);
            number = left;
            let failure = Failure::new(ErrorCode::TimedOut, "the request was withdrawn", "");
            replies.extend(clients.into_iter().map(|to| (to, Response::Failed(failure.clone()))));
        }
        if let Some(lease) = lease {
            number = self.take_back(&lease, moment, out);
        }
        self.say(number, replies, moment, out);
    }

    pub(super) fn release(
        &mut self,
        asked: &Asked,
        secret: Secret,
        resource: &ObjectId,
        token: Option<Token>,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let session = match self.may_decide().and_then(|()| self.session_of(secret)) {
            Ok(session) => session,
            Err(failure) => return asked.fail(failure, out),
        };
        self.lives_on(session.id, moment);
        if !self.database.deployment().allocatables.contains_key(resource) {
            return asked.fail(refused(&Wish::Id(resource.clone()), &Refusal::Unknown), out);
        }
        let lease = self.database.allocations().lease(resource).cloned();
        let Some(lease) = lease.filter(|lease| lease.session == session.id) else {
            let message = format!("{resource} is not held by this session");
            let hint = "`floe lease list` shows who holds what";
            return asked.fail(Failure::new(ErrorCode::Precondition, message, hint), out);
        };
        if let Some(token) = token.filter(|token| *token != lease.token) {
            let message = format!(
                "token {token} is not that of the lease on {resource}, which is {}",
                lease.token
            );
            return asked.fail(
                Failure::new(ErrorCode::Precondition, message, "an earlier lease of it is over"),
                out,
            );
        }
        let report = self.lease_report(&lease, moment);
        let number = self.take_back(&lease, moment, out);
        self.say(
            number,
            vec![(asked.to, Response::Released(Box::new(report)))],
            moment,
            out,
        );
    }

    fn take_back(&mut self, lease: &Lease, moment: &Moment, out: &mut Vec<Effect>) -> u64 {
        let number = self.record(vec![Change::Released(lease.resource.clone())], moment, out);
        if let Some(reigning) = self.reigning() {
            reigning.desk.free(lease);
        }
        number
    }

    /// Ends every event at the desk: what ran out, what was deployed meanwhile, and who is next.
    pub(super) fn settle_desk(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        self.say_held(moment, out);
        self.beat(moment, out);
        if self.may_write().is_err() {
            return;
        }
        self.desk_progress(moment, out);
        if self.may_decide().is_err() {
            return;
        }
        self.follow_deployment(moment, out);
        self.end_waits(moment, out);
        self.serve(moment, out);
        self.say_held(moment, out);
        self.tell_tenures(out);
    }

    /// A lease on what is not deployed any more is over.
    fn follow_deployment(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let deployment = self.database.deployment().clone();
        let Some(reigning) = self.reigning() else { return };
        if Arc::ptr_eq(&reigning.desk.shelf.deployment, &deployment) {
            return;
        }
        reigning.desk.shelf.follow(deployment.clone());
        reigning.desk.freed.all = true;
        let leases = self.database.allocations().leases().values();
        let there = |lease: &Lease| {
            let record = deployment.allocatables.get(&lease.resource);
            record.is_some_and(|record| record.server == lease.server)
        };
        let gone: Vec<Lease> = leases.filter(|lease| !there(lease)).cloned().collect();
        for lease in gone {
            let reason = format!("{} was held and is not deployed any more", lease.resource);
            Self::session_news(lease.session, "lease revoked", &reason, moment, out);
            self.take_back(&lease, moment, out);
        }
    }

    /// `why` is the allocator's reason, if it could have given something.
    pub(super) fn busy(&self, wish: &Wish, why: &str) -> Failure {
        let guarded = matches!(&self.seat, Seat::Leading(reigning) if reigning.desk.stage != Stage::Open);
        let held = match wish {
            Wish::Id(id) => self.database.allocations().lease(id),
            Wish::Type { .. } => None,
        };
        let who = match (held, wish) {
            (Some(lease), _) => format!("{wish} is held by session {}", lease.session),
            _ if guarded => format!("{wish} is not given yet: the former master may have granted what nobody knows of"),
            _ if !why.is_empty() => format!("{wish} is not given now: {why}"),
            (None, Wish::Id(id)) => format!("{id} cannot be given now: its server is held by another session"),
            (None, Wish::Type { .. }) => format!("nothing is free: {wish}"),
        };
        Failure::new(
            ErrorCode::TimedOut,
            who,
            "`floe lease list` shows who holds what; ask again, or wait longer",
        )
    }
}

pub(super) fn asking<'a>(
    session: &'a Session,
    wish: &'a Wish,
    wait: Option<Duration>,
    seed: u64,
    moment: &Moment,
) -> Asking<'a> {
    Asking {
        purpose: Purpose::Allocate,
        session,
        wish,
        wait,
        seed,
        now: moment.now,
    }
}

/// Why an allocator gave nothing, with its name.
fn reason_of(how: Option<How>) -> String {
    let how = how.filter(|how| !how.reason.is_empty());
    how.map(|how| format!("{} says: {}", how.by, how.reason))
        .unwrap_or_default()
}

pub(super) fn out_of_service(id: &ObjectId, reason: &str) -> String {
    format!("{id} is out of service because {reason}")
}

pub(super) fn refused(wish: &Wish, refusal: &Refusal) -> Failure {
    let (code, message, hint) = match (refusal, wish) {
        (Refusal::Unknown, Wish::Id(id)) => (
            ErrorCode::NotFound,
            format!("{id} is not deployed as something that sessions can hold"),
            "declare it: allocatable = [{ id = ..., type = ... }] in its server",
        ),
        (Refusal::Unknown, Wish::Type { .. }) => (
            ErrorCode::NotFound,
            format!("nothing that sessions can hold is deployed as {wish}"),
            "declare it: allocatable = [{ id = ..., type = ... }] in its server",
        ),
        (Refusal::Denied(by, reason), _) => (
            ErrorCode::Precondition,
            format!("{wish} is refused by the allocator {by}: {reason}"),
            "release something, or ask whoever configured the allocator",
        ),
        (Refusal::Held, _) => (
            ErrorCode::Precondition,
            format!("{wish} is held by this very session already"),
            "release it first, or ask for another",
        ),
        (Refusal::Out(id, reason), _) => (
            ErrorCode::Unavailable,
            format!("{wish} is not to be had now: {}", out_of_service(id, reason)),
            "`floe server list` and `floe node list` show what is up",
        ),
    };
    Failure::new(code, message, hint)
}

#[cfg(test)]
#[path = "allocate_test.rs"]
mod tests;
