//! The state that the log adds up to: applications, objects, registries, and indexes over them. How an entry changes it
//! is in `apply`, its durable form in `durable`.

use super::changes::Changes;
use super::conflict::{check_conflicts, check_object};
use super::descriptor::{AllocatableRecord, Application, Group, ObjectRecord};
use super::diff::{Plan, View, diff};
use super::expand::{Expansion, expand};
use super::fault::{Fault, Faults};
use super::spec::ServerSpec;
use super::validate::validate;
use crate::pure::base::{
    AdapterId, Address, ApplicationName, GroupId, ObjectId, PeerName, ServerId, SharedMap, SharedSet, WallTime,
};
use crate::pure::lineage::{Serial, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One application as the database holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationRecord {
    /// As written.
    pub descriptor: Arc<Application>,
    /// Counts its updates from 1.
    pub revision: u64,
    /// The version of the database that its last update made.
    pub version: Version,
    /// When, for people.
    pub time: WallTime,
    /// Who.
    pub actor: String,
    /// What it changed; `None` for one that was stored before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// The revision whose content it repeats, when it is a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_to: Option<u64>,
}

/// One registry that belongs to the grid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryRecord {
    /// Its name.
    pub name: PeerName,
    /// Its control address when it was last recorded.
    pub address: Address,
}

/// A server with the node that runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The node.
    pub node: PeerName,
    /// What it runs.
    pub spec: Arc<ServerSpec>,
    /// The serial of the entry that last changed this server.
    pub changed: Serial,
}

/// Servers of a node in order of ids, and removals with their serials.
pub type Slice = (Vec<Arc<ServerSpec>>, Vec<(ServerId, Serial)>);

/// Index: what one application brought, so that it can be replaced without a search through everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its servers.
    pub servers: BTreeSet<ServerId>,
    /// Their adapters.
    pub adapters: BTreeSet<AdapterId>,
    /// Its groups.
    pub groups: BTreeSet<GroupId>,
    /// Its objects.
    pub objects: BTreeSet<ObjectId>,
    /// What sessions may hold of it.
    pub allocatables: BTreeSet<ObjectId>,
}

/// Everything deployed. The first four fields and `Placed::changed` are the state; the rest are indexes that can be
/// rebuilt from it. Only `apply` and `restore` change it. A clone shares what did not change since, because readers and updates
/// that wait for copies hold earlier states. Two registries that applied the same log hold equal values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// Applications by name.
    pub applications: SharedMap<ApplicationName, Arc<ApplicationRecord>>,
    /// Registries of the grid by name.
    pub registries: SharedMap<PeerName, RegistryRecord>,
    /// Objects that no application holds.
    pub objects: SharedMap<ObjectId, ObjectRecord>,
    /// Servers that went or moved away from a node, with the serial of the entry that did it: the only thing that lets
    /// the node delete their directories. The latest `REMOVALS_KEPT`.
    pub removals: SharedMap<(PeerName, ServerId), Serial>,

    /// Index: every server.
    pub servers: SharedMap<ServerId, Placed>,
    /// Index: the server of an adapter.
    pub adapters: SharedMap<AdapterId, ServerId>,
    /// Index: every group, with its members in order of declaration.
    pub groups: SharedMap<GroupId, (Group, Vec<AdapterId>)>,
    /// Index: every object, of an application or alone.
    pub all_objects: SharedMap<ObjectId, ObjectRecord>,
    /// Index: the objects of each type that is not empty.
    pub types: SharedMap<String, SharedSet<ObjectId>>,
    /// Index: what sessions may hold. An ordinary object of the same adapter may have the same id.
    pub allocatables: SharedMap<ObjectId, Arc<AllocatableRecord>>,
    /// Index: what each application brought.
    pub contents: SharedMap<ApplicationName, Arc<Contents>>,
    /// Index: the servers of each node.
    pub by_node: SharedMap<PeerName, SharedSet<ServerId>>,
    /// Index: removals, oldest first.
    pub removals_by_age: SharedSet<(Serial, PeerName, ServerId)>,
}

impl Deployment {
    /// Would this application be accepted now, and what does it mean?
    ///
    /// # Errors
    /// Every fault, at most `FAULTS_MAX` and a count of the rest.
    pub fn check(&self, application: &Application) -> Result<Expansion, Vec<Fault>> {
        let mut faults = Faults::default();
        let expansion = expand(application, &mut faults);
        validate(application, &expansion, &mut faults);
        check_conflicts(self, application, &expansion, &mut faults);
        faults.finish(expansion)
    }

