//! Which requests were carried out: a retry finds its update by the request id, also when its entry was trimmed or came
//! as part of a snapshot.

use super::payload::Payload;
use crate::pure::base::{ApplicationName, ObjectId, RequestId};
use crate::pure::lineage::{Entry, Serial};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many entries back a retry is recognised: clients retry for minutes, not for days.
pub(super) const REQUESTS_KEPT: Serial = 10_000;

/// What a request did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The request.
    pub request: RequestId,
    /// Its entry.
    pub serial: Serial,
    /// The number of the epoch that wrote it.
    pub epoch: u64,
    /// The application that it put or removed.
    #[serde(default)]
    pub application: Option<ApplicationName>,
    /// The object that it put or removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectId>,
    /// The application's revision since, 1 for an object; 0 when it was removed.
    pub revision: u64,
}

impl Done {
    /// What an entry did for a client; `None` for entries that no client asked for.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let (application, object, revision) = match Payload::of(entry).ok()? {
            Payload::PutApplication(put) => (Some(put.descriptor.name.clone()), None, put.revision),
            Payload::RemoveApplication(name) => (Some(name), None, 0),
            Payload::PutObject(record) => (None, Some(record.id), 1),
            Payload::RemoveObject(id) => (None, Some(id), 0),
            Payload::Reign(_) | Payload::PutRegistry(_) | Payload::ForgetRegistry(_) => return None,
        };
        Some(Self {
            request: entry.request,
            serial: entry.serial,
            epoch: entry.epoch.number,
            application,
            object,
            revision,
        })
    }
}

/// Requests by id, with what those did whose entries are gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    serials: BTreeMap<RequestId, Serial>,
    trimmed: BTreeMap<Serial, Done>,
}

impl Requests {
    pub(super) fn serial(&self, request: RequestId) -> Option<Serial> {
        self.serials.get(&request).copied()
    }
    pub(super) fn trimmed(&self, serial: Serial) -> Option<&Done> {
        self.trimmed.get(&serial)
    }
    pub(super) fn all_trimmed(&self) -> impl Iterator<Item = &Done> {
        self.trimmed.values()
    }
    /// An entry is in the log.
    pub(super) fn add(&mut self, entry: &Entry) {
        self.serials.insert(entry.request, entry.serial);
    }
    /// An entry is in the log no longer, and nothing of it stays.
    pub(super) fn forget(&mut self, entry: &Entry) {
        self.serials.remove(&entry.request);
    }
    /// What an entry did stays, the entry goes.
    pub(super) fn keep(&mut self, done: Done) {
        self.serials.insert(done.request, done.serial);
        self.trimmed.insert(done.serial, done);
    }
    /// Forgets what is too old for a log that ends in `end`; the serials that went.
    pub(super) fn expire(&mut self, end: Serial) -> Vec<Serial> {
        let oldest = end.saturating_sub(REQUESTS_KEPT) + 1;
        let gone: Vec<Serial> = self.trimmed.range(..oldest).map(|(serial, _)| *serial).collect();
        for serial in &gone {
            if let Some(done) = self.trimmed.remove(serial) {
                self.serials.remove(&done.request);
            }
        }
        gone
    }
}
