//! Nodes in the quiet time: each comes to have the named master's slice, and to run what that says and nothing else.

use super::world::{Checked, World};
use floe::pure::base::ServerId;
use floe::pure::model::Activation;
use floe::pure::node::Placed;
use floe::pure::protocol::report::ServerState;

/// How long it may take, in milliseconds: the longest back-off of a server that ended often, and some.
const SETTLE: u64 = 60_000;

/// Waits for it. `safe`: the master could acknowledge its last update, so nodes must have heard of it.
pub(super) fn settle(world: &mut World, master: usize, safe: bool) -> Checked {
    let settled = world.until(SETTLE, "every node has its slice and runs it", |world| {
        let mut nodes = world.nodes();
        nodes.all(|index| faults(world, master, safe, index).is_empty())
    });
    settled.map_err(|late| {
        let all: Vec<String> = world
            .nodes()
            .flat_map(|index| faults(world, master, safe, index))
            .collect();
        format!("{late}: {}", all.join("; "))
    })
}

/// What is not yet as it must be at a node.
fn faults(world: &World, master: usize, safe: bool, index: usize) -> Vec<String> {
    let peer = &world.peers[index];
    let name = &peer.card.name;
    let mut faults = Vec::new();
    let leader = world.core(master);
    let foreign = peer.disk.slice.database.is_some() && peer.disk.slice.database != leader.database().id();
    if foreign {
        if Some(world.node(index).obeys()) == leader.reign() {
            faults.push(format!("{name} obeys a master of another database"));
        }
    } else if safe {
        if Some(world.node(index).obeys()) != leader.reign() {
            faults.push(format!("{name} does not obey the master"));
        }
        if world.node(index).applied() != Some(leader.database().end()) {
            faults.push(format!("{name} has not the master's slice"));
        }
    }
    for (id, placed) in &peer.disk.slice.servers {
        // Who commands the node and could be heard is what releases a server that moved.
        if placed.held.is_none() || (safe && !foreign) {
            faults.extend(server_fault(world, index, id, placed));
        }
    }
    let mut processes = peer.host.processes.keys();
    if let Some(stray) = processes.find(|id| !peer.disk.slice.servers.contains_key(*id)) {
        faults.push(format!("{name} runs {stray}, which is not in its slice"));
    }
    // Whose slice was put back from a backup does not know what it had to delete, and then keeps it.
    let mut folders = peer.host.folders.iter().filter(|_| !world.oracle.disks_lie);
    if let Some(stray) = folders.find(|id| !peer.disk.slice.servers.contains_key(*id)) {
        faults.push(format!(
            "{name} holds the directory of {stray}, which is not in its slice"
        ));
    }
    faults
}

fn server_fault(world: &World, index: usize, id: &ServerId, placed: &Placed) -> Option<String> {
    let peer = &world.peers[index];
    let name = &peer.card.name;
    let marks = peer.disk.marks.get(id).copied().unwrap_or_default();
    let process = peer.host.processes.get(id);
    if marks.stopped && process.is_some() {
        return Some(format!("{name} runs {id}, which an operator stopped"));
    }
    let always = placed.spec.activation == Activation::Always && marks.enabled && !marks.stopped;
    let Some(process) = process else {
        return always.then(|| format!("{name} does not run {id}"));
    };
    if marks.enabled && process.spec.run != placed.spec.run {
        return Some(format!("{name} runs {id} by an older definition"));
    }
    let reports = world.node(index).reports();
    let report = reports.iter().find(|report| report.id == *id);
    let active = report.is_some_and(|report| report.state == ServerState::Active);
    (!active).then(|| format!("{name} does not say that {id} is active"))
}
