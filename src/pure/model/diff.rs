//! Two deployments of one application compared: what an update changes, and what it does to running servers.

use super::descriptor::{Group, ObjectHome, ObjectRecord};
use super::expand::Expansion;
use super::spec::ServerSpec;
use super::validate::shown;
use crate::pure::base::{GroupId, ObjectId, PeerName, ServerId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// Most lines of details; the rest is counted. With short values, a plan fits into a frame.
pub const DETAILS_MAX: usize = 1000;
/// Longest value shown in a line of details, in characters.
const VALUE_CHARS_MAX: usize = 160;

/// What an update changes. All lists are sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Servers that come.
    pub added: Vec<ServerId>,
    /// Servers that go: stopped, then deleted.
    pub removed: Vec<ServerId>,
    /// Servers that are stopped and started again if they run.
    pub restarted: Vec<ServerId>,
    /// Those of the restarted ones that move: they are stopped on one node before they start on another.
    #[serde(default)]
    pub moved: Vec<ServerId>,
    /// Servers that change without a restart.
    pub changed: Vec<ServerId>,
    /// Servers that stay as they are.
    pub unchanged: Vec<ServerId>,
    /// What changes in words, one line each: for `floe app diff`.
    pub details: Vec<String>,
}

/// One side of a comparison: what an application holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View<'a> {
    /// Servers with their nodes.
    pub servers: BTreeMap<&'a ServerId, (&'a PeerName, &'a ServerSpec)>,
    /// Groups.
    pub groups: BTreeMap<&'a GroupId, &'a Group>,
    /// Objects.
    pub objects: BTreeMap<&'a ObjectId, &'a ObjectRecord>,
}
impl<'a> View<'a> {
    /// Of an application that may come.
    pub fn of_expansion(expansion: &'a Expansion) -> Self {
        Self {
            servers: expansion
                .servers
                .iter()
                .map(|(node, spec)| (&spec.id, (node, spec)))
                .collect(),
            groups: expansion.groups.iter().map(|group| (&group.id, group)).collect(),
            objects: expansion.objects.iter().map(|object| (&object.id, object)).collect(),
        }
    }
}

/// What leads from one side to the other.
pub fn diff(before: &View<'_>, after: &View<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut details = Details::default();
    let ids: BTreeSet<&ServerId> = before.servers.keys().chain(after.servers.keys()).copied().collect();
    for id in ids {
        details.subject = format!("server {id}");
        let list = match (before.servers.get(id), after.servers.get(id)) {
            (None, Some((node, _))) => {
                details.line(&format!("added on node {node}"));
                &mut plan.added
            }
            (Some((node, _)), None) => {
                details.line(&format!("removed from node {node}"));
                &mut plan.removed
            }
            (Some(old), Some(new)) => {
                if old.0 != new.0 {
                    plan.moved.push(id.clone());
                }
                match compare_servers(*old, *new, &mut details) {
                    Effect::Restart => &mut plan.restarted,
                    Effect::Change => &mut plan.changed,
                    Effect::None => &mut plan.unchanged,
                }
            }
            (None, None) => continue,
        };
        list.push(id.clone());
    }
    compare_maps("group", &before.groups, &after.groups, &mut details, compare_groups);
    compare_maps("object", &before.objects, &after.objects, &mut details, compare_objects);
    plan.details = details.finish();
    plan
}

/// What a difference does to a running server; the greater one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    None,
    Change,
    Restart,
}

fn compare_servers(
    (old_node, old): (&PeerName, &ServerSpec),
    (new_node, new): (&PeerName, &ServerSpec),
    details: &mut Details,
) -> Effect {
    let endpoints = |spec: &ServerSpec| -> BTreeMap<String, String> {
        let pairs = spec
            .adapters
            .iter()
            .map(|adapter| (adapter.name.clone(), adapter.endpoint.clone()));
        pairs.collect()
    };
    let files = |spec: &ServerSpec| -> BTreeMap<String, BTreeMap<String, String>> {
        let pairs = spec
            .files
            .iter()
            .map(|file| (file.name.clone(), file.properties.clone()));
        pairs.collect()
    };
    let restarts = [
        details.field("node", old_node, new_node),
        details.field("run", &old.run, &new.run),
        details.map("environment", &old.environment, &new.environment),
        details.field("directory", &old.directory, &new.directory),
        details.map("port", &old.ports, &new.ports),
        details.field("user", &old.user, &new.user),
        details.field("limits", &old.limits, &new.limits),
        details.field("ready", &old.ready, &new.ready),
        details.map("endpoint", &endpoints(old), &endpoints(new)),
        compare_adapter_ids(old, new, details),
    ];
    let changes = [
        details.field("activation", &old.activation, &new.activation),
        details.field("activation_timeout", &old.activation_timeout, &new.activation_timeout),
        details.field(
            "deactivation_timeout",
            &old.deactivation_timeout,
            &new.deactivation_timeout,
        ),
        details.field("stop", &old.stop, &new.stop),
        details.field("reload", &old.reload, &new.reload),
        details.field("output", &old.output, &new.output),
        details.map("log", &old.logs, &new.logs),
        details.map("file", &files(old), &files(new)),
        details.field("disable_after", &old.disable_after, &new.disable_after),
        details.map("label", &old.labels, &new.labels),
        details.field("exclusive", &old.exclusive, &new.exclusive),
        compare_adapters(old, new, details),
    ];
    if restarts.contains(&true) {
        Effect::Restart
    } else if changes.contains(&true) || old != new {
        Effect::Change
    } else {
        Effect::None
    }
}

