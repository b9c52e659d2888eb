//! Servers: the start of the node, what happens to processes, and what machines ask for.

use crate::pure::base::{Moment, ServerId};
use crate::pure::node::config::OnStop;
use crate::pure::node::effect::Effect;
use crate::pure::node::slice::Placed;
use crate::pure::node::state::{Node, Server, Standing};
use crate::pure::supervisor::{Action, Event, Machine, Marks, Running, Told, Why};

impl Node {
    /// Adopts what still runs, starts what must run: no registry is needed for either.
    pub(in crate::pure::node) fn started(&mut self, moment: &Moment) {
        self.close_held(moment);
        self.since = moment.wall;
        for (id, running) in std::mem::take(&mut self.found) {
            self.adopt(id, running, moment);
        }
        for server in self.slice.removed.clone() {
            // A removal that an earlier life did not finish. With a process left, `settle` deletes after its end.
            if !self.servers.contains_key(&server) {
                self.out.push(Effect::Delete { server });
            }
        }
        self.stay_drained(moment);
        let ids: Vec<ServerId> = self.servers.keys().cloned().collect();
        for id in ids {
            self.server_event(&id, Event::Start(Why::Always), moment);
            self.dirty.servers.insert(id);
        }
    }

    fn adopt(&mut self, id: ServerId, running: Running, moment: &Moment) {
        if !self.servers.contains_key(&id) {
            let mut machine = Machine::new(running.spec.clone(), self.host.clone(), Marks::default());
            let removed = self.slice.removed.contains(&id);
            let place = if removed { Standing::Removed } else { Standing::Kept };
            if removed {
                machine.handle(Event::Close, moment);
            } else {
                // The slice on disk does not know it (it was lost, or put back from a backup): any removal counts, so the
                // slice is of no version any more and the master has to send it whole.
                self.slice.version = None;
                let placed = Placed {
                    spec: running.spec.clone(),
                    applied: 0,
                    kept: true,
                    held: None,
                };
                self.slice.servers.insert(id.clone(), placed);
                self.dirty.slice = true;
            }
            self.servers.insert(id.clone(), Server::new(machine, place));
        }
        let run = running.run;
        self.server_event(&id, Event::Adopted(running), moment);
        // What it said to the node's former life, it will not say again.
        for word in self.memory.told.remove(&id).unwrap_or_default().news(&Told::default()) {
            self.server_event(&id, Event::Said { run, word }, moment);
        }
    }

    /// Hands an event to a server's machine and passes on what it asks for.
    pub(in crate::pure::node) fn server_event(&mut self, id: &ServerId, event: Event, moment: &Moment) {
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        // Whatever way a server came: on a drained node it is not started.
        if self.drained.is_some() && !server.machine.is_drained() {
            let keep_running = true;
            server.machine.handle(Event::Drain { keep_running }, moment);
        }
        for action in server.machine.handle(event, moment) {
            self.action(id, action);
        }
    }

    fn action(&mut self, id: &ServerId, action: Action) {
        let server = id.clone();
        let effect = match action {
            Action::Spawn { run, spec, tenure } => {
                let peers: Vec<String> = self.registry_addresses().iter().map(ToString::to_string).collect();
                let peers = peers.join(",");
                Effect::Spawn {
                    server,
                    run,
                    spec,
                    peers,
                    tenure,
                }
            }
            Action::Probe { run, probe } => Effect::Probe { server, run, probe },
            Action::StopProbe { run } => Effect::StopProbe { server, run },
            Action::Refresh { run, spec } => Effect::Refresh { server, run, spec },
            Action::Terminate { run, spec } => Effect::Terminate { server, run, spec },
            Action::Kill { run } => Effect::Kill { server, run },
            Action::Changed => {
                self.dirty.servers.insert(server);
                return;
            }
        };
        self.out.push(effect);
    }

    /// Times that have come. Machines and commands tell theirs by `settle`.
    pub(in crate::pure::node) fn wake(&mut self, moment: &Moment) {
        self.said.wake = None;
        let due = self.servers.iter().filter(|(_, server)| {
            let deadline = server.machine.deadline();
            deadline.is_some_and(|deadline| deadline <= moment.now)
        });
        let due: Vec<ServerId> = due.map(|(id, _)| id.clone()).collect();
        for id in due {
            self.server_event(&id, Event::Timer, moment);
        }
    }

    pub(in crate::pure::node) fn shutdown(&mut self, moment: &Moment) {
        self.closing = true;
        if self.config.on_stop == OnStop::Stop {
            let ids: Vec<ServerId> = self.servers.keys().cloned().collect();
            for id in ids {
                self.server_event(&id, Event::Close, moment);
            }
        }
    }

    /// Removed servers without a process: their directories go, and registries hear that they are gone.
    pub(in crate::pure::node) fn delete_removed(&mut self) {
        let gone = self
            .servers
            .iter()
            .filter(|(_, server)| server.place == Standing::Removed && !server.machine.has_process());
        let gone: Vec<ServerId> = gone.map(|(id, _)| id.clone()).collect();
        for server in gone {
            self.servers.remove(&server);
            self.dirty.servers.insert(server.clone());
            self.dirty.whole = true;
            // It stays in `slice.removed` until the next slice: a crash before the deletion repeats it.
            self.out.push(Effect::Delete { server });
        }
    }
}
