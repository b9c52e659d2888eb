//! A server laid over another, field by field: a server over its template, a target's server over the application's.
//!
//! What the upper one names wins. Maps are merged key by key, lists of named things name by name, everything else is taken
//! whole.

use super::descriptor::{Adapter, Allocatable, File, Limits, Object, Output, Server};
use std::collections::BTreeMap;

/// How the names and ids of elements are read before they are compared: as written, or with variables replaced.
pub(super) type Reading<'r> = dyn FnMut(&str) -> String + 'r;

impl Server {
    /// This server laid over `base`; parameters, template and values for it stay each one's own, merged like the rest.
    pub(super) fn laid_over(&self, base: &Self, reading: &mut Reading<'_>) -> Self {
        Self {
            id: text(&self.id, &base.id),
            template: either(self.template.as_ref(), base.template.as_ref()),
            with: map(&self.with, &base.with),
            parameters: map(&self.parameters, &base.parameters),
            run: whole(&self.run, &base.run),
            activation: self.activation.or(base.activation),
            ready: either(self.ready.as_ref(), base.ready.as_ref()),
            environment: map(&self.environment, &base.environment),
            directory: either(self.directory.as_ref(), base.directory.as_ref()),
            user: either(self.user.as_ref(), base.user.as_ref()),
            limits: part(self.limits.as_ref(), base.limits.as_ref(), limits),
            stop: whole(&self.stop, &base.stop),
            stop_signal: either(self.stop_signal.as_ref(), base.stop_signal.as_ref()),
            reload_signal: either(self.reload_signal.as_ref(), base.reload_signal.as_ref()),
            activation_timeout: either(self.activation_timeout.as_ref(), base.activation_timeout.as_ref()),
            deactivation_timeout: either(self.deactivation_timeout.as_ref(), base.deactivation_timeout.as_ref()),
            disable_after: either(self.disable_after.as_ref(), base.disable_after.as_ref()),
            ports: map(&self.ports, &base.ports),
            output: part(self.output.as_ref(), base.output.as_ref(), output),
            logs: map(&self.logs, &base.logs),
            labels: map(&self.labels, &base.labels),
            metrics: either(self.metrics.as_ref(), base.metrics.as_ref()),
            exclusive: self.exclusive.or(base.exclusive),
            files: list(&self.files, &base.files, |file| &file.name, file, reading),
            adapters: list(
                &self.adapters,
                &base.adapters,
                |adapter| &adapter.name,
                adapter,
                &mut str::to_owned,
            ),
            objects: list(&self.objects, &base.objects, |object| &object.id, object, reading),
            allocatables: list(
                &self.allocatables,
                &base.allocatables,
                |one| &one.id,
                allocatable,
                reading,
            ),
        }
    }
}

fn limits(over: &Limits, base: &Limits) -> Limits {
    Limits {
        cpu: either(over.cpu.as_ref(), base.cpu.as_ref()),
        memory: either(over.memory.as_ref(), base.memory.as_ref()),
        files: over.files.or(base.files),
        tasks: over.tasks.or(base.tasks),
    }
}
fn output(over: &Output, base: &Output) -> Output {
    Output {
        rotate: either(over.rotate.as_ref(), base.rotate.as_ref()),
        keep: over.keep.or(base.keep),
    }
}
fn file(over: &File, base: &File) -> File {
    File {
        name: over.name.clone(),
        uses: whole(&over.uses, &base.uses),
        set: map(&over.set, &base.set),
    }
}
fn adapter(over: &Adapter, base: &Adapter) -> Adapter {
    Adapter {
        name: over.name.clone(),
        id: either(over.id.as_ref(), base.id.as_ref()),
        group: either(over.group.as_ref(), base.group.as_ref()),
        endpoint: text(&over.endpoint, &base.endpoint),
        priority: over.priority.or(base.priority),
    }
}
/// Also for the objects of groups.
pub(super) fn object(over: &Object, base: &Object) -> Object {
    Object {
        id: over.id.clone(),
        kind: text(&over.kind, &base.kind),
        adapter: either(over.adapter.as_ref(), base.adapter.as_ref()),
    }
}
fn allocatable(over: &Allocatable, base: &Allocatable) -> Allocatable {
    Allocatable {
        id: over.id.clone(),
        kind: text(&over.kind, &base.kind),
        adapter: either(over.adapter.as_ref(), base.adapter.as_ref()),
        attributes: map(&over.attributes, &base.attributes),
    }
}

fn text(over: &str, base: &str) -> String {
    if over.is_empty() { base } else { over }.to_owned()
}
fn either<T: Clone>(over: Option<&T>, base: Option<&T>) -> Option<T> {
    over.or(base).cloned()
}
fn whole<T: Clone>(over: &[T], base: &[T]) -> Vec<T> {
    if over.is_empty() { base } else { over }.to_vec()
}
fn map<T: Clone>(over: &BTreeMap<String, T>, base: &BTreeMap<String, T>) -> BTreeMap<String, T> {
    let mut all = base.clone();
    all.extend(over.iter().map(|(key, value)| (key.clone(), value.clone())));
    all
}
fn part<T: Clone>(over: Option<&T>, base: Option<&T>, merge: fn(&T, &T) -> T) -> Option<T> {
    match (over, base) {
        (Some(over), Some(base)) => Some(merge(over, base)),
        (one, other) => one.or(other).cloned(),
    }
}

/// The base's elements, each with the one of its name laid over it, then the others. Of two with one name only the first is
/// laid over the base's: that it is there twice is for validation to say.
pub(super) fn list<T: Clone>(
    over: &[T],
    base: &[T],
    name: fn(&T) -> &str,
    merge: fn(&T, &T) -> T,
    reading: &mut Reading<'_>,
) -> Vec<T> {
    let mut all = base.to_vec();
    if base.is_empty() {
        return over.to_vec();
    }
    if over.is_empty() {
        return all;
    }
    let mut places = BTreeMap::new();
    for (index, element) in base.iter().enumerate() {
        places.entry(reading(name(element))).or_insert(index);
    }
    for element in over {
        let place = places.remove(&reading(name(element)));
        match place.and_then(|index| all.get_mut(index)) {
            Some(below) => *below = merge(element, below),
            None => all.push(element.clone()),
        }
    }
    all
}
