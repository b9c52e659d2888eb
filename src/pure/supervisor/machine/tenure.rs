//! Servers with `session` activation: each runs for one session, and ends with its tenure.

use super::{Machine, Phase};
use crate::pure::allocation::{Known, Tenure};
use crate::pure::base::Moment;
use crate::pure::supervisor::event::Action;

impl Machine {
    /// The session that has it; always `None` for servers of other activations.
    pub fn holder(&self) -> Option<Tenure> {
        self.marks.tenure.filter(|_| self.spec.is_lent())?.holder()
    }

    /// Is it a session's server that no session has?
    pub fn is_unheld(&self) -> bool {
        self.spec.is_lent() && self.holder().is_none()
    }

    pub(super) fn told_of_tenure(&mut self, known: Known, moment: &Moment, out: &mut Vec<Action>) {
        let before = self.holder();
        self.marks.tenure = Some(known);
        if self.holder() == before {
            return;
        }
        // Whoever has it now does not wait for what failed for another.
        self.begin_afresh();
        if matches!(self.phase, Phase::BackingOff { .. }) {
            self.phase = Phase::Inactive;
        }
        if !self.has_process() {
            self.reason.clear();
        }
        self.end_outlived(moment, out);
    }

    /// Ends a process that was started for another than who has the server now.
    pub(super) fn end_outlived(&mut self, moment: &Moment, out: &mut Vec<Action>) {
        if !self.spec.is_lent() || !self.has_process() {
            return;
        }
        let started_for = match &self.phase {
            Phase::Spawning { tenure, .. } => *tenure,
            _ => self.running().and_then(|running| running.tenure),
        };
        if started_for.is_some() && started_for == self.holder() {
            return;
        }
        self.again = false;
        let reason = match (started_for, self.holder()) {
            (Some(former), None) => format!("stopped because {former} has it no longer"),
            (Some(former), Some(holder)) => format!("stopped because {holder} has it instead of {former}"),
            (None, _) => "stopped because it was started for no session".to_owned(),
        };
        self.end(&reason, moment, out);
    }
}
