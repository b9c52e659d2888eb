//! What a client asks that a registry cannot answer from its own view: commands and output, passed on to the node that
//! they concern, and resolves that start a server first.

use super::super::asks::{Parked, Passed, Purpose};
use super::super::effect::{Effect, ReplyTo};
use super::super::state::Registry;
use crate::pure::base::limits::PENDING_RESOLVES_MAX;
use crate::pure::base::{Moment, PeerName, ServerId, Time};
use crate::pure::locator::{self, Resolution};
use crate::pure::membership::Standing;
use crate::pure::protocol::report::Resolved;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::update::VersionText;
use crate::pure::protocol::{Message, Request, Response};

/// A client's request with all that is known about the asking.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) to: ReplyTo,
    pub(super) actor: String,
    pub(super) until: Time,
}

impl Asked {
    pub(super) fn answer(&self, response: Response, out: &mut Vec<Effect>) {
        out.push(Effect::Reply {
            to: self.to,
            response,
            last: true,
        });
    }
    pub(super) fn fail(&self, failure: Failure, out: &mut Vec<Effect>) {
        self.answer(Response::Failed(failure), out);
    }
}

impl Registry {
    /// Reads come here only when the read path could not answer; a view made now answers them.
    pub(super) fn read(&mut self, asked: Asked, request: &Request, out: &mut Vec<Effect>) {
        let response = self.view().answer(request, 0).or_else(|| self.tell(request));
        let unfit = || Failure::new(ErrorCode::Invalid, "a registry does not answer this request", "");
        asked.answer(response.unwrap_or_else(|| Response::Failed(unfit())), out);
    }

    /// Passes a request on to the node of a server.
    pub(super) fn pass(
        &mut self,
        asked: Asked,
        server: &ServerId,
        request: Request,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let Some(placed) = self.database.deployment().servers.get(server) else {
            let failure = Failure::new(
                ErrorCode::NotFound,
                format!("there is no server {server}"),
                "`floe server list` shows all",
            );
            return asked.fail(failure, out);
        };
        let (node, what) = (placed.node.clone(), format!(", which runs server {server},"));
        self.pass_on(asked, &node, &what, request, moment, out);
    }

    /// Passes a request on to the node that it concerns.
    pub(super) fn pass_to_node(
        &mut self,
        asked: Asked,
        node: &PeerName,
        request: Request,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let known = self.peers.get(node).is_some_and(|peer| !peer.is_registry());
        let deployed = &self.database.deployment().servers;
        let known = known || deployed.values().any(|placed| placed.node == *node);
        if !known {
            let failure = Failure::new(
                ErrorCode::NotFound,
                format!("there is no node {node}"),
                "`floe node list` shows all",
            );
            return asked.fail(failure, out);
        }
        self.pass_on(asked, node, "", request, moment, out);
    }

