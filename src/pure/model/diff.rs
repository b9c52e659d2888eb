//! Two deployments of one application compared: what an update changes, and what it does to running servers.

use super::descriptor::{AllocatableRecord, Group, ObjectHome, ObjectRecord};
use super::details::{Bytes, Details, Processors};
use super::expand::Expansion;
use super::fault::shown;
use super::spec::{AdapterSpec, Limits, ServerSpec};
use crate::pure::base::{GroupId, ObjectId, PeerName, ServerId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Allocatables.
    pub allocatables: BTreeMap<&'a ObjectId, &'a AllocatableRecord>,
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
            allocatables: expansion.allocatables.iter().map(|one| (&one.id, one)).collect(),
        }
    }
}

/// What leads from one side to the other.
pub fn diff(before: &View<'_>, after: &View<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut details = Details::default();
    let ids: BTreeSet<&ServerId> = before.servers.keys().chain(after.servers.keys()).copied().collect();
    for id in ids {
        let (old, new) = (before.servers.get(id), after.servers.get(id));
        // Most servers of an update.
        if old == new {
            plan.unchanged.push(id.clone());
            continue;
        }
        details.subject = format!("server {id}");
        let list = match (old, new) {
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
    let (old, new) = (&before.allocatables, &after.allocatables);
    compare_maps("allocatable", old, new, &mut details, compare_allocatables);
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

/// What a process sees, or what the node tells of it, asks for a new process: `supervisor::launch::same_process` says the same
/// of two definitions on one node, and a test ties the two together.
fn compare_servers(
    (old_node, old): (&PeerName, &ServerSpec),
    (new_node, new): (&PeerName, &ServerSpec),
    details: &mut Details,
) -> Effect {
    let restarts = [
        details.field("node", old_node, new_node),
        details.field("run", &old.run, &new.run),
        details.map("environment", &old.environment, &new.environment),
        details.field("directory", &old.directory, &new.directory),
        details.map("port", &old.ports, &new.ports),
        details.field("user", &old.user, &new.user),
        compare_limits(&old.limits, &new.limits, details),
        details.field("ready", &old.ready, &new.ready),
        compare_offers(old, new, details),
    ];
    let rotate = |spec: &ServerSpec| Bytes(spec.output.rotate_bytes);
    let (before, after) = (old.deactivation_timeout, new.deactivation_timeout);
    let changes = [
        details.field("activation", &old.activation, &new.activation),
        details.field("activation_timeout", &old.activation_timeout, &new.activation_timeout),
        details.field("deactivation_timeout", &before, &after),
        details.field("stop", &old.stop.command, &new.stop.command),
        details.field("stop_signal", &old.stop.signal, &new.stop.signal),
        details.field("reload_signal", &old.reload, &new.reload),
        details.field("output.rotate", &rotate(old), &rotate(new)),
        details.field("output.keep", &old.output.keep, &new.output.keep),
        details.map("log", &old.logs, &new.logs),
        compare_files(old, new, details),
        details.field("disable_after", &old.disable_after, &new.disable_after),
        details.map("label", &old.labels, &new.labels),
        details.field("metrics", &old.metrics, &new.metrics),
        details.field("exclusive", &old.exclusive, &new.exclusive),
        compare_places(old, new, details),
    ];
    if restarts.contains(&true) {
        Effect::Restart
    } else if changes.contains(&true) || old != new {
        Effect::Change
    } else {
        Effect::None
    }
}

fn compare_limits(old: &Limits, new: &Limits, details: &mut Details) -> bool {
    let cpu = |limits: &Limits| limits.cpu_millis.map(Processors);
    let memory = |limits: &Limits| limits.memory_bytes.map(Bytes);
    let differ = [
        details.field("limits.cpu", &cpu(old), &cpu(new)),
        details.field("limits.memory", &memory(old), &memory(new)),
        details.field("limits.files", &old.files, &new.files),
        details.field("limits.tasks", &old.tasks, &new.tasks),
    ];
    differ.contains(&true)
}

/// Adapters by name, with what their process publishes: ids and endpoints.
fn compare_offers(old: &ServerSpec, new: &ServerSpec, details: &mut Details) -> bool {
    let offers = |spec: &ServerSpec, part: fn(&AdapterSpec) -> String| -> BTreeMap<String, String> {
        let adapters = spec.adapters.iter();
        adapters.map(|adapter| (adapter.name.clone(), part(adapter))).collect()
    };
    let endpoint = |adapter: &AdapterSpec| adapter.endpoint.clone();
    let endpoints = details.map("endpoint", &offers(old, endpoint), &offers(new, endpoint));
    let ids = by_name(old, new).map(|(before, after)| {
        let name = format!("adapter {} id", after.name);
        details.field(&name, &before.id, &after.id)
    });
    // All are told, so no short cut.
    ids.fold(endpoints, |any, differs| any | differs)
}

/// What adapters of the same name differ in that only resolving sees.
fn compare_places(old: &ServerSpec, new: &ServerSpec, details: &mut Details) -> bool {
    let mut any = false;
    for (before, after) in by_name(old, new) {
        let name = &after.name;
        any |= details.field(&format!("adapter {name} group"), &before.group, &after.group);
        any |= details.field(&format!("adapter {name} priority"), &before.priority, &after.priority);
    }
    let order = |spec: &ServerSpec| -> Vec<String> {
        let adapters = spec.adapters.iter();
        adapters.map(|adapter| adapter.name.clone()).collect()
    };
    let (before, after) = (order(old), order(new));
    let sorted = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
    if sorted(&before) == sorted(&after) {
        any |= details.field("order of adapters", &before, &after);
    }
    any
}

fn by_name<'a>(old: &'a ServerSpec, new: &'a ServerSpec) -> impl Iterator<Item = (&'a AdapterSpec, &'a AdapterSpec)> {
    new.adapters.iter().filter_map(|after| {
        let before = old.adapters.iter().find(|adapter| adapter.name == after.name);
        Some((before?, after))
    })
}

fn compare_files(old: &ServerSpec, new: &ServerSpec, details: &mut Details) -> bool {
    let files = |spec: &ServerSpec| -> BTreeMap<String, BTreeMap<String, String>> {
        let files = spec.files.iter();
        files.map(|file| (file.name.clone(), file.properties.clone())).collect()
    };
    let (before, after) = (files(old), files(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut any = false;
    for name in names {
        match (before.get(name), after.get(name)) {
            (Some(old), Some(new)) => any |= details.map(&format!("file {name}:"), old, new),
            (old, _) => {
                let what = if old.is_some() { "removed" } else { "added" };
                details.line(&format!("file {}: {what}", shown(name)));
                any = true;
            }
        }
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

fn compare_allocatables(old: &AllocatableRecord, new: &AllocatableRecord, details: &mut Details) {
    details.field("type", &old.kind, &new.kind);
    details.map("attribute", &old.attributes, &new.attributes);
    details.field("server", &old.server.to_string(), &new.server.to_string());
    details.field("adapter", &old.home, &new.home);
}

fn compare_maps<K: Ord + std::fmt::Display, V: PartialEq>(
    what: &str,
    before: &BTreeMap<&K, &V>,
    after: &BTreeMap<&K, &V>,
    details: &mut Details,
    compare: fn(&V, &V, &mut Details),
) {
    let keys: BTreeSet<&K> = before.keys().chain(after.keys()).copied().collect();
    for key in keys {
        let (old, new) = (before.get(key), after.get(key));
        if old == new {
            continue;
        }
        details.subject = format!("{what} {key}");
        match (old, new) {
            (None, Some(_)) => details.line("added"),
            (Some(_), None) => details.line("removed"),
            (Some(old), Some(new)) => compare(old, new, details),
            (None, None) => {}
        }
    }
}

#[cfg(test)]
#[path = "diff_test.rs"]
mod tests;
