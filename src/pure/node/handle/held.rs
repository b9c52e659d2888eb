//! Servers that came from another node: held until that node has stopped them, as the slice says.
//!
//! A held server is closed, so nothing starts it; orders that would start it wait for its release within their deadline.

use crate::pure::base::{Moment, PeerName, ServerId};
use crate::pure::model::ServerSpec;
use crate::pure::node::handle::command::Order;
use crate::pure::node::slice::{Assembly, Placed};
use crate::pure::node::state::{Node, Server, Standing};
use crate::pure::protocol::request::Verb;
use crate::pure::supervisor::{Event, Machine, Marks, Why};
use std::sync::Arc;

impl Node {
    /// All that are held, in order.
    pub(in crate::pure::node) fn held(&self) -> Vec<ServerId> {
        let held = self.slice.servers.iter().filter(|(_, placed)| placed.held.is_some());
        held.map(|(id, _)| id.clone()).collect()
    }

    /// Servers that the slice neither lists nor removes: no removal reaches them.
    pub(in crate::pure::node) fn kept(&self) -> Vec<ServerId> {
        let kept = self.slice.servers.iter().filter(|(_, placed)| placed.kept);
        kept.map(|(id, _)| id.clone()).collect()
    }

    /// Why a held server does not run.
    pub(in crate::pure::node) fn held_reason(&self, id: &ServerId) -> String {
        let from = self.slice.servers.get(id).and_then(|placed| placed.held.as_ref());
        from.map_or_else(String::new, |from| format!("waits until {from} has stopped it"))
    }

    /// Does the slice that comes in hold this server? One that the node had from a later slice, and not held, is past that.
    pub(in crate::pure::node) fn holds(&self, assembly: &Assembly, id: &ServerId) -> Option<PeerName> {
        let hold = assembly.holds.get(id)?;
        let had = self.slice.servers.get(id);
        let past = had.is_some_and(|had| had.held.is_none() && had.applied >= hold.since);
        (!past).then(|| hold.from.clone())
    }

    /// At the start of the node: the slice on disk says what is held.
    pub(in crate::pure::node) fn close_held(&mut self, moment: &Moment) {
        let held = self.servers.iter().filter(|(_, server)| server.place == Standing::Held);
        for id in held.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.server_event(&id, Event::Close, moment);
        }
    }

    /// Holds a server, new or not. A process that an earlier life of the server left is stopped.
    pub(in crate::pure::node) fn hold(&mut self, id: &ServerId, spec: &Arc<ServerSpec>, moment: &Moment) {
        self.dirty.servers.insert(id.clone());
        match self.servers.get_mut(id) {
            Some(server) if server.machine.has_process() => server.place = Standing::Held,
            Some(server) => {
                let marks = match server.place {
                    Standing::Removed => Marks::default(),
                    Standing::Listed | Standing::Kept | Standing::Held => server.machine.marks(),
                };
                server.machine = Machine::new(spec.clone(), self.host.clone(), marks);
                server.place = Standing::Held;
            }
            None => {
                let machine = Machine::new(spec.clone(), self.host.clone(), Marks::default());
                self.servers.insert(id.clone(), Server::new(machine, Standing::Held));
            }
        }
        self.server_event(id, Event::Close, moment);
    }

    /// The other node has stopped it, or was given up: the server may run.
    pub(in crate::pure::node) fn release(&mut self, id: &ServerId, spec: Arc<ServerSpec>, moment: &Moment) {
        let Some(server) = self.servers.get_mut(id) else { return };
        self.dirty.servers.insert(id.clone());
        server.place = Standing::Listed;
        if server.machine.has_process() {
            self.server_event(id, Event::Reopen(spec), moment);
        } else {
            server.machine = Machine::new(spec, self.host.clone(), server.machine.marks());
            self.server_event(id, Event::Start(Why::Always), moment);
        }
        for why in self.starts_awaited(id) {
            self.server_event(id, Event::Start(why), moment);
        }
    }

    /// Servers whose hold came or went with a slice that did not list them otherwise.
    pub(in crate::pure::node) fn settle_held(&mut self, moment: &Moment) {
        let changed = |(id, placed): (&ServerId, &Placed)| {
            let is_held = self.servers.get(id)?.place == Standing::Held;
            (is_held != placed.held.is_some()).then(|| (id.clone(), placed.spec.clone(), is_held))
        };
        let changed: Vec<_> = self.slice.servers.iter().filter_map(changed).collect();
        for (id, spec, is_held) in changed {
            if is_held {
                self.release(&id, spec, moment);
            } else {
                self.hold(&id, &spec, moment);
            }
        }
    }
}

impl Order {
    /// Who starts the server by this order, if it does.
    pub(in crate::pure::node) fn starts(self) -> Option<Why> {
        match self {
            Self::Verb(Verb::Start | Verb::Restart) => Some(Why::Operator),
            Self::Activate => Some(Why::Demand),
            Self::Verb(Verb::Stop | Verb::Enable | Verb::Disable | Verb::Signal(_)) => None,
        }
    }
}
