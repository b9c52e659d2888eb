//! Servers that moved: their new nodes are told when the old ones have stopped them.

use super::super::affected::sight_of;
use super::super::effect::Effect;
use super::super::moves::Released;
use super::super::seat::Seat;
use super::super::state::Registry;
use crate::pure::base::{Moment, PeerName, ServerId};
use crate::pure::protocol::report::Happening;
use std::collections::BTreeSet;

impl Registry {
    /// Releases what has been waited for; each node that it concerns is told at once.
    pub(super) fn release_moved(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let Seat::Leading(reigning) = &mut self.seat else {
            return;
        };
        if reigning.moves.is_idle() {
            return;
        }
        let (peers, Some(own)) = (&self.peers, self.database.id()) else {
            return;
        };
        let released = reigning.moves.progress(
            own,
            |node| sight_of(peers.get(node).map(|peer| (peer.linked, peer.node.as_ref()))),
            moment,
        );
        let mut nodes: BTreeSet<PeerName> = BTreeSet::new();
        for (server, left, why) in released {
            let deployment = reigning.acknowledged.as_ref().map(|(_, deployment)| deployment);
            let placed = deployment.and_then(|deployment| deployment.servers.get(&server));
            let Some(node) = placed.map(|placed| placed.node.clone()) else {
                continue;
            };
            out.push(released_news(&server, &left, &node, why, moment));
            nodes.insert(node);
        }
        nodes.retain(|node| reigning.told_nodes.contains_key(node));
        for node in nodes {
            if !self.send_changes(&node, out) {
                self.send_slice(&node, out);
            }
        }
    }
}

fn released_news(server: &ServerId, left: &PeerName, node: &PeerName, why: Released, moment: &Moment) -> Effect {
    Effect::Happened(Box::new(Happening {
        time: moment.wall,
        subject: "server".to_owned(),
        name: server.to_string(),
        state: "released".to_owned(),
        reason: match why {
            Released::Stopped => format!("node {left} has stopped it: it may start on {node}"),
            Released::Kept => {
                format!(
                    "node {left} goes on as it is, for no removal reaches it there; it may start on {node} all the same"
                )
            }
            Released::GivenUp => {
                format!("node {left} is out of reach: it may still run there; it may start on {node} all the same")
            }
        },
        version: None,
    }))
}

#[cfg(test)]
#[path = "moves_test.rs"]
mod tests;
