//! What is told to people and programs: the rows behind every table and every `--format json`. Field names are a promise
//! to scripts (design, section 10): more may come, none of these goes.

use super::update::Affected;
use crate::pure::base::{DatabaseId, ServerId, WallTime};
use crate::pure::lineage::{Epoch, Version};
use crate::pure::membership::PeerKind;
use crate::pure::model::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use super::promotion::{PromotionReport, StandingRow, relation_text};
pub use crate::pure::locator::{Load, ResolvedKind, load};
pub use crate::pure::supervisor::report::{ServerReport, ServerState};

/// The whole grid in one page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The grid's name.
    pub grid: String,
    /// Which registry answers.
    pub answered_by: String,
    /// The leading master, or null.
    pub master: Option<MasterReport>,
    /// All registries known.
    pub registries: Vec<RegistryRow>,
    /// All nodes known.
    pub nodes: Vec<NodeRow>,
    /// What an operator should look at, each with the next step.
    pub warnings: Vec<String>,
}

/// The leading master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterReport {
    /// Its name.
    pub name: String,
    /// The number of its epoch.
    pub epoch: u64,
    /// The end of its log, as `4.93`.
    pub version: String,
    /// `leading`.
    pub standing: String,
}

/// One registry among all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryRow {
    /// Its name.
    pub name: String,
    /// `master` or `replica`; empty when it was never heard.
    pub role: String,
    /// What it may do now; `unreachable` when nothing is heard of it.
    pub standing: String,
    /// The end of its log, as last heard.
    pub version: String,
    /// Entries that it lacks, where the master is known.
    pub behind: u64,
    /// Its control address.
    pub address: String,
    /// Why it stands as it does; empty when all is well.
    pub reason: String,
}

/// One node among all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    /// Its name.
    pub name: String,
    /// `up` or `down`, as the answering registry sees it.
    pub state: String,
    /// Its control address.
    pub address: String,
    /// The epoch that it obeys.
    pub obeys_epoch: u64,
    /// The version of the database whose slice it runs.
    pub applied: String,
    /// Servers that are active.
    pub servers_active: u64,
    /// Servers that it has.
    pub servers_total: u64,
    /// Load average of one minute, times its load factor.
    pub load: Load,
    /// It starts nothing.
    #[serde(default)]
    pub drained: bool,
}

/// One peer in gossip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRow {
    /// Its name.
    pub name: String,
    /// Registry or node.
    pub kind: PeerKind,
    /// `alive` or `unreachable`.
    pub state: String,
    /// Control and gossip address.
    pub address: String,
    /// HTTP address; empty when it serves none.
    pub http: String,
    /// Of what it holds or has applied.
    pub version: String,
}

/// One registry in detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryReport {
    /// Its name.
    pub name: String,
    /// `master` or `replica`.
    pub role: String,
    /// Where the role comes from: `file`, or `command` (an order that came after the file's last change).
    pub role_source: String,
    /// What it may do now.
    pub standing: String,
    /// Why.
    pub reason: String,
    /// The epoch number that it promised to obey.
    pub epoch: u64,
    /// The end of its log.
    pub version: String,
    /// The chained digest there.
    pub digest: String,
    /// The serial there.
    pub serial: u64,
    /// The first entry still in the log.
    pub log_first: u64,
    /// The database's id; empty before there is one.
    pub database: String,
    /// Who follows, when it leads.
    pub followers: Vec<FollowerRow>,
    /// The other registries and how their logs stand to this one's.
    #[serde(default)]
    pub others: Vec<StandingRow>,
    /// Why it does not count as a proof that nothing is missing; empty when it does.
    #[serde(default)]
    pub unproven: String,
}

/// One follower of the leading master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowerRow {
    /// Its name.
    pub name: String,
    /// What it has on disk.
    pub version: String,
    /// Entries that it lacks.
    pub behind: u64,
}

/// A node's own word about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// The epoch that it obeys.
    pub obeys: Epoch,
    /// The version of the slice that it runs; `None` before the first.
    pub applied: Option<Version>,
    /// The database that its slice is of; `None` before the first.
    #[serde(default)]
    pub database: Option<DatabaseId>,
    /// Changes came that do not fit the slice that it runs: it waits for a whole one.
    #[serde(default)]
    pub unfit: bool,
    /// Servers that wait until another node has stopped them.
    #[serde(default)]
    pub held: Vec<ServerId>,
    /// Servers that it goes on with although its slice neither lists nor removes them.
    #[serde(default)]
    pub kept: Vec<ServerId>,
    /// Load average of one minute, times its load factor.
    pub load: Load,
    /// What `${node.host}` gives.
    pub host: String,
    /// Load averages of five and of fifteen minutes, likewise.
    #[serde(default)]
    pub load_longer: (Load, Load),
    /// It starts nothing.
    #[serde(default)]
    pub drained: bool,
    /// For people and programs.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What bounds its servers, and what finds their leftovers, in one line.
    #[serde(default)]
    pub means: String,
}

