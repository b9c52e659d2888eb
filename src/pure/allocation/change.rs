//! What the master decided, as facts: journalled, sent to replicas, applied by everybody alike.

use super::lease::Lease;
use super::queue::Waiting;
use super::session::{Session, SessionId};
use crate::pure::base::ObjectId;
use serde::{Deserialize, Serialize};

/// One fact. On disk and on the wire: kinds and fields are only added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A session begins.
    Opened(Session),
    /// A session that holds nothing and waits for nothing any more is over.
    Closed(SessionId),
    /// A free resource is somebody's.
    Granted(Lease),
    /// It is free again.
    Released(ObjectId),
    /// A request waits.
    Queued(Waiting),
    /// It waits no longer.
    Left(u64),
}
