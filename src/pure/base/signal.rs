//! Signals by name and number, as Linux has them on every processor that floe runs on.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One signal that may be sent to a server or may end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "i32", from = "i32")]
pub struct Signal(i32);

/// Names and numbers, by number (`signal(7)`, x86 and ARM).
const NAMES: [(&str, i32); 30] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("SYS", 31),
];

impl Signal {
    /// Asks a process to end.
    pub const TERM: Self = Self(15);
    /// Ends a process.
    pub const KILL: Self = Self(9);

    /// Is it one of those that have a name, real-time signals not among them?
    pub fn is_named(self) -> bool {
        NAMES.iter().any(|(_, number)| *number == self.0)
    }
    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }
}

impl From<i32> for Signal {
    fn from(number: i32) -> Self {
        Self(number)
    }
}
impl From<Signal> for i32 {
    fn from(signal: Signal) -> Self {
        signal.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.pad(&format!("SIG{name}")),
            None => f.pad(&format!("signal {}", self.0)),
        }
    }
}

/// A text that names no signal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no signal: write a name as SIGHUP or HUP, or a number from 1 to 64")]
pub struct SignalError(String);

/// `SIGHUP`, `HUP`, `hup` or `1`.
///
/// ```
/// use floe::pure::base::Signal;
/// assert_eq!("HUP".parse::<Signal>().unwrap().to_string(), "SIGHUP");
/// assert!("NOPE".parse::<Signal>().is_err());
/// ```
impl FromStr for Signal {
    type Err = SignalError;
    fn from_str(text: &str) -> Result<Self, SignalError> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let named = NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, number)| *number);
        let number = named.or_else(|| text.parse().ok().filter(|number| (1..=64).contains(number)));
        number
            .map(Self)
            .ok_or_else(|| SignalError(text.chars().take(40).collect()))
    }
}
