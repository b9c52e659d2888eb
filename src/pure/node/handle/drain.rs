//! Orders to the node itself: to start nothing for a while, to start servers again, to end. And how it stands, in detail.

use crate::pure::base::{Moment, PeerName, ServerId};
use crate::pure::node::config::OnStop;
use crate::pure::node::effect::Asker;
use crate::pure::node::state::Node;
use crate::pure::protocol::node::{Drained, NodeDetail, PAST_MAX, Word};
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::{ErrorCode, Failure, Request, Response};
use crate::pure::supervisor::Event;

impl Node {
    /// What is asked of a node by name: it must be this one's.
    pub(in crate::pure::node) fn node_request(
        &mut self,
        asker: &Asker,
        actor: &str,
        request: &Request,
        moment: &Moment,
    ) {
        let (Request::Node { name }
        | Request::Drain { node: name, .. }
        | Request::Undrain { node: name }
        | Request::StopNode { node: name, .. }) = request
        else {
            return;
        };
        if *name != self.config.card.name {
            return self.fail(asker, self.not_this_node(name));
        }
        match request {
            Request::Drain { keep_running, .. } => self.drain(*keep_running, actor, moment),
            Request::Undrain { .. } => self.undrain(actor, moment),
            Request::StopNode { stop_servers, .. } => {
                let on_stop = match stop_servers {
                    None => self.config.on_stop,
                    Some(true) => OnStop::Stop,
                    Some(false) => OnStop::Leave,
                };
                self.config.on_stop = on_stop;
                self.node_event("stopping", format!("asked for by {actor}"), moment);
                self.shutdown(moment);
            }
            _ => (),
        }
        self.answer(asker, Response::Node(Box::new(self.detail())));
    }

    fn drain(&mut self, keep_running: bool, actor: &str, moment: &Moment) {
        let order = Word {
            by: actor.to_owned(),
            time: moment.wall,
        };
        self.drained = Some(Drained { keep_running, order });
        self.dirty.drained = true;
        let what = if keep_running {
            "what runs goes on"
        } else {
            "servers are stopped"
        };
        self.node_event("drained", format!("asked for by {actor}; {what}"), moment);
        self.tell_servers(&Event::Drain { keep_running }, moment);
    }

    fn undrain(&mut self, actor: &str, moment: &Moment) {
        if self.drained.take().is_none() {
            return;
        }
        self.dirty.drained = true;
        self.node_event("undrained", format!("asked for by {actor}"), moment);
        self.tell_servers(&Event::Undrain, moment);
    }

    /// The node starts, and was drained before.
    pub(in crate::pure::node) fn stay_drained(&mut self, moment: &Moment) {
        if let Some(drained) = &self.drained {
            let keep_running = drained.keep_running;
            self.tell_servers(&Event::Drain { keep_running }, moment);
        }
    }

    fn tell_servers(&mut self, event: &Event, moment: &Moment) {
        let ids: Vec<ServerId> = self.servers.keys().cloned().collect();
        for id in ids {
            self.server_event(&id, event.clone(), moment);
        }
    }

    /// Why nothing is started here now.
    pub(in crate::pure::node) fn refuse_start(&self, code: ErrorCode) -> Result<(), Failure> {
        if self.drained.is_none() {
            return Ok(());
        }
        let name = &self.config.card.name;
        let message = format!("node {name} is drained and starts nothing");
        Err(Failure::new(code, message, format!("floe node undrain {name}")))
    }

    fn not_this_node(&self, wanted: &PeerName) -> Failure {
        let name = &self.config.card.name;
        Failure::new(
            ErrorCode::NotFound,
            format!("this is node {name}, not {wanted}"),
            "ask a registry: it passes this on to the node that is meant",
        )
    }

    fn node_event(&mut self, state: &str, reason: String, moment: &Moment) {
        self.happened("node", self.config.card.name.to_string(), state, reason, moment);
    }

    /// What happened to the node itself is kept for `floe node show`.
    pub(in crate::pure::node) fn keep_event(&mut self, happening: &Happening) {
        if happening.subject != "node" {
            return;
        }
        while self.events.len() >= PAST_MAX {
            self.events.pop_front();
        }
        self.events.push_back(happening.clone());
    }

    fn detail(&self) -> NodeDetail {
        let machines = || self.servers.values().map(|server| &server.machine);
        let states = self.states().into_iter();
        let running = machines().filter(|machine| machine.has_process()).count();
        NodeDetail {
            name: self.config.card.name.to_string(),
            host: self.config.host.clone(),
            address: self.config.card.address.to_string(),
            since: self.since,
            obeys_epoch: self.identity.promise.number,
            applied: self
                .slice
                .version
                .map_or_else(String::new, |version| version.to_string()),
            applied_since: self.applied_since.unwrap_or(self.since),
            labels: self.config.about.labels.clone(),
            load: self.load,
            load_factor: self.config.about.load_factor.clone(),
            processors: self.config.about.processors,
            drained: self.drained.clone(),
            stopping: self.closing,
            servers: states.map(|(state, count)| (state.to_string(), count)).collect(),
            running: u64::try_from(running).unwrap_or(u64::MAX),
            events: self.events.iter().cloned().collect(),
        }
    }
}
