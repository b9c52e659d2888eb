//! What an application means: the servers of each node, the groups, the objects and the allocatables, with every variable
//! replaced that is known before a server starts.
//!
//! Expansion goes as far as it can and reports every fault on its way, so that one answer names them all. It does not
//! judge what comes out: that is `validate`.

mod offers;
mod reader;
mod server;

use super::descriptor::{AllocatableRecord, Application, Group, Node, ObjectHome, ObjectRecord, Server};
use super::fault::{Fault, Faults};
use super::place::{Place, Spot};
use super::properties::Sets;
use super::spec::ServerSpec;
use super::substitute::{Scope, WORK_BYTES_MAX};
use super::template::{check_templates, filled, template_of};
use crate::pure::base::{PeerName, ServerId};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

pub use super::substitute::fill;
pub(super) use reader::Reader;

/// Longest timeout that can be written.
pub const TIMEOUT_MAX: Duration = Duration::from_hours(24);

/// Stands for a text that could not be read, so that one mistake gives one fault; passes every later check.
const HARMLESS: &str = "tcp://unreadable:1";

/// What an application means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// Servers with their nodes, in order of nodes, then of declaration.
    pub servers: Vec<(PeerName, ServerSpec)>,
    /// For each of them its place among the servers that are written for its node: for the places of faults.
    pub indexes: Vec<usize>,
    /// Groups in order of declaration.
    pub groups: Vec<Group>,
    /// Objects of groups, then of servers.
    pub objects: Vec<ObjectRecord>,
    /// What sessions may hold.
    pub allocatables: Vec<AllocatableRecord>,
}

impl Expansion {
    /// Each server with its node and where it is written.
    pub fn placed(&self) -> impl Iterator<Item = (&PeerName, &ServerSpec, Spot<'_>)> {
        let servers = self.servers.iter().zip(&self.indexes);
        servers.map(|((node, spec), index)| (node, spec, Spot::server(node, *index, spec.id.as_str())))
    }
    /// Where an object is written, as near as can be told. Searches: only for faults.
    pub fn place_of_object(&self, object: &ObjectRecord) -> Place {
        let id = object.id.as_str();
        let spot = match &object.home {
            ObjectHome::Group(group) => Spot::group(group.as_str()).within("object", id),
            ObjectHome::Adapter(adapter) => {
                let mut servers = self.placed();
                let home = servers.find(|(_, spec, _)| spec.adapters.iter().any(|one| one.id == *adapter));
                home.map_or_else(Spot::application, |(_, _, place)| place.within("object", id))
            }
        };
        let mut place = Place::from(spot);
        place.words = format!("object {id}");
        place
    }
    /// Where an allocatable is written. Searches: only for faults.
    pub fn place_of_allocatable(&self, one: &AllocatableRecord) -> Place {
        let mut servers = self.placed();
        let home = servers.find(|(_, spec, _)| spec.id == one.server);
        let within = |place: Spot<'_>| Place::from(place.within("allocatable", one.id.as_str()));
        home.map_or_else(|| Spot::application().into(), |(_, _, place)| within(place))
    }
}

/// Expands an application as far as it goes; what is left out has a fault.
pub fn expand(application: &Application, faults: &mut Faults) -> Expansion {
    let work = Cell::new(0);
    let mut expansion = Expansion {
        groups: application.groups.clone(),
        ..Expansion::default()
    };
    check_templates(application, faults);
    let mut told = BTreeSet::new();
    Sets::new(application, None, &work).check(&mut told, faults);
    let mut scope = Scope::new(vec![&application.variables], &work);
    scope.reserve("application", application.name.as_str());
    for group in &application.groups {
        let mut reader = Reader::new(&mut scope, faults, Spot::group(group.id.as_str()));
        let objects = group
            .objects
            .iter()
            .filter_map(|object| reader.group_object(object, group));
        expansion.objects.extend(objects);
    }
    for (name, node) in &application.nodes {
        let mut sets = Sets::new(application, Some((name, node)), &work);
        sets.check(&mut told, faults);
        let mut within = Within {
            application,
            name,
            node,
            work: &work,
            sets,
            told: &mut told,
        };
        for (index, server) in node.servers.iter().enumerate() {
            within.expand_server(index, server, &mut expansion, faults);
            // What is above the bound has a fault already.
            if work.get() > WORK_BYTES_MAX {
                return expansion;
            }
        }
    }
    expansion
}

/// One node of an application that is expanded.
struct Within<'a, 't> {
    application: &'a Application,
    name: &'a PeerName,
    node: &'a Node,
    work: &'a Cell<usize>,
    sets: Sets<'a>,
    told: &'t mut BTreeSet<Fault>,
}

impl<'a> Within<'a, '_> {
    fn expand_server(&mut self, index: usize, server: &'a Server, expansion: &mut Expansion, faults: &mut Faults) {
        let application = self.application;
        let mut scope = Scope::new(vec![&self.node.variables, &application.variables], self.work);
        scope.reserve("application", application.name.as_str());
        scope.reserve("node", self.name.as_str());
        let mut reader = Reader::new(&mut scope, faults, Spot::server(self.name, index, &server.id));
        let Ok(template) = template_of(application, server, &mut reader) else {
            return;
        };
        let id = match (server.id.as_str(), template) {
            ("", Some(template)) => &template.id,
            _ => &server.id,
        };
        if id.is_empty() && server.template.is_some() {
            reader.fault("id".into(), "neither the server nor its template gives one");
            return;
        }
        let Some(id) = reader.id::<ServerId>("id".into(), id) else {
            return;
        };
        reader.place = Spot::server(self.name, index, id.as_str());
        reader.scope.reserve("server", id.as_str());
        let Some(server) = filled(server, template, &mut reader) else {
            return;
        };
        let mut spec = reader.server(id.clone(), &application.name, &server);
        spec.files = reader.files(&server, &mut self.sets, self.told);
        spec.ports = server::with_mentioned_ports(&spec);
        let objects = server.objects.iter();
        let objects = objects.filter_map(|object| reader.server_object(object, &spec));
        expansion.objects.extend(objects);
        let allocatables = server.allocatables.iter();
        let allocatables = allocatables.filter_map(|one| reader.allocatable(one, &spec));
        expansion.allocatables.extend(allocatables);
        expansion.indexes.push(index);
        expansion.servers.push((self.name.clone(), spec));
    }
}

#[cfg(test)]
#[path = "expand_test.rs"]
mod tests;
