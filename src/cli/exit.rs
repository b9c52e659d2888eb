//! Exit codes: a promise to scripts (design, section 10). They never change their meaning.

use crate::pure::protocol::ErrorCode;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed, for a reason that has no code of its own.
    Failed,
    /// Wrong usage: flags or arguments that do not parse.
    Usage,
    /// Differences were found; only with `--exit-code`.
    Differences,
    /// No such thing.
    NotFound,
    /// A precondition failed: not the master, reviewing, the version moved, a preflight refused.
    Precondition,
    /// Nobody could be reached.
    Unreachable,
    /// Not allowed.
    NotAllowed,
    /// Done in part: stored, and not known to be on enough disks.
    InPart,
    /// No answer in time.
    TimedOut,
    /// A daemon cannot create its data.
    CannotCreate,
    /// A daemon's data folder is in use by another.
    InUse,
    /// A daemon lacks a permission.
    Permission,
    /// A daemon's configuration is refused.
    Configuration,
    /// As the command ended that was run: its own code, or 128 and the signal.
    Command(u8),
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Differences => 3,
            Self::NotFound => 4,
            Self::Precondition => 5,
            Self::Unreachable => 6,
            Self::NotAllowed => 7,
            Self::InPart => 8,
            Self::TimedOut => 9,
            Self::CannotCreate => 73,
            Self::InUse => 75,
            Self::Permission => 77,
            Self::Configuration => 78,
            Self::Command(code) => code,
        }
    }
}

impl From<ErrorCode> for Exit {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::NotFound => Self::NotFound,
            ErrorCode::NotMaster | ErrorCode::Reviewing | ErrorCode::Precondition | ErrorCode::StaleEpoch => {
                Self::Precondition
            }
            ErrorCode::InDoubt => Self::InPart,
            ErrorCode::TimedOut => Self::TimedOut,
            ErrorCode::Invalid | ErrorCode::Unavailable | ErrorCode::Overloaded | ErrorCode::Internal => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
