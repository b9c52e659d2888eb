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
