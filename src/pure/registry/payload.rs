//! What the bytes of a log entry hold, by its kind. On disk and on the wire: fields are only added, with a default.

use crate::pure::base::{ApplicationName, ObjectId, PeerName};
use crate::pure::lineage::{Entry, EntryKind};
use crate::pure::model::descriptor::ObjectRecord;
use crate::pure::model::{Application, ApplicationRecord, Changes, RegistryRecord, Update};
use crate::pure::wire::{CodecError, decode, encode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A master begins to reign.
    Reign(ReignPayload),
    /// A registry belongs to the grid.
    PutRegistry(RegistryRecord),
    /// A registry belongs to it no longer.
    ForgetRegistry(PeerName),
    /// An application, new or changed.
    PutApplication(ApplicationPayload),
    /// An application goes.
    RemoveApplication(ApplicationName),
    /// An object, new or changed.
    PutObject(ObjectRecord),
    /// An object goes.
    RemoveObject(ObjectId),
}

/// Who begins to reign, and on what terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReignPayload {
    /// The registry.
    pub by: PeerName,
    /// The operator accepted that a silent registry may have held more.
    pub accepted_loss: bool,
    /// The operator overrode a registry that held more.
    pub forced: bool,
    /// What was known about completeness.
    pub proof: String,
}

/// An application as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationPayload {
    /// As written.
    pub descriptor: Arc<Application>,
    /// Counts its updates from 1.
    pub revision: u64,
    /// What the master planned; `None` from a build that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// The revision whose content it repeats, when it is a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_to: Option<u64>,
}

impl Payload {
    /// The kind of entry that holds this.
    pub fn kind(&self) -> EntryKind {
        match self {
            Self::Reign(_) => EntryKind::Reign,
            Self::PutRegistry(_) => EntryKind::PutRegistry,
            Self::ForgetRegistry(_) => EntryKind::ForgetRegistry,
            Self::PutApplication(_) => EntryKind::PutApplication,
            Self::RemoveApplication(_) => EntryKind::RemoveApplication,
            Self::PutObject(_) => EntryKind::PutObject,
            Self::RemoveObject(_) => EntryKind::RemoveObject,
        }
    }
    /// The bytes of the entry.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Reign(payload) => encode(payload),
            Self::PutRegistry(record) => encode(record),
            Self::ForgetRegistry(name) => encode(name),
            Self::PutApplication(payload) => encode(payload),
            Self::RemoveApplication(name) => encode(name),
            Self::PutObject(record) => encode(record),
            Self::RemoveObject(id) => encode(id),
        }
    }
    /// What an entry holds.
    ///
    /// # Errors
    /// When the bytes are not what the kind says.
    pub fn of(entry: &Entry) -> Result<Self, CodecError> {
        let bytes = &entry.bytes;
        Ok(match entry.kind {
            EntryKind::Reign => Self::Reign(decode(bytes)?),
            EntryKind::PutRegistry => Self::PutRegistry(decode(bytes)?),
            EntryKind::ForgetRegistry => Self::ForgetRegistry(decode(bytes)?),
            EntryKind::PutApplication => Self::PutApplication(decode(bytes)?),
            EntryKind::RemoveApplication => Self::RemoveApplication(decode(bytes)?),
            EntryKind::PutObject => Self::PutObject(decode(bytes)?),
            EntryKind::RemoveObject => Self::RemoveObject(decode(bytes)?),
        })
    }
    /// The change to the deployment that an entry with this content makes; `None` for a `Reign`.
    pub fn update(&self, entry: &Entry) -> Option<Update> {
        Some(match self.clone() {
            Self::Reign(_) => return None,
            Self::PutRegistry(record) => Update::PutRegistry(record),
            Self::ForgetRegistry(name) => Update::ForgetRegistry(name),
            Self::PutApplication(application) => Update::PutApplication(Arc::new(ApplicationRecord {
                descriptor: application.descriptor,
                revision: application.revision,
                version: entry.version(),
                time: entry.time,
                actor: entry.actor.clone(),
                changes: application.changes,
                rolled_back_to: application.rolled_back_to,
            })),
            Self::RemoveApplication(name) => Update::RemoveApplication(name),
            Self::PutObject(record) => Update::PutObject(record),
            Self::RemoveObject(id) => Update::RemoveObject(id),
        })
    }
    /// The application that it puts or removes.
    pub fn application(&self) -> Option<&ApplicationName> {
        match self {
            Self::PutApplication(application) => Some(&application.descriptor.name),
            Self::RemoveApplication(name) => Some(name),
            Self::Reign(_)
            | Self::PutRegistry(_)
            | Self::ForgetRegistry(_)
            | Self::PutObject(_)
            | Self::RemoveObject(_) => None,
        }
    }
}
