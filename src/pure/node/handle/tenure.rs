//! Which sessions have the node's servers: words of masters, and of registries that ask for a start.

use super::obey::Sender;
use crate::pure::allocation::{Known, Tenure, TenureWord};
use crate::pure::base::{Moment, ServerId};
use crate::pure::node::state::Node;
use crate::pure::protocol::{ErrorCode, Failure};
use crate::pure::supervisor::Event;

impl Node {
    /// A master tells who has which server. Judged by its epoch and database, then by each token.
    pub(in crate::pure::node) fn tenures_told(&mut self, sender: Sender<'_>, words: Vec<TenureWord>, moment: &Moment) {
        if let Some(code) = self.objection(sender) {
            return self.refuse(sender, code, moment);
        }
        self.promise(sender.epoch);
        for word in words {
            let Some(server) = self.servers.get(&word.server) else {
                continue;
            };
            let before = server.machine.marks().tenure;
            if let Some(after) = Known::after(before, &word).filter(|after| before != Some(*after)) {
                self.know_tenure(&word.server, after, moment);
            }
        }
    }

    /// A registry asks for a start on behalf of a session; it may know of its lease before the master has told.
    ///
    /// # Errors
    /// The session has the server no longer. Nothing was changed.
    pub(in crate::pure::node) fn start_for(
        &mut self,
        id: &ServerId,
        tenure: Tenure,
        moment: &Moment,
    ) -> Result<(), Failure> {
        let Some(server) = self.servers.get(id) else {
            return Ok(());
        };
        let before = server.machine.marks().tenure;
        let after = Known::after_start_for(before, tenure).map_err(|why| {
            let message = format!("server {id} is not started: {why}");
            Failure::new(
                ErrorCode::Unavailable,
                message,
                "`floe lease list` shows who holds what",
            )
        })?;
        if before != Some(after) {
            self.know_tenure(id, after, moment);
        }
        Ok(())
    }

    fn know_tenure(&mut self, id: &ServerId, known: Known, moment: &Moment) {
        let holder = |node: &Self| node.servers.get(id).and_then(|server| server.machine.holder());
        let before = holder(self);
        self.dirty.servers.insert(id.clone());
        self.server_event(id, Event::Tenure(known), moment);
        let (state, reason) = match (before, holder(self)) {
            (_, Some(holder)) if before != Some(holder) => ("lent", format!("{holder} has it")),
            (Some(former), None) => ("given back", format!("{former} has it no longer")),
            _ => return,
        };
        self.happened("server", id.to_string(), state, reason, moment);
    }

    /// What keeps a session's server from being started while no session has it.
    pub(in crate::pure::node) fn refuse_unheld(&self, id: &ServerId, code: ErrorCode) -> Result<(), Failure> {
        let Some(server) = self.servers.get(id).filter(|server| server.machine.is_unheld()) else {
            return Ok(());
        };
        let state = server.machine.state();
        let message = format!("server {id} is {state} and runs only while a session holds it, which none does");
        Err(Failure::new(
            code,
            message,
            "hold one of its allocatables: floe allocate --id OBJECT -- COMMAND",
        ))
    }
}
