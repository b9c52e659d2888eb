//! The transitions of [`Machine`], one function an event, then what they share.

use super::{Machine, Marks, Phase};
use crate::pure::base::{Moment, RunId, Signal, WallTime};
use crate::pure::model::{Activation, ServerSpec};
use crate::pure::supervisor::event::{Action, Running, Why};
use crate::pure::supervisor::exit::Exit;
use crate::pure::supervisor::launch;
use crate::pure::supervisor::notice::Told;
use std::sync::Arc;
use std::time::Duration;

/// A process that survives SIGKILL hangs in the kernel: it is killed again this often, and the report says so.
const KILL_AGAIN: Duration = Duration::from_secs(5);

impl Machine {
    pub(super) fn start(&mut self, why: Why, moment: &Moment, out: &mut Vec<Action>) {
        let wanted = match why {
            Why::Always => {
                self.count_period_again(moment);
                self.wants_itself()
            }
            Why::Operator => true,
            Why::Demand => self.spec.starts_on_use(),
        };
        if !wanted || self.is_unheld() || self.closed || self.drained || !self.marks.enabled {
            return;
        }
        if why == Why::Operator {
            self.fresh_start();
        }
        if self.marks.failed.is_some() {
            return;
        }
        // Whoever starts a server that an operator stopped takes that stop back.
        self.marks.stopped = false;
        match &self.phase {
            Phase::Inactive => self.begin(moment, out),
            Phase::BackingOff { .. } if why == Why::Operator => self.begin(moment, out),
            Phase::Deactivating { .. } | Phase::Active { leaving: Some(_), .. } => self.again = true,
            Phase::Spawning { .. } if self.cancelled => self.again = true,
            Phase::Spawning { .. }
            | Phase::Activating { .. }
            | Phase::TimedOut { .. }
            | Phase::Active { .. }
            | Phase::BackingOff { .. } => (),
        }
    }

    pub(super) fn stop(&mut self, moment: &Moment, out: &mut Vec<Action>) {
        self.marks.stopped = true;
        self.again = false;
        self.end("stopped by an operator", moment, out);
    }

    pub(super) fn restart(&mut self, moment: &Moment, out: &mut Vec<Action>) {
        if self.closed || self.drained || !self.marks.enabled || self.is_unheld() {
            return;
        }
        self.fresh_start();
        match &self.phase {
            Phase::Inactive | Phase::BackingOff { .. } => self.begin(moment, out),
            Phase::Spawning { .. } if !self.cancelled => (),
            _ => {
                self.again = true;
                self.end("restarted by an operator", moment, out);
            }
        }
    }

    pub(super) fn respec(&mut self, spec: Arc<ServerSpec>, moment: &Moment, out: &mut Vec<Action>) {
        if self.closed {
            return;
        }
        let changed = !launch::same_process(&self.spec, &spec);
        self.spec = spec;
        if changed {
            // A new definition is an operator's cure for the failures of the old one.
            self.forgive();
        }
        let itself = matches!(self.spec.activation, Activation::Always | Activation::OnDemand);
        match &self.phase {
            Phase::BackingOff { .. } if !itself => {
                self.phase = Phase::Inactive;
            }
            Phase::BackingOff { .. } if changed => self.begin(moment, out),
            Phase::Inactive if self.wants_itself() => self.begin(moment, out),
            _ => self.renew_outdated(moment, out),
        }
        self.end_outlived(moment, out);
    }

    pub(super) fn close(&mut self, moment: &Moment, out: &mut Vec<Action>) {
        self.closed = true;
        self.again = false;
        self.end("its node stops it for good", moment, out);
    }

    pub(super) fn reopen(&mut self, spec: Arc<ServerSpec>, moment: &Moment, out: &mut Vec<Action>) {
        self.closed = false;
        self.marks = Marks {
            tenure: self.marks.tenure,
            ..Marks::default()
        };
        self.respec(spec, moment, out);
    }

    pub(super) fn adopted(&mut self, running: Running, moment: &Moment, out: &mut Vec<Action>) {
        if self.has_process() {
            return;
        }
        self.told = Told::default();
        self.phase = self.watch(running, moment, out);
        if self.closed || self.marks.stopped {
            self.end("stopped by an operator", moment, out);
        } else {
            self.renew_outdated(moment, out);
            self.end_outlived(moment, out);
        }
    }

