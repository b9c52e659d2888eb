//! Every rule that refuses an application by itself, all faults at once, each with its place. The rules on one server are
//! in `rules`; what may not be shared with the rest of the deployment is `conflict`'s business.

use super::descriptor::{Application, ObjectHome};
use super::expand::Expansion;
use super::place::{Field, Place, Spot};
use super::rules::{check_server, check_size};
use super::substitute::check_name;
use crate::pure::base::GroupId;
use crate::pure::base::limits::APPLICATION_BYTES_MAX;
use std::collections::{BTreeMap, BTreeSet};

pub use super::fault::{FAULTS_MAX, Fault, Faults, shown};

/// Checks everything that does not need the rest of the deployment.
pub fn validate(application: &Application, expansion: &Expansion, faults: &mut Faults) {
    check_size(Spot::application(), application, APPLICATION_BYTES_MAX, faults);
    if !application.targets.is_empty() {
        let names: Vec<String> = application.targets.keys().map(|name| shown(name)).collect();
        let message = format!(
            "targets are chosen when the file is read, none may be left: {}",
            names.join(", ")
        );
        faults.add(Spot::application().field("target".into()), message);
    }
    check_variables(Spot::application(), &application.variables, faults);
    for (name, node) in &application.nodes {
        check_variables(Spot::node(name), &node.variables, faults);
    }
    let groups: BTreeSet<&GroupId> = expansion.groups.iter().map(|group| &group.id).collect();
    for (_, spec, place) in expansion.placed() {
        check_server(place, spec, &groups, faults);
    }
    check_unique(application, expansion, faults);
}

fn check_variables(place: Spot<'_>, variables: &BTreeMap<String, String>, faults: &mut Faults) {
    for name in variables.keys() {
        if let Err(reason) = check_name("variable", name) {
            faults.add(place.field(Field::Key("variables", name)), reason);
        }
    }
}

/// Ids are unique within the application; adapters, groups, objects and allocatables share one space, because `resolve`
/// takes any. Only an allocatable and an ordinary object of the same adapter may be two sides of one thing.
fn check_unique(application: &Application, expansion: &Expansion, faults: &mut Faults) {
    let servers = expansion.servers.iter().map(|(_, spec)| spec);
    let adapters = servers.clone().flat_map(|spec| &spec.adapters);
    let adapters = adapters.map(|adapter| adapter.id.as_str());
    let groups = application.groups.iter().map(|group| group.id.as_str());
    let objects = expansion.objects.iter().map(|object| object.id.as_str());
    let allocatables = expansion.allocatables.iter().map(|one| one.id.as_str());
    let ids = adapters.chain(groups).chain(objects).chain(allocatables);
    // Who has which is asked only when two have one.
    if has_twins(servers.map(|spec| spec.id.as_str())) || has_twins(ids) {
        tell_twins(application, expansion, faults);
    }
}

fn has_twins<'a>(ids: impl Iterator<Item = &'a str>) -> bool {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    ids.windows(2).any(|pair| pair.first() == pair.last())
}

fn tell_twins(application: &Application, expansion: &Expansion, faults: &mut Faults) {
    let mut servers = BTreeSet::new();
    let mut ids = Ids::default();
    for group in &application.groups {
        let id = group.id.as_str();
        ids.claim(id, format!("group {id}"), faults, || Spot::group(id).into());
    }
    for (_, spec, place) in expansion.placed() {
        if !servers.insert(&spec.id) {
            let message = format!("server {} is declared twice in this application", spec.id);
            faults.add(place, message);
        }
        for adapter in &spec.adapters {
            let place = Place::from(place.within("adapter", &adapter.name));
            ids.claim(adapter.id.as_str(), place.words.clone(), faults, || place);
        }
    }
    let mut homes = BTreeMap::new();
    for object in &expansion.objects {
        let (id, words) = (object.id.as_str(), format!("object {}", object.id));
        ids.claim(id, words, faults, || expansion.place_of_object(object));
        homes.insert(&object.id, &object.home);
    }
    let mut allocatables = BTreeSet::new();
    for one in &expansion.allocatables {
        let place = || expansion.place_of_allocatable(one);
        let home = one.home.clone().map(ObjectHome::Adapter);
        if !allocatables.insert(&one.id) {
            if faults.is_full() {
                faults.count();
            } else {
                faults.add(place(), format!("id {} is also that of another allocatable", one.id));
            }
        } else if home.is_none() || homes.get(&one.id).copied() != home.as_ref() {
            let words = format!("allocatable {} of server {}", one.id, one.server);
            ids.claim(one.id.as_str(), words, faults, place);
        }
    }
}

/// Ids with who has them, in words.
#[derive(Default)]
struct Ids<'a>(BTreeMap<&'a str, String>);

impl<'a> Ids<'a> {
    fn claim(&mut self, id: &'a str, words: String, faults: &mut Faults, place: impl FnOnce() -> Place) {
        match self.0.get(id) {
            // What is only counted needs no place, which may have to be searched for.
            Some(_) if faults.is_full() => faults.count(),
            Some(other) => faults.add(place(), format!("id {id} is also that of {other}")),
            None => drop(self.0.insert(id, words)),
        }
    }
}

#[cfg(test)]
#[path = "validate_test.rs"]
mod tests;
