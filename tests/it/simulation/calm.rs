//! After plain orders and faults, and with nobody who orders anything more: exactly one registry leads, and everybody else
//! follows it, wherever an order was interrupted. And a dry run, asked of everybody, writes nothing anywhere.

use super::peer::Start;
use super::schedule::end_of_faults;
use super::world::{Checked, World};
use floe::pure::lineage::Digest;
use floe::pure::membership::{Identity, Standing};
use floe::pure::protocol::Request;

/// How long it may take, in milliseconds: an order that waits for a master that waits for copies, a rest, and some.
const CALM: u64 = 40_000;

/// Everybody comes back as it was, and the grid finds its master by itself.
pub(super) fn calm(world: &mut World) -> Checked {
    world.trace.say(world.now, || "the calm time begins".to_owned());
    end_of_faults(world)?;
    for index in world.registries() {
        if !world.is_up(index) {
            let role = world.peers[index].start.role;
            let start = Start {
                role,
                ..Start::default()
            };
            world.start(index, start)?;
        }
    }
    let calm = world.until(CALM, "exactly one leads, and everybody else follows", is_calm);
    if calm.is_err() && (is_contested(world) || is_diverged(world)) {
        // Two were ordered to lead where they could not see each other, and maybe both wrote: the operator has to choose.
        return Ok(());
    }
    calm.map_err(|fault| format!("promise 9: {fault}"))?;
    dry_runs(world)
}

fn is_calm(world: &World) -> bool {
    let standings = world.registries().map(|index| (index, world.standing(index)));
    let (leading, others): (Vec<_>, Vec<_>) = standings.partition(|(_, standing)| *standing == Standing::Leading);
    let [(master, _)] = leading.as_slice() else {
        return false;
    };
    let end = world.peers[*master].disk.end;
    others.iter().all(|(index, standing)| {
        let theirs = world.peers[*index].disk.end;
        match standing {
            Standing::Following => theirs == end,
            // It holds updates that were never on enough disks: they are kept, and said.
            Standing::Refusing | Standing::Superseded => !world.oracle.history.contains(end, theirs),
            _ => false,
        }
    })
}
fn is_contested(world: &World) -> bool {
    let contested = |index| world.standing(index) == Standing::Contested;
    world.registries().any(contested)
}

/// Two hold updates that the other lacks.
fn is_diverged(world: &World) -> bool {
    let history = &world.oracle.history;
    let ends: Vec<Digest> = world.registries().map(|index| world.peers[index].disk.end).collect();
    let beyond = |one: Digest, other: Digest| history.updates_after(one, history.fork(one, other)) > 0;
    let mut pairs = ends.iter().flat_map(|one| ends.iter().map(move |other| (*one, *other)));
    pairs.any(|(one, other)| beyond(one, other) && beyond(other, one))
}

/// A dry run changes nothing on any disk.
fn dry_runs(world: &mut World) -> Checked {
    world.run(3_000)?;
    let before = disks(world);
    for index in world.registries() {
        let request = Request::Promote {
            dry_run: true,
            accept_loss: world.chance.hits(1, 4),
            force: world.chance.hits(1, 4),
        };
        let to = world.ask(index, None, request)?;
        world.until(5_000, "a dry run is answered", |world| world.response(to).is_some())?;
    }
    world.run(1_000)?;
    let after = disks(world);
    let changed = before.iter().zip(&after).find(|(before, after)| before != after);
    match changed {
        None => Ok(()),
        Some((before, after)) => Err(format!("promise 3: a dry run changed a disk: {before:?} to {after:?}")),
    }
}
fn disks(world: &World) -> Vec<(Identity, Digest)> {
    let registries = world.peers.iter().take(world.setup.registries);
    let disks = registries.map(|peer| &peer.disk);
    disks.map(|disk| (disk.identity.clone(), disk.end)).collect()
}
