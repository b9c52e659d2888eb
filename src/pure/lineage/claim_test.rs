//! Every cell of the meeting table: how the claim's number stands to the promise, how the claimant's log stands to ours.

use super::*;
use crate::pure::base::EpochId;
use crate::pure::lineage::Surplus;

const PROMISE: Epoch = epoch(7, 1);

const fn epoch(number: u64, id: u128) -> Epoch {
    Epoch {
        number,
        id: EpochId::from_bits(id),
    }
}
fn surplus(updates: u64) -> Surplus {
    Surplus {
        fork: 10,
        end: 14,
        updates,
    }
}

/// The relations in the order of the table's columns.
fn relations() -> Vec<(&'static str, Relation)> {
    let (some, none) = (surplus(3), surplus(0));
    let diverged = |ours, theirs| Relation::Diverged { ours, theirs };
    vec![
        ("same", Relation::Same),
        ("newer", Relation::Newer(some)),
        ("older", Relation::Older(some)),
        ("older, empty", Relation::Older(none)),
        ("diverged", diverged(some, some)),
        ("diverged, ours empty", diverged(none, some)),
        ("diverged, theirs empty", diverged(some, none)),
        ("diverged, both empty", diverged(none, none)),
        ("foreign", Relation::Foreign),
        ("corrupt", Relation::Corrupt { at: 5 }),
    ]
}

#[test]
fn the_meeting_table_holds_cell_by_cell() {
    use Data::{DropAndFollow, Follow, Refuse};
    use RefusalCode::{Contested, Corrupt, Diverged, EpochJump, ForeignStore, ReplicaAhead, StaleMaster};
    let drop = DropAndFollow(10);
    let foreign = (false, Refuse(ForeignStore));
    let all = |cell: (bool, Data)| {
        let mut row = [cell; 10];
        row[8] = foreign;
        row
    };
    let table = [
        (
            "higher",
            epoch(9, 2),
            [
                (true, Follow),
                (true, Follow),
                (true, Refuse(ReplicaAhead)),
                (true, drop),
                (true, Refuse(Diverged)),
                (true, drop),
                (true, Refuse(ReplicaAhead)),
                (true, drop),
                foreign,
                (true, Refuse(Corrupt)),
            ],
        ),
        (
            "same",
            PROMISE,
            [
                (false, Follow),
                (false, Follow),
                (false, Follow),
                (false, Follow),
                (false, Refuse(Diverged)),
                (false, drop),
                (false, Refuse(ReplicaAhead)),
                (false, drop),
                foreign,
                (false, Refuse(Corrupt)),
            ],
        ),
        ("contest", epoch(7, 2), all((false, Refuse(Contested)))),
        ("lower", epoch(6, 2), all((false, Refuse(StaleMaster)))),
        ("jump", epoch(8 + EPOCH_JUMP_MAX, 2), all((false, Refuse(EpochJump)))),
    ];
    for (authority, claim, row) in table {
        for ((relation, theirs), (obey, data)) in relations().into_iter().zip(row) {
            let verdict = judge(PROMISE, claim, theirs, Rules::default());
            assert_eq!(verdict, Verdict { obey, data }, "claim {authority}, log {relation}");
        }
    }
}

