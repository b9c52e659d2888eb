//! When a plugin is asked, and when its answers count.
//!
//! ```text
//!   closed   asked, and its answers count
//!   open     not asked: it failed too often
//!   trial    asked, and the built-in's answers count, until it has answered well often enough
//! ```

use crate::pure::base::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// So many faults within [`WINDOW`] open it (plugins.md, 5.7).
const FAULTS: usize = 3;
const WINDOW: Duration = Duration::from_mins(1);
/// How long it stays open.
const PAUSE: Duration = Duration::from_secs(30);
/// So many good answers in a row end a trial.
pub(super) const TRIAL: u32 = 20;

/// Whether a plugin is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    state: State,
    faults: VecDeque<Time>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Open {
        until: Time,
    },
    Trial {
        left: u32,
    },
}

/// What to do with the next question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    /// Ask, and take the answer.
    Ask,
    /// Ask, and do not take the answer.
    Try,
    /// Do not ask.
    Spare,
}

impl Breaker {
    /// In trial for so many answers; with none, closed.
    pub(super) fn on_trial(answers: u32) -> Self {
        let state = if answers == 0 {
            State::Closed
        } else {
            State::Trial { left: answers }
        };
        Self {
            state,
            faults: VecDeque::new(),
        }
    }
    /// What to do with the next question.
    pub(super) fn advice(&mut self, now: Time) -> Advice {
        if let State::Open { until } = self.state
            && now >= until
        {
            self.state = State::Trial { left: TRIAL };
        }
        match self.state {
            State::Closed => Advice::Ask,
            State::Open { .. } => Advice::Spare,
            State::Trial { .. } => Advice::Try,
        }
    }
    /// It answered well. True when its answers count from now on.
    pub(super) fn passed(&mut self) -> bool {
        let State::Trial { left } = &mut self.state else {
            return false;
        };
        *left = left.saturating_sub(1);
        if *left > 0 {
            return false;
        }
        *self = Self::default();
        true
    }
    /// It did not. True when it is not asked from now on.
    pub(super) fn failed(&mut self, now: Time) -> bool {
        self.faults.push_back(now);
        while self.faults.len() > FAULTS || self.faults.front().is_some_and(|first| now.since(*first) > WINDOW) {
            self.faults.pop_front();
        }
        let opens = match self.state {
            State::Closed => self.faults.len() >= FAULTS,
            State::Trial { .. } => true,
            State::Open { .. } => false,
        };
        if opens {
            self.faults.clear();
            self.state = State::Open {
                until: now.after(PAUSE),
            };
        }
        opens
    }
    /// For people: why its answers do not count now; `None` when they do.
    pub(super) fn words(&self, now: Time) -> Option<(&'static str, String)> {
        match self.state {
            State::Closed => None,
            State::Open { until } => Some((
                "set aside",
                format!(
                    "it failed too often and is tried again in {} s",
                    until.since(now).as_secs() + 1
                ),
            )),
            State::Trial { left } => Some((
                "trial",
                format!("the built-in decides until it has answered well {left} times more"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO.after(Duration::from_secs(seconds))
    }

    #[test]
    fn it_opens_after_three_faults_within_a_minute_and_closes_after_a_trial() {
        let mut breaker = Breaker::default();
        // Two at a time are borne for ever.
        for minute in 0..10 {
            assert!(!breaker.failed(at(61 * minute)));
            assert_eq!(breaker.advice(at(61 * minute)), Advice::Ask);
        }
        assert!(!breaker.failed(at(600)));
        assert!(breaker.failed(at(601)), "the third within a minute, after one at 549");
        assert_eq!(breaker.advice(at(602)), Advice::Spare);
        assert_eq!(breaker.advice(at(630)), Advice::Spare);
        assert_eq!(breaker.advice(at(631)), Advice::Try);
        for _ in 1..TRIAL {
            assert!(!breaker.passed());
            assert_eq!(breaker.advice(at(632)), Advice::Try);
        }
        assert!(breaker.passed(), "its answers count again");
        assert_eq!(breaker.advice(at(632)), Advice::Ask);
        assert_eq!(breaker.words(at(632)), None);
    }

    #[test]
    fn a_fault_in_a_trial_opens_it_again() {
        let mut breaker = Breaker::on_trial(5);
        assert_eq!(breaker.advice(at(0)), Advice::Try);
        assert!(breaker.failed(at(1)));
        assert_eq!(breaker.advice(at(2)), Advice::Spare);
        assert_eq!(breaker.advice(at(31)), Advice::Try);
        assert_eq!(Breaker::on_trial(0).advice(at(0)), Advice::Ask);
    }
}
