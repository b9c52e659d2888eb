//! How far the nodes are with an update: each server that it put, changed or took away, as its node says.
//!
//! A node tells its servers before it tells which version it has applied, so what is known of a server of a node that has
//! applied the update is never from before it.

use super::affected::{NodeKnown, sight_of};
use super::peer::NodeSight;
use super::view::View;
use crate::pure::base::{ApplicationName, PeerName, ServerId};
use crate::pure::lineage::Serial;
use crate::pure::model::Activation;
use crate::pure::protocol::Response;
use crate::pure::protocol::report::{ServerReport, ServerState};
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::update::{OUTCOME_ROWS_MAX, Outcome, OutcomeRow};

/// How one server stands to what is wanted of it.
#[derive(Debug, PartialEq, Eq)]
enum Stand {
    Done,
    Waits(ServerState, String),
    Failed(ServerState, String),
}

impl View {
    /// How far the update of this entry is. `running`: servers that ran before it and are to run again.
    pub(super) fn outcome(&self, name: &ApplicationName, serial: Serial, running: &[ServerId]) -> Response {
        if self.end.serial < serial {
            let message = format!(
                "registry {} is at {} and has not got the update yet",
                self.card.name, self.end
            );
            return Response::Failed(Failure::new(ErrorCode::Unavailable, message, "come again in a moment"));
        }
        let record = self.deployment.applications.get(name);
        let mut outcome = Outcome {
            revision: record.map(|record| record.revision),
            ..Outcome::default()
        };
        let mut rows = (Vec::new(), Vec::new());
        let contents = self.deployment.contents.get(name);
        let ids = contents.iter().flat_map(|contents| &contents.servers);
        for id in ids {
            let Some(placed) = self
                .deployment
                .servers
                .get(id)
                .filter(|placed| placed.changed == serial)
            else {
                continue;
            };
            let known = self.node_at(&placed.node, serial);
            let stand = known.map_or_else(
                |reason| Stand::Waits(ServerState::Unknown, reason),
                |sight| stand_of(id, placed.spec.activation, sight, running.contains(id)),
            );
            outcome.count(id, &placed.node, stand, &mut rows);
        }
        for ((node, id), _) in self
            .deployment
            .removals
            .iter()
            .filter(|(_, removed)| **removed == serial)
        {
            let stand = self.gone(node, id, serial);
            outcome.count(id, node, stand, &mut rows);
        }
        let (failed, waiting) = rows;
        outcome.rows = failed.into_iter().chain(waiting).take(OUTCOME_ROWS_MAX).collect();
        Response::Outcome(Box::new(outcome))
    }

    /// A node that has applied the update, or why it cannot be told how it stands.
    fn node_at(&self, node: &PeerName, serial: Serial) -> Result<&NodeSight, String> {
        match sight_of(self.peers.get(node).map(|peer| (peer.linked, peer.node.as_ref()))) {
            NodeKnown::Told(sight) if sight.report.applied.is_some_and(|applied| applied.serial >= serial) => Ok(sight),
            NodeKnown::Told(_) | NodeKnown::Silent => Err(format!("node {node} has not applied the update yet")),
            NodeKnown::Absent => Err(format!(
                "node {node} is not in reach of registry {}: it gets its part when it returns",
                self.card.name
            )),
        }
    }

    /// Has the node got rid of a server?
    fn gone(&self, node: &PeerName, id: &ServerId, serial: Serial) -> Stand {
        // Nobody has ever met such a node: it has nothing to get rid of.
        if !self.peers.contains_key(node) {
            return Stand::Done;
        }
        match self.node_at(node, serial) {
            Err(reason) => Stand::Waits(ServerState::Unknown, reason),
            Ok(sight) => match sight.servers.get(id) {
                None => Stand::Done,
                Some(report) => Stand::Waits(report.state, format!("being stopped on node {node}")),
            },
        }
    }
}

impl Outcome {
    fn count(
        &mut self,
        server: &ServerId,
        node: &PeerName,
        stand: Stand,
        (failed_rows, waiting_rows): &mut (Vec<OutcomeRow>, Vec<OutcomeRow>),
    ) {
        self.servers += 1;
        let (failed, state, reason) = match stand {
            Stand::Done => {
                self.done += 1;
                return;
            }
            Stand::Waits(state, reason) => (false, state, reason),
            Stand::Failed(state, reason) => (true, state, reason),
        };
        let rows = if failed {
            self.failed += 1;
            failed_rows
        } else {
            self.waiting += 1;
            waiting_rows
        };
        if rows.len() < OUTCOME_ROWS_MAX {
            rows.push(OutcomeRow {
                server: server.clone(),
                node: node.clone(),
                state,
                failed,
                reason,
            });
        }
    }
}

/// One server of a node that has applied the update. `ran`: it ran before, so it is to run again.
fn stand_of(id: &ServerId, activation: Activation, sight: &NodeSight, ran: bool) -> Stand {
    let Some(report) = sight.servers.get(id) else {
        return Stand::Waits(ServerState::Unknown, "its node has not taken it over yet".to_owned());
    };
    let (state, reason) = (report.state, report.reason.clone());
    let wanted = ran || activation == Activation::Always;
    match state {
        // A disabled server that runs by its old definition says so.
        ServerState::Active if report.enabled || reason.is_empty() => Stand::Done,
        ServerState::Active | ServerState::ActivationTimedOut => Stand::Failed(state, reason),
        ServerState::BackingOff => Stand::Failed(state, with_next_try(report)),
        ServerState::Activating | ServerState::Deactivating | ServerState::Unknown => Stand::Waits(state, reason),
        ServerState::Inactive if sight.report.held.contains(id) => Stand::Waits(state, reason),
        ServerState::Inactive if wanted && !report.enabled => {
            Stand::Failed(state, format!("it is disabled: floe server enable {id}"))
        }
        // A node starts its always servers itself: one that is inactive was stopped by an operator, and stays so.
        ServerState::Inactive if ran && activation != Activation::Always => Stand::Failed(state, reason),
        ServerState::Inactive => Stand::Done,
    }
}

fn with_next_try(report: &ServerReport) -> String {
    match report.next_try {
        Some(time) => format!("{}; next try {time}", report.reason),
        None => report.reason.clone(),
    }
}

#[cfg(test)]
#[path = "outcome_test.rs"]
mod tests;