    /// Would this object be accepted now?
    ///
    /// # Errors
    /// Every fault.
    pub fn check_object(&self, object: &ObjectRecord) -> Result<(), Vec<Fault>> {
        check_object(self, object)
    }

    /// What deploying this application would change.
    ///
    /// # Errors
    /// As [`Deployment::check`].
    pub fn plan(&self, application: &Application) -> Result<Plan, Vec<Fault>> {
        self.planned(application).map(|(plan, _)| plan)
    }

    /// The plan, with what the application means: for [`Deployment::apply_checked`].
    ///
    /// # Errors
    /// As [`Deployment::check`].
    pub fn planned(&self, application: &Application) -> Result<(Plan, Expansion), Vec<Fault>> {
        let expansion = self.check(application)?;
        let plan = diff(&self.deployed(&application.name), &View::of_expansion(&expansion));
        Ok((plan, expansion))
    }

    /// What removing an application would change; `None` when there is no such application.
    pub fn plan_removal(&self, name: &ApplicationName) -> Option<Plan> {
        self.applications.get(name)?;
        Some(diff(&self.deployed(name), &View::default()))
    }

    /// What a node must run, in order of ids, and what was removed from it.
    pub fn slice(&self, node: &PeerName) -> Slice {
        let ids = self.by_node.get(node).into_iter().flat_map(SharedSet::iter);
        let servers = ids
            .filter_map(|id| self.servers.get(id))
            .map(|placed| placed.spec.clone());
        let removals = self.removals_of(node).map(|(id, serial)| (id.clone(), serial));
        (servers.collect(), removals.collect())
    }

    /// What changed for a node since an earlier state of the same log, the one after the entry `since`: servers that are
    /// new or different, and removals. `None` when the removal of a server that went is not remembered any more: then only
    /// the whole slice tells it.
    pub fn changes(&self, node: &PeerName, before: &Self, since: Serial) -> Option<Slice> {
        let none = SharedSet::default();
        let now = self.by_node.get(node).unwrap_or(&none);
        let then = before.by_node.get(node).unwrap_or(&none);
        // Equal serials mean the same entry, and so the same definition.
        let same = |id: &ServerId, placed: &Placed| {
            let old = before.servers.get(id).filter(|old| old.node == *node);
            old.is_some_and(|old| old.changed == placed.changed)
        };
        let changed = now
            .iter()
            .filter_map(|id| Some((id, self.servers.get(id)?)))
            .filter(|(id, placed)| !same(id, placed));
        let changed = changed.map(|(_, placed)| placed.spec.clone()).collect();
        let removals: Vec<(ServerId, Serial)> = self
            .removals_of(node)
            .filter(|(_, serial)| *serial > since)
            .map(|(id, serial)| (id.clone(), serial))
            .collect();
        let told = |gone: &ServerId| removals.binary_search_by_key(&gone, |(id, _)| id).is_ok();
        then.iter()
            .filter(|id| !now.contains(id))
            .all(told)
            .then_some((changed, removals))
    }

    fn removals_of<'a>(&'a self, node: &'a PeerName) -> impl Iterator<Item = (&'a ServerId, Serial)> {
        // Pairs are ordered by node first, and no id is below the shortest one.
        let start = "0".parse::<ServerId>().map(|first| (node.clone(), first));
        let range = start.into_iter().flat_map(|start| self.removals.range_from(&start));
        range
            .take_while(move |((owner, _), _)| owner == node)
            .map(|((_, id), serial)| (id, *serial))
    }

    fn deployed(&self, name: &ApplicationName) -> View<'_> {
        let Some(contents) = self.contents.get(name) else {
            return View::default();
        };
        let placed = contents.servers.iter().filter_map(|id| self.servers.get_key_value(id));
        let groups = contents.groups.iter().filter_map(|id| self.groups.get(id));
        let objects = contents
            .objects
            .iter()
            .filter_map(|id| self.all_objects.get_key_value(id));
        let allocatables = contents
            .allocatables
            .iter()
            .filter_map(|id| self.allocatables.get_key_value(id));
        View {
            servers: placed.map(|(id, placed)| (id, (&placed.node, &*placed.spec))).collect(),
            groups: groups.map(|(group, _)| (&group.id, group)).collect(),
            objects: objects.collect(),
            allocatables: allocatables.map(|(id, one)| (id, &**one)).collect(),
        }
    }
}
