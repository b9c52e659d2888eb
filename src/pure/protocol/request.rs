//! Client to peer: what can be asked, and what comes back. The command line, HTTP and the library share it.

use super::allocation::{Allocate, DecisionReport, LeaseReport, QueueReport, SessionReport};
use super::content::{ContentKind, ContentPart, LogPart, LogSummary};
use super::history::RevisionRow;
use super::locate::{
    AdapterRow, Choose, Found, Location, ObjectReport, ObjectRow, Observed, Position, Register, Registered,
    ScrapeTarget, Subject,
};
use super::node::{ExplainReport, NodeDetail};
use super::report::{
    ApplicationReport, AppliedReport, Happening, InitialisedReport, InitialisingReport, LogPosition, LogReport,
    NodeRow, PeerRow, PromotionReport, RegistryReport, Resolved, ServerReport, StatusReport, UsageReport,
};
use super::update::{Change, Conditions, Forecast, Outcome, VersionText};
use crate::pure::allocation::{PluginReport, SessionId, Tenure, Token, Wish};
use crate::pure::base::{
    AdapterId, Address, ApplicationName, ObjectId, PeerName, RegistrantId, RequestId, Secret, ServerId, Signal,
};
use crate::pure::lineage::Serial;
use crate::pure::model::{Application, ObjectRecord, Plan};
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
        /// Answer only from a database that holds at least this version.
        at_least: Option<VersionText>,
        /// How many endpoints, instead of as the group says; 0 = all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
    },
    /// Which objects of a type are there? Starts an on-demand server where one object is wanted and none is active.
    Find {
        /// The type.
        kind: String,
        /// Which of them.
        choose: Choose,
        /// For `All`: only those after this id.
        after: Option<String>,
        /// As for `Resolve`.
        at_least: Option<VersionText>,
    },
    /// Tell how these ids stand, and again whenever that changes, for ever. Starts nothing.
    Locate {
        /// At most [`LOCATE_IDS_MAX`](super::locate::LOCATE_IDS_MAX).
        ids: Vec<String>,
    },
    /// Tell everything of these kinds, then what changes, for ever.
    Observe {
        /// Which kinds; empty: all.
        subjects: Vec<Subject>,
        /// Only what changed after this position, where the answering registry still knows that.
        after: Option<Position>,
    },
    /// All adapters, or some, deployed and registered, in parts.
    Adapters {
        /// This adapter, or the members of this group; `None`: all.
        id: Option<String>,
        /// Only those after this one.
        after: Option<String>,
    },
    /// All well-known objects, in parts of at most [`ROWS_MAX`](super::locate::ROWS_MAX), in order of ids.
    Objects {
        /// Only of this type.
        kind: Option<String>,
        /// Only those after this id.
        after: Option<String>,
    },
    /// Which servers Prometheus is to scrape.
    ScrapeTargets,
    /// Add a well-known object that no application holds, or change it.
    PutObject {
        /// The object.
        object: ObjectRecord,
        /// A retry carries the same.
        request: RequestId,
    },
    /// Remove a well-known object that no application holds.
    RemoveObject {
        /// Its id.
        id: ObjectId,
        /// A retry carries the same.
        request: RequestId,
    },
    /// Put endpoints in for a time to live. Any registry takes it, with or without a master.
    Register(Box<Register>),
    /// Take a registration back before its time.
    Unregister {
        /// The adapter.
        adapter: AdapterId,
        /// Whose it is; `None`: an operator takes it from whoever has it.
        registrant: Option<RegistrantId>,
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
    /// The revisions of an application that are kept, newest first.
    History {
        /// Its name.
        name: ApplicationName,
    },
    /// An application as it was written once.
    Revision {
        /// Its name.
        name: ApplicationName,
        /// Which revision.
        revision: u64,
    },
    /// What a rollback would change.
    PlanRollback {
        /// Its name.
        name: ApplicationName,
        /// To which revision; `None`: the one before, or the last one of a removed application.
        to: Option<u64>,
    },
    /// Deploy an earlier revision's content as a new revision.
    Rollback {
        /// Its name.
        name: ApplicationName,
        /// As for `PlanRollback`.
        to: Option<u64>,
        /// As for `Apply`.
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
    /// Make the answering registry the master. Answered after the survey, and again when it is done.
    Promote {
        /// Only say what would come of it.
        dry_run: bool,
        /// Although a silent registry was ahead when it was last heard.
        accept_loss: bool,
        /// Although a registry that answers is ahead or diverged, or the master does not hand over.
        force: bool,
    },
    /// Make the answering registry a replica.
    Demote {
        /// Also when it leads: nobody does then.
        force: bool,
    },
    /// Let the answering registry lead although too few others are in sight, until it stops.
    LeadAlone,
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
    /// Start an on-demand server, or a session's, because somebody resolves it; registry to node only.
    Activate {
        /// Which.
        server: ServerId,
        /// The session that has it, as the registry knows: nothing is started for an earlier one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tenure: Option<Tenure>,
    },
    /// What a server uses now; passed on to its node.
    Usage {
        /// Which.
        server: ServerId,
    },
    /// The end of a server's output or of a log file that it declares, or what follows a position; passed on to its node.
    Logs {
        /// Which.
        server: ServerId,
        /// Standard error instead of standard output.
        stderr: bool,
        /// How many lines from the end.
        lines: u32,
        /// A log file that the server declares, by name, instead of either.
        #[serde(default)]
        file: Option<String>,
        /// From there on instead of from the end.
        #[serde(default)]
        at: Option<LogPosition>,
    },
    /// The answering registry's log as a whole, whatever its standing.
    LogSummary,
    /// Log entries after a serial, as rows, in parts: empty when the next one is kept no longer.
    LogRows {
        /// The serial before the first.
        after: Serial,
    },
    /// What the database holds, as rows, in parts.
    Contents {
        /// The last row of the part before; `None` for the first part.
        after: Option<(ContentKind, String)>,
    },
    /// An update on conditions.
    Update {
        /// What it does.
        change: Change,
        /// What must hold.
        conditions: Conditions,
        /// A retry carries the same.
        request: RequestId,
    },
    /// What an update would do, also to servers that run now.
    Forecast {
        /// The update.
        change: Change,
    },
    /// How far the nodes are with an update that was acknowledged.
    Outcome {
        /// The application.
        application: ApplicationName,
        /// The update's entry.
        serial: Serial,
        /// Servers that ran before it and are to run again after it, whatever their activation.
        running: Vec<ServerId>,
    },
    /// Why a server stands as it does; passed on to its node.
    Explain {
        /// Which.
        server: ServerId,
        /// How many lines of its standard error.
        lines: u32,
    },
    /// One node in detail; passed on to it.
    Node {
        /// Which.
        name: PeerName,
    },
    /// Let a node start nothing any more; passed on to it.
    Drain {
        /// Which.
        node: PeerName,
        /// What runs goes on; else it is stopped.
        keep_running: bool,
    },
    /// Let a node start servers again; passed on to it.
    Undrain {
        /// Which.
        node: PeerName,
    },
    /// End a node's daemon; passed on to it.
    StopNode {
        /// Which.
        node: PeerName,
        /// Its servers are stopped first; `None`: as its configuration says.
        stop_servers: Option<bool>,
    },
    /// Open a session, or find it open.
    OpenSession {
        /// Drawn by the client, told to nobody else.
        secret: Secret,
        /// For people.
        name: String,
        /// How long it lives without a renewal, in milliseconds.
        ttl_ms: u64,
    },
    /// Let a session live on.
    RenewSession {
        /// Its secret.
        secret: Secret,
    },
    /// End a session: what it holds is free.
    CloseSession {
        /// Its secret.
        secret: Secret,
    },
    /// An operator ends a session.
    EndSession {
        /// Which.
        id: SessionId,
    },
    /// All sessions, in parts of at most [`ROWS_MAX`](super::locate::ROWS_MAX), in order of ids.
    Sessions {
        /// Only those after this one.
        after: Option<SessionId>,
    },
    /// All leases, in such parts, in order of resources.
    Leases {
        /// Only those after this resource.
        after: Option<String>,
    },
    /// A resource for a session, now or when it is free.
    Allocate(Box<Allocate>),
    /// A request for a resource waits no longer.
    Withdraw {
        /// Its session's secret.
        secret: Secret,
        /// Which.
        request: RequestId,
    },
    /// A resource is free again.
    Release {
        /// Its holder's secret.
        secret: Secret,
        /// The resource.
        resource: ObjectId,
        /// Only if this is the lease's token.
        token: Option<Token>,
    },
    /// What a new session would be given, and why; nothing is given.
    Probe {
        /// What is wanted.
        wish: Wish,
    },
    /// Why a lease was given.
    ExplainLease {
        /// The resource that is held.
        resource: ObjectId,
    },
    /// The allocators that this registry loaded.
    Plugins,
    /// Load allocators anew, of this registry.
    ReloadPlugins {
        /// Only this one.
        name: Option<String>,
    },
}

impl Request {
    /// Does it change the database? Then sent twice it is applied once: it carries a request id, or what it does is done.
    pub fn is_update(&self) -> bool {
        matches!(
            self,
            Self::Apply { .. }
                | Self::Rollback { .. }
                | Self::Remove { .. }
                | Self::RemoveAt { .. }
                | Self::Update { .. }
                | Self::PutObject { .. }
                | Self::RemoveObject { .. }
                | Self::OpenSession { .. }
                | Self::CloseSession { .. }
                | Self::EndSession { .. }
                | Self::Allocate(_)
                | Self::Withdraw { .. }
                | Self::Release { .. }
        )
    }
    /// Does it order a node to do something? It may take effect more often when it is sent twice.
    pub fn is_command(&self) -> bool {
        matches!(
            self,
            Self::Command { .. } | Self::Drain { .. } | Self::Undrain { .. } | Self::StopNode { .. }
        )
    }
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
    /// Send a signal to its process.
    Signal(Signal),
}
impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Signal(signal) => return f.pad(&format!("signal {signal}")),
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
    History(Vec<RevisionRow>),
    Servers(Vec<ServerReport>),
    Resolved(Resolved),
    Found(Found),
    /// Of `Locate`: those that changed.
    Located(Vec<Location>),
    Observed(Observed),
    /// Of `Adapters`; whether there are more.
    Adapters(Vec<AdapterRow>, bool),
    /// Of `Objects`; whether there are more.
    Objects(Vec<ObjectRow>, bool),
    ScrapeTargets(Vec<ScrapeTarget>),
    ObjectStored(ObjectReport),
    Registered(Registered),
    /// Of `Unregister`; false: there was none.
    Unregistered(bool),
    Happened(Box<Happening>),
    Plan(Box<Plan>),
    Applied(Box<AppliedReport>),
    /// How far an initialisation is; more follow.
    Initialising(InitialisingReport),
    Initialised(Box<InitialisedReport>),
    /// The command was carried out; how the server stands now.
    Commanded(Box<ServerReport>),
    Logs(LogReport),
    Usage(Box<UsageReport>),
    /// Of `Promote`.
    Promotion(Box<PromotionReport>),
    LogSummary(Box<LogSummary>),
    LogRows(LogPart),
    Contents(ContentPart),
    Forecast(Box<Forecast>),
    Outcome(Box<Outcome>),
    Explained(Box<ExplainReport>),
    /// Of `Node`, and of every order to a node: how it stands now.
    Node(Box<NodeDetail>),
    /// Of `OpenSession`, `RenewSession`, and, as it was, of `CloseSession` and `EndSession`.
    Session(Box<SessionReport>),
    /// Of `Sessions`; whether there are more.
    Sessions(Vec<SessionReport>, bool),
    /// Of `Leases`; whether there are more.
    Leases(Vec<LeaseReport>, bool),
    /// Of `Allocate`: it is the session's.
    Allocated(Box<LeaseReport>),
    /// Of `Allocate`: it still waits, and keeps its place when it is sent again.
    Queued(QueueReport),
    /// Of `Withdraw`; false: it did not wait any more.
    Withdrawn(bool),
    /// Of `Release`: the lease as it was.
    Released(Box<LeaseReport>),
    /// Of `Probe` and `ExplainLease`.
    Decision(Box<DecisionReport>),
    /// Of `Plugins`, and of `ReloadPlugins` as it begins.
    Plugins(Vec<PluginReport>),
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
    /// The registry is under review and changes nothing.
    Reviewing,
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
