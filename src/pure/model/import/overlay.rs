//! What a target adds, as the difference between the application without it and with it.

use crate::pure::model::descriptor::{Application, File, Node, Server, Target, TargetGroup};
use std::collections::{BTreeMap, BTreeSet};

/// Fields that targets replace as a whole, so that two of them at once do not add up.
#[derive(Debug, Default)]
pub(super) struct Changes {
    replaced: BTreeMap<String, BTreeSet<String>>,
    lost: Vec<String>,
}

impl Changes {
    fn add(&mut self, what: String, target: &str) {
        self.replaced.entry(what).or_default().insert(target.to_owned());
    }
    /// What no target of ours can say, in words.
    pub(super) fn lost(&self) -> Vec<String> {
        let shared = self.replaced.iter().filter(|(_, targets)| targets.len() > 1);
        let shared = shared.map(|(what, targets)| {
            let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
            format!(
                "{what} is changed by the targets {}: IceGrid adds both, floe takes the last one that is chosen",
                targets.join(", ")
            )
        });
        shared.chain(self.lost.iter().cloned()).collect()
    }
}

/// The target that makes `full` of `base`.
pub(super) fn target(base: &Application, full: &Application, name: &str, changes: &mut Changes) -> Target {
    if base.description != full.description {
        changes.lost.push(format!(
            "target {name} changes the application's description, which targets of floe cannot"
        ));
    }
    let mut target = Target {
        variables: changed(&base.variables, &full.variables),
        property_sets: changed(&base.property_sets, &full.property_sets),
        ..Target::default()
    };
    for set in target
        .property_sets
        .keys()
        .filter(|set| base.property_sets.contains_key(*set))
    {
        changes.add(format!("property set {set}"), name);
    }
    for (id, server) in &full.templates {
        let place = format!("template {id}");
        let difference = match base.templates.get(id) {
            Some(before) => server_difference(before, server, &place, name, changes).map(|difference| Server {
                id: String::new(),
                ..difference
            }),
            None => Some(server.clone()),
        };
        target
            .templates
            .extend(difference.map(|difference| (id.clone(), difference)));
    }
    for group in &full.groups {
        let before = base.groups.iter().find(|before| before.id == group.id);
        if before == Some(group) {
            continue;
        }
        if before.is_some() {
            changes.add(format!("group {}", group.id), name);
        }
        target.groups.push(TargetGroup {
            id: group.id.clone(),
            balance: Some(group.balance),
            count: Some(group.count),
            objects: new(before.map_or(&[], |before| &before.objects), &group.objects),
        });
    }
    let none = Node::default();
    for (id, node) in &full.nodes {
        let known = base.nodes.get(id);
        let difference = node_difference(known.unwrap_or(&none), node, name, changes);
        if known.is_none() || difference != none {
            target.nodes.insert(id.clone(), difference);
        }
    }
    target
}

fn node_difference(base: &Node, full: &Node, target: &str, changes: &mut Changes) -> Node {
    let mut node = Node {
        variables: changed(&base.variables, &full.variables),
        property_sets: changed(&base.property_sets, &full.property_sets),
        servers: Vec::new(),
    };
    let key = |server: &Server| (server.id.clone(), server.template.clone(), server.with.clone());
    let mut before: BTreeMap<_, Vec<&Server>> = BTreeMap::new();
    for server in &base.servers {
        before.entry(key(server)).or_default().push(server);
    }
    for server in &full.servers {
        let known = before
            .get_mut(&key(server))
            .filter(|known| !known.is_empty())
            .map(|known| known.remove(0));
        let place = format!("server {}", server.id);
        node.servers.extend(match known {
            Some(known) if known != server && server.id.is_empty() => {
                let template = server.template.as_deref().unwrap_or_default();
                changes.lost.push(format!(
                    "target {target} changes a server of template {template}, which has no id of its own that a target of floe could name"
                ));
                None
            }
            Some(known) => server_difference(known, server, &place, target, changes),
            None => Some(server.clone()),
        });
    }
    node
}

/// The fields of `full` that differ, with its id; `None` when none does.
fn server_difference(base: &Server, full: &Server, place: &str, target: &str, changes: &mut Changes) -> Option<Server> {
    if base == full {
        return None;
    }
    let mut out = Server {
        id: full.id.clone(),
        template: full.template.clone(),
        with: full.with.clone(),
        parameters: changed(&base.parameters, &full.parameters),
        environment: changed(&base.environment, &full.environment),
        ports: changed(&base.ports, &full.ports),
        logs: changed(&base.logs, &full.logs),
        labels: changed(&base.labels, &full.labels),
        adapters: new(&base.adapters, &full.adapters),
        objects: new(&base.objects, &full.objects),
        allocatables: new(&base.allocatables, &full.allocatables),
        files: files_difference(&base.files, &full.files),
        ..Server::default()
    };
    if base.run != full.run {
        out.run.clone_from(&full.run);
        changes.add(format!("run of {place}"), target);
    }
    if base.ready != full.ready {
        out.ready.clone_from(&full.ready);
    }
    for file in &out.files {
        let replaced = base.files.iter().find(|before| before.name == file.name);
        if !file.uses.is_empty() && replaced.is_some() {
            changes.add(format!("use of file {} of {place}", file.name), target);
        }
        let before = replaced.map(|before| &before.set);
        for key in file
            .set
            .keys()
            .filter(|key| before.is_some_and(|set| set.contains_key(*key)))
        {
            changes.add(format!("property {key} of file {} of {place}", file.name), target);
        }
    }
    Some(out)
}

fn files_difference(base: &[File], full: &[File]) -> Vec<File> {
    let differing = full.iter().filter(|file| !base.contains(file));
    let files = differing.map(|file| match base.iter().find(|before| before.name == file.name) {
        None => file.clone(),
        Some(before) => File {
            name: file.name.clone(),
            uses: if before.uses == file.uses {
                Vec::new()
            } else {
                file.uses.clone()
            },
            set: changed(&before.set, &file.set),
        },
    });
    files.collect()
}

fn changed<K: Ord + Clone, V: PartialEq + Clone>(base: &BTreeMap<K, V>, full: &BTreeMap<K, V>) -> BTreeMap<K, V> {
    let new = full.iter().filter(|(key, value)| base.get(key) != Some(value));
    new.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn new<T: PartialEq + Clone>(base: &[T], full: &[T]) -> Vec<T> {
    full.iter().filter(|item| !base.contains(item)).cloned().collect()
}
