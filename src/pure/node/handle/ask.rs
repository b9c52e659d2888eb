//! What peers and clients say, sorted: orders are judged by their epoch and database first, questions are answered for this node only.

use super::command::Order;
use super::obey::Sender;
use crate::pure::base::{ApplicationName, Moment, PeerName, ServerId};
use crate::pure::lineage::claim::RefusalCode;
use crate::pure::membership::PeerKind;
use crate::pure::node::effect::{Asker, Effect, WantedLog};
use crate::pure::node::state::Node;
use crate::pure::protocol::report::{LogReport, ServerReport, UsageReport};
use crate::pure::protocol::{ErrorCode, Failure, Message, ReplyTo, Request, Response};
use std::time::Duration;

impl Node {
    pub(in crate::pure::node) fn message(&mut self, from: &PeerName, message: Message, moment: &Moment) {
        let Some(link) = self.links.get_mut(from) else {
            return;
        };
        if let Message::Peers(cards) = message {
            return self.peers_told(cards);
        }
        // Everything else is a registry's to say.
        if link.kind != PeerKind::Registry {
            return;
        }
        match message {
            Message::Status(status) => self.status_told(from, *status),
            Message::Survey => link.asked = true,
            Message::Prepare { epoch, database } => {
                let peer = from;
                self.prepare(Sender { peer, epoch, database }, moment);
            }
            Message::Slice(part) => self.slice_part(from, *part, moment),
            Message::Tenures { epoch, database, words } => {
                let peer = from;
                self.tenures_told(Sender { peer, epoch, database }, words, moment);
            }
            Message::Ask {
                id,
                epoch,
                database,
                deadline_ms,
                actor,
                request,
            } => {
                let asker = Asker::Peer(from.clone(), id);
                let peer = from;
                let sender = Sender { peer, epoch, database };
                if let Some(code) = self.objection(sender) {
                    let text = self.refusal_text(sender, code);
                    let foreign = code == RefusalCode::ForeignStore;
                    let code = if foreign {
                        ErrorCode::Precondition
                    } else {
                        ErrorCode::StaleEpoch
                    };
                    return self.fail(&asker, Failure::new(code, text, "ask the master"));
                }
                self.promise(epoch);
                self.serve(asker, &actor, Duration::from_millis(deadline_ms), *request, moment);
            }
            // Between registries.
            Message::Peers(_)
            | Message::Promised { .. }
            | Message::Declined { .. }
            | Message::Refusal { .. }
            | Message::Follow { .. }
            | Message::Entries { .. }
            | Message::Have { .. }
            | Message::Snapshot { .. }
            | Message::SnapshotNext { .. }
            | Message::CopyWanted { .. }
            | Message::Copy(_)
            | Message::CopyDenied { .. }
            | Message::NodeStatus(_)
            | Message::Servers { .. }
            | Message::Contact { .. }
            | Message::HandOver { .. }
            | Message::HandedOver { .. }
            | Message::HandOverEnded { .. }
            | Message::Registrations { .. }
            | Message::Allocations(_)
            | Message::AllocationsHeld { .. }
            | Message::AllocationsWanted { .. }
            | Message::AllocationsBeat { .. }
            | Message::AllocationsBeatHeard { .. }
            | Message::Answer { .. } => (),
        }
    }

    pub(in crate::pure::node) fn request(
        &mut self,
        to: ReplyTo,
        actor: &str,
        deadline: Duration,
        request: Request,
        moment: &Moment,
    ) {
        self.serve(Asker::Client(to), actor, deadline, request, moment);
    }

    pub(in crate::pure::node) fn cancelled(&mut self, to: ReplyTo) {
        self.waiters.retain(|waiter| waiter.asker != Asker::Client(to));
    }

    pub(in crate::pure::node) fn logs_read(&mut self, to: Asker, result: Result<LogReport, String>) {
        match result {
            Ok(report) => self.answer(&to, Response::Logs(report)),
            Err(text) => self.fail(&to, Failure::new(ErrorCode::Unavailable, text, "")),
        }
    }

    pub(in crate::pure::node) fn usage_read(&mut self, to: Asker, result: Result<UsageReport, String>) {
        match result {
            Ok(report) => self.answer(&to, Response::Usage(Box::new(report))),
            Err(text) => self.fail(&to, Failure::new(ErrorCode::Unavailable, text, "")),
        }
    }

