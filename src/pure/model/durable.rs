//! The deployment as named values, which the store keeps and a snapshot carries: one value an application, registry,
//! object or removal. Indexes are not stored.

use super::conflict::check_conflicts;
use super::deployment::{ApplicationRecord, Deployment, RegistryRecord};
use super::descriptor::ObjectRecord;
use super::expand::expand;
use super::fault::{Fault, Faults};
use crate::pure::base::{ApplicationName, ObjectId, PeerName, ServerId};
use crate::pure::lineage::Serial;
use crate::pure::wire::{decode, encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What changed in the durable form. No key is in both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// Set these.
    pub put: BTreeMap<String, Vec<u8>>,
    /// Remove these.
    pub delete: Vec<String>,
}
impl Values {
    pub(super) fn one(key: String, value: Option<Vec<u8>>) -> Self {
        let mut values = Self::default();
        match value {
            Some(bytes) => drop(values.put.insert(key, bytes)),
            None => values.delete.push(key),
        }
        values
    }
}

/// An application's value: the record, and what cannot be worked out from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The record.
    pub record: Arc<ApplicationRecord>,
    /// The serial at which each server last changed.
    pub changed: BTreeMap<ServerId, Serial>,
}

pub(super) fn stored_application(record: &Arc<ApplicationRecord>, changed: BTreeMap<ServerId, Serial>) -> Vec<u8> {
    let record = record.clone();
    encode(&Stored { record, changed })
}
/// The key of an application's value.
pub fn application_key(name: &ApplicationName) -> String {
    format!("application/{name}")
}
/// The key of a registry's value.
pub fn registry_key(name: &PeerName) -> String {
    format!("registry/{name}")
}
/// The key of an object's value.
pub fn object_key(id: &ObjectId) -> String {
    format!("object/{id}")
}
/// The key of a removal's value. Names hold no slash, so it can be read back.
pub fn removal_key((node, server): &(PeerName, ServerId)) -> String {
    format!("removal/{node}/{server}")
}

impl Deployment {
    /// The whole durable form. Keys: `application/NAME`, `registry/NAME`, `object/ID`, `removal/NODE/SERVER`.
    pub fn values(&self) -> BTreeMap<String, Vec<u8>> {
        let applications = self.applications.iter().map(|(name, record)| {
            let ids = self
                .contents
                .get(name)
                .into_iter()
                .flat_map(|contents| &contents.servers);
            let changed = ids.filter_map(|id| Some((id.clone(), self.servers.get(id)?.changed)));
            (application_key(name), stored_application(record, changed.collect()))
        });
        let registries = self
            .registries
            .values()
            .map(|record| (registry_key(&record.name), encode(record)));
        let objects = self
            .objects
            .values()
            .map(|record| (object_key(&record.id), encode(record)));
        let removals = self
            .removals
            .iter()
            .map(|(key, serial)| (removal_key(key), encode(serial)));
        applications.chain(registries).chain(objects).chain(removals).collect()
    }

    /// The deployment that [`Deployment::values`] were taken of. Keys with other prefixes are somebody else's.
    ///
    /// Only what the indexes need is checked again (variables and ids), so that a rule that becomes stricter does not
    /// keep a registry from reading what an older one accepted.
    ///
    /// # Errors
    /// In words, which value is damaged and how.
    pub fn restore(values: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let mut deployment = Self::default();
        for (key, bytes) in values {
            let known = match key.split_once('/') {
                Some(("application", name)) => deployment.restore_application(name, bytes),
                Some(("registry", name)) => deployment.restore_registry(name, bytes),
                Some(("object", id)) => deployment.restore_object(id, bytes),
                Some(("removal", place)) => deployment.restore_removal(place, bytes),
                _ => Ok(()),
            };
            known.map_err(|reason| format!("value {key:?} is damaged: {reason}"))?;
        }
        Ok(deployment)
    }

    fn restore_application(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let Stored { record, changed } = read(bytes)?;
        let descriptor = &record.descriptor;
        same_name(name, descriptor.name.as_str())?;
        let mut faults = Faults::default();
        let expansion = expand(descriptor, &mut faults);
        check_conflicts(self, descriptor, &expansion, &mut faults);
        let expansion = faults.finish(expansion).map_err(|faults| in_words(&faults))?;
        if let Some((_, spec)) = expansion
            .servers
            .iter()
            .find(|(_, spec)| !changed.contains_key(&spec.id))
        {
            return Err(format!("it does not tell when server {} changed", spec.id));
        }
        self.put_in(&record, expansion, |id, _, _| {
            changed.get(id).copied().unwrap_or_default()
        });
        Ok(())
    }

    fn restore_registry(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let record: RegistryRecord = read(bytes)?;
        same_name(name, record.name.as_str())?;
        self.registries.insert(record.name.clone(), record);
        Ok(())
    }

    fn restore_object(&mut self, id: &str, bytes: &[u8]) -> Result<(), String> {
        let record: ObjectRecord = read(bytes)?;
        same_name(id, record.id.as_str())?;
        if self.all_objects.contains_key(&record.id) || self.allocatables.contains_key(&record.id) {
            return Err("an application holds an object of this id".to_owned());
        }
        self.index_object(record.clone());
        self.objects.insert(record.id.clone(), record);
        Ok(())
    }

    fn restore_removal(&mut self, place: &str, bytes: &[u8]) -> Result<(), String> {
        let serial: Serial = read(bytes)?;
        let (node, server) = place.split_once('/').ok_or("its key names no server")?;
        let node: PeerName = node.parse().map_err(|error| format!("{error}"))?;
        let server: ServerId = server.parse().map_err(|error| format!("{error}"))?;
        self.removals_by_age.insert((serial, node.clone(), server.clone()));
        self.removals.insert((node, server), serial);
        Ok(())
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    decode(bytes).map_err(|error| error.to_string())
}

fn same_name(key: &str, inside: &str) -> Result<(), String> {
    if key == inside {
        return Ok(());
    }
    Err(format!("it holds {inside:?}"))
}

fn in_words(faults: &[Fault]) -> String {
    let texts: Vec<String> = faults.iter().take(3).map(Fault::to_string).collect();
    texts.join("; ")
}
