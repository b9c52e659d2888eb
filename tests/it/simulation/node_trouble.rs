//! Trouble around nodes: commands, killed servers, killed and stopped nodes, nodes cut off from registries.

use super::core::Event;
use super::world::{Checked, World};
use floe::pure::base::ServerId;
use floe::pure::protocol::Request;
use floe::pure::protocol::request::Verb;
use floe::pure::supervisor::Exit;

/// One thing happens to or around a node. `restores`: an older slice is put back now and then.
pub(super) fn act(world: &mut World, restores: bool) -> Checked {
    let index = world.setup.registries + world.chance.index(world.setup.nodes);
    match world.chance.below(100) {
        0..30 => command(world, index),
        30..38 => resolve(world, index),
        38..55 => {
            end_a_server(world, index);
            Ok(())
        }
        55..68 => {
            world.crash(index);
            Ok(())
        }
        68..82 => start_all(world, restores),
        82..87 => {
            world.peers[index].closing = world.is_up(index);
            world.event(index, Event::Shutdown)
        }
        _ => {
            cut_off(world, index);
            Ok(())
        }
    }
}

/// Nodes that are down come back.
fn start_all(world: &mut World, restores: bool) -> Checked {
    for index in world.nodes() {
        if world.is_up(index) || world.chance.hits(1, 4) {
            continue;
        }
        if restores {
            restore(world, index);
        }
        world.start_node(index)?;
    }
    Ok(())
}
fn restore(world: &mut World, index: usize) {
    let peer = &mut world.peers[index];
    match peer.backup.take() {
        Some(backup) if world.chance.hits(1, 2) => peer.disk.roll_back(&backup),
        _ => peer.backup = Some(peer.disk.clone()),
    }
}

/// Somebody wants something of a server, mostly through a registry.
fn command(world: &mut World, index: usize) -> Checked {
    let Some(server) = some_server(world, index) else {
        return Ok(());
    };
    let verbs = [
        Verb::Start,
        Verb::Start,
        Verb::Stop,
        Verb::Restart,
        Verb::Enable,
        Verb::Enable,
        Verb::Disable,
    ];
    let verb = world.chance.pick(&verbs);
    let request = Request::Command { server, verb };
    let asked = if world.chance.hits(1, 5) {
        index
    } else {
        world.chance.index(world.setup.registries)
    };
    world.ask(asked, None, request).map(drop)
}
/// Somebody looks for a server, which may start it.
fn resolve(world: &mut World, index: usize) -> Checked {
    let Some(server) = some_server(world, index) else {
        return Ok(());
    };
    let id = format!("{server}.http");
    let asked = world.chance.index(world.setup.registries);
    world
        .ask(
            asked,
            None,
            Request::Resolve {
                id,
                at_least: None,
                count: None,
            },
        )
        .map(drop)
}
fn some_server(world: &mut World, index: usize) -> Option<ServerId> {
    let servers = &world.peers[index].disk.slice.servers;
    let ids: Vec<ServerId> = servers.keys().cloned().collect();
    (!ids.is_empty()).then(|| ids[world.chance.index(ids.len())].clone())
}

/// A server crashes, or ends.
fn end_a_server(world: &mut World, index: usize) {
    let processes = world.peers[index].host.processes.iter();
    let processes: Vec<_> = processes.map(|(id, process)| (id.clone(), process.run)).collect();
    if processes.is_empty() {
        return;
    }
    let (server, run) = processes[world.chance.index(processes.len())].clone();
    let how = world.chance.pick(&[Exit::Signal(9), Exit::Code(0), Exit::Unknown]);
    world.exit(index, server, run, how);
}

/// A node loses sight of one registry, in one direction or both, or of all.
fn cut_off(world: &mut World, index: usize) {
    let millis = world.chance.between(1, 5_000);
    let until = world.now + millis * 1000;
    let registry = world.chance.index(world.setup.registries);
    match world.chance.below(4) {
        0 => world.network.block(index, registry, until),
        1 => world.network.block(registry, index, until),
        2 => world.part(index, registry, millis),
        _ => {
            for registry in world.registries() {
                world.part(index, registry, millis);
            }
        }
    }
}
