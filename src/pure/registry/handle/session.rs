//! Sessions: opened, renewed, ended; and what everybody may see of them.

use super::super::desk::Stage;
use super::super::effect::Effect;
use super::super::seat::Seat;
use super::super::state::Registry;
use super::pass::Asked;
use crate::pure::allocation::session::{NAME_BYTES_MAX, SESSIONS_MAX, TTL_MAX, TTL_MIN};
use crate::pure::allocation::{Change, Lease, Session, SessionId};
use crate::pure::base::{Moment, Secret};
use crate::pure::protocol::Response;
use crate::pure::protocol::allocation::{LeaseReport, SessionReport};
use crate::pure::protocol::locate::ROWS_MAX;
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::request::{ErrorCode, Failure};
use std::ops::Bound;
use std::time::Duration;

impl Registry {
    pub(super) fn open_session(
        &mut self,
        asked: &Asked,
        secret: Secret,
        name: String,
        ttl_ms: u64,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if let Err(failure) = check_terms(&name, ttl_ms).and_then(|()| self.may_decide()) {
            return asked.fail(failure, out);
        }
        let known = self.database.allocations().session(SessionId::of(secret));
        match known.map(|session| session.admits(secret)) {
            Some(true) => return self.renew_session(asked, secret, moment, out),
            Some(false) => {
                let failure = Failure::new(ErrorCode::Precondition, "the secret cannot be used", "draw another one");
                return asked.fail(failure, out);
            }
            None => {}
        }
        if self.database.allocations().sessions().len() >= SESSIONS_MAX {
            let message = format!("{SESSIONS_MAX} sessions are open already");
            let hint = "`floe session list` shows them; `floe session close ID` ends one";
            return asked.fail(Failure::new(ErrorCode::Overloaded, message, hint), out);
        }
        let ttl = Duration::from_millis(ttl_ms);
        let session = Session::new(secret, name, ttl, asked.actor.clone(), moment.wall);
        let id = session.id;
        Self::session_news(id, "opened", &format!("by {}", asked.actor), moment, out);
        let number = self.record(vec![Change::Opened(session)], moment, out);
        self.lives_on(id, moment);
        let report = self.own_report(id, moment).map(|report| (asked.to, report));
        self.say(number, report.into_iter().collect(), moment, out);
    }

    /// It lives on: only memory knows for how long, so no disk is asked.
    pub(super) fn renew_session(&mut self, asked: &Asked, secret: Secret, moment: &Moment, out: &mut Vec<Effect>) {
        let session = self.may_decide().and_then(|()| self.session_of(secret));
        let id = match session {
            Ok(session) => session.id,
            Err(failure) => return asked.fail(failure, out),
        };
        self.lives_on(id, moment);
        if let Some(report) = self.own_report(id, moment) {
            self.say_if_obeyed(asked.to, report, moment, out);
        }
    }

    pub(super) fn close_session(&mut self, asked: &Asked, secret: Secret, moment: &Moment, out: &mut Vec<Effect>) {
        match self.may_decide().and_then(|()| self.session_of(secret)) {
            Ok(session) => self.close(asked, session.id, "closed", moment, out),
            Err(failure) => asked.fail(failure, out),
        }
    }

    /// An operator ends it.
    pub(super) fn end_session(&mut self, asked: &Asked, id: SessionId, moment: &Moment, out: &mut Vec<Effect>) {
        let known = self.may_decide().and_then(|()| {
            let known = self.database.allocations().session(id).is_some();
            let failure = || {
                Failure::new(
                    ErrorCode::NotFound,
                    format!("there is no session {id}"),
                    "`floe session list` shows all",
                )
            };
            known.then_some(()).ok_or_else(failure)
        });
        match known {
            Ok(()) => self.close(asked, id, &format!("ended by {}", asked.actor), moment, out),
            Err(failure) => asked.fail(failure, out),
        }
    }

