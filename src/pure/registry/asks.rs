//! What clients wait for: requests passed on to nodes, and resolves whose server is being started.

use super::effect::ReplyTo;
use crate::pure::base::{PeerName, ServerId, Time};
use crate::pure::lineage::Serial;
use crate::pure::protocol::{Failure, Request};
use std::collections::BTreeMap;

/// What clients wait for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asks {
    pub(super) next: u64,
    /// Requests passed on to nodes.
    pub(super) passed: BTreeMap<u64, Passed>,
    /// Resolves that wait for a server's start.
    pub(super) resolves: BTreeMap<ReplyTo, Parked>,
    /// The end of the log that they last looked at.
    pub(super) looked_at: Serial,
}

/// A request passed on to a node.
#[derive(Clone, Debug)]
pub(super) struct Passed {
    pub(super) node: PeerName,
    pub(super) until: Time,
    /// The client, or the server whose start resolves wait for.
    pub(super) purpose: Purpose,
}

/// What a passed request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A client's command.
    Client(ReplyTo),
    /// A server's start, for the resolves that wait for it.
    Start(ServerId),
}

/// A resolve that waits.
#[derive(Clone, Debug)]
pub(super) struct Parked {
    /// `Resolve` or `Find`.
    pub(super) request: Request,
    pub(super) actor: String,
    pub(super) until: Time,
    /// The group's turn that it took, so that it chooses the same each time it looks.
    pub(super) turn: u64,
    /// The servers that it waits for now.
    pub(super) waiting: Vec<ServerId>,
    /// Those that were tried for it and failed.
    pub(super) failed: Vec<ServerId>,
    /// Why the last one failed.
    pub(super) failure: Option<Failure>,
}
