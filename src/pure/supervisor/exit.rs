//! How a process ended, in words.

use crate::pure::base::Signal;
use std::fmt;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// It was not our child (adopted), so the system told nobody how it ended.
    Unknown,
}

impl Exit {
    /// Did it say that all was well?
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
    /// As in metrics: `clean`, `error` or `signal`; an end that nobody saw counts as an error.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Code(0) => "clean",
            Self::Code(_) | Self::Unknown => "error",
            Self::Signal(_) => "signal",
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => write!(f, "killed by {}", Signal::from(*number)),
            Self::Unknown => f.write_str("ended, how is not known"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_in_words() {
        for (exit, words) in [
            (Exit::Code(3), "exit code 3"),
            (Exit::Signal(11), "killed by SIGSEGV"),
            (Exit::Signal(40), "killed by signal 40"),
            (Exit::Unknown, "ended, how is not known"),
        ] {
            assert_eq!(exit.to_string(), words);
        }
    }
}