    fn close(&mut self, asked: &Asked, id: SessionId, reason: &str, moment: &Moment, out: &mut Vec<Effect>) {
        let report = self.session_report(id, moment);
        let number = self.over(id, reason, moment, out);
        let report = report.map(|report| (asked.to, Response::Session(Box::new(report))));
        self.say(number, report.into_iter().collect(), moment, out);
    }

    /// A session is over: first what it waits for is cancelled, then what it holds is free.
    fn over(&mut self, id: SessionId, reason: &str, moment: &Moment, out: &mut Vec<Effect>) -> u64 {
        let allocations = self.database.allocations();
        let places: Vec<u64> = allocations.waiting_of(id).map(|waiting| waiting.place).collect();
        let leases: Vec<Lease> = allocations.leases_of(id).cloned().collect();
        let left = places.iter().map(|place| Change::Left(*place));
        let released = leases.iter().map(|lease| Change::Released(lease.resource.clone()));
        let changes = left.chain(released).chain([Change::Closed(id)]).collect();
        let held: Vec<&str> = leases.iter().take(5).map(|lease| lease.resource.as_str()).collect();
        let words = match (held.is_empty(), leases.len() > held.len()) {
            (true, _) => reason.to_owned(),
            (false, more) => format!(
                "{reason}; free again: {}{}",
                held.join(", "),
                if more { ", ..." } else { "" }
            ),
        };
        Self::session_news(id, "over", &words, moment, out);
        let number = self.record(changes, moment, out);
        let Some(reigning) = self.reigning() else { return number };
        let desk = &mut reigning.desk;
        desk.ends.remove(&id);
        for lease in &leases {
            desk.free(lease);
        }
        let clients: Vec<_> = places.into_iter().flat_map(|place| desk.stop_waiting(place)).collect();
        self.say_failure(number, clients, &gone(), moment, out);
        number
    }

    /// Ends whatever was not renewed in time.
    pub(super) fn expire_sessions(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        if self.may_decide().is_err() {
            return;
        }
        let Some(reigning) = self.reigning() else { return };
        let over = reigning.desk.ends.iter().filter(|(_, end)| moment.now >= **end);
        let over: Vec<SessionId> = over.map(|(id, _)| *id).collect();
        for id in over {
            self.over(id, "not renewed in time", moment, out);
        }
    }

    /// A sign of life.
    pub(super) fn lives_on(&mut self, id: SessionId, moment: &Moment) {
        let ttl = self.database.allocations().session(id).map(Session::ttl);
        if let (Some(ttl), Some(reigning)) = (ttl, self.reigning()) {
            reigning.desk.ends.insert(id, moment.now.after(ttl));
        }
    }

    /// The session that this secret opened.
    ///
    /// # Errors
    /// There is none, any more.
    pub(super) fn session_of(&self, secret: Secret) -> Result<Session, Failure> {
        let session = self.database.allocations().session(SessionId::of(secret));
        session
            .filter(|session| session.admits(secret))
            .cloned()
            .ok_or_else(gone)
    }

    pub(super) fn session_rows(&self, after: Option<SessionId>, moment: &Moment) -> Response {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let sessions = self.database.allocations().sessions().range((start, Bound::Unbounded));
        let mut rows: Vec<SessionReport> = sessions
            .take(ROWS_MAX + 1)
            .filter_map(|(id, _)| self.session_report(*id, moment))
            .collect();
        let more = rows.len() > ROWS_MAX;
        rows.truncate(ROWS_MAX);
        Response::Sessions(rows, more)
    }

    pub(super) fn lease_rows(&self, after: Option<&str>, moment: &Moment) -> Response {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let leases = self.database.allocations().leases();
        let leases = leases.range::<str, _>((start, Bound::Unbounded)).take(ROWS_MAX + 1);
        let mut rows: Vec<LeaseReport> = leases.map(|(_, lease)| self.lease_report(lease, moment)).collect();
        let more = rows.len() > ROWS_MAX;
        rows.truncate(ROWS_MAX);
        Response::Leases(rows, more)
    }

