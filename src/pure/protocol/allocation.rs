//! Sessions and leases as clients and operators see them.

use crate::pure::allocation::{SessionId, Wish};
use crate::pure::base::{RequestId, Secret, WallTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Asks for a resource. Sent again with the same id, it keeps its place, or gives the same lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocate {
    /// Whose it will be.
    pub secret: Secret,
    /// What.
    pub wish: Wish,
    /// How long it may wait, in milliseconds: 0 for not at all, `None` for ever. Each time it is sent, that begins anew.
    pub timeout_ms: Option<u64>,
    /// Tells it from the session's other requests.
    pub request: RequestId,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionReport {
    /// Its id.
    pub id: SessionId,
    /// For people.
    pub name: String,
    /// Seconds until it ends without a renewal, rounded up; `None` from a registry that does not lead.
    pub expires_in: Option<u64>,
    /// How long it lives without a renewal, in milliseconds.
    pub ttl_ms: u64,
    /// How many resources it holds.
    pub leases: u64,
    /// How many of its requests wait.
    pub waiting: u64,
    /// Who opened it.
    pub actor: String,
    /// When.
    pub opened: WallTime,
    /// What it holds, with tokens; only in the answers to its own client. After a promotion that could not be proven to lose
    /// nothing, something may be missing: it is not held any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<(String, String)>,
}

/// One lease, with what its holder needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseReport {
    /// The resource.
    pub resource: String,
    /// Its type; empty where it is not deployed any more.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its session.
    pub session: SessionId,
    /// The session's name.
    pub session_name: String,
    /// `EPOCH-NUMBER`: higher than that of every lease before.
    pub token: String,
    /// Since when.
    pub since: WallTime,
    /// Seconds until its session ends without a renewal, rounded up; `None` from a registry that does not lead.
    pub expires_in: Option<u64>,
    /// Its server.
    pub server: String,
    /// The server's node; empty where it is not deployed any more.
    pub node: String,
    /// The adapter by which it is reached, where it names one: who resolves it has its server started, if that is to be.
    #[serde(default)]
    pub adapter: Option<String>,
    /// Where it is to be reached, if its server is active now.
    pub endpoint: Option<String>,
    /// What is deployed of it.
    pub attributes: BTreeMap<String, String>,
}

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueReport {
    /// What it wants, in words.
    pub wish: String,
    /// How many requests of anybody came earlier and wait for the same.
    pub ahead: u64,
}

/// How a request for a resource was decided, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionReport {
    /// What was wanted, in words.
    pub wish: String,
    /// What was given; `None` where the request waits or is refused.
    pub resource: Option<String>,
    /// The token of the lease; `None` where none was given.
    pub token: Option<String>,
    /// Whose request it was; `None` for a request that was only thought of.
    pub session: Option<SessionId>,
    /// When; likewise.
    pub at: Option<WallTime>,
    /// Who chose: the allocator, or the one that stood in for it.
    pub by: String,
    /// Why the configured allocator did not choose; empty when it did.
    pub instead: String,
    /// The allocator's own reason; may be empty.
    pub reason: String,
    /// The only chance that there was, in hexadecimal digits: the same question with the same seed has the same answer.
    pub seed: String,
    /// How many might have been given.
    pub candidates: u64,
    /// How many fit besides, and were held or out of service.
    pub others: u64,
    /// How many of the candidates were rejected, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// The best candidates, the chosen one first.
    pub best: Vec<RankedReport>,
}

/// A candidate that was considered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankedReport {
    /// The resource.
    pub resource: String,
    /// The node of its server.
    pub node: String,
    /// Higher is better; `None` where the allocator does not say.
    pub score: Option<i64>,
}
