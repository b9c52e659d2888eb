//! The life cycle of one server: events and time in, actions out.
//!
//! Invariants: at most one process, so nothing is spawned while one lives or may live; a disabled or closed server is
//! never spawned, nor a session's server that no session has; its process is of the present tenure or being
//! ended; every wait but those for the shell's own answer to `Spawn` and for the program's own word (once it is
//! late) has a [`Machine::deadline`]; a restart is stop first, start after the exit. `machine_test.rs` checks them over arbitrary events.

mod failing;
mod ready;
mod tenure;
mod transition;

use super::backoff::Backoff;
use super::event::{Action, Event, Running};
use super::launch;
use super::notice::Told;
use super::report::{ServerReport, ServerState};
use crate::pure::allocation::{Known, Tenure};
use crate::pure::base::{Moment, PeerName, RunId, Time, WallTime};
use crate::pure::model::ServerSpec;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What outlives the node: what an operator said, and whether its failures disabled it. Kept on disk by the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Marks {
    /// Does an operator let it be started?
    pub enabled: bool,
    /// An operator stopped it: an `always` server is not started again by its node.
    pub stopped: bool,
    /// It is disabled because it failed again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
    /// Which session has it, or had it last. No operator's word, but it outlives the node in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenure: Option<Known>,
}
impl Default for Marks {
    fn default() -> Self {
        Self {
            enabled: true,
            stopped: false,
            failed: None,
            tenure: None,
        }
    }
}

/// A server that its own failures disabled.
///
/// The period is counted by monotonic time, which says nothing after a restart of the node: then it counts from the start
/// again, once. So it is over after twice its length and two restarts at the latest, whatever the node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Failed {
    /// For how long. `None`: until an operator enables or starts it.
    pub period: Option<Duration>,
    /// When, for people.
    pub since: WallTime,
    /// How many failures in a row that were.
    pub failures: u32,
    /// A restart of the node made the period count again.
    pub again: bool,
}

/// Where the server is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Inactive,
    /// The shell was asked for a process and has not answered.
    Spawning {
        run: RunId,
        spec: Arc<ServerSpec>,
        tenure: Option<Tenure>,
    },
    Activating {
        running: Running,
        until: Time,
        /// Readiness by running that long.
        ready_at: Option<Time>,
    },
    TimedOut {
        running: Running,
    },
    Active {
        running: Running,
        since: Time,
        /// It says that it ends by itself: when it must have.
        leaving: Option<Time>,
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
    /// Its node starts nothing.
    drained: bool,
    backoff: Backoff,
    /// In a row; see `DisableAfter`. Not on disk: after a restart of the node they are counted anew.
    failures: u32,
    /// When failures no longer disable it, and the same for people.
    disabled_until: Option<(Time, WallTime)>,
    /// No start but an operator's before this.
    not_before: Time,
    restarts: u64,
    reason: String,
    /// What the present process says of itself.
    told: Told,
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
            drained: false,
            backoff: Backoff::default(),
            failures: 0,
            disabled_until: None,
            not_before: Time::ZERO,
            restarts: 0,
            reason: String::new(),
            told: Told::default(),
            runs: 0,
        }
    }

    /// Takes one event and says what follows.
    pub fn handle(&mut self, event: Event, moment: &Moment) -> Vec<Action> {
        let before = self.shown();
        let mut actions = Vec::new();
        let out = &mut actions;
        match event {
            Event::Start(why) => self.start(why, moment, out),
            Event::Stop => self.stop(moment, out),
            Event::Restart => self.restart(moment, out),
            Event::Enable => self.enable(moment, out),
            Event::Disable => self.disable(),
            Event::Drain { keep_running } => self.drain(keep_running, moment, out),
            Event::Tenure(known) => self.told_of_tenure(known, moment, out),
            Event::Undrain => self.undrain(moment, out),
            Event::Respec(spec) => self.respec(spec, moment, out),
            Event::Close => self.close(moment, out),
            Event::Reopen(spec) => self.reopen(spec, moment, out),
            Event::Adopted(running) => self.adopted(running, moment, out),
            Event::Spawned { run, pid, ports } => self.spawned(run, pid, ports, moment, out),
            Event::SpawnFailed { run, reason } => self.spawn_failed(run, &reason, moment, out),
            Event::Ready { run } => self.ready(run, moment),
            Event::Said { run, word } => self.said(run, word, moment),
            Event::Exited { run, how } => self.exited(run, how, moment, out),
            Event::Noted { run, reason } => self.noted(run, reason),
            Event::Timer => self.timer(moment, out),
        }
        if before != self.shown() {
            actions.push(Action::Changed);
        }
        actions
    }

    /// Everything that its report is made of.
    fn shown(&self) -> (Phase, Marks, String, u64, Told) {
        let (phase, reason, told) = (self.phase.clone(), self.reason.clone(), self.told.clone());
        (phase, self.marks, reason, self.restarts, told)
    }

    /// When `Event::Timer` is due, if ever.
    pub fn deadline(&self) -> Option<Time> {
        match &self.phase {
            Phase::Activating { until, ready_at, .. } => Some(ready_at.unwrap_or(*until)),
            Phase::BackingOff { until, .. } => Some(*until),
            Phase::Deactivating { kill_at, .. } => Some(*kill_at),
            Phase::Active { leaving, .. } => *leaving,
            Phase::Inactive => self.disabled_until.map(|(until, _)| until),
            Phase::Spawning { .. } | Phase::TimedOut { .. } => None,
        }
    }
    /// What outlives the node.
    pub fn marks(&self) -> Marks {
        self.marks
    }
    /// May it be started, as far as operators and its failures are asked?
    pub fn is_enabled(&self) -> bool {
        self.marks.enabled && self.marks.failed.is_none()
    }
    /// Does its node start nothing?
    pub fn is_drained(&self) -> bool {
        self.drained
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
            Phase::Active { leaving: None, .. } => ServerState::Active,
            Phase::Active { .. } => ServerState::Deactivating,
            Phase::Deactivating { .. } => ServerState::Deactivating,
            Phase::BackingOff { .. } => ServerState::BackingOff,
        }
    }
    /// As it is told to registries and people.
    pub fn report(&self, node: &PeerName) -> ServerReport {
        let endpoints = match &self.phase {
            Phase::Active {
                running, leaving: None, ..
            } => launch::endpoints(&running.spec, &self.host, &running.ports, &self.told.endpoints),
            _ => BTreeMap::new(),
        };
        let next_try = match &self.phase {
            Phase::BackingOff { next_try, .. } => Some(*next_try),
            _ => self.disabled_until.map(|(_, wall)| wall),
        };
        ServerReport {
            id: self.spec.id.clone(),
            application: self.spec.application.clone(),
            node: node.clone(),
            state: self.state(),
            enabled: self.is_enabled(),
            pid: self.running().map(|running| running.pid),
            restarts: self.restarts,
            reason: self.full_reason(),
            endpoints,
            next_try,
            tenure: self.holder(),
        }
    }
}

#[cfg(test)]
#[path = "machine/machine_test.rs"]
mod tests;
