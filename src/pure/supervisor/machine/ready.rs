//! From a process to an active server: by a probe, by its own word, or by time.

use super::{Machine, Phase};
use crate::pure::base::{Moment, RunId};
use crate::pure::model::Ready;
use crate::pure::supervisor::event::{Action, Running};
use crate::pure::supervisor::launch;
use crate::pure::supervisor::notice::Word;

impl Machine {
    /// The phase of a process that has just been found or made.
    pub(super) fn watch(&self, running: Running, moment: &Moment, out: &mut Vec<Action>) -> Phase {
        let run = running.run;
        let mut ready_at = None;
        let probe = launch::probe(&running.spec, &self.host, &running.ports);
        let waits = match (&running.spec.ready, probe) {
            (Ready::Tcp(_) | Ready::Http { .. }, Some(probe)) => {
                out.push(Action::Probe { run, probe });
                true
            }
            (Ready::AtOnce | Ready::Tcp(_) | Ready::Http { .. }, _) => false,
            (Ready::Notify, _) => true,
            (Ready::After(time), _) => {
                ready_at = Some(moment.now.after(*time));
                true
            }
        };
        let since = moment.now;
        if waits {
            let until = since.after(self.spec.activation_timeout);
            Phase::Activating {
                running,
                until,
                ready_at,
            }
        } else {
            let leaving = None;
            Phase::Active {
                running,
                since,
                leaving,
            }
        }
    }

    /// The present process, if it is probed, is so no longer.
    pub(super) fn stop_probe(&self, out: &mut Vec<Action>) {
        if let Phase::Activating { running, .. } | Phase::TimedOut { running } = &self.phase
            && matches!(running.spec.ready, Ready::Tcp(_) | Ready::Http { .. })
        {
            out.push(Action::StopProbe { run: running.run });
        }
    }

    pub(super) fn ready(&mut self, run: RunId, moment: &Moment) {
        if let Phase::Activating { running, .. } | Phase::TimedOut { running } = &self.phase
            && running.run == run
        {
            self.phase = Phase::Active {
                running: running.clone(),
                since: moment.now,
                leaving: None,
            };
            self.reason.clear();
        }
    }

    /// The process says something of itself.
    pub(super) fn said(&mut self, run: RunId, word: Word, moment: &Moment) {
        let Some(running) = self.running().filter(|running| running.run == run) else {
            return;
        };
        let by_word = matches!(running.spec.ready, Ready::Notify | Ready::After(_));
        let limit = self.spec.deactivation_timeout;
        self.told.hear(&word);
        match word {
            Word::Ready if by_word => self.ready(run, moment),
            Word::Stopping => {
                if let Phase::Active { leaving, .. } = &mut self.phase
                    && leaving.is_none()
                {
                    *leaving = Some(moment.now.after(limit));
                    "stops by itself, as it says".clone_into(&mut self.reason);
                }
            }
            Word::Ready | Word::Status(_) | Word::Endpoint { .. } => (),
        }
    }

    /// The reason, with what the process says of itself.
    pub(super) fn full_reason(&self) -> String {
        match (self.reason.as_str(), self.told.status.as_str()) {
            (reason, "") => reason.to_owned(),
            ("", status) => format!("says: {status}"),
            (reason, status) => format!("{reason}; says: {status}"),
        }
    }
}
