//! What operators order of running registries, at any time and at any of them; and processes that stand still.

use super::operator::any;
use super::trap::Trap;
use super::world::{Checked, World};
use floe::pure::protocol::Request;

/// An order to promote a registry, mostly plain; every other time somebody dies at a step of it.
pub(super) fn promote(world: &mut World, reckless: bool) -> Checked {
    let index = any(world);
    let request = Request::Promote {
        dry_run: world.chance.hits(1, 6),
        accept_loss: reckless && world.chance.hits(1, 3),
        force: reckless && world.chance.hits(1, 3),
    };
    if world.chance.hits(1, 2) {
        world.trap = Some(Trap::for_promotion(&mut world.chance));
    }
    world.ask(index, None, request).map(drop)
}

/// An order to stop leading, which only `--force` gives a master.
pub(super) fn demote(world: &mut World, reckless: bool) -> Checked {
    let index = any(world);
    let force = reckless && world.chance.hits(1, 2);
    world.ask(index, None, Request::Demote { force }).map(drop)
}

pub(super) fn lead_alone(world: &mut World) -> Checked {
    let index = any(world);
    world.ask(index, None, Request::LeadAlone).map(drop)
}

/// An order to take another registry's database; every other time somebody dies at a step of it.
pub(super) fn initialise(world: &mut World) -> Checked {
    let (index, from) = (any(world), any(world));
    let request = Request::Initialise {
        from: world.peers[from].card.name.clone(),
        from_unproven: world.chance.hits(1, 3),
    };
    if world.chance.hits(1, 2) {
        world.trap = Some(Trap::for_initialisation(&mut world.chance));
    }
    world.ask(index, None, request).map(drop)
}

/// A registry stands still for up to ten seconds.
pub(super) fn pause(world: &mut World) {
    let index = any(world);
    let longest = world.chance.pick(&[50, 3_000, 10_000]);
    let millis = world.chance.between(1, longest);
    world.pause(index, millis);
}