/// A process is told the ids of its adapters when it starts.
fn compare_adapter_ids(old: &ServerSpec, new: &ServerSpec, details: &mut Details) -> bool {
    let mut any = false;
    for after in &new.adapters {
        if let Some(before) = old.adapters.iter().find(|adapter| adapter.name == after.name) {
            any |= details.field(&format!("adapter {} id", after.name), &before.id, &after.id);
        }
    }
    any
}

/// What adapters of the same name differ in beside their endpoints and ids.
fn compare_adapters(old: &ServerSpec, new: &ServerSpec, details: &mut Details) -> bool {
    let mut any = false;
    for after in &new.adapters {
        let Some(before) = old.adapters.iter().find(|adapter| adapter.name == after.name) else {
            continue;
        };
        let name = &after.name;
        any |= details.field(&format!("adapter {name} group"), &before.group, &after.group);
        any |= details.field(&format!("adapter {name} priority"), &before.priority, &after.priority);
    }
    let order =
        |spec: &ServerSpec| -> Vec<String> { spec.adapters.iter().map(|adapter| adapter.name.clone()).collect() };
    if !any && old.adapters.len() == new.adapters.len() && order(old) != order(new) {
        any = details.field("order of adapters", &order(old), &order(new));
    }
    any
}

fn compare_groups(old: &Group, new: &Group, details: &mut Details) {
    details.field("balance", &old.balance, &new.balance);
    details.field("count", &old.count, &new.count);
}

fn compare_objects(old: &ObjectRecord, new: &ObjectRecord, details: &mut Details) {
    let home = |object: &ObjectRecord| match &object.home {
        ObjectHome::Adapter(id) => format!("adapter {id}"),
        ObjectHome::Group(id) => format!("group {id}"),
    };
    details.field("type", &old.kind, &new.kind);
    details.field("home", &home(old), &home(new));
}

fn compare_maps<K: Ord + std::fmt::Display, V: ?Sized>(
    what: &str,
    before: &BTreeMap<&K, &V>,
    after: &BTreeMap<&K, &V>,
    details: &mut Details,
    compare: fn(&V, &V, &mut Details),
) {
    let keys: BTreeSet<&K> = before.keys().chain(after.keys()).copied().collect();
    for key in keys {
        details.subject = format!("{what} {key}");
        match (before.get(key), after.get(key)) {
            (None, Some(_)) => details.line("added"),
            (Some(_), None) => details.line("removed"),
            (Some(old), Some(new)) => compare(old, new, details),
            (None, None) => {}
        }
    }
}

/// Lines of details about one subject after another.
#[derive(Default)]
struct Details {
    subject: String,
    lines: Vec<String>,
    more: usize,
}

impl Details {
    fn line(&mut self, text: &str) {
        if self.lines.len() < DETAILS_MAX {
            self.lines.push(format!("{}: {text}", self.subject));
        } else {
            self.more += 1;
        }
    }
    /// Adds a line when the values differ; tells whether they do.
    fn field<T: PartialEq + Debug>(&mut self, name: &str, old: &T, new: &T) -> bool {
        let differs = old != new;
        if differs {
            self.line(&format!("{}: {} -> {}", shown(name), value(old), value(new)));
        }
        differs
    }
    /// One line for each key that comes, goes or has another value.
    fn map<T: PartialEq + Debug>(&mut self, name: &str, old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) -> bool {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let mut any = false;
        for key in keys {
            any |= self.field(&format!("{name} {key}"), &old.get(key), &new.get(key));
        }
        any
    }
    fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.lines.push(format!("further changes: {}", self.more));
        }
        self.lines
    }
}

/// A value for people: `none` for what is absent, cut when long.
fn value<T: Debug>(value: &T) -> String {
    let text = format!("{value:?}");
    let text = match text.as_str() {
        "None" => "none",
        some => some
            .strip_prefix("Some(")
            .and_then(|inner| inner.strip_suffix(')'))
            .unwrap_or(some),
    };
    let mut out: String = text.chars().take(VALUE_CHARS_MAX).collect();
    if text.chars().nth(VALUE_CHARS_MAX).is_some() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
#[path = "diff_test.rs"]
mod tests;
