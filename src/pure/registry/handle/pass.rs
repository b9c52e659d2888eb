//! What a client asks that a registry cannot answer by itself: commands and output, passed on to the node that they concern.

use super::super::asks::{Passed, Purpose};
use super::super::effect::{Effect, ReplyTo};
use super::super::state::Registry;
use crate::pure::base::{Moment, PeerName, ServerId, Time};
use crate::pure::membership::Standing;
use crate::pure::protocol::request::{ErrorCode, Failure};
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
    pub(super) fn ask(
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
    pub(super) fn may_command(&self) -> Result<(), Failure> {
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
            Purpose::Start(server) => self.start_answered(&server, response, moment, out),
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
        self.expire_resolves(moment, out);
    }

    /// The client is gone.
    pub(super) fn cancelled(&mut self, to: ReplyTo) {
        self.asks.resolves.remove(&to);
        self.hung_up(to);
    }
}