/// One application among all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationReport {
    /// Its name.
    pub name: String,
    /// Counts its updates.
    pub revision: u64,
    /// How many servers it has.
    pub servers: u64,
    /// The version of the database that its last update made.
    pub version: String,
    /// When that was.
    pub time: WallTime,
    /// Who did it.
    pub actor: String,
}

/// An update that was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedReport {
    /// The application.
    pub application: String,
    /// Its revision now.
    pub revision: u64,
    /// The version of the database now.
    pub version: String,
    /// How many registries have it on disk, the master included.
    pub copies: u64,
    /// Replicas that were attached when it was stored, or are now, and were too late to be counted.
    pub behind: Vec<String>,
    /// What changed.
    pub plan: Plan,
    /// The revision whose content it repeats, when it was a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_to: Option<u64>,
    /// The revision that was in force before; `None` when there was none, or a retry is answered.
    #[serde(default)]
    pub replaces: Option<u64>,
    /// Servers that ran when it was stored, and are restarted, moved or removed by it.
    #[serde(default)]
    pub affected: Affected,
    /// Nodes with a part in it that were not in reach: they get it when they return.
    #[serde(default)]
    pub absent: Vec<String>,
}

/// How far an initialisation is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialisingReport {
    /// `asking`, `copying`, `keeping` or `replacing`.
    pub step: String,
    /// Bytes that have come.
    pub done: u64,
    /// Bytes in all; 0 while that is not known.
    pub total: u64,
}

/// A registry that was initialised from another, or need not be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialisedReport {
    /// The registry.
    pub registry: String,
    /// From whom.
    pub source: String,
    /// How the source's log stood to the own one: `same`, `older`, `newer`, `diverged`, `foreign`, `corrupt`.
    pub relation: String,
    /// False: the own log holds everything that the source's does, so nothing was changed.
    pub replaced: bool,
    /// The end of the own log before.
    pub before: String,
    /// The end of the own log now.
    pub version: String,
    /// How many updates only the own log had.
    pub surplus: u64,
    /// Where they were written to; empty when there were none.
    pub surplus_file: String,
    /// Where the old database is kept; empty when there was none.
    pub kept_file: String,
    /// Its size, in bytes.
    pub kept_bytes: u64,
    /// Bytes of all kept databases of this registry: they are never deleted by floe.
    pub kept_bytes_total: u64,
    /// Why the registry does not count as a proof now; empty when it does.
    pub unproven: String,
    /// The next step, for people.
    pub next: String,
}

/// Where something is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// What was asked for.
    pub id: String,
    /// What it is.
    pub kind: ResolvedKind,
    /// Where it is, best first.
    pub endpoints: Vec<String>,
    /// The version of the database that answered.
    pub version: String,
}

/// The end of a server's output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReport {
    /// The file on the node.
    pub file: String,
    /// Its last lines; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// Where to read on.
    #[serde(default)]
    pub next: LogPosition,
    /// Where the file ended when this was read.
    #[serde(default)]
    pub end: LogPosition,
    /// There was more to read than an answer holds: ask again from `next`.
    #[serde(default)]
    pub more: bool,
    /// Bytes between the position that was asked for and the first of the text, which are kept no longer.
    #[serde(default)]
    pub missed: u64,
}

/// A place in a log file that stays the same place when the file is rotated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// Which file, as its file system numbers it.
    pub file: u64,
    /// Bytes before it since the file was begun, those that were rotated away included.
    pub offset: u64,
}

/// What the run of a server uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageReport {
    /// The server.
    pub id: ServerId,
    /// The leader of its process group.
    pub pid: u32,
    /// When it started.
    pub started: WallTime,
    /// Processor time so far; with control groups also of processes that have ended.
    pub cpu_seconds: f64,
    /// Share of one processor since somebody last looked, in percent; null for the first look.
    pub cpu_percent: Option<f64>,
    /// Memory that is in RAM; what processes share counts for each of them.
    pub memory_bytes: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Processes.
    pub processes: u64,
    /// Threads, at least one a process.
    pub tasks: u64,
}

/// Something that happened, for `floe events`, the log and the metrics: each state change has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When, for people.
    pub time: WallTime,
    /// What kind of thing: `registry`, `node`, `server`, `application`, `peer`.
    pub subject: String,
    /// Which one.
    pub name: String,
    /// What it is now: `leading`, `up`, `active`, `applied`, ...
    pub state: String,
    /// Why, for people; may be empty.
    pub reason: String,
    /// The version of the database, where one changed.
    pub version: Option<String>,
}