#[test]
fn each_row_of_the_attach_table_has_its_verdict() {
    use Data::{DropAndFollow, Follow};
    let (some, none) = (surplus(3), surplus(0));
    let diverged = |ours, theirs| Relation::Diverged { ours, theirs };
    let higher = epoch(9, 2);
    let contest = epoch(7, 2);
    let lower = epoch(6, 2);
    // The master's epoch, the replica's log as the specification calls it, the master's as the replica finds it.
    let rows: Vec<(&str, Epoch, Relation, Verdict)> = vec![
        ("higher, OLDER", higher, Relation::Newer(some), verdict(true, Follow)),
        ("higher, SAME", higher, Relation::Same, verdict(true, Follow)),
        (
            "higher, NEWER: the master has its epoch's start",
            higher,
            diverged(some, none),
            refused(true, RefusalCode::ReplicaAhead),
        ),
        (
            "higher, NEWER: before that",
            higher,
            Relation::Older(some),
            refused(true, RefusalCode::ReplicaAhead),
        ),
        (
            "higher, NEWER by reigns only",
            higher,
            diverged(none, none),
            verdict(true, DropAndFollow(10)),
        ),
        (
            "higher, DIVERGED",
            higher,
            diverged(some, some),
            refused(true, RefusalCode::Diverged),
        ),
        (
            "higher, DIVERGED by reigns only",
            higher,
            diverged(none, some),
            verdict(true, DropAndFollow(10)),
        ),
        (
            "higher, FOREIGN",
            higher,
            Relation::Foreign,
            refused(false, RefusalCode::ForeignStore),
        ),
        (
            "higher, damaged",
            higher,
            Relation::Corrupt { at: 5 },
            refused(true, RefusalCode::Corrupt),
        ),
        ("equal, OLDER", PROMISE, Relation::Newer(some), verdict(false, Follow)),
        ("equal, SAME", PROMISE, Relation::Same, verdict(false, Follow)),
        // What the master told may be a moment old: it answers the wish to follow with CORRUPT, or feeds.
        ("equal, NEWER", PROMISE, Relation::Older(some), verdict(false, Follow)),
        (
            "equal, DIVERGED",
            PROMISE,
            diverged(some, some),
            refused(false, RefusalCode::Diverged),
        ),
        (
            "equal, other digest",
            PROMISE,
            Relation::Corrupt { at: 5 },
            refused(false, RefusalCode::Corrupt),
        ),
    ];
    let rows = rows.into_iter();
    let any = |name: &'static str, claim, code| {
        let relations = relations()
            .into_iter()
            .filter(|(_, relation)| *relation != Relation::Foreign);
        relations.map(move |(_, relation)| (name, claim, relation, refused(false, code)))
    };
    let rows = rows
        .chain(any("equal number, other id", contest, RefusalCode::Contested))
        .chain(any("lower", lower, RefusalCode::StaleMaster));
    for (row, claim, theirs, wanted) in rows {
        assert_eq!(
            judge(PROMISE, claim, theirs, Rules::default()),
            wanted,
            "{row}: {theirs:?}"
        );
        // A promise of nothing is below every claim, so a fresh replica stands in the rows of a higher epoch.
        if claim == higher {
            assert_eq!(
                judge(Epoch::NONE, claim, theirs, Rules::default()),
                wanted,
                "fresh, {row}"
            );
        }
    }
}

fn verdict(obey: bool, data: Data) -> Verdict {
    Verdict { obey, data }
}
fn refused(obey: bool, code: RefusalCode) -> Verdict {
    verdict(obey, Data::Refuse(code))
}

proptest::proptest! {
    /// Whatever the numbers: nothing lower is obeyed, no second id of a number, and no update is ever given up.
    #[test]
    fn no_claim_takes_a_promise_back_or_an_update_away(
        promised in 0_u64..6, promised_id in 0_u128..3, number in 0_u64..6, id in 0_u128..3,
        far in proptest::bool::weighted(0.1), relation in 0_usize..10,
    ) {
        let promise = epoch(promised, if promised == 0 { 0 } else { promised_id });
        let claim = epoch(if far { u64::MAX - number } else { number }, id);
        let (_, theirs) = relations()[relation];
        let Verdict { obey, data } = judge(promise, claim, theirs, Rules::default());
        if obey {
            proptest::prop_assert!(claim.number > promise.number && theirs != Relation::Foreign);
        }
        let takes = !matches!(data, Data::Refuse(_));
        if takes {
            proptest::prop_assert!(obey || claim == promise, "data only from whom it obeys");
        }
        let own = match theirs {
            Relation::Older(ours) | Relation::Diverged { ours, .. } => ours.updates,
            _ => 0,
        };
        if own > 0 {
            proptest::prop_assert!(!matches!(data, Data::DropAndFollow(_)));
            proptest::prop_assert!(!takes || claim == promise);
        }
        if matches!(theirs, Relation::Foreign | Relation::Corrupt { .. }) {
            proptest::prop_assert!(!takes);
        }
    }
}

#[test]
fn only_a_higher_number_within_reach_is_obeyed() {
    let rules = Rules::default();
    let cases = [
        (Epoch::NONE, epoch(EPOCH_FIRST_MAX, 1), Authority::Higher),
        (Epoch::NONE, epoch(EPOCH_FIRST_MAX + 1, 1), Authority::Jump),
        (Epoch::NONE, epoch(u64::MAX, 1), Authority::Jump),
        (epoch(u64::MAX - 1, 1), epoch(u64::MAX, 1), Authority::Jump),
        (PROMISE, epoch(8, 1), Authority::Higher),
        (PROMISE, epoch(7 + EPOCH_JUMP_MAX, 1), Authority::Higher),
        (PROMISE, epoch(8 + EPOCH_JUMP_MAX, 1), Authority::Jump),
        (PROMISE, PROMISE, Authority::Same),
        (PROMISE, epoch(7, 9), Authority::Contest),
        (PROMISE, epoch(6, 1), Authority::Lower),
        (PROMISE, Epoch::NONE, Authority::Lower),
    ];
    for (promise, claim, wanted) in cases {
        assert_eq!(authority(promise, claim, rules), wanted, "{claim} against {promise}");
    }
}

#[test]
fn codes_are_spelled_as_scripts_know_them() {
    for code in RefusalCode::ALL {
        let json = serde_json::to_string(&code).unwrap();
        assert_eq!(json, format!("\"{}\"", code.as_str()));
    }
}
