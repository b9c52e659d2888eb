//! How one log entry changes the deployment: checked first, then state, indexes and the durable form together.
//!
//! The work is proportional to the application or object that changes, never to everything deployed.

use super::conflict::check_object;
use super::deployment::{ApplicationRecord, Contents, Deployment, Placed, RegistryRecord};
use super::descriptor::ObjectRecord;
use super::durable::{Values, application_key, object_key, registry_key, removal_key, stored_application};
use super::expand::Expansion;
use super::fault::Fault;
use crate::pure::base::{ApplicationName, ObjectId, PeerName, ServerId};
use crate::pure::lineage::Serial;
use crate::pure::wire::encode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many removals of servers are remembered: a node that was away for longer keeps the directories of what went.
pub const REMOVALS_KEPT: usize = 10_000;

/// What one entry does to the deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// An application, new or changed.
    PutApplication(Arc<ApplicationRecord>),
    /// An application goes with its servers.
    RemoveApplication(ApplicationName),
    /// A registry belongs to the grid, or its address changed.
    PutRegistry(RegistryRecord),
    /// A registry belongs to the grid no longer.
    ForgetRegistry(PeerName),
    /// An object outside all applications, new or changed.
    PutObject(ObjectRecord),
    /// Such an object goes.
    RemoveObject(ObjectId),
}

impl Deployment {
    /// Carries out one update. `serial` is that of its entry and must grow from update to update. Returns what changed
    /// in the durable form.
    ///
    /// # Errors
    /// Every fault of the update; the deployment is as it was.
    pub fn apply(&mut self, update: &Update, serial: Serial) -> Result<Values, Vec<Fault>> {
        match update {
            Update::PutApplication(record) => self.put_application(record, None, serial),
            Update::RemoveApplication(name) => self.remove_application(name, serial),
            Update::PutRegistry(record) => {
                self.registries.insert(record.name.clone(), record.clone());
                Ok(Values::one(registry_key(&record.name), Some(encode(record))))
            }
            Update::ForgetRegistry(name) => {
                let known = self.registries.remove(name);
                known.ok_or_else(|| unknown(format!("registry {name}")))?;
                Ok(Values::one(registry_key(name), None))
            }
            Update::PutObject(record) => {
                check_object(self, record)?;
                self.objects.insert(record.id.clone(), record.clone());
                self.index_object(record.clone());
                Ok(Values::one(object_key(&record.id), Some(encode(record))))
            }
            Update::RemoveObject(id) => {
                let known = self.objects.remove(id);
                known.ok_or_else(|| self.unknown_object(id))?;
                self.unindex_object(id);
                Ok(Values::one(object_key(id), None))
            }
        }
    }

    /// As [`Deployment::apply`] of an application that this very deployment has checked already.
    ///
    /// # Errors
    /// None that the check has not told.
    pub fn apply_checked(
        &mut self,
        update: &Update,
        expansion: Expansion,
        serial: Serial,
    ) -> Result<Values, Vec<Fault>> {
        match update {
            Update::PutApplication(record) => self.put_application(record, Some(expansion), serial),
            other => self.apply(other, serial),
        }
    }

    fn put_application(
        &mut self,
        record: &Arc<ApplicationRecord>,
        checked: Option<Expansion>,
        serial: Serial,
    ) -> Result<Values, Vec<Fault>> {
        let name = &record.descriptor.name;
        let expansion = match checked {
            Some(expansion) => expansion,
            None => self.check(&record.descriptor)?,
        };
        let before = self.take_out(name);
        let changed = self.put_in(record, expansion, |id, node, spec| {
            let same = before.get(id).filter(|old| old.node == *node && *old.spec == *spec);
            same.map_or(serial, |old| old.changed)
        });
        let mut values = self.record_moves(before, name, serial);
        values
            .put
            .insert(application_key(name), stored_application(record, changed));
        Ok(values)
    }

    fn remove_application(&mut self, name: &ApplicationName, serial: Serial) -> Result<Values, Vec<Fault>> {
        let known = self.applications.remove(name);
        known.ok_or_else(|| unknown(format!("application {name}")))?;
        let before = self.take_out(name);
        let mut values = self.record_moves(before, name, serial);
        values.delete.insert(0, application_key(name));
        Ok(values)
    }

    /// Takes an application out of all indexes and returns the servers that it had.
    fn take_out(&mut self, name: &ApplicationName) -> BTreeMap<ServerId, Placed> {
        let contents = self.contents.remove(name).unwrap_or_default();
        for id in &contents.adapters {
            self.adapters.remove(id);
        }
        for id in &contents.groups {
            self.groups.remove(id);
        }
        for id in &contents.objects {
            self.unindex_object(id);
        }
        for id in &contents.allocatables {
            self.allocatables.remove(id);
        }
        let mut before = BTreeMap::new();
        for id in &contents.servers {
            let Some(placed) = self.servers.remove(id) else {
                continue;
            };
            if let Some(there) = self.by_node.get_mut(&placed.node) {
                there.remove(id);
                if there.is_empty() {
                    self.by_node.remove(&placed.node);
                }
            }
            before.insert(id.clone(), placed);
        }
        before
    }

