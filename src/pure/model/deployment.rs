//! The state that the log adds up to: applications, objects, registries, and indexes over them.

use super::descriptor::{Application, Group, ObjectRecord};
use super::spec::ServerSpec;
use crate::pure::base::{AdapterId, Address, ApplicationName, GroupId, ObjectId, PeerName, ServerId, WallTime};
use crate::pure::lineage::{Serial, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One application as the database holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationRecord {
    /// As written.
    pub descriptor: Application,
    /// Counts its updates from 1.
    pub revision: u64,
    /// The version of the database that its last update made.
    pub version: Version,
    /// When, for people.
    pub time: WallTime,
    /// Who.
    pub actor: String,
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

/// A server that was removed: the only thing that lets a node delete its directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// The node that ran it.
    pub node: PeerName,
    /// The serial of the entry that removed it.
    pub serial: Serial,
}

/// Everything deployed. The first four fields are the state; the rest are indexes that can be rebuilt from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// Applications by name.
    pub applications: BTreeMap<ApplicationName, Arc<ApplicationRecord>>,
    /// Registries of the grid by name.
    pub registries: BTreeMap<PeerName, RegistryRecord>,
    /// Objects that no application holds.
    pub objects: BTreeMap<ObjectId, ObjectRecord>,
    /// Servers that were removed, the latest `REMOVALS_KEPT`.
    pub removals: BTreeMap<ServerId, Removal>,

    /// Index: every server.
    pub servers: BTreeMap<ServerId, Placed>,
    /// Index: the server of an adapter.
    pub adapters: BTreeMap<AdapterId, ServerId>,
    /// Index: every group, with its members in order of declaration.
    pub groups: BTreeMap<GroupId, (Group, Vec<AdapterId>)>,
    /// Index: every object, deployed or not.
    pub all_objects: BTreeMap<ObjectId, ObjectRecord>,
}
