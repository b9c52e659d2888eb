//! Exit codes: a promise to scripts (design, section 10). They never change their meaning.

use crate::pure::protocol::ErrorCode;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed, for a reason that has no code of its own.
    Failed = 1,
    /// Wrong usage: flags or arguments that do not parse.
    Usage = 2,
    /// Differences were found; only with `--exit-code`.
    Differences = 3,
    /// No such thing.
    NotFound = 4,
    /// A precondition failed: not the master, reviewing, the version moved, a preflight refused.
    Precondition = 5,
    /// Nobody could be reached.
    Unreachable = 6,
    /// Not allowed.
    NotAllowed = 7,
    /// Done in part: stored, and not known to be on enough disks.
    InPart = 8,
    /// No answer in time.
    TimedOut = 9,
    /// A daemon cannot create its data.
    CannotCreate = 73,
    /// A daemon's data folder is in use by another.
    InUse = 75,
    /// A daemon lacks a permission.
    Permission = 77,
    /// A daemon's configuration is refused.
    Configuration = 78,
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
        Self::from(exit as u8)
    }
}
