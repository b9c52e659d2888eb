//! The life cycle of one server: events and time in, actions out.
//!
//! Invariants: at most one process, so nothing is spawned while one lives or may live; a disabled or closed server is
//! never spawned; every wait but that for the shell's own answer to `Spawn` has a [`Machine::deadline`]; a restart is
//! stop first, start after the exit. `machine_test.rs` checks them over arbitrary events.

mod transition;

use super::backoff::Backoff;
use super::event::{Action, Event, Running};
use super::launch;
use super::report::{ServerReport, ServerState};
use crate::pure::base::{Moment, PeerName, RunId, Time, WallTime};
use crate::pure::model::ServerSpec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an operator said that outlives the node. Kept on disk by the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Marks {
    /// May it be started?
    pub enabled: bool,
    /// An operator stopped it: an `always` server is not started again by its node.
    pub stopped: bool,
}
impl Default for Marks {
    fn default() -> Self {
        Self {
            enabled: true,
            stopped: false,
        }
    }
}

/// Where the server is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Inactive,
    /// The shell was asked for a process and has not answered.
    Spawning {
        run: RunId,
        spec: Arc<ServerSpec>,
    },
    Activating {
        running: Running,
        until: Time,
    },
    TimedOut {
        running: Running,
    },
    Active {
        running: Running,
        since: Time,
    },
    Deactivating {
        running: Running,
        kill_at: Time,
        kills: u32,
    },
    BackingOff {
        until: Time,
        next_try: WallTime,
    },
}

/// One server on its node.
#[derive(Clone, Debug)]
pub struct Machine {
    spec: Arc<ServerSpec>,
    host: Arc<str>,
    marks: Marks,
    phase: Phase,
    /// Start again after the exit that is waited for.
    again: bool,
    /// Stop as soon as the process that is being spawned is there.
    cancelled: bool,
    closed: bool,
    backoff: Backoff,
    /// No start but an operator's before this.
    not_before: Time,
    restarts: u64,
    reason: String,
    runs: u64,
}

impl Machine {
    /// A server without a process. `host` is what `${node.host}` gives.
    pub fn new(spec: Arc<ServerSpec>, host: Arc<str>, marks: Marks) -> Self {
        Self {
            spec,
            host,
            marks,
            phase: Phase::Inactive,
            again: false,
            cancelled: false,
            closed: false,
            backoff: Backoff::default(),
            not_before: Time::ZERO,
            restarts: 0,
            reason: String::new(),
            runs: 0,
        }
    }

    /// Takes one event and says what follows.
    pub fn handle(&mut self, event: Event, moment: &Moment) -> Vec<Action> {
        let before = (self.phase.clone(), self.marks, self.reason.clone(), self.restarts);
        let mut actions = Vec::new();
        let out = &mut actions;
        match event {
            Event::Start(why) => self.start(why, moment, out),
            Event::Stop => self.stop(moment, out),
            Event::Restart => self.restart(moment, out),
            Event::Enable => self.enable(moment, out),
            Event::Disable => self.disable(),
            Event::Respec(spec) => self.respec(spec, moment, out),
            Event::Close => self.close(moment, out),
            Event::Reopen(spec) => self.reopen(spec, moment, out),
            Event::Adopted(running) => self.adopted(running, moment, out),
            Event::Spawned { run, pid, ports } => self.spawned(run, pid, ports, moment, out),
            Event::SpawnFailed { run, reason } => self.spawn_failed(run, &reason, moment, out),
            Event::Ready { run } => self.ready(run, moment),
            Event::Exited { run, how } => self.exited(run, how, moment, out),
            Event::Noted { run, reason } => self.noted(run, reason),
            Event::Timer => self.timer(moment, out),
        }
        if before != (self.phase.clone(), self.marks, self.reason.clone(), self.restarts) {
            actions.push(Action::Changed);
        }
        actions
    }

    /// When `Event::Timer` is due, if ever.
    pub fn deadline(&self) -> Option<Time> {
        match &self.phase {
            Phase::Activating { until, .. } | Phase::BackingOff { until, .. } => Some(*until),
            Phase::Deactivating { kill_at, .. } => Some(*kill_at),
            Phase::Inactive | Phase::Spawning { .. } | Phase::TimedOut { .. } | Phase::Active { .. } => None,
        }
    }
    /// What an operator said of it.
    pub fn marks(&self) -> Marks {
        self.marks
    }
    /// Its present definition.
    pub fn spec(&self) -> &Arc<ServerSpec> {
        &self.spec
    }
    /// Why it stands as it does; empty when all is well.
    pub fn reason(&self) -> &str {
        &self.reason
    }
    /// True while a process lives or may live.
    pub fn has_process(&self) -> bool {
        !matches!(self.phase, Phase::Inactive | Phase::BackingOff { .. })
    }
    /// The start that lives or is being made.
    pub fn run(&self) -> Option<RunId> {
        match &self.phase {
            Phase::Spawning { run, .. } => Some(*run),
            _ => self.running().map(|running| running.run),
        }
    }
    /// The process, once it is there.
    pub fn running(&self) -> Option<&Running> {
        match &self.phase {
            Phase::Activating { running, .. }
            | Phase::TimedOut { running }
            | Phase::Active { running, .. }
            | Phase::Deactivating { running, .. } => Some(running),
            Phase::Inactive | Phase::Spawning { .. } | Phase::BackingOff { .. } => None,
        }
    }
    /// Where it is in its life.
    pub fn state(&self) -> ServerState {
        match &self.phase {
            Phase::Inactive => ServerState::Inactive,
            Phase::Spawning { .. } | Phase::Activating { .. } => ServerState::Activating,
            Phase::TimedOut { .. } => ServerState::ActivationTimedOut,
            Phase::Active { .. } => ServerState::Active,
            Phase::Deactivating { .. } => ServerState::Deactivating,
            Phase::BackingOff { .. } => ServerState::BackingOff,
        }
    }
    /// As it is told to registries and people.
    pub fn report(&self, node: &PeerName) -> ServerReport {
        let endpoints = match &self.phase {
            Phase::Active { running, .. } => launch::endpoints(&running.spec, &self.host, &running.ports),
            _ => BTreeMap::new(),
        };
        let next_try = match &self.phase {
            Phase::BackingOff { next_try, .. } => Some(*next_try),
            _ => None,
        };
        ServerReport {
            id: self.spec.id.clone(),
            application: self.spec.application.clone(),
            node: node.clone(),
            state: self.state(),
            enabled: self.marks.enabled,
            pid: self.running().map(|running| running.pid),
            restarts: self.restarts,
            reason: self.reason.clone(),
            endpoints,
            next_try,
        }
    }
}

#[cfg(test)]
#[path = "machine/machine_test.rs"]
mod tests;
