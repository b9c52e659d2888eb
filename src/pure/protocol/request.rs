//! Client to peer: what can be asked, and what comes back. The command line, HTTP and the library share it.

use super::report::{
    ApplicationReport, AppliedReport, Happening, InitialisedReport, InitialisingReport, LogReport, NodeRow, PeerRow,
    RegistryReport, Resolved, ServerReport, StatusReport,
};
use crate::pure::base::{Address, ApplicationName, PeerName, RequestId, ServerId};
use crate::pure::lineage::Version;
use crate::pure::model::{Application, Plan};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What can be asked. Reads are answered by any registry; updates by the master only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// The whole grid in one page.
    Status,
    /// Every peer that the answering peer knows; also answered by nodes.
    Peers,
    /// One registry in detail: the answering one.
    Registry,
    /// All nodes.
    Nodes,
    /// All applications.
    Applications,
    /// One application as written.
    Application {
        /// Its name.
        name: ApplicationName,
    },
    /// All servers, of one application or of all.
    Servers {
        /// Which.
        application: Option<ApplicationName>,
    },
    /// One server.
    Server {
        /// Which.
        id: ServerId,
    },
    /// Where is this adapter, group or object? Starts on-demand servers.
    Resolve {
        /// An adapter, group or object id.
        id: String,
        /// Answer only from a database at least this new.
        at_least: Option<Version>,
    },
    /// Changes as they happen, for ever.
    Watch,
    /// What an update would change.
    Plan {
        /// The application as it would be; `None` with `remove` set.
        application: Application,
    },
    /// Deploy an application, new or changed.
    Apply {
        /// As written.
        application: Application,
        /// Only if the application is at this revision now (0: only if it does not exist).
        if_revision: Option<u64>,
        /// A retry carries the same.
        request: RequestId,
    },
    /// Remove an application and its servers.
    Remove {
        /// Its name.
        name: ApplicationName,
        /// A retry carries the same.
        request: RequestId,
    },
    /// Remove an application and its servers if it is at this revision now.
    RemoveAt {
        /// Its name.
        name: ApplicationName,
        /// Its revision.
        revision: u64,
        /// A retry carries the same.
        request: RequestId,
    },
    /// Replace the answering registry's database by a copy of another's. Answered by `Initialising` as it goes on, then by
    /// `Initialised`.
    Initialise {
        /// The other registry.
        from: PeerName,
        /// Also if what the other holds is itself in doubt.
        from_unproven: bool,
    },
    /// Do something to a server; passed on to its node.
    Command {
        /// Which.
        server: ServerId,
        /// What.
        verb: Verb,
    },
    /// Start an on-demand server because somebody resolves it; registry to node only.
    Activate {
        /// Which.
        server: ServerId,
    },
    /// The end of a server's output; passed on to its node.
    Logs {
        /// Which.
        server: ServerId,
        /// Standard error instead of standard output.
        stderr: bool,
        /// How many lines from the end.
        lines: u32,
    },
}

/// What can be done to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Start it, whatever its activation; ends back-off.
    Start,
    /// Stop it; it stays stopped until somebody starts it.
    Stop,
    /// Stop it if it runs, then start it.
    Restart,
    /// Let it run again.
    Enable,
    /// Keep it from being started by anybody; a running process is left alone.
    Disable,
}
impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Enable => "enable",
            Self::Disable => "disable",
        })
    }
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each answers the request of the same name")]
pub enum Response {
    Failed(Failure),
    Status(Box<StatusReport>),
    Peers(Vec<PeerRow>),
    Registry(Box<RegistryReport>),
    Nodes(Vec<NodeRow>),
    Applications(Vec<ApplicationReport>),
    Application(Box<Application>),
    Servers(Vec<ServerReport>),
    Resolved(Resolved),
    Happened(Box<Happening>),
    Plan(Box<Plan>),
    Applied(Box<AppliedReport>),
    /// How far an initialisation is; more follow.
    Initialising(InitialisingReport),
    Initialised(Box<InitialisedReport>),
    /// The command was carried out; how the server stands now.
    Commanded(Box<ServerReport>),
    Logs(LogReport),
}

/// A refusal or a failure, with what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what was tried and why it failed, without full stop.
    pub message: String,
    /// For people: what to do next; may be empty.
    pub hint: String,
    /// Where the master is, when that would have been the one to ask.
    pub master: Option<(PeerName, Address)>,
}

impl Failure {
    /// A failure with a hint.
    pub fn new(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
            master: None,
        }
    }
}

/// Kinds of failure; the command line's exit codes follow from them. Stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The request itself is wrong.
    Invalid,
    /// No such thing.
    NotFound,
    /// This registry is not the leading master.
    NotMaster,
    /// The thing moved, or the state does not allow it.
    Precondition,
    /// Known, but not to be had now.
    Unavailable,
    /// The deadline passed; nothing was changed.
    TimedOut,
    /// Stored, but not known to be on enough disks: retry with the same request id.
    InDoubt,
    /// Too much at once; come again.
    Overloaded,
    /// The epoch of the sender is lower than the one obeyed.
    StaleEpoch,
    /// Something broke on our side.
    Internal,
}
