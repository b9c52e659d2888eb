//! Why a command did not do what it was told: what the operator reads, and the exit code that scripts read.

use super::exit::Exit;
use crate::io::config::Faults;
use crate::pure::protocol::Failure;
use serde::Serialize;

/// A command that did not do what it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failing {
    /// For scripts that look at the process.
    pub exit: Exit,
    /// For scripts that read JSON: a word such as `not-found`.
    pub code: String,
    /// For people; may have several lines.
    pub message: String,
    /// What to do next; may be empty.
    pub hint: String,
}

impl Failing {
    /// A failure of our own making.
    pub fn new(exit: Exit, code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            exit,
            code: code.to_owned(),
            message: message.into(),
            hint: hint.into(),
        }
    }
    /// Arguments that do not parse.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message, "")
    }
    /// Nobody could be reached.
    pub fn unreachable(message: impl Into<String>) -> Self {
        let hint = "name a running peer with --peer HOST:PORT or FLOE_PEERS; any registry will do";
        Self::new(Exit::Unreachable, "unreachable", message, hint)
    }
    /// A peer was reached and gave no answer in time.
    pub fn timed_out(message: impl Into<String>) -> Self {
        let hint = "give it longer with --timeout, or ask another peer with --peer";
        Self::new(Exit::TimedOut, "timed-out", message, hint)
    }
    /// No such thing.
    pub fn not_found(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, "not-found", message, hint)
    }
    /// Something that this machine refused: a file, a stream.
    pub fn local(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, "local", message, "")
    }
    /// Something broke on our side.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, "internal", message, "")
    }
    /// A peer answered something else than what it was asked.
    pub fn other_answer() -> Self {
        Self::internal("the peer answered something else than it was asked; is it of another version?")
    }
}

impl From<Failure> for Failing {
    fn from(failure: Failure) -> Self {
        // The master's address is worth more than a general hint.
        let hint = match failure.master {
            Some((name, address)) if failure.hint.is_empty() => format!("the master is {name}: --peer {address}"),
            _ => failure.hint,
        };
        Self {
            exit: failure.code.into(),
            code: word_of(&failure.code),
            message: failure.message,
            hint,
        }
    }
}

impl From<Faults> for Failing {
    fn from(faults: Faults) -> Self {
        let message = match faults.list().len() {
            1 => format!("the configuration has a fault\n{faults}"),
            count => format!("the configuration has {count} faults\n{faults}"),
        };
        let hint = "floe config show FILE tells what each key stands at, and where that was written";
        Self::new(Exit::Configuration, "configuration", message, hint)
    }
}

/// A unit variant as serde spells it.
fn word_of(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "internal".to_owned(),
    }
}