    /// Puts a checked application into all indexes. Returns the serial at which each of its servers last changed.
    pub(super) fn put_in(
        &mut self,
        record: &Arc<ApplicationRecord>,
        expansion: Expansion,
        changed_at: impl Fn(&ServerId, &PeerName, &super::ServerSpec) -> Serial,
    ) -> BTreeMap<ServerId, Serial> {
        let allocatables = expansion.allocatables.iter().map(|one| one.id.clone());
        let mut contents = Contents {
            groups: expansion.groups.iter().map(|group| group.id.clone()).collect(),
            objects: expansion.objects.iter().map(|object| object.id.clone()).collect(),
            allocatables: allocatables.collect(),
            ..Contents::default()
        };
        let groups = expansion.groups.into_iter();
        let groups = groups.map(|group| (group.id.clone(), (group, Vec::new())));
        self.groups.extend(groups.collect());
        let (mut adapters, mut servers) = (Vec::new(), Vec::with_capacity(expansion.servers.len()));
        let mut by_node: BTreeMap<PeerName, Vec<ServerId>> = BTreeMap::new();
        for (node, spec) in expansion.servers {
            for adapter in &spec.adapters {
                adapters.push((adapter.id.clone(), spec.id.clone()));
                if let Some((_, members)) = adapter.group.as_ref().and_then(|group| self.groups.get_mut(group)) {
                    members.push(adapter.id.clone());
                }
            }
            match by_node.get_mut(&node) {
                Some(there) => there.push(spec.id.clone()),
                None => drop(by_node.insert(node.clone(), vec![spec.id.clone()])),
            }
            let changed = changed_at(&spec.id, &node, &spec);
            let (id, spec) = (spec.id.clone(), Arc::new(spec));
            servers.push((id, Placed { node, spec, changed }));
        }
        contents.adapters = adapters.iter().map(|(id, _)| id.clone()).collect();
        contents.servers = servers.iter().map(|(id, _)| id.clone()).collect();
        let changed = servers.iter().map(|(id, placed)| (id.clone(), placed.changed));
        let changed = changed.collect();
        self.adapters.extend(adapters);
        self.servers.extend(servers);
        for (node, ids) in by_node {
            match self.by_node.get_mut(&node) {
                Some(there) => there.extend(ids.into_iter()),
                None => drop(self.by_node.insert(node, ids.into_iter().collect())),
            }
        }
        self.index_objects(expansion.objects);
        let allocatables = expansion.allocatables.into_iter();
        let allocatables = allocatables.map(|one| (one.id.clone(), Arc::new(one)));
        self.allocatables.extend(allocatables.collect());
        let name = record.descriptor.name.clone();
        self.contents.insert(name.clone(), Arc::new(contents));
        self.applications.insert(name, record.clone());
        changed
    }

    /// After the new servers are in: remembers those that went from their node, forgets those that came back to it.
    fn record_moves(&mut self, before: BTreeMap<ServerId, Placed>, after: &ApplicationName, serial: Serial) -> Values {
        let mut touched: BTreeSet<(PeerName, ServerId)> = BTreeSet::new();
        let came = self
            .contents
            .get(after)
            .into_iter()
            .flat_map(|contents| &contents.servers);
        let came = came.filter_map(|id| Some((self.servers.get(id)?.node.clone(), id.clone())));
        for key in came.collect::<Vec<_>>() {
            if self.forget_removal(&key) {
                touched.insert(key);
            }
        }
        for (id, old) in before {
            if self.servers.get(&id).is_none_or(|now| now.node != old.node) {
                let key = (old.node, id);
                self.removals_by_age.insert((serial, key.0.clone(), key.1.clone()));
                self.removals.insert(key.clone(), serial);
                touched.insert(key);
            }
        }
        while self.removals.len() > REMOVALS_KEPT {
            let Some((_, node, id)) = self.removals_by_age.pop_first() else {
                break;
            };
            let key = (node, id);
            self.removals.remove(&key);
            touched.insert(key);
        }
        let mut values = Values::default();
        for key in touched {
            match self.removals.get(&key) {
                Some(serial) => drop(values.put.insert(removal_key(&key), encode(serial))),
                None => values.delete.push(removal_key(&key)),
            }
        }
        values
    }

    fn forget_removal(&mut self, key: &(PeerName, ServerId)) -> bool {
        let Some(serial) = self.removals.remove(key) else {
            return false;
        };
        self.removals_by_age.remove(&(serial, key.0.clone(), key.1.clone()));
        true
    }

    pub(super) fn index_object(&mut self, record: ObjectRecord) {
        self.index_objects(vec![record]);
    }

    fn index_objects(&mut self, records: Vec<ObjectRecord>) {
        let mut types: BTreeMap<String, Vec<ObjectId>> = BTreeMap::new();
        for record in &records {
            self.unindex_object(&record.id);
            match types.get_mut(record.kind.as_str()) {
                Some(ids) => ids.push(record.id.clone()),
                None => drop(types.insert(record.kind.clone(), vec![record.id.clone()])),
            }
        }
        types.remove("");
        for (kind, ids) in types {
            match self.types.get_mut(kind.as_str()) {
                Some(objects) => objects.extend(ids.into_iter()),
                None => drop(self.types.insert(kind, ids.into_iter().collect())),
            }
        }
        let records = records.into_iter().map(|record| (record.id.clone(), record));
        self.all_objects.extend(records.collect());
    }

    fn unindex_object(&mut self, id: &ObjectId) {
        let Some(record) = self.all_objects.remove(id) else {
            return;
        };
        if let Some(objects) = self.types.get_mut(record.kind.as_str()) {
            objects.remove(id);
            if objects.is_empty() {
                self.types.remove(record.kind.as_str());
            }
        }
    }

    fn unknown_object(&self, id: &ObjectId) -> Vec<Fault> {
        if self.all_objects.contains_key(id) || self.allocatables.contains_key(id) {
            let message = "belongs to an application: it goes when it is taken out of that";
            return vec![Fault::new(format!("object {id}"), message)];
        }
        unknown(format!("object {id}"))
    }
}

fn unknown(place: String) -> Vec<Fault> {
    vec![Fault::new(place, "does not exist")]
}

#[cfg(test)]
#[path = "apply_test.rs"]
mod tests;