    /// Only what a server declares is read, beside its output.
    fn read_logs(&mut self, asker: Asker, server: &ServerId, wanted: WantedLog) {
        let Some(known) = self.servers.get(server) else {
            return self.fail(&asker, self.no_such_server(server));
        };
        let spec = known.machine.spec().clone();
        match &wanted.file {
            Some(name) if !spec.logs.contains_key(name) => {
                let declared: Vec<&str> = spec.logs.keys().map(String::as_str).collect();
                let declared = match declared.as_slice() {
                    [] => "nothing".to_owned(),
                    names => names.join(", "),
                };
                let message = format!("server {server}: log file {name:?} is not declared; declared: {declared}");
                let hint = "an application declares them: log = { NAME = \"PATH\" }; its output needs no declaration";
                self.fail(&asker, Failure::new(ErrorCode::NotFound, message, hint));
            }
            _ => self.out.push(Effect::ReadLogs {
                spec,
                wanted,
                to: asker,
            }),
        }
    }

    pub(in crate::pure::node) fn answer(&mut self, to: &Asker, response: Response) {
        match to {
            Asker::Client(to) => self.out.push(Effect::Reply {
                to: *to,
                response,
                last: true,
            }),
            Asker::Peer(peer, id) => {
                let response = Box::new(response);
                self.send(peer, Message::Answer { id: *id, response });
            }
        }
    }

    pub(in crate::pure::node) fn fail(&mut self, to: &Asker, failure: Failure) {
        self.answer(to, Response::Failed(failure));
    }

    /// The reports of one application's servers, or of all.
    pub(in crate::pure::node) fn reports_of(&self, application: Option<&ApplicationName>) -> Vec<ServerReport> {
        let wanted = |report: &ServerReport| application.is_none_or(|application| report.application == *application);
        self.reports().into_iter().filter(wanted).collect()
    }

    pub(in crate::pure::node) fn no_such_server(&self, server: &ServerId) -> Failure {
        let name = &self.config.card.name;
        Failure::new(
            ErrorCode::NotFound,
            format!("node {name} has no server {server}"),
            "`floe server list` shows which node has it",
        )
    }

    fn serve(&mut self, asker: Asker, actor: &str, deadline: Duration, request: Request, moment: &Moment) {
        match request {
            Request::Command { server, verb } => {
                let (id, reason) = (server.to_string(), format!("{verb} asked for by {actor}"));
                self.happened("server", id, "commanded", reason, moment);
                self.order(asker, &server, Order::Verb(verb), deadline, moment);
                self.remember_order(&server, verb, actor, moment);
            }
            Request::Activate { server, tenure } if matches!(asker, Asker::Peer(..)) => {
                if let Some(Err(failure)) = tenure.map(|tenure| self.start_for(&server, tenure, moment)) {
                    return self.fail(&asker, failure);
                }
                self.order(asker, &server, Order::Activate, deadline, moment);
            }
            Request::Logs {
                server,
                stderr,
                lines,
                file,
                at,
            } => {
                let wanted = WantedLog {
                    stderr,
                    file,
                    lines,
                    at,
                };
                self.read_logs(asker, &server, wanted);
            }
            Request::Explain { server, lines } => self.explain(asker, &server, lines),
            Request::Node { .. } | Request::Drain { .. } | Request::Undrain { .. } | Request::StopNode { .. } => {
                self.node_request(&asker, actor, &request, moment);
            }
            Request::Usage { server } if self.servers.contains_key(&server) => {
                self.out.push(Effect::ReadUsage { server, to: asker });
            }
            Request::Usage { server } => self.fail(&asker, self.no_such_server(&server)),
            Request::Peers => self.answer(&asker, Response::Peers(self.peer_rows())),
            Request::Servers { application } => {
                self.answer(&asker, Response::Servers(self.reports_of(application.as_ref())));
            }
            Request::Server { id } => match self.servers.get(&id).map(|server| self.report(server)) {
                Some(report) => self.answer(&asker, Response::Servers(vec![report])),
                None => self.fail(&asker, self.no_such_server(&id)),
            },
            _ => self.fail(&asker, self.not_a_registry()),
        }
    }

    /// For what only a registry can answer: where one is.
    fn not_a_registry(&self) -> Failure {
        let name = &self.config.card.name;
        let mut registries: Vec<String> = self
            .registries()
            .map(|card| format!("{} ({})", card.address, card.name))
            .collect();
        if registries.is_empty() {
            registries = self.config.locator.iter().map(ToString::to_string).collect();
        }
        let hint = match registries.as_slice() {
            [] => "this node knows no registry yet".to_owned(),
            known => format!("ask a registry with `--peer`: {}", known.join(", ")),
        };
        let mut failure = Failure::new(
            ErrorCode::NotMaster,
            format!("node {name} answers for itself only"),
            hint,
        );
        let master = self
            .known
            .values()
            .filter(|known| known.claim.is_some())
            .max_by_key(|known| known.claim);
        failure.master = master.map(|known| {
            let card = &known.remembered.card;
            (card.name.clone(), card.address.clone())
        });
        failure
    }
}
