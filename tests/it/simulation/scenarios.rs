//! What an operator meets, one story a test.

use super::peer::Start;
use super::world::{Checked, Setup, World};
use floe::pure::base::RequestId;
use floe::pure::membership::{Role, Standing};
use floe::pure::protocol::Response;
use floe::pure::protocol::request::ErrorCode;

pub(super) const MASTER: Start = Start {
    role: Role::Master,
    promote: false,
    accept_loss: false,
    force: false,
    readonly: false,
    initdb: None,
};
pub(super) const REPLICA: Start = Start {
    role: Role::Replica,
    ..MASTER
};
pub(super) const PROMOTED: Start = Start {
    promote: true,
    ..MASTER
};

/// Runs a story; what went wrong comes with what happened before.
pub(super) fn tell(setup: Setup, story: impl FnOnce(&mut World) -> Checked) {
    let mut world = World::new(setup, 1);
    world.trace.on = true;
    if let Err(fault) = story(&mut world) {
        panic!("{}\n{fault}", world.trace.tail(70));
    }
}

/// r1 leads, everybody else follows, all have the same.
pub(super) fn found(world: &mut World) -> Checked {
    world.start(0, MASTER)?;
    for index in 1..world.setup.registries {
        world.start(index, REPLICA)?;
    }
    settled(world, 0)
}
pub(super) fn settled(world: &mut World, master: usize) -> Checked {
    world.until(
        10_000,
        &format!("r{} leads and everybody follows with the same log", master + 1),
        |world| {
            let end = world.peers[master].disk.end;
            (0..world.setup.registries).all(|index| {
                let wanted = if index == master {
                    Standing::Leading
                } else {
                    Standing::Following
                };
                world.is_up(index) && world.standing(index) == wanted && world.peers[index].disk.end == end
            }) && is_confirmed(world, master)
        },
    )
}
/// The master knows that every other registry has all that it has.
fn is_confirmed(world: &World, master: usize) -> bool {
    let view = world.core(master).view();
    view.followers.len() + 1 == world.setup.registries && view.followers.values().all(|have| *have == view.end)
}
pub(super) fn updated(world: &mut World, index: usize, application: &str, request: u128) -> Result<Response, String> {
    let to = world.apply(index, application, RequestId::from_bits(request))?;
    world.until(5_000, "the update is answered", |world| world.response(to).is_some())?;
    Ok(world.response(to).cloned().expect("it was answered"))
}
fn copies(response: &Response) -> u64 {
    match response {
        Response::Applied(report) => report.copies,
        other => panic!("not applied: {other:?}"),
    }
}
pub(super) fn code(response: &Response) -> ErrorCode {
    match response {
        Response::Failed(failure) => failure.code,
        other => panic!("not refused: {other:?}"),
    }
}
fn reason_has(world: &World, index: usize, words: &str) {
    let (_, reason) = world.core(index).standing();
    assert!(reason.contains(words), "{reason:?} should hold {words:?}");
}

#[test]
fn three_registries_found_a_grid_and_fail_over() {
    tell(Setup::new(3, 1), |world| {
        found(world)?;
        assert_eq!(copies(&updated(world, 0, "shop", 1)?), 3);
        assert_eq!(code(&updated(world, 1, "shop", 2)?), ErrorCode::NotMaster);

        world.crash(0);
        world.run(500)?;
        world.crash(1);
        world.start(1, MASTER)?;
        world.until(5_000, "r2 leads and r3 follows", |world| {
            world.standing(1) == Standing::Leading && world.standing(2) == Standing::Following
        })?;
        world.run(50)?;
        assert_eq!(copies(&updated(world, 1, "shop", 3)?), 2);

        // The old master comes back as it was, and finds its place by itself.
        world.start(0, MASTER)?;
        settled(world, 1)?;
        reason_has(world, 0, "although this registry is called master");
        assert_eq!(copies(&updated(world, 1, "shop", 4)?), 3);
        Ok(())
    });
}

#[test]
fn failover_with_known_peers_takes_milliseconds() {
    tell(Setup::new(3, 1), |world| {
        found(world)?;
        world.run(2_000)?;
        world.crash(0);
        world.crash(1);
        let before = world.now;
        world.start(1, MASTER)?;
        world.until(5_000, "r2 leads and r3 is attached", |world| {
            world.standing(1) == Standing::Leading && world.core(1).view().followers.len() == 1
        })?;
        let took = (world.now - before) / 1000;
        assert!(took < 50, "it took {took} ms");
        Ok(())
    });
}

#[test]
fn what_only_the_old_master_has_is_kept_and_said() {
    tell(Setup::new(3, 1), |world| {
        found(world)?;
        updated(world, 0, "shop", 1)?;
        // r1 goes on alone; nobody has its second update.
        world.part(0, 1, 60_000);
        world.part(0, 2, 60_000);
        world.run(1_500)?;
        assert_eq!(copies(&updated(world, 0, "shop", 2)?), 1);
        let alone = world.peers[0].disk.end;
        world.crash(0);
        // Until its last gossip is lost for good.
        world.run(1_500)?;
        world.heal();
        world.crash(1);
        world.start(1, MASTER)?;
        world.until(10_000, "r2 leads", |world| world.standing(1) == Standing::Leading)?;
        updated(world, 1, "shop", 3)?;
        let kept = world.peers[1].disk.end;

        world.start(0, MASTER)?;
        world.run(5_000)?;
        assert_eq!(world.standing(0), Standing::Superseded);
        reason_has(world, 0, "nothing was overwritten");
        assert_eq!(world.standing(1), Standing::Leading);
        assert_eq!(world.peers[0].disk.end, alone);

        // As a replica it obeys, and still keeps what it has.
        world.crash(0);
        world.start(0, REPLICA)?;
        world.run(5_000)?;
        assert!(matches!(world.standing(0), Standing::Superseded | Standing::Refusing));
        reason_has(world, 0, "DIVERGED");
        assert_eq!(world.peers[0].disk.end, alone);
        assert_eq!(world.peers[1].disk.end, kept);
        assert_eq!(world.standing(2), Standing::Following);
        let warnings = world.core(1).view().status().warnings;
        assert!(warnings.iter().any(|text| text.contains("DIVERGED")), "{warnings:?}");
        Ok(())
    });
}

