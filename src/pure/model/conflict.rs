//! What an application or object may not share with the rest of the deployment: ids, and room on a node.
//!
//! Adapter, group, object and allocatable ids share one space in the whole grid, because `resolve` takes any of them.

use super::deployment::{Contents, Deployment};
use super::descriptor::{Application, ObjectHome, ObjectRecord};
use super::expand::Expansion;
use super::fault::{Fault, Faults};
use super::place::{Place, Spot};
use crate::pure::base::limits::SERVERS_PER_NODE_MAX;
use crate::pure::base::{ApplicationName, PeerName, SharedSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Checks an application against everything but its own earlier form.
pub fn check_conflicts(deployment: &Deployment, application: &Application, expansion: &Expansion, faults: &mut Faults) {
    let own = deployment.contents.get(&application.name).map(Arc::as_ref);
    let others = Others { deployment, own };
    for (_, spec, place) in expansion.placed() {
        let taken = deployment.servers.get(&spec.id).map(|placed| &placed.spec.application);
        if let Some(owner) = taken.filter(|owner| **owner != application.name) {
            faults.add(
                place,
                format!("server {} belongs to application {owner} already", spec.id),
            );
        }
        for adapter in &spec.adapters {
            others.refuse(adapter.id.as_str(), faults, || {
                place.within("adapter", &adapter.name).into()
            });
        }
    }
    for group in &expansion.groups {
        others.refuse(group.id.as_str(), faults, || Spot::group(group.id.as_str()).into());
    }
    for object in &expansion.objects {
        others.refuse(object.id.as_str(), faults, || expansion.place_of_object(object));
    }
    for one in &expansion.allocatables {
        others.refuse(one.id.as_str(), faults, || expansion.place_of_allocatable(one));
    }
    check_room(deployment, &application.name, expansion, faults);
}

/// Checks an object that stands alone.
///
/// # Errors
/// Its faults.
pub fn check_object(deployment: &Deployment, object: &ObjectRecord) -> Result<(), Vec<Fault>> {
    let mut faults = Faults::default();
    let place = format!("object {}", object.id);
    // An earlier form of the same object is no conflict.
    if !deployment.objects.contains_key(&object.id) {
        let others = Others { deployment, own: None };
        others.refuse(object.id.as_str(), &mut faults, || place.as_str().into());
    }
    let home = match &object.home {
        ObjectHome::Adapter(id) if !deployment.adapters.contains_key(id) => Some(format!("adapter {id}")),
        ObjectHome::Group(id) if !deployment.groups.contains_key(id) => Some(format!("group {id}")),
        ObjectHome::Adapter(_) | ObjectHome::Group(_) => None,
    };
    if let Some(home) = home {
        faults.add(place, format!("its home, {home}, is not deployed"));
    }
    faults.finish(())
}

struct Others<'a> {
    deployment: &'a Deployment,
    own: Option<&'a Contents>,
}

impl Others<'_> {
    fn refuse(&self, id: &str, faults: &mut Faults, place: impl FnOnce() -> Place) {
        let taken = |held: bool, own: fn(&Contents, &str) -> bool| held && !self.own.is_some_and(|own_| own(own_, id));
        let deployment = self.deployment;
        let what = if taken(deployment.adapters.contains_key(id), |own, id| {
            own.adapters.contains(id)
        }) {
            "an adapter"
        } else if taken(deployment.groups.contains_key(id), |own, id| own.groups.contains(id)) {
            "a group"
        } else if taken(deployment.all_objects.contains_key(id), |own, id| {
            own.objects.contains(id)
        }) {
            "an object"
        } else if taken(deployment.allocatables.contains_key(id), |own, id| {
            own.allocatables.contains(id)
        }) {
            "an allocatable"
        } else {
            return;
        };
        if faults.is_full() {
            faults.count();
            return;
        }
        let owner = self.owner(id).map_or_else(
            || "outside all applications".to_owned(),
            |name| format!("of application {name}"),
        );
        faults.add(place(), format!("id {id} is taken by {what} {owner}"));
    }

    /// Only for the message, and there are at most `FAULTS_MAX` of those worth making.
    fn owner(&self, id: &str) -> Option<&ApplicationName> {
        let mut all = self.deployment.contents.iter();
        let owner = all.find(|(_, contents)| {
            let things = contents.objects.contains(id) || contents.allocatables.contains(id);
            things || contents.adapters.contains(id) || contents.groups.contains(id)
        });
        owner.map(|(name, _)| name)
    }
}

fn check_room(deployment: &Deployment, name: &ApplicationName, expansion: &Expansion, faults: &mut Faults) {
    let mut wanted: BTreeMap<&PeerName, usize> = BTreeMap::new();
    for (node, _) in &expansion.servers {
        *wanted.entry(node).or_default() += 1;
    }
    let mut own: BTreeMap<&PeerName, usize> = BTreeMap::new();
    let servers = deployment.contents.get(name).into_iter().flat_map(|own| &own.servers);
    for placed in servers.filter_map(|id| deployment.servers.get(id)) {
        *own.entry(&placed.node).or_default() += 1;
    }
    for (node, count) in wanted {
        let there = deployment.by_node.get(node).map_or(0, SharedSet::len);
        let total = there - own.get(node).copied().unwrap_or(0) + count;
        if total > SERVERS_PER_NODE_MAX {
            faults.add(
                format!("node {node}"),
                format!("would have {total} servers over all applications, at most {SERVERS_PER_NODE_MAX} are allowed"),
            );
        }
    }
}
