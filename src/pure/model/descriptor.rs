//! Applications as an operator writes them: TOML or JSON, see `config/shop.toml`.
//!
//! These types keep what was written; what it means is `expand`'s business, what it breaks `validate`'s.

use super::spec::Activation;
use crate::pure::base::{AdapterId, ApplicationName, GroupId, ObjectId, PeerName, ServerId};
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
    /// Values for `${name}`; a node's own win over these, a template's parameters over both.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Named sets of properties that servers write into their files, by name.
    #[serde(default, rename = "properties", skip_serializing_if = "BTreeMap::is_empty")]
    pub property_sets: BTreeMap<String, PropertySet>,
    /// Servers with holes, by name.
    #[serde(default, rename = "template", skip_serializing_if = "BTreeMap::is_empty")]
    pub templates: BTreeMap<String, Server>,
    /// Replica groups.
    #[serde(default, rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// What each node runs, by the node's name. The node need not exist yet.
    #[serde(default, rename = "node", skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<PeerName, Node>,
    /// Parts that are chosen when the file is read, by name. None is left in what is stored.
    #[serde(default, rename = "target", skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, Target>,
}

impl Application {
    /// An application without anything in it.
    pub fn new(name: ApplicationName) -> Self {
        Self {
            name,
            description: String::new(),
            variables: BTreeMap::new(),
            property_sets: BTreeMap::new(),
            templates: BTreeMap::new(),
            groups: Vec::new(),
            nodes: BTreeMap::new(),
            targets: BTreeMap::new(),
        }
    }
}

/// What is laid over the application when the target is chosen: variables and sets replace those of their name, groups and
/// servers those of their id where they are, field by field; the rest is added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// As in the application.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// As in the application.
    #[serde(default, rename = "properties", skip_serializing_if = "BTreeMap::is_empty")]
    pub property_sets: BTreeMap<String, PropertySet>,
    /// As in the application.
    #[serde(default, rename = "template", skip_serializing_if = "BTreeMap::is_empty")]
    pub templates: BTreeMap<String, Server>,
    /// As in the application; of a group that is there already, only what is named changes.
    #[serde(default, rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<TargetGroup>,
    /// As in the application.
    #[serde(default, rename = "node", skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<PeerName, Node>,
}

/// A named set of properties, or what one file of a server holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropertySet {
    /// Sets that it starts from, in order: a later one wins. Circles are refused; one set may be reached in two ways.
    #[serde(default, rename = "use", skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
    /// Its own properties, which win over those.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
}

/// What one node runs of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Values for `${name}` on this node.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Property sets of this node, which win over the application's of their name.
    #[serde(default, rename = "properties", skip_serializing_if = "BTreeMap::is_empty")]
    pub property_sets: BTreeMap<String, PropertySet>,
    /// Its servers.
    #[serde(default, rename = "server", skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<Server>,
}

