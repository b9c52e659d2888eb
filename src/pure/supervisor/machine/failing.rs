//! What keeps a server from being started: an operator's word, its own failures, its node's rest.

use super::{Failed, Machine, Phase};
use crate::pure::base::{Moment, Time, WallTime};
use crate::pure::supervisor::backoff::FORGIVEN;
use crate::pure::supervisor::event::Action;
use crate::pure::supervisor::exit::Exit;
use std::time::Duration;

impl Machine {
    pub(super) fn enable(&mut self, moment: &Moment, out: &mut Vec<Action>) {
        self.marks.enabled = true;
        if self.marks.failed.is_some() {
            self.forgive();
        }
        self.start_or_renew(moment, out);
    }

    pub(super) fn disable(&mut self) {
        self.marks.enabled = false;
        // From now on it is the operator who disables it, until he enables it.
        self.forgive();
        self.again = false;
        if matches!(self.phase, Phase::BackingOff { .. }) {
            self.phase = Phase::Inactive;
        }
    }

    /// Nothing is started any more, not even what was on its way to be started again.
    pub(super) fn drain(&mut self, keep_running: bool, moment: &Moment, out: &mut Vec<Action>) {
        self.drained = true;
        self.again = false;
        if matches!(self.phase, Phase::BackingOff { .. }) {
            self.phase = Phase::Inactive;
        }
        if !keep_running && self.has_process() {
            self.end("stopped because its node is drained", moment, out);
        }
    }

    pub(super) fn undrain(&mut self, moment: &Moment, out: &mut Vec<Action>) {
        if std::mem::take(&mut self.drained) {
            self.start_or_renew(moment, out);
        }
    }

    /// An operator's start: earlier failures and stops no longer count.
    pub(super) fn fresh_start(&mut self) {
        self.marks.stopped = false;
        self.begin_afresh();
        if self.marks.failed.is_some() {
            self.forgive();
        }
    }

    /// Nobody waits for what failed before.
    pub(super) fn begin_afresh(&mut self) {
        self.backoff.reset();
        self.not_before = Time::ZERO;
    }

    /// The failures so far are forgotten.
    pub(super) fn forgive(&mut self) {
        self.begin_afresh();
        self.failures = 0;
        self.marks.failed = None;
        self.disabled_until = None;
    }

    /// A process ended that nobody had asked to. True when that disables the server.
    pub(super) fn ended_disabled(&mut self, how: Exit, healthy: Option<Duration>, moment: &Moment) -> bool {
        if how.is_success() || healthy.is_some_and(|healthy| healthy >= FORGIVEN) {
            self.failures = 0;
        }
        // An end that nobody saw is no proof of a failure: it must not keep a good server down.
        let failed = !how.is_success() && how != Exit::Unknown;
        failed && self.failed_again(moment)
    }

    /// One more failure in a row. True when it disables the server.
    pub(super) fn failed_again(&mut self, moment: &Moment) -> bool {
        self.failures = self.failures.saturating_add(1);
        let Some(rule) = self.spec.disable_after else {
            return false;
        };
        if self.failures < rule.failures || self.closed {
            return false;
        }
        let failures = self.failures;
        self.marks.failed = Some(Failed {
            period: rule.period,
            since: moment.wall,
            failures,
            again: false,
        });
        self.disabled_until = rule.period.map(|period| until(period, moment));
        self.again = false;
        let in_a_row = in_a_row(failures);
        let length = rule.period.map_or_else(
            || "until it is enabled or started".to_owned(),
            |period| format!("for {} s", period.as_secs_f64()),
        );
        self.reason = format!("disabled after {in_a_row}, {length}; the last one: {}", self.reason);
        true
    }

    /// The node has just started: a period that it had begun to count begins again, once.
    pub(super) fn count_period_again(&mut self, moment: &Moment) {
        let Some(failed) = &mut self.marks.failed else {
            return;
        };
        let Some(period) = failed.period.filter(|_| self.disabled_until.is_none()) else {
            if self.reason.is_empty() {
                self.reason = format!("disabled after {}, at {}", in_a_row(failed.failures), failed.since);
            }
            return;
        };
        if std::mem::replace(&mut failed.again, true) {
            return self.forgive();
        }
        self.reason = format!(
            "disabled after {}, at {}; for {} s from the node's restart",
            in_a_row(failed.failures),
            failed.since,
            period.as_secs_f64()
        );
        self.disabled_until = Some(until(period, moment));
    }

    /// The time that failures disabled it for is over.
    pub(super) fn period_over(&mut self, moment: &Moment, out: &mut Vec<Action>) {
        self.forgive();
        if self.wants_itself() {
            self.begin(moment, out);
        }
    }

    fn start_or_renew(&mut self, moment: &Moment, out: &mut Vec<Action>) {
        if self.phase == Phase::Inactive && self.wants_itself() {
            self.begin(moment, out);
        } else {
            self.renew_outdated(moment, out);
        }
    }
}

fn in_a_row(failures: u32) -> String {
    match failures {
        1 => "1 failure".to_owned(),
        more => format!("{more} failures in a row"),
    }
}

fn until(period: Duration, moment: &Moment) -> (Time, WallTime) {
    let wait_ms = i64::try_from(period.as_millis()).unwrap_or(i64::MAX);
    (
        moment.now.after(period),
        WallTime(moment.wall.0.saturating_add(wait_ms)),
    )
}
