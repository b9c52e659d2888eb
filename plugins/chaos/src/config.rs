//! In which way it misbehaves.

use serde::Deserialize;

/// What it does; where nothing else is said, in `evaluate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// Nothing bad: takes what is eligible, in order.
    #[default]
    Ok,
    /// Panics.
    Panic,
    /// Never comes back.
    Loop,
    /// Ends the process by a signal.
    Crash,
    /// Waits `delay_ms`, then goes on.
    Slow,
    /// Reports that it is at a loss.
    Internal,
    /// Reports that it is busy.
    Busy,
    /// Has no opinion.
    Abstain,
    /// `select`: asks to wait a second.
    Defer,
    /// Refuses.
    Deny,
    /// `select`: an index behind the last candidate.
    OutOfRange,
    /// `select`: the first candidate twice, if two are wanted.
    Duplicate,
    /// Rejects all, then `select`s the first.
    Rejected,
    /// `select`: done, with nothing chosen.
    Nothing,
    /// The lowest and the highest score there is, in turns.
    WildScores,
    /// `select`: an explanation that is no text and too long.
    GarbageReason,
    /// `create`: refuses its configuration.
    ConfigError,
    /// `create`: waits `delay_ms`.
    SlowCreate,
    /// `create`: panics.
    PanicInCreate,
    /// `create`: never comes back.
    LoopInCreate,
    /// `create`: ends the process.
    CrashInCreate,
    /// `order`: panics.
    PanicInOrder,
    /// `order`: never comes back.
    LoopInOrder,
    /// `order`: the last that came is first, always.
    Starve,
    /// `observe`: panics.
    PanicInObserve,
    /// `observe`: never comes back.
    LoopInObserve,
    /// `resync`: panics.
    PanicInResync,
    /// `destroy`: panics.
    PanicInDestroy,
    /// `destroy`: never comes back.
    LoopInDestroy,
}

/// The plugin's table.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) mode: Mode,
    /// How many decisions go well first.
    pub(crate) after: u32,
    /// How long the slow ones wait, in milliseconds.
    pub(crate) delay_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Ok,
            after: 0,
            delay_ms: 100,
        }
    }
}