    fn session_report(&self, id: SessionId, moment: &Moment) -> Option<SessionReport> {
        let allocations = self.database.allocations();
        let session = allocations.session(id)?;
        Some(SessionReport {
            id,
            name: session.name.clone(),
            expires_in: self.expires_in(id, moment),
            ttl_ms: session.ttl_ms,
            leases: count(allocations.leases_of(id)),
            waiting: count(allocations.waiting_of(id)),
            actor: session.actor.clone(),
            opened: session.opened,
            held: Vec::new(),
        })
    }

    /// The same for its own client.
    fn own_report(&self, id: SessionId, moment: &Moment) -> Option<Response> {
        let leases = self.database.allocations().leases_of(id);
        let held = leases.map(|lease| (lease.resource.to_string(), lease.token.to_string()));
        let report = SessionReport {
            held: held.collect(),
            ..self.session_report(id, moment)?
        };
        Some(Response::Session(Box::new(report)))
    }

    pub(super) fn lease_report(&self, lease: &Lease, moment: &Moment) -> LeaseReport {
        let (allocations, deployment) = (self.database.allocations(), self.database.deployment());
        let record = deployment.allocatables.get(&lease.resource);
        let placed = deployment.servers.get(&lease.server);
        let home = record.and_then(|record| record.home.as_ref());
        let endpoint = home.and_then(|home| {
            let peer = self.peers.get(&placed?.node).filter(|peer| peer.linked)?;
            let server = peer.node.as_ref()?.servers.get(&lease.server)?;
            server.endpoints.get(home.as_str()).cloned()
        });
        LeaseReport {
            resource: lease.resource.to_string(),
            kind: record.map(|record| record.kind.clone()).unwrap_or_default(),
            session: lease.session,
            session_name: allocations
                .session(lease.session)
                .map(|session| session.name.clone())
                .unwrap_or_default(),
            token: lease.token.to_string(),
            since: lease.since,
            expires_in: self.expires_in(lease.session, moment),
            server: lease.server.to_string(),
            node: placed.map(|placed| placed.node.to_string()).unwrap_or_default(),
            adapter: home.map(ToString::to_string),
            endpoint,
            attributes: record.map(|record| record.attributes.clone()).unwrap_or_default(),
        }
    }

    fn expires_in(&self, id: SessionId, moment: &Moment) -> Option<u64> {
        let Seat::Leading(reigning) = &self.seat else {
            return None;
        };
        if matches!(reigning.desk.stage, Stage::Taking { .. }) {
            return None;
        }
        let left = reigning.desk.ends.get(&id)?.since(moment.now);
        Some(left.as_secs() + u64::from(left.subsec_nanos() > 0))
    }

    pub(super) fn session_news(id: SessionId, state: &str, reason: &str, moment: &Moment, out: &mut Vec<Effect>) {
        out.push(Effect::Happened(Box::new(Happening {
            time: moment.wall,
            subject: "session".to_owned(),
            name: id.to_string(),
            state: state.to_owned(),
            reason: reason.to_owned(),
            version: None,
        })));
    }
}

fn check_terms(name: &str, ttl_ms: u64) -> Result<(), Failure> {
    let ttl = Duration::from_millis(ttl_ms);
    let fault = if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        format!("a session's name has 1 to {NAME_BYTES_MAX} bytes and no control characters")
    } else if !(TTL_MIN..=TTL_MAX).contains(&ttl) {
        format!("a time to live of {ttl_ms} ms is not from 1 s to 24 h")
    } else {
        return Ok(());
    };
    Err(Failure::new(ErrorCode::Invalid, fault, "open it with other terms"))
}

/// The answer to whoever comes with the secret of a session that is not there.
fn gone() -> Failure {
    Failure::new(
        ErrorCode::NotFound,
        "there is no session of this secret: it was closed, ended, or not renewed in time; it holds nothing any more",
        "open a new one",
    )
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}
