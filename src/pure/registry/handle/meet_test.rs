//! What registries say when they refuse each other.

use super::*;
use crate::pure::lineage::{Surplus, Version};
use crate::pure::membership::Role;
use crate::pure::registry::fixture::{Bench, peer};
use std::time::Duration;

#[test]
fn every_refusal_names_both_sides_and_the_next_step() {
    let mut bench = Bench::start("r1", Role::Master);
    bench.link("r2");
    let mut status = bench.status();
    (status.claim, status.promise) = (None, Epoch::NONE);
    bench.says("r2", Message::Status(Box::new(status)));
    let surplus = Surplus {
        fork: 1,
        end: 2,
        updates: 1,
    };
    let relation = Relation::Diverged {
        ours: surplus,
        theirs: surplus,
    };
    let epoch = bench.registry.promise();
    for code in RefusalCode::ALL {
        let text = bench.registry.refusal_text(&peer("r2"), epoch, code, relation);
        assert!(text.starts_with(code.as_str()), "{text}");
        assert!(text.contains("r1") && text.contains("r2"), "{text}");
        let steps = [
            "restart",
            "can be started",
            "wrong address",
            "check their disks",
            "numbers do not grow",
        ];
        assert!(steps.iter().any(|step| text.contains(step)), "{text}");
        assert!(!text.contains('\u{2014}') && !text.ends_with('.'), "{text}");
    }
}

#[test]
fn a_registry_of_another_database_deposes_nobody() {
    let mut bench = Bench::start("r1", Role::Master);
    let epoch = bench.registry.reign();
    bench.link("r9");
    let stranger = Bench::start("r9", Role::Master);
    let mut status = stranger.status();
    status.summary.database = Some(DatabaseId::from_bits(5));
    for number in [0, 1, 2, 900] {
        let claim = Epoch {
            number,
            id: crate::pure::base::EpochId::from_bits(9),
        };
        (status.promise, status.claim) = (claim, Some(claim));
        let effects = bench.says("r9", Message::Status(Box::new(status.clone())));
        assert_eq!(bench.registry.reign(), epoch);
        let told = effects.iter().any(|effect| {
            matches!(
                effect,
                Effect::Send {
                    message: Message::Refusal {
                        code: RefusalCode::ForeignStore,
                        ..
                    },
                    ..
                }
            )
        });
        assert!(told, "claim {number}: {effects:?}");
        let (code, text) = (RefusalCode::StaleMaster, String::new());
        let refusal = Message::Refusal {
            epoch: epoch.unwrap(),
            code,
            promise: claim,
            text,
        };
        bench.says("r9", refusal);
        assert_eq!(bench.registry.reign(), epoch);
    }
}

#[test]
fn what_nobody_can_have_said_is_not_believed() {
    let mut bench = Bench::start("r1", Role::Master);
    let epoch = bench.registry.reign().unwrap();
    // Not linked: not heard.
    let mut status = bench.status();
    status.promise.number += 5;
    bench.says("r2", Message::Status(Box::new(status.clone())));
    assert_eq!(bench.registry.reign(), Some(epoch));
    // A number that no grid can have come to.
    bench.link("r2");
    status.promise.number = u64::MAX;
    status.claim = None;
    bench.says("r2", Message::Status(Box::new(status)));
    assert_eq!(bench.registry.reign(), Some(epoch));
    // A replica that has more of this reign than was written in it.
    bench.says(
        "r2",
        Message::Follow {
            epoch,
            summary: Box::default(),
        },
    );
    let version = Version {
        serial: 900,
        ..bench.registry.database().end()
    };
    bench.says("r2", Message::Have { epoch, version });
    assert_eq!(bench.registry.reign(), None);
    let (standing, reason) = bench.registry.standing();
    assert_eq!(standing, Standing::Outdated);
    assert!(reason.contains("CORRUPT") && reason.contains("restart"), "{reason}");
}

#[test]
fn a_candidate_that_asks_for_a_promise_counts_as_one_at_once() {
    let mut bench = Bench::start("r1", Role::Master);
    let epoch = |number| Epoch {
        number,
        id: crate::pure::base::EpochId::from_bits(u128::from(number)),
    };
    let mut status = bench.status();
    let database = status.summary.database;
    (status.claim, status.standing) = (None, Standing::Detached);
    bench.link("r2");
    bench.link("r3");
    // r3 gave up on an epoch that it drew: r1 was deposed for nobody, and asks around.
    (status.promise, status.drawn) = (epoch(2), Some(epoch(2)));
    bench.says("r3", Message::Status(Box::new(status.clone())));
    assert_eq!(bench.registry.reign(), None);
    bench.wait(Duration::from_secs(1));
    assert!(matches!(bench.registry.seat, Seat::Surveying(_)));
    bench.says("r2", Message::Status(Box::new(status.clone())));
    // r2 becomes a candidate between its answer and the last one.
    let effects = bench.says(
        "r2",
        Message::Prepare {
            epoch: epoch(3),
            database,
        },
    );
    assert!(format!("{effects:?}").contains("Promised"), "{effects:?}");
    let effects = bench.says("r3", Message::Status(Box::new(status)));
    assert!(!format!("{effects:?}").contains("Prepare {"), "{effects:?}");
    let (standing, reason) = bench.registry.standing();
    assert_eq!(standing, Standing::Waiting);
    assert!(reason.contains("has promised epoch 3"), "{reason}");
}