    pub(super) fn spawned(
        &mut self,
        run: RunId,
        pid: u32,
        ports: launch::Ports,
        moment: &Moment,
        out: &mut Vec<Action>,
    ) {
        let Phase::Spawning {
            run: expected,
            spec,
            tenure,
        } = &self.phase
        else {
            return;
        };
        if *expected != run {
            return;
        }
        let running = Running {
            run,
            spec: spec.clone(),
            pid,
            ports,
            tenure: *tenure,
        };
        self.told = Told::default();
        self.phase = self.watch(running, moment, out);
        self.reason.clear();
        if std::mem::take(&mut self.cancelled) {
            self.end("stopped while it was started", moment, out);
        } else {
            self.renew_outdated(moment, out);
        }
    }

    pub(super) fn spawn_failed(&mut self, run: RunId, reason: &str, moment: &Moment, out: &mut Vec<Action>) {
        if !matches!(&self.phase, Phase::Spawning { run: expected, .. } if *expected == run) {
            return;
        }
        self.reason = format!("failed to start: {reason}");
        let cancelled = std::mem::take(&mut self.cancelled);
        self.phase = Phase::Inactive;
        let wait = self.backoff.failed(None);
        self.not_before = moment.now.after(wait);
        if self.failed_again(moment) {
            return;
        }
        if std::mem::take(&mut self.again) || (self.wants_itself() && !cancelled) {
            self.begin(moment, out);
        }
    }

    pub(super) fn exited(&mut self, run: RunId, how: Exit, moment: &Moment, out: &mut Vec<Action>) {
        if self.run() != Some(run) {
            return;
        }
        self.stop_probe(out);
        let asked = matches!(self.phase, Phase::Deactivating { .. }) || std::mem::take(&mut self.cancelled);
        let healthy = match &self.phase {
            Phase::Active { since, .. } => Some(moment.now.since(*since)),
            _ => None,
        };
        self.phase = Phase::Inactive;
        self.told = Told::default();
        if asked {
            if std::mem::take(&mut self.again) || self.wants_itself() {
                self.begin(moment, out);
            }
            return;
        }
        self.reason = match healthy {
            Some(healthy) => format!("ended by itself: {how}, {} s after it became active", healthy.as_secs()),
            None => format!("ended before it was ready: {how}"),
        };
        let always = self.spec.activation == Activation::Always;
        if always || !how.is_success() {
            self.not_before = moment.now.after(self.backoff.failed(healthy));
        }
        if self.ended_disabled(how, healthy, moment) {
            return;
        }
        // Somebody may have asked for it while it was leaving.
        let asked_for = std::mem::take(&mut self.again);
        if self.wants_itself() || asked_for {
            self.restarts = self.restarts.saturating_add(1);
            self.begin(moment, out);
        }
    }

    pub(super) fn noted(&mut self, run: RunId, reason: String) {
        match &self.phase {
            Phase::Deactivating { running, .. } if running.run == run && !self.reason.is_empty() => {
                self.reason = format!("{}; {reason}", self.reason);
            }
            _ if self.running().is_some_and(|running| running.run == run) => self.reason = reason,
            _ => (),
        }
    }

    pub(super) fn timer(&mut self, moment: &Moment, out: &mut Vec<Action>) {
        if self.deadline().is_none_or(|deadline| moment.now < deadline) {
            return;
        }
        match &mut self.phase {
            Phase::Activating {
                running,
                ready_at: Some(_),
                ..
            } => {
                let run = running.run;
                self.ready(run, moment);
            }
            Phase::Activating { running, .. } => {
                let limit = self.spec.activation_timeout.as_secs_f64();
                self.reason = format!("not ready {limit} s after its start; it runs on and may still become ready");
                self.phase = Phase::TimedOut {
                    running: running.clone(),
                };
            }
            Phase::Deactivating {
                running,
                kill_at,
                kills,
            } => {
                out.push(Action::Kill { run: running.run });
                *kill_at = moment.now.after(KILL_AGAIN);
                *kills = kills.saturating_add(1);
                if *kills == 1 {
                    let limit = self.spec.deactivation_timeout.as_secs_f64();
                    self.reason = format!(
                        "{}; it had not ended {limit} s after {} and got SIGKILL",
                        self.reason,
                        asked_by(&self.spec)
                    );
                }
                if *kills == 2 {
                    self.reason = format!("process {} outlives SIGKILL: it hangs in the kernel", running.pid);
                }
            }
            Phase::BackingOff { .. } => self.begin(moment, out),
            Phase::Active { .. } => {
                let limit = self.spec.deactivation_timeout.as_secs_f64();
                let reason = format!("said that it stops by itself, and had not {limit} s later");
                self.end(&reason, moment, out);
            }
            Phase::Inactive => self.period_over(moment, out),
            Phase::Spawning { .. } | Phase::TimedOut { .. } => (),
        }
    }

