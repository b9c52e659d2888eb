//! Words of masters and registries in every order that matters: what a node knows only goes forward.

use super::*;
use crate::pure::base::Secret;

const X: u8 = 1;
const Y: u8 = 2;

fn tenure(session: u8, epoch: u64, number: u64) -> Tenure {
    Tenure {
        session: SessionId::of(Secret::from_bits(u128::from(session))),
        token: Token { epoch, number },
    }
}
fn known(tenure: Tenure, over: bool) -> Known {
    Known {
        token: tenure.token,
        session: (!over).then_some(tenure.session),
    }
}
fn over(epoch: u64, number: u64) -> Known {
    let token = Token { epoch, number };
    Known { token, session: None }
}

#[test]
fn a_masters_word_counts_unless_it_is_late() {
    let at = |epoch, number| Token { epoch, number };
    let (x5, y6) = (tenure(X, 1, 5), tenure(Y, 1, 6));
    let table = [
        ("nothing known: taken", None, at(1, 5), Some(x5), Some(known(x5, false))),
        ("nothing known: free", None, at(1, 5), None, Some(over(1, 5))),
        (
            "the same again",
            Some(known(x5, false)),
            at(1, 9),
            Some(x5),
            Some(known(x5, false)),
        ),
        ("given back", Some(known(x5, false)), at(1, 5), None, Some(over(1, 5))),
        (
            "given back stays so",
            Some(over(1, 5)),
            at(1, 5),
            Some(x5),
            Some(over(1, 5)),
        ),
        (
            "the next one",
            Some(over(1, 5)),
            at(1, 6),
            Some(y6),
            Some(known(y6, false)),
        ),
        (
            "the next one, the end of the last unheard",
            Some(known(x5, false)),
            at(1, 6),
            Some(y6),
            Some(known(y6, false)),
        ),
        (
            "late: free",
            Some(known(y6, false)),
            at(1, 5),
            None,
            Some(known(y6, false)),
        ),
        (
            "late: held",
            Some(known(y6, false)),
            at(1, 5),
            Some(x5),
            Some(known(y6, false)),
        ),
        (
            "a new master goes on",
            Some(known(x5, false)),
            at(2, 5),
            Some(x5),
            Some(known(x5, false)),
        ),
        (
            "a new master knows of an end",
            Some(known(x5, false)),
            at(2, 6),
            None,
            Some(over(2, 6)),
        ),
        // It lost the grant of 6. What runs for that is over, and nothing runs for the older one.
        (
            "a new master knows less",
            Some(known(y6, false)),
            at(2, 5),
            Some(x5),
            Some(over(2, 5)),
        ),
        (
            "and stays refused",
            Some(over(2, 5)),
            at(2, 5),
            Some(x5),
            Some(over(2, 5)),
        ),
    ];
    for (what, before, as_of, held, after) in table {
        let word = TenureWord {
            server: "s".parse().unwrap(),
            as_of,
            held,
        };
        assert_eq!(Known::after(before, &word), after, "{what}");
    }
}

#[test]
fn a_start_for_an_old_holder_is_refused_and_changes_nothing() {
    let (x5, y6) = (tenure(X, 1, 5), tenure(Y, 1, 6));
    let table = [
        ("unknown", None, x5, Ok(known(x5, false))),
        ("known", Some(known(x5, false)), x5, Ok(known(x5, false))),
        ("later", Some(known(x5, false)), y6, Ok(known(y6, false))),
        ("older", Some(known(y6, false)), x5, Err("has it no longer: session")),
        ("over", Some(over(1, 5)), x5, Err("are over")),
    ];
    for (what, before, held, after) in table {
        match (Known::after_start_for(before, held), after) {
            (Ok(known), Ok(expected)) => assert_eq!(known, expected, "{what}"),
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{what}: {why}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn of_a_registry_and_a_node_the_later_word_counts() {
    let (x5, y6) = (tenure(X, 1, 5), tenure(Y, 1, 6));
    let table = [
        ("both know", Some(x5), 5, Some(x5), Some(x5)),
        ("the node was not told yet", Some(y6), 6, Some(x5), Some(y6)),
        ("nor at all", Some(x5), 5, None, Some(x5)),
        ("the registry is behind", Some(x5), 5, Some(y6), Some(y6)),
        ("the registry knows of the end", None, 6, Some(y6), None),
        (
            "the registry is behind and knows of nothing",
            None,
            5,
            Some(y6),
            Some(y6),
        ),
    ];
    for (what, own, number, reported, expected) in table {
        let server: ServerId = "s".parse().unwrap();
        let mut tenures = Tenures {
            as_of: Token { epoch: 1, number },
            ..Tenures::default()
        };
        tenures
            .held
            .extend(own.into_iter().map(|own| (server.clone(), own)).collect());
        assert_eq!(tenures.current(&server, reported), expected, "{what}");
    }
}
