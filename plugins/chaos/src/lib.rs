//! Misbehaves as configured, so that tests of a host see every fault that a plugin can have. Never load it elsewhere.

mod config;

use config::{Config, Mode};
use floe_plugin_sdk::{
    Allocator, Candidates, Choice, Error, Event, Host, Lease, Outcome, Request, Slots, Verdict, WaitingList, abi,
};
use std::time::Duration;

/// The policy: first come, first served, and whatever the mode says.
#[derive(Debug)]
pub struct Chaos {
    config: Config,
    /// Decisions that still go well.
    left: u32,
    /// Whether the present one goes well.
    is_well: bool,
}

floe_plugin_sdk::export_allocator!(Chaos);

impl Allocator for Chaos {
    const NAME: &'static str = "chaos";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SLOTS: Slots = Slots::EVALUATE.and(Slots::SELECT).and(Slots::ORDER).and(Slots::LEARN);

    fn create(config: &str, _host: Host) -> Result<Self, Error> {
        let config: Config = serde_json::from_str(config).map_err(Error::config)?;
        match config.mode {
            Mode::ConfigError => return Err(Error::config("mode is config-error; wants another one")),
            Mode::SlowCreate => pause(config.delay_ms),
            Mode::PanicInCreate => panic!("mode is panic-in-create"),
            Mode::LoopInCreate => spin(),
            Mode::CrashInCreate => std::process::abort(),
            _ => {}
        }
        Ok(Self {
            left: config.after,
            is_well: true,
            config,
        })
    }

    fn evaluate(
        &mut self,
        _request: Request<'_>,
        _candidates: Candidates<'_>,
        verdicts: &mut [Verdict],
    ) -> Result<Outcome, Error> {
        self.is_well = self.left > 0;
        self.left = self.left.saturating_sub(1);
        if self.is_well {
            return Ok(Outcome::Done);
        }
        match self.config.mode {
            Mode::Panic => panic!("mode is panic"),
            Mode::Loop => spin(),
            Mode::Crash => std::process::abort(),
            Mode::Slow => pause(self.config.delay_ms),
            Mode::Internal => return Err(Error::internal("mode is internal")),
            Mode::Busy => return Err(Error::busy("mode is busy")),
            Mode::Abstain => return Ok(Outcome::Abstain),
            Mode::Deny => {
                return Ok(Outcome::Deny {
                    reason: "mode is deny".to_owned(),
                });
            }
            Mode::Rejected => verdicts.fill(Verdict::rejected(abi::CODE_PLUGIN)),
            Mode::WildScores => {
                for (index, verdict) in verdicts.iter_mut().enumerate() {
                    *verdict = Verdict::eligible(if index % 2 == 0 { i64::MIN } else { i64::MAX });
                }
            }
            _ => {}
        }
        Ok(Outcome::Done)
    }

    fn select(
        &mut self,
        _request: Request<'_>,
        candidates: Candidates<'_>,
        verdicts: &[Verdict],
        choice: &mut Choice<'_>,
    ) -> Result<Outcome, Error> {
        match self.config.mode {
            _ if self.is_well => take_in_order(verdicts, choice),
            Mode::OutOfRange => {
                let past = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
                choice.push(past);
            }
            Mode::Duplicate => choice.extend([0, 0]),
            Mode::Rejected => {
                choice.push(0);
            }
            Mode::Nothing => {}
            Mode::Abstain => return Ok(Outcome::Abstain),
            Mode::Defer => {
                return Ok(Outcome::Defer {
                    retry_after_ms: 1000,
                    reason: "mode is defer".to_owned(),
                });
            }
            Mode::GarbageReason => {
                take_in_order(verdicts, choice);
                // No UTF-8, with a zero and an escape in it, longer than any room.
                choice.explain([0xff, 0xfe, 0x00, 0x1b].repeat(1024));
            }
            _ => take_in_order(verdicts, choice),
        }
        Ok(Outcome::Done)
    }

    fn order(&mut self, waiting: WaitingList<'_>, keys: &mut [u64]) -> Result<Outcome, Error> {
        match self.config.mode {
            Mode::PanicInOrder => panic!("mode is panic-in-order"),
            Mode::LoopInOrder => spin(),
            // Always the last that came: without ageing the first would starve.
            Mode::Starve => {
                for (key, index) in keys.iter_mut().zip(0_u64..) {
                    *key = u64::MAX - index;
                }
            }
            Mode::Abstain => return Ok(Outcome::Abstain),
            _ => {
                for (waiting, key) in waiting.iter().zip(keys) {
                    *key = waiting.since_ms;
                }
            }
        }
        Ok(Outcome::Done)
    }

    fn observe(&mut self, _events: &mut dyn Iterator<Item = Event>) -> Result<(), Error> {
        match self.config.mode {
            Mode::PanicInObserve => panic!("mode is panic-in-observe"),
            Mode::LoopInObserve => spin(),
            _ => Ok(()),
        }
    }

    fn resync(&mut self, _leases: &mut dyn Iterator<Item = Lease>, _first: bool, _last: bool) -> Result<(), Error> {
        match self.config.mode {
            Mode::PanicInResync => panic!("mode is panic-in-resync"),
            _ => Ok(()),
        }
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        match self.config.mode {
            Mode::PanicInDestroy => panic!("mode is panic-in-destroy"),
            Mode::LoopInDestroy => spin(),
            _ => {}
        }
    }
}

fn take_in_order(verdicts: &[Verdict], choice: &mut Choice<'_>) {
    let eligible = (0_u32..).zip(verdicts).filter(|(_, verdict)| verdict.is_eligible());
    choice.extend(eligible.map(|(index, _)| index));
}

/// Never comes back, and keeps a core busy.
fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

#[expect(clippy::disallowed_methods, reason = "to be late is what is asked for")]
fn pause(delay_ms: u64) {
    std::thread::sleep(Duration::from_millis(delay_ms));
}

#[cfg(test)]
mod tests;