    /// Does its definition alone make it run?
    pub(super) fn wants_itself(&self) -> bool {
        self.spec.activation == Activation::Always && !self.marks.stopped && self.may_start()
    }

    /// Does anything forbid a start, whoever wants it?
    pub(super) fn may_start(&self) -> bool {
        self.is_enabled() && !self.closed && !self.drained && !self.is_unheld()
    }

    /// Spawns, or waits for the time that back-off sets. Only without a process.
    pub(super) fn begin(&mut self, moment: &Moment, out: &mut Vec<Action>) {
        assert!(!self.has_process(), "a server is never started while it has a process");
        if !self.may_start() {
            self.phase = Phase::Inactive;
            return;
        }
        if moment.now < self.not_before {
            let wait = self.not_before.since(moment.now);
            let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            self.phase = Phase::BackingOff {
                until: self.not_before,
                next_try: WallTime(moment.wall.0.saturating_add(wait_ms)),
            };
            return;
        }
        let run = self.draw_run(moment);
        let (spec, tenure) = (self.spec.clone(), self.holder());
        self.cancelled = false;
        self.phase = Phase::Spawning {
            run,
            spec: spec.clone(),
            tenure,
        };
        out.push(Action::Spawn { run, spec, tenure });
    }

    /// Ends the process, if there is one; what comes after is up to `again`.
    pub(super) fn end(&mut self, reason: &str, moment: &Moment, out: &mut Vec<Action>) {
        match &self.phase {
            Phase::Inactive | Phase::BackingOff { .. } => self.phase = Phase::Inactive,
            Phase::Spawning { .. } => self.cancelled = true,
            Phase::Deactivating { .. } => return,
            Phase::Activating { running, .. } | Phase::TimedOut { running } | Phase::Active { running, .. } => {
                let running = running.clone();
                self.stop_probe(out);
                out.push(Action::Terminate {
                    run: running.run,
                    spec: self.spec.clone(),
                });
                self.phase = Phase::Deactivating {
                    kill_at: moment.now.after(self.spec.deactivation_timeout),
                    running,
                    kills: 0,
                };
            }
        }
        reason.clone_into(&mut self.reason);
    }

    /// Restarts a process whose definition has changed, unless nobody may start it again. Where the process can go on, it is
    /// only told.
    pub(super) fn renew_outdated(&mut self, moment: &Moment, out: &mut Vec<Action>) {
        let (Phase::Activating { running, .. } | Phase::TimedOut { running } | Phase::Active { running, .. }) =
            &mut self.phase
        else {
            return;
        };
        if launch::same_process(&running.spec, &self.spec) {
            if running.spec != self.spec {
                running.spec = self.spec.clone();
                let (run, spec) = (running.run, self.spec.clone());
                out.push(Action::Refresh { run, spec });
            }
            return;
        }
        if self.may_start() {
            self.again = true;
            self.end("restarted for its new definition", moment, out);
        } else if self.drained {
            "runs by an older definition: its node is drained and starts nothing".clone_into(&mut self.reason);
        } else {
            "runs by an older definition: disabled servers are not restarted".clone_into(&mut self.reason);
        }
    }

    fn draw_run(&mut self, moment: &Moment) -> RunId {
        // The dice are drawn once an event, and one event may start many servers: the id keeps their runs apart.
        self.runs = self.runs.wrapping_add(1);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&moment.dice.to_be_bytes());
        hasher.update(&self.runs.to_be_bytes());
        hasher.update(self.spec.id.as_str().as_bytes());
        let mut bits = [0; 16];
        hasher.finalize_xof().fill(&mut bits);
        RunId::from_bits(u128::from_be_bytes(bits))
    }
}

/// What a server was asked to end by.
fn asked_by(spec: &ServerSpec) -> String {
    match (spec.stop.command.is_empty(), spec.stop.signal) {
        (false, _) => "its stop command".to_owned(),
        (true, signal) => signal.unwrap_or(Signal::TERM).to_string(),
    }
}