/// One server: a process to run; or a template of servers. Texts may hold `${variables}`.
///
/// A server of a template has the template's fields where it names none itself; of maps (environment, ports, logs, labels,
/// attributes, `set`), `limits` and `output` each key by itself; adapters, objects, allocatables and files are the template's,
/// then its own, those of one name or id laid over each other by the same rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its id, unique in the grid; may hold variables. Empty where the template gives it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The template that it is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Values for the template's parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    /// In a template only: its parameters by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Parameter>,
    /// Program and arguments; no shell is involved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
    /// Who starts it. Default: manual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// When it counts as active. Default: as soon as it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// Environment variables beside those that floe sets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Working directory. Default: the server's own directory below the node's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The user that it runs as. Default: the node's own, or the one that the node's configuration names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// A command that stops it. Default: `stop_signal`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// The signal that stops it, as `"SIGQUIT"`. Default SIGTERM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// The signal that tells it that its files have changed, as `"SIGHUP"`. Default: none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload_signal: Option<String>,
    /// How long until it must be ready, as `"30s"`. Default 60 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_timeout: Option<String>,
    /// How long between SIGTERM and SIGKILL, as `"10s"`. Default 60 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deactivation_timeout: Option<String>,
    /// When it is disabled because it fails. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_after: Option<DisableAfter>,
    /// Ports by name for `${port.NAME}`; 0 lets the node choose. A port that is not listed is chosen by the node.
    #[serde(default, rename = "port", skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, u16>,
    /// How much of its output is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// Log files that it writes itself and that people may read, by name.
    #[serde(default, rename = "log", skip_serializing_if = "BTreeMap::is_empty")]
    pub logs: BTreeMap<String, String>,
    /// For people and programs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Where Prometheus scrapes it. Default: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Scrape>,
    /// The first of its allocatables that a session takes claims the whole server. Default: only with `session` activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive: Option<bool>,
    /// Files that the node writes into `${server.config}` before it starts.
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    /// What it offers.
    #[serde(default, rename = "adapter", skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<Adapter>,
    /// Well-known objects that live in it.
    #[serde(default, rename = "object", skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
    /// Objects that one session at a time may hold.
    #[serde(default, rename = "allocatable", skip_serializing_if = "Vec::is_empty")]
    pub allocatables: Vec<Allocatable>,
}

/// A parameter of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its value where a server gives none; without it, every server must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// Readiness as written: exactly one of the fields, but `path` goes with `http`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// Ready when a connection to this adapter's endpoint is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// Ready when a GET at this adapter's endpoint is answered by a status from 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// The path of that GET. Default `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Ready when it says so itself (sd_notify).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<bool>,
    /// Ready when it has run this long, as `"500ms"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What a server may use, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Processors, as `"1.5"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Memory, as `"512MiB"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Open descriptors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Processes and threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u64>,
}

/// Where Prometheus scrapes a server, as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scrape {
    /// The adapter, by name; its endpoint is `http` or `https`.
    pub adapter: String,
    /// The path. Default `/metrics`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// When a failing server is disabled, as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisableAfter {
    /// After so many failures in a row, at least 1.
    pub failures: u32,
    /// For how long, as `"10m"`. Default: until an operator enables or starts it.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
}

/// How much of a server's output is kept, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// A file that is larger is rotated, as `"16MiB"`, the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate: Option<String>,
    /// How many rotated files are kept. Default 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
}

/// A file that the node writes for a server: one `key=value` a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its name, without a folder; the file is `${server.config}/NAME`.
    pub name: String,
    /// Property sets that it starts from, in order: a later one wins.
    #[serde(default, rename = "use", skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
    /// Its own properties, which win over those.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
}

/// An object that one session at a time may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allocatable {
    /// Its id, unique in the grid; an ordinary object of the same server and adapter may have the same.
    pub id: String,
    /// Its type, for allocation by type.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The adapter of the server that it lives in. Default: the server's first; none where the server has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// What allocators may look at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
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
    /// Its endpoint, a URI; may hold `${node.host}` and `${port.NAME}`. Empty only where a template gives it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    /// For `balance = "ordered"`: smaller first. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
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

impl Group {
    /// A group with the defaults.
    pub fn new(id: GroupId) -> Self {
        Self {
            id,
            balance: Balance::default(),
            count: one(),
            objects: Vec::new(),
        }
    }
}

/// A replica group in a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetGroup {
    /// Its id.
    pub id: GroupId,
    /// As in a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Balance>,
    /// As in a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// As in a group; laid over the group's by id.
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

/// An object that one session at a time may hold, after expansion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocatableRecord {
    /// Its id.
    pub id: ObjectId,
    /// Its type; may be empty.
    pub kind: String,
    /// What allocators may look at.
    pub attributes: BTreeMap<String, String>,
    /// The server that it lives in.
    pub server: ServerId,
    /// The adapter whose endpoint it has; `None` where the server offers none.
    pub home: Option<AdapterId>,
}

fn one() -> u32 {
    1
}
