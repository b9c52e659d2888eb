//! Finding things: what can be asked beside a single id, what a process registers at run time, and how changes are
//! followed.

use super::report::{ApplicationReport, NodeRow, RegistryRow, ServerReport, ServerState};
pub use crate::pure::locator::registration::{
    ENDPOINTS_MAX, REGISTRATIONS_MAX, Register, Registration, RegistrationRow, TTL_MAX, TTL_MIN,
};
pub use crate::pure::locator::{Location, Place};
use crate::pure::model::Balance;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Most ids that one `Locate` follows.
pub const LOCATE_IDS_MAX: usize = 1000;
/// Most rows of one answer to `Find`, and of one part of `Observe`.
pub const ROWS_MAX: usize = 1000;

/// Which objects of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choose {
    /// Any one that can be had; one that must be started first where none is active.
    #[default]
    Any,
    /// Every one that is active or can be started.
    All,
    /// The one on the least loaded node.
    LeastLoaded,
}

/// One object of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundRow {
    /// Its id.
    pub id: String,
    /// Where it is, best first; empty for one that must be started first: resolving it does.
    pub endpoints: Vec<String>,
}

/// Objects of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// One row for `Any` and `LeastLoaded`; in order of ids for `All`.
    pub objects: Vec<FoundRow>,
    /// There are more after the last one.
    pub more: bool,
    /// The version of the database that answered.
    pub version: String,
}

/// A registration that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The adapter.
    pub id: String,
    /// How long it holds without a renewal, in milliseconds.
    pub ttl_ms: u64,
    /// The registry that took it.
    pub registry: String,
    /// The version of the database that answered.
    pub version: String,
}

/// What kind of thing can be observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Subject {
    Registry,
    Node,
    Application,
    Server,
    Adapter,
    Group,
    Object,
}
impl Subject {
    /// All, in the order of a snapshot.
    pub const ALL: [Self; 7] = [
        Self::Registry,
        Self::Node,
        Self::Application,
        Self::Server,
        Self::Adapter,
        Self::Group,
        Self::Object,
    ];
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Node => "node",
            Self::Application => "application",
            Self::Server => "server",
            Self::Adapter => "adapter",
            Self::Group => "group",
            Self::Object => "object",
        }
    }
}
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl FromStr for Subject {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|subject| subject.as_str() == text);
        found.ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            format!("wants one of {all}")
        })
    }
}

/// One row of what is observed. In JSON the row alone: its `subject` stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Row {
    Registry(RegistryRow),
    Node(NodeRow),
    Application(ApplicationReport),
    Server(ServerReport),
    Adapter(AdapterRow),
    Group(GroupRow),
    Object(ObjectRow),
}
impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Binary readers must be told which row follows.
        macro_rules! rows {
            ($($number:literal $variant:ident),*) => {
                match self {
                    $(Self::$variant(row) if serializer.is_human_readable() => row.serialize(serializer),
                    Self::$variant(row) => {
                        serializer.serialize_newtype_variant("Row", $number, stringify!($variant), row)
                    })*
                }
            };
        }
        rows!(0 Registry, 1 Node, 2 Application, 3 Server, 4 Adapter, 5 Group, 6 Object)
    }
}

/// An adapter, deployed or registered at run time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterRow {
    /// Its id.
    pub id: String,
    /// Its server; empty for one that was registered at run time.
    pub server: String,
    /// Its server's node, likewise.
    pub node: String,
    /// Its server's application, likewise.
    pub application: String,
    /// Its group; empty without one.
    pub group: String,
    /// Its server's state; `active` for one that was registered.
    pub state: ServerState,
    /// Where it is while it is active.
    pub endpoints: Vec<String>,
    /// Who registered it; empty for a deployed one.
    pub registered_by: String,
}

/// A replica group, deployed or made by registrations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRow {
    /// Its id.
    pub id: String,
    /// Its application; empty where registrations made it.
    pub application: String,
    /// How members are chosen.
    pub balance: Balance,
    /// How many endpoints an answer holds; 0 = all.
    pub count: u32,
    /// Its members, adapters, in order of declaration.
    pub members: Vec<String>,
}

/// A well-known object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRow {
    /// Its id.
    pub id: String,
    /// Its type; may be empty.
    #[serde(rename = "type")]
    pub kind: String,
    /// The application that holds it; empty where it was added alone.
    pub application: String,
    /// The adapter that it lives in; empty for one of a group.
    pub adapter: String,
    /// The group that it lives in; empty for one of an adapter.
    pub group: String,
}

/// A server that Prometheus is to scrape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrapeTarget {
    /// The server.
    pub server: String,
    /// Its application.
    pub application: String,
    /// Its node.
    pub node: String,
    /// Its state.
    pub state: ServerState,
    /// Its endpoint, `http` or `https`.
    pub endpoint: String,
    /// The path there.
    pub path: String,
    /// The server's own labels.
    pub labels: BTreeMap<String, String>,
}

/// An update of a well-known object that was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectReport {
    /// The object.
    pub id: String,
    /// It is gone now.
    pub removed: bool,
    /// The version of the database now.
    pub version: String,
    /// How many registries have it on disk, the master included.
    pub copies: u64,
    /// As in `AppliedReport`.
    pub behind: Vec<String>,
}

/// A place in a registry's stream of changes, in text `r1-5a3f0c11-7.42`: the registry, its present start, the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Position {
    /// Names one start of one registry.
    pub stream: String,
    /// Counts its changes.
    pub sequence: u64,
}
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stream, self.sequence)
    }
}
impl FromStr for Position {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('.').filter(|(stream, sequence)| {
            let fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            let digits = !sequence.is_empty() && sequence.bytes().all(|byte| byte.is_ascii_digit());
            digits && (1..=80).contains(&stream.len()) && stream.bytes().all(fit)
        });
        let position = parts.and_then(|(stream, sequence)| {
            Some(Self {
                stream: stream.to_owned(),
                sequence: sequence.parse().ok()?,
            })
        });
        position.ok_or_else(|| "wants a position as an earlier answer gave it, such as r1-5a3f0c11-7.42".to_owned())
    }
}
impl TryFrom<String> for Position {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
impl From<Position> for String {
    fn from(position: Position) -> String {
        position.to_string()
    }
}

/// One thing that is new, different or gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChange {
    /// What kind of thing.
    pub subject: Subject,
    /// Which one.
    pub id: String,
    /// How it is now; `None`: it is gone.
    pub row: Option<Row>,
}

/// A part of what is observed. A snapshot comes in parts; then each part is a change of state, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Where to go on after this part. The parts of a snapshot but the last cannot be gone on from, and have none.
    pub position: Option<Position>,
    /// The rows belong to a snapshot: what the observer held before it is void with the first part, and with the last
    /// part it holds everything.
    pub snapshot: bool,
    /// This is the first part of a snapshot.
    pub first: bool,
    /// What is new, different or gone.
    pub changes: Vec<RowChange>,
    /// The version of the database.
    pub version: String,
}
