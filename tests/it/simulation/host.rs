//! A node's machine: its processes, which outlive the node, and what the node does to them.
//!
//! A start is the intent on disk, then the process, then the word to the node; the node may die between any two of them. A
//! process ends by itself, by a signal, or when somebody kills it; the node hears of it a little later.

use super::core::Event;
use super::time::Todo;
use super::wards::may_delete;
use super::world::{Checked, World};
use floe::pure::allocation::Tenure;
use floe::pure::base::{RunId, ServerId};
use floe::pure::model::ServerSpec;
use floe::pure::node::Effect;
use floe::pure::supervisor::{self, Exit, Running};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a machine holds beside the node's own files.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    pub(super) processes: BTreeMap<ServerId, Running>,
    /// Directories of servers.
    pub(super) folders: BTreeSet<ServerId>,
    /// How many processes there ever were.
    pub(super) spawned: u32,
}

impl Host {
    /// Does this very process run?
    pub(super) fn runs(&self, server: &ServerId, run: RunId) -> bool {
        self.processes.get(server).is_some_and(|process| process.run == run)
    }
}

impl World {
    /// Carries out what a node asked of its machine.
    pub(super) fn act(&mut self, index: usize, effect: Effect) -> Checked {
        let boot = self.peers[index].boot;
        match effect {
            Effect::Spawn {
                server,
                run,
                spec,
                tenure,
                ..
            } => {
                self.spawns(index, &server)?;
                let wait = self.chance.between(100, 20_000);
                let peer = index;
                let todo = Todo::Spawn {
                    peer,
                    boot,
                    server,
                    run,
                    spec,
                    tenure,
                };
                self.later(self.now + wait, todo);
            }
            Effect::Probe { server, run, .. } => {
                // Now and then later than the activation timeout.
                let longest = self.chance.pick(&[1_000, 300_000, 300_000, 4_000_000]);
                let wait = self.chance.between(100, longest);
                let event = supervisor::Event::Ready { run };
                self.tell(index, server, event, wait);
            }
            Effect::Terminate { server, run, .. } => {
                let listens = !self.chance.hits(1, 8);
                if listens {
                    let longest = self.chance.pick(&[1_000, 50_000, 1_000_000]);
                    self.ends(index, server, run, Exit::Signal(15), longest);
                }
            }
            Effect::Kill { server, run } => self.ends(index, server, run, Exit::Signal(9), 5_000),
            Effect::Delete { server } => {
                let peer = &mut self.peers[index];
                if peer.host.processes.contains_key(&server) {
                    let node = &peer.card.name;
                    return Err(format!(
                        "promise 6: {node} deletes the directory of {server}, which runs"
                    ));
                }
                may_delete(&peer.card.name, &server, &peer.disk.slice)?;
                peer.host.folders.remove(&server);
                peer.disk.journal.remove(&server);
            }
            Effect::Finished => self.crash(index),
            // A probe that was stopped may have its answer on the way already. Nobody asks for output here.
            _ => {}
        }
        Ok(())
    }
    /// The shell makes a process.
    pub(super) fn spawn(
        &mut self,
        index: usize,
        server: ServerId,
        run: RunId,
        spec: Arc<ServerSpec>,
        tenure: Option<Tenure>,
    ) -> Checked {
        if self.chance.hits(self.mishaps, 100) {
            let reason = "no such program".to_owned();
            let event = supervisor::Event::SpawnFailed { run, reason };
            return self.event(index, Event::Server { id: server, event });
        }
        self.peers[index].disk.journal.insert(server.clone(), run);
        if self.chance.hits(self.deaths, 1_000) {
            self.crash(index);
            return Ok(());
        }
        self.spawns(index, &server)?;
        let host = &mut self.peers[index].host;
        host.spawned += 1;
        let pid = host.spawned;
        let ports: BTreeMap<String, u16> = spec.ports.keys().map(|name| (name.clone(), 20_000)).collect();
        let running = Running {
            run,
            spec,
            pid,
            ports: ports.clone(),
            tenure,
        };
        host.processes.insert(server.clone(), running);
        host.folders.insert(server.clone());
        if self.chance.hits(self.deaths, 1_000) {
            self.crash(index);
            return Ok(());
        }
        let event = supervisor::Event::Spawned { run, pid, ports };
        self.event(index, Event::Server { id: server, event })
    }
    /// A process ends, soon.
    pub(super) fn ends(&mut self, index: usize, server: ServerId, run: RunId, how: Exit, longest: u64) {
        let at = self.now + self.chance.between(100, longest);
        let peer = index;
        self.later(at, Todo::Exit { peer, server, run, how });
    }
    /// A process ends now.
    pub(super) fn exit(&mut self, index: usize, server: ServerId, run: RunId, how: Exit) {
        let host = &mut self.peers[index].host;
        if !host.runs(&server, run) {
            return;
        }
        host.processes.remove(&server);
        self.trace.say(self.now, || {
            format!("{}: process of {server} ends: {how}", self.peers[index].card.name)
        });
        let longest = self.chance.pick(&[100, 20_000]);
        let wait = self.chance.below(longest);
        self.tell(index, server, supervisor::Event::Exited { run, how }, wait);
    }

    /// Tells the node, if its life lasts that long.
    fn tell(&mut self, index: usize, id: ServerId, event: supervisor::Event, wait: u64) {
        let (peer, boot) = (index, self.peers[index].boot);
        let event = Event::Server { id, event };
        let event = Box::new(event);
        self.later(self.now + wait, Todo::Tell { peer, boot, event });
    }
    fn spawns(&self, index: usize, server: &ServerId) -> Checked {
        let peer = &self.peers[index];
        if let Some(process) = peer.host.processes.get(server) {
            return Err(format!(
                "promise 10: {} starts {server}, and its process {} runs",
                peer.card.name, process.pid
            ));
        }
        Ok(())
    }
}
