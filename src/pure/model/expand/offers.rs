//! What servers and groups offer: adapters, objects, allocatables.

use super::super::descriptor::{Adapter, Allocatable, AllocatableRecord, Group, Object, ObjectHome, ObjectRecord};
use super::super::fault::shown;
use super::super::place::Field;
use super::super::spec::{AdapterSpec, ServerSpec};
use super::{HARMLESS, Reader};
use crate::pure::base::{AdapterId, ServerId};
use std::collections::BTreeMap;

impl<'p> Reader<'_, '_, 'p> {
    pub(super) fn adapter(&mut self, written: &'p Adapter, server: &ServerId) -> Option<AdapterSpec> {
        self.within("adapter", &written.name, |reader| {
            let default_id = format!("{server}.{}", written.name);
            let id = match &written.id {
                Some(text) => reader.id("id".into(), text),
                None => reader.parsed("name".into(), &default_id),
            };
            let group = written.group.as_ref().map(|text| reader.id("group".into(), text));
            let endpoint = reader.deferred("endpoint".into(), &written.endpoint);
            Some(AdapterSpec {
                name: written.name.clone(),
                id: id?,
                group: group.flatten(),
                endpoint: endpoint.unwrap_or(HARMLESS.into()),
                priority: written.priority.unwrap_or_default(),
            })
        })
    }

    pub(super) fn group_object(&mut self, written: &'p Object, group: &Group) -> Option<ObjectRecord> {
        self.within("object", &written.id, |reader| {
            if written.adapter.is_some() {
                let message = "an object of a group names no adapter: every member offers it";
                reader.faults.add(reader.place.field("adapter".into()), message);
            }
            reader.object(written, Some(ObjectHome::Group(group.id.clone())))
        })
    }

    pub(super) fn server_object(&mut self, written: &'p Object, spec: &ServerSpec) -> Option<ObjectRecord> {
        self.within("object", &written.id, |reader| {
            let home = reader.home(written.adapter.as_ref(), spec).ok()?;
            if home.is_none() {
                let message = "its server has no adapter that it could live in";
                reader.faults.add(reader.place, message);
            }
            reader.object(written, home.map(ObjectHome::Adapter))
        })
    }

    pub(super) fn allocatable(&mut self, written: &'p Allocatable, spec: &ServerSpec) -> Option<AllocatableRecord> {
        self.within("allocatable", &written.id, |reader| {
            let home = reader.home(written.adapter.as_ref(), spec).ok()?;
            let id = reader.id("id".into(), &written.id);
            let kind = reader.finished("type".into(), &written.kind);
            let attributes = written.attributes.iter().filter_map(|(name, text)| {
                let value = reader.finished(Field::Key("attributes", name), text)?;
                Some((name.clone(), value))
            });
            let attributes: BTreeMap<String, String> = attributes.collect();
            Some(AllocatableRecord {
                id: id?,
                kind: kind?,
                attributes,
                server: spec.id.clone(),
                home,
            })
        })
    }

    /// The adapter that is named, else the server's first, if it has any.
    ///
    /// # Errors
    /// The named one is not there; that is told.
    fn home(&mut self, wanted: Option<&String>, spec: &ServerSpec) -> Result<Option<AdapterId>, ()> {
        let Some(text) = wanted else {
            return Ok(spec.adapters.first().map(|adapter| adapter.id.clone()));
        };
        let name = self.finished("adapter".into(), text).ok_or(())?;
        let Some(found) = spec.adapters.iter().find(|adapter| adapter.name == name) else {
            let message = format!("adapter \"{}\" is not one of this server", shown(&name));
            self.faults.add(self.place.field("adapter".into()), message);
            return Err(());
        };
        Ok(Some(found.id.clone()))
    }

    fn object(&mut self, written: &Object, home: Option<ObjectHome>) -> Option<ObjectRecord> {
        let id = self.id("id".into(), &written.id);
        let kind = self.finished("type".into(), &written.kind);
        Some(ObjectRecord {
            id: id?,
            kind: kind?,
            home: home?,
        })
    }
}