#[test]
fn an_out_of_date_master_is_refused_by_those_who_hold_more() {
    tell(Setup::new(2, 1), |world| {
        found(world)?;
        updated(world, 0, "shop", 1)?;
        world.crash(1);
        world.run(3_000)?;
        updated(world, 0, "shop", 2)?;
        world.run(2_000)?;
        // r1 is there and has more: r2 may not lead.
        world.start(1, MASTER)?;
        world.run(5_000)?;
        assert_eq!(world.standing(1), Standing::Outdated);
        reason_has(world, 1, "MASTER_OUT_OF_DATE");
        assert_eq!(world.standing(0), Standing::Leading);
        assert_eq!(copies(&updated(world, 0, "shop", 3)?), 1);
        Ok(())
    });
}

#[test]
fn two_masters_of_one_number_stop_each_other() {
    tell(Setup::new(2, 1), |world| {
        found(world)?;
        updated(world, 0, "shop", 1)?;
        world.crash(0);
        world.crash(1);
        world.part(0, 1, 30_000);
        // Nobody can see the other: both draw the same number.
        world.start(0, PROMOTED)?;
        world.start(1, PROMOTED)?;
        world.until(10_000, "both lead", |world| {
            (0..2).all(|index| world.standing(index) == Standing::Leading)
        })?;
        assert_eq!(world.core(0).promise().number, world.core(1).promise().number);
        world.heal();
        world.until(10_000, "both stop", |world| {
            (0..2).all(|index| world.standing(index) == Standing::Contested)
        })?;
        assert_eq!(code(&updated(world, 0, "shop", 2)?), ErrorCode::NotMaster);
        assert_eq!(code(&updated(world, 1, "shop", 3)?), ErrorCode::NotMaster);
        world.crash(1);
        world.start(1, PROMOTED)?;
        settled(world, 1)
    });
}

#[test]
fn an_empty_master_does_not_replace_a_grid() {
    tell(Setup::new(3, 1), |world| {
        world.start(0, MASTER)?;
        world.start(1, REPLICA)?;
        world.until(10_000, "r2 follows", |world| world.standing(1) == Standing::Following)?;
        world.run(100)?;
        updated(world, 0, "shop", 1)?;
        world.crash(0);
        world.start(2, MASTER)?;
        world.run(5_000)?;
        assert_eq!(world.standing(2), Standing::Outdated);
        reason_has(world, 2, "r2 holds");
        world.start(0, MASTER)?;
        world.run(5_000)?;
        assert_eq!(world.standing(0), Standing::Leading);
        world.crash(2);
        world.start(2, REPLICA)?;
        settled(world, 0)
    });
}

#[test]
fn a_replica_that_was_away_for_long_gets_a_snapshot() {
    tell(
        Setup {
            log_keep: 4,
            ..Setup::new(2, 1)
        },
        |world| {
            found(world)?;
            updated(world, 0, "shop", 1)?;
            world.crash(1);
            for number in 0..10 {
                updated(world, 0, &format!("app-{number}"), 100 + number)?;
            }
            world.start(1, REPLICA)?;
            settled(world, 0)?;
            assert_eq!(
                world.core(1).database().deployment(),
                world.core(0).database().deployment()
            );
            assert_eq!(copies(&updated(world, 0, "shop", 2)?), 2);
            // And it can carry on from there, after a restart too.
            world.crash(0);
            world.crash(1);
            world.start(1, MASTER)?;
            world.until(10_000, "r2 leads", |world| world.standing(1) == Standing::Leading)?;
            // What was done before the snapshot is not done again.
            let again = updated(world, 1, "app-3", 103)?;
            assert_eq!(
                world.core(1).database().deployment().applications["app-3"].revision,
                1,
                "{again:?}"
            );
            Ok(())
        },
    );
}

#[test]
fn an_update_whose_replica_is_lost_is_in_doubt_and_applied_once() {
    tell(Setup::new(2, 2), |world| {
        found(world)?;
        assert_eq!(copies(&updated(world, 0, "shop", 1)?), 2);
        let to = world.apply(0, "shop", RequestId::from_bits(2))?;
        world.crash(1);
        world.until(5_000, "it is answered", |world| world.response(to).is_some())?;
        let answer = world.response(to).cloned().expect("it was answered");
        assert_eq!(code(&answer), ErrorCode::InDoubt);
        // Still not enough copies: still in doubt; a new one is refused before anything is stored.
        assert_eq!(code(&updated(world, 0, "shop", 2)?), ErrorCode::InDoubt);
        assert_eq!(code(&updated(world, 0, "shop", 3)?), ErrorCode::Precondition);
        world.start(1, REPLICA)?;
        settled(world, 0)?;
        assert_eq!(copies(&updated(world, 0, "shop", 2)?), 2);
        assert_eq!(world.core(0).database().deployment().applications["shop"].revision, 2);
        Ok(())
    });
}
