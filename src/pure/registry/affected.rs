//! What a plan does to servers that run, by what the nodes last said of them.
//!
//! A plan is what an update means; whether a server really is restarted depends on whether it runs. What is not known
//! counts as running: a node out of reach, or one that has not reported the server yet.

use super::peer::NodeSight;
use crate::pure::base::{PeerName, ServerId};
use crate::pure::model::{Deployment, Plan};
use crate::pure::protocol::report::ServerState;
use crate::pure::protocol::update::{AFFECTED_MAX, Affected, AffectedServer, Deed};
use std::sync::Arc;

/// What is known of a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum NodeKnown<'a> {
    Absent,
    /// Linked, and it has not told its whole state yet.
    Silent,
    Told(&'a NodeSight),
}

/// Of a peer: whether it is linked, and what it told.
pub(super) fn sight_of(peer: Option<(bool, Option<&Arc<NodeSight>>)>) -> NodeKnown<'_> {
    match peer {
        Some((true, Some(sight))) if sight.whole => NodeKnown::Told(sight),
        Some((true, _)) => NodeKnown::Silent,
        Some((false, _)) | None => NodeKnown::Absent,
    }
}

/// Servers of `deployment` that run, or may run, and are not left alone by a plan for what comes after it.
pub(super) fn affected<'a>(
    deployment: &Deployment,
    plan: &Plan,
    node: impl Fn(&PeerName) -> NodeKnown<'a>,
) -> Affected {
    let mut affected = Affected::default();
    let restarts = plan.restarted.iter().map(|id| match plan.moved.binary_search(id) {
        Ok(_) => (id, Deed::Move),
        Err(_) => (id, Deed::Restart),
    });
    let removals = plan.removed.iter().map(|id| (id, Deed::Remove));
    for (id, deed) in restarts.chain(removals) {
        let Some(placed) = deployment.servers.get(id) else {
            continue;
        };
        let (state, reason) = state_of(id, &placed.node, node(&placed.node));
        if matches!(state, ServerState::Inactive | ServerState::BackingOff) {
            continue;
        }
        if affected.servers.len() < AFFECTED_MAX {
            affected.servers.push(AffectedServer {
                server: id.clone(),
                node: placed.node.clone(),
                deed,
                state,
                reason,
            });
        } else {
            affected.more += 1;
        }
    }
    affected
}

fn state_of(id: &ServerId, node: &PeerName, known: NodeKnown<'_>) -> (ServerState, String) {
    let reason = match known {
        NodeKnown::Told(sight) => match sight.servers.get(id) {
            Some(report) => return (report.state, String::new()),
            None => format!("node {node} has not taken it over yet"),
        },
        NodeKnown::Silent => format!("node {node} has not said yet how its servers stand"),
        NodeKnown::Absent => format!("node {node} is not in reach"),
    };
    (ServerState::Unknown, reason)
}