    fn pass_on(
        &mut self,
        asked: Asked,
        node: &PeerName,
        what: &str,
        request: Request,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if request.is_command()
            && let Err(failure) = self.may_command()
        {
            return asked.fail(failure, out);
        }
        if !self.peers.get(node).is_some_and(|peer| peer.linked) {
            let message = format!("node {node}{what} is not in reach of registry {}", self.name());
            return asked.fail(
                Failure::new(
                    ErrorCode::Unavailable,
                    message,
                    "`floe node list` shows which nodes are up",
                ),
                out,
            );
        }
        let purpose = Purpose::Client(asked.to);
        self.ask(node, purpose, asked.actor, asked.until, request, moment, out);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one question")]
    fn ask(
        &mut self,
        node: &PeerName,
        purpose: Purpose,
        actor: String,
        until: Time,
        request: Request,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        self.asks.next += 1;
        let id = self.asks.next;
        self.asks.passed.insert(
            id,
            Passed {
                node: node.clone(),
                until,
                purpose,
            },
        );
        let deadline_ms = u64::try_from(until.since(moment.now).as_millis()).unwrap_or(u64::MAX);
        let epoch = self.identity.promise;
        let database = self.database.id();
        out.push(Effect::Send {
            to: node.clone(),
            message: Message::Ask {
                id,
                epoch,
                database,
                deadline_ms,
                actor,
                request: Box::new(request),
            },
        });
    }

    /// Only a registry whose data is not in doubt passes an operator's commands on.
    fn may_command(&self) -> Result<(), Failure> {
        let (standing, reason) = self.standing();
        match standing {
            Standing::Leading | Standing::Following | Standing::Detached => Ok(()),
            Standing::Reviewing
            | Standing::Waiting
            | Standing::Outdated
            | Standing::Superseded
            | Standing::Contested
            | Standing::Refusing => {
                let message = format!("registry {} is {standing} and commands no node: {reason}", self.name());
                Err(Failure::new(
                    ErrorCode::Precondition,
                    message,
                    "ask another registry with --peer; `floe status` shows them",
                ))
            }
        }
    }

    /// A node answered.
    pub(super) fn answered(
        &mut self,
        from: &PeerName,
        id: u64,
        response: Response,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let Some(passed) = self.asks.passed.remove(&id).filter(|passed| passed.node == *from) else {
            return;
        };
        self.finish(passed.purpose, response, moment, out);
    }

    fn finish(&mut self, purpose: Purpose, response: Response, moment: &Moment, out: &mut Vec<Effect>) {
        match purpose {
            Purpose::Client(to) => out.push(Effect::Reply {
                to,
                response,
                last: true,
            }),
            Purpose::Start(server) => {
                self.servers_moved(moment, out);
                let Response::Failed(failure) = response else { return };
                if failure.code == ErrorCode::TimedOut && self.ask_for_the_patient(&server, moment, out) {
                    return;
                }
                let waiting: Vec<ReplyTo> = self
                    .asks
                    .resolves
                    .iter()
                    .filter(|(_, parked)| parked.server == server)
                    .map(|(to, _)| *to)
                    .collect();
                for to in waiting {
                    self.asks.resolves.remove(&to);
                    let failure = Failure {
                        code: ErrorCode::Unavailable,
                        ..failure.clone()
                    };
                    out.push(Effect::Reply {
                        to,
                        response: Response::Failed(failure),
                        last: true,
                    });
                }
            }
        }
    }

    /// The deadline of whoever asked first for a start has passed. Others who wait for it may have more time: the node is
    /// asked again for them. False when there are none.
    fn ask_for_the_patient(&mut self, server: &ServerId, moment: &Moment, out: &mut Vec<Effect>) -> bool {
        let waiting = self.asks.resolves.values();
        let patient = waiting.filter(|parked| parked.server == *server && parked.until > moment.now);
        let Some(until) = patient.map(|parked| parked.until).max() else {
            return false;
        };
        let placed = self.database.deployment().servers.get(server);
        let node = placed.map(|placed| placed.node.clone());
        let Some(node) = node.filter(|node| self.peers.get(node).is_some_and(|peer| peer.linked)) else {
            return false;
        };
        let request = Request::Activate { server: server.clone() };
        let purpose = Purpose::Start(server.clone());
        let actor = self.name().to_string();
        self.ask(&node, purpose, actor, until, request, moment, out);
        true
    }

    /// Where is it? Starts an on-demand server and waits for it.
    pub(super) fn resolve(
        &mut self,
        asked: Asked,
        id: String,
        (at_least, count): (Option<VersionText>, Option<u32>),
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let view = self.view();
        let turn = moment.roll(5, u64::MAX);
        if let Some(response) = view.answer(
            &Request::Resolve {
                id: id.clone(),
                at_least,
                count,
            },
            turn,
        ) {
            return asked.answer(response, out);
        }
        let Resolution::Start { servers, .. } = locator::resolve(self.database.deployment(), &view, &id, turn) else {
            return;
        };
        if let Err(failure) = self.may_command() {
            return asked.fail(
                Failure {
                    code: ErrorCode::Unavailable,
                    ..failure
                },
                out,
            );
        }
        if self.asks.resolves.len() >= PENDING_RESOLVES_MAX {
            let message = format!("{PENDING_RESOLVES_MAX} resolves wait for servers to start already");
            return asked.fail(
                Failure::new(ErrorCode::Overloaded, message, "come again in a moment"),
                out,
            );
        }
        let Some((node, server)) = servers
            .into_iter()
            .find(|(node, _)| self.peers.get(node).is_some_and(|peer| peer.linked))
        else {
            let message = format!(
                "{id} must be started first, and its node is not in reach of registry {}",
                self.name()
            );
            return asked.fail(
                Failure::new(
                    ErrorCode::Unavailable,
                    message,
                    "`floe node list` shows which nodes are up",
                ),
                out,
            );
        };
        let purpose = Purpose::Start(server.clone());
        if !self.asks.passed.values().any(|passed| passed.purpose == purpose) {
            self.ask(
                &node,
                purpose,
                asked.actor.clone(),
                asked.until,
                Request::Activate { server: server.clone() },
                moment,
                out,
            );
        }
        self.asks.resolves.insert(
            asked.to,
            Parked {
                id,
                until: asked.until,
                server,
            },
        );
    }

    /// Servers changed: resolves that waited may have their answer.
    pub(super) fn servers_moved(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        if self.asks.resolves.is_empty() {
            return;
        }
        let view = self.view();
        let turn = moment.roll(6, u64::MAX);
        let version = self.database.end().to_string();
        let mut found = Vec::new();
        for (to, parked) in &self.asks.resolves {
            if let Resolution::Found { kind, endpoints } =
                locator::resolve(self.database.deployment(), &view, &parked.id, turn)
            {
                found.push((
                    *to,
                    Resolved {
                        id: parked.id.clone(),
                        kind,
                        endpoints,
                        version: version.clone(),
                    },
                ));
            }
        }
        for (to, resolved) in found {
            self.asks.resolves.remove(&to);
            out.push(Effect::Reply {
                to,
                response: Response::Resolved(resolved),
                last: true,
            });
        }
    }

    /// The link to a node broke: what was passed to it fails at once.
    pub(super) fn link_lost(&mut self, node: &PeerName, moment: &Moment, out: &mut Vec<Effect>) {
        let lost: Vec<u64> = self
            .asks
            .passed
            .iter()
            .filter(|(_, passed)| passed.node == *node)
            .map(|(id, _)| *id)
            .collect();
        for id in lost {
            let Some(passed) = self.asks.passed.remove(&id) else {
                continue;
            };
            let message = format!("the link to node {node} broke before it answered");
            let failure = Failure::new(
                ErrorCode::Unavailable,
                message,
                "`floe node list` shows whether it is back",
            );
            self.finish(passed.purpose, Response::Failed(failure), moment, out);
        }
    }

    /// Deadlines of what clients wait for.
    pub(super) fn expire_asks(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let due: Vec<u64> = self
            .asks
            .passed
            .iter()
            .filter(|(_, passed)| passed.until <= moment.now)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let Some(passed) = self.asks.passed.remove(&id) else {
                continue;
            };
            let message = format!("node {} did not answer in time", passed.node);
            let failure = Failure::new(
                ErrorCode::TimedOut,
                message,
                "`floe server show ID` tells how the server stands",
            );
            self.finish(passed.purpose, Response::Failed(failure), moment, out);
        }
        let late: Vec<ReplyTo> = self
            .asks
            .resolves
            .iter()
            .filter(|(_, parked)| parked.until <= moment.now)
            .map(|(to, _)| *to)
            .collect();
        for to in late {
            let Some(parked) = self.asks.resolves.remove(&to) else {
                continue;
            };
            let message = format!(
                "{} did not become active in time: server {} was started for it",
                parked.id, parked.server
            );
            let failure = Failure::new(
                ErrorCode::TimedOut,
                message,
                format!("`floe server show {}` tells how it stands", parked.server),
            );
            out.push(Effect::Reply {
                to,
                response: Response::Failed(failure),
                last: true,
            });
        }
    }

    /// The client is gone.
    pub(super) fn cancelled(&mut self, to: ReplyTo) {
        self.asks.resolves.remove(&to);
    }
}
