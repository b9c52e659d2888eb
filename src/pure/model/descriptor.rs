//! Applications as an operator writes them: TOML or JSON, see `config/shop.toml`.
//!
//! These types keep what was written; what it means is `expand`'s business, what it breaks `validate`'s.

use super::spec::Activation;
use crate::pure::base::{AdapterId, ApplicationName, GroupId, ObjectId, PeerName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One application, one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Its name, unique in the grid.
    #[serde(rename = "application")]
    pub name: ApplicationName,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Values for `${name}`; a node's own win over these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Replica groups.
    #[serde(default, rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// What each node runs, by the node's name. The node need not exist yet.
    #[serde(default, rename = "node", skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<PeerName, Node>,
}

/// What one node runs of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Values for `${name}` on this node.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Its servers.
    #[serde(default, rename = "server", skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<Server>,
}

/// One server: a process to run. Texts may hold `${variables}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its id, unique in the grid; may hold variables.
    pub id: String,
    /// Program and arguments; no shell is involved.
    pub run: Vec<String>,
    /// Who starts it. Default: manual.
    #[serde(default)]
    pub activation: Activation,
    /// When it counts as active. Default: as soon as it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// Environment variables beside those that floe sets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Working directory. Default: the server's own directory below the node's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// How long until it must be ready, as `"30s"`. Default 60 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_timeout: Option<String>,
    /// How long between SIGTERM and SIGKILL, as `"10s"`. Default 60 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deactivation_timeout: Option<String>,
    /// Ports by name for `${port.NAME}`; 0 lets the node choose. A port that is not listed is chosen by the node.
    #[serde(default, rename = "port", skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, u16>,
    /// What it offers.
    #[serde(default, rename = "adapter", skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<Adapter>,
    /// Well-known objects that live in it.
    #[serde(default, rename = "object", skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
}

/// Readiness as written: exactly one of the fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// Ready when a connection to this adapter's endpoint is accepted.
    pub tcp: String,
}

/// A named set of endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// Its name within the server.
    pub name: String,
    /// Its id, unique in the grid. Default: `SERVER.NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The replica group that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its endpoint, a URI; may hold `${node.host}` and `${port.NAME}`.
    pub endpoint: String,
    /// For `balance = "ordered"`: smaller first. Default 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i32,
}

/// A replica group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its id, unique in the grid together with adapter ids.
    pub id: GroupId,
    /// How members are chosen. Default: random.
    #[serde(default)]
    pub balance: Balance,
    /// How many endpoints an answer holds; 0 = all. Default 1.
    #[serde(default = "one")]
    pub count: u32,
    /// Well-known objects that every member offers.
    #[serde(default, rename = "object", skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
}

/// How a group's members are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// Any.
    #[default]
    Random,
    /// Each in turn.
    RoundRobin,
    /// By priority, smallest first.
    Ordered,
    /// The least loaded nodes first.
    Adaptive,
}

/// A well-known object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Its id, unique in the grid.
    pub id: String,
    /// Its type, for queries by type.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The adapter of the server that it lives in. Default: the server's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
}

/// Where a well-known object lives, after expansion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRecord {
    /// Its id.
    pub id: ObjectId,
    /// Its type; may be empty.
    pub kind: String,
    /// The adapter or group whose endpoints it has.
    pub home: ObjectHome,
}

/// What an object's endpoints are taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectHome {
    /// One adapter.
    Adapter(AdapterId),
    /// Any member of a group.
    Group(GroupId),
}

fn one() -> u32 {
    1
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}
