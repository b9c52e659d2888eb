//! Resolves that the read path could not answer: a server must be started first, or the database is not as new as asked.
//!
//! Each one waits by itself and looks again whenever servers or the log move. What it chose it keeps to, because it took
//! its group's turn; a server that fails is left out, and the policy's next one is tried, until its own deadline.

use super::super::asks::{Parked, Purpose};
use super::super::effect::{Effect, ReplyTo};
use super::super::finding::Sought;
use super::super::state::Registry;
use super::super::view::View;
use super::pass::Asked;
use crate::pure::allocation::Tenure;
use crate::pure::base::limits::PENDING_RESOLVES_MAX;
use crate::pure::base::{Moment, ServerId};
use crate::pure::locator::ServerPlace;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Request, Response};

impl Registry {
    /// Where is it? Starts what must run for it, and waits.
    pub(super) fn resolve(&mut self, asked: Asked, request: Request, moment: &Moment, out: &mut Vec<Effect>) {
        let view = self.view();
        let free = moment.roll(5, u64::MAX);
        match view.seek(&request, free, &[]) {
            Sought::Answer(response) => return asked.answer(response, out),
            Sought::Start { .. } => {
                if let Err(failure) = self.may_command() {
                    let code = ErrorCode::Unavailable;
                    return asked.fail(Failure { code, ..failure }, out);
                }
            }
            Sought::Behind(_) => {}
        }
        if self.asks.resolves.len() >= PENDING_RESOLVES_MAX {
            let message = format!("{PENDING_RESOLVES_MAX} resolves wait already");
            return asked.fail(
                Failure::new(ErrorCode::Overloaded, message, "come again in a moment"),
                out,
            );
        }
        let parked = Parked {
            turn: view.take_turn(&request, free),
            request,
            actor: asked.actor,
            until: asked.until,
            waiting: Vec::new(),
            failed: Vec::new(),
            failure: None,
        };
        self.asks.resolves.insert(asked.to, parked);
        self.seek_again_for(asked.to, &view, moment, out);
    }

    /// Servers or the log moved: resolves that waited may have their answer.
    pub(super) fn servers_moved(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        self.look_at_the_queue();
        if self.asks.resolves.is_empty() {
            return;
        }
        let view = self.view();
        let waiting: Vec<ReplyTo> = self.asks.resolves.keys().copied().collect();
        for to in waiting {
            self.seek_again_for(to, &view, moment, out);
        }
    }

    /// A node answered that a server is active, or why it is not.
    pub(super) fn start_answered(
        &mut self,
        server: &ServerId,
        response: Response,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if let Response::Failed(failure) = response {
            // The deadline of whoever asked first has passed; others who wait for it may have more time, and ask again.
            let late = failure.code == ErrorCode::TimedOut;
            let waiting = self.asks.resolves.values_mut();
            for parked in waiting.filter(|parked| !late && parked.waiting.contains(server)) {
                parked.failed.push(server.clone());
                let code = ErrorCode::Unavailable;
                parked.failure = Some(Failure {
                    code,
                    ..failure.clone()
                });
            }
        }
        self.servers_moved(moment, out);
    }

    /// Answers it, or asks for what it waits for.
    fn seek_again_for(&mut self, to: ReplyTo, view: &View, moment: &Moment, out: &mut Vec<Effect>) {
        // Each round leaves out one more server, and there are not more than the group has.
        while let Some(parked) = self.asks.resolves.get(&to) {
            let servers = match view.seek_again(parked) {
                Sought::Behind(_) => return,
                Sought::Start { servers, .. } => servers,
                Sought::Answer(response) => {
                    let Some(parked) = self.asks.resolves.remove(&to) else {
                        return;
                    };
                    // What kept the last one from starting says more than how it stands now.
                    let response = match (response, parked.failure) {
                        (Response::Failed(_), Some(failure)) => Response::Failed(failure),
                        (response, _) => response,
                    };
                    return out.push(reply(to, response));
                }
            };
            let unreachable = servers
                .iter()
                .find(|place| !self.peers.get(&place.node).is_some_and(|peer| peer.linked));
            if let Some(place) = unreachable {
                let message = format!(
                    "server {} must be started first, and its node {} is not in reach of registry {}",
                    place.server,
                    place.node,
                    self.name()
                );
                let hint = "`floe node list` shows which nodes are up";
                let server = place.server.clone();
                if let Some(parked) = self.asks.resolves.get_mut(&to) {
                    parked.failed.push(server);
                    parked.failure = Some(Failure::new(ErrorCode::Unavailable, message, hint));
                }
                continue;
            }
            return self.await_servers(to, servers, moment, out);
        }
    }

    fn await_servers(&mut self, to: ReplyTo, servers: Vec<ServerPlace>, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(parked) = self.asks.resolves.get_mut(&to) else {
            return;
        };
        parked.waiting = servers.iter().map(|place| place.server.clone()).collect();
        let (actor, until) = (parked.actor.clone(), parked.until);
        for place in servers.into_iter().filter(|place| place.ask) {
            let purpose = Purpose::Start(place.server.clone());
            // Somebody who waits for it has asked already.
            if until <= moment.now || self.asks.passed.values().any(|passed| passed.purpose == purpose) {
                continue;
            }
            let tenure = self.view_of_tenure(&place);
            let server = place.server;
            let request = Request::Activate { server, tenure };
            self.ask(&place.node, purpose, actor.clone(), until, request, moment, out);
        }
    }

    /// The session that has a server with `session` activation.
    fn view_of_tenure(&self, place: &ServerPlace) -> Option<Tenure> {
        let placed = self.database.deployment().servers.get(&place.server)?;
        let node = self.peers.get(&place.node)?.node.as_ref();
        let reported = node.and_then(|node| node.servers.get(&place.server)?.tenure);
        let tenures = placed.spec.is_lent().then(|| self.database.allocations().tenures())?;
        tenures.current(&place.server, reported)
    }

    /// Those whose time is up are answered with what there is.
    pub(super) fn expire_resolves(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let late = self
            .asks
            .resolves
            .iter()
            .filter(|(_, parked)| parked.until <= moment.now);
        let late: Vec<ReplyTo> = late.map(|(to, _)| *to).collect();
        if late.is_empty() {
            return;
        }
        let view = self.view();
        for to in late {
            let Some(parked) = self.asks.resolves.remove(&to) else {
                continue;
            };
            let response = match view.seek_again(&parked) {
                Sought::Answer(response) | Sought::Behind(response) => response,
                Sought::Start {
                    meanwhile: Some(meanwhile),
                    ..
                } => meanwhile,
                Sought::Start { .. } => Response::Failed(too_late(&parked)),
            };
            out.push(reply(to, response));
        }
    }
}

fn too_late(parked: &Parked) -> Failure {
    let what = match &parked.request {
        Request::Resolve { id, .. } => id.clone(),
        Request::Find { kind, .. } => format!("an object of type {kind}"),
        _ => "what was asked for".to_owned(),
    };
    let servers: Vec<&str> = parked.waiting.iter().take(3).map(ServerId::as_str).collect();
    let (servers, one) = (servers.join(", "), servers.first().copied().unwrap_or("ID"));
    Failure::new(
        ErrorCode::TimedOut,
        format!("{what} did not become active in time: server {servers} was started for it"),
        format!("`floe server show {one}` tells how it stands"),
    )
}

fn reply(to: ReplyTo, response: Response) -> Effect {
    let last = true;
    Effect::Reply { to, response, last }
}
