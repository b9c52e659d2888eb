//! Whatever changes come in whatever order: no invariant breaks, a refused list leaves no trace, and disk, whole and memory
//! say the same.

use super::*;
use crate::pure::allocation::Wish;
use crate::pure::base::{RequestId, Secret, WallTime};
use proptest::prelude::*;
use std::time::Duration;

fn session(number: u8) -> Session {
    let secret = Secret::from_bits(u128::from(number));
    Session::new(
        secret,
        format!("session {number}"),
        Duration::from_secs(10),
        String::new(),
        WallTime(0),
    )
}

/// A change that may or may not fit; numbers are small, so that they meet.
fn change() -> impl Strategy<Value = Change> {
    let resource = |number: u8| -> ObjectId { format!("r{number}").parse().unwrap() };
    prop_oneof![
        (0_u8..4).prop_map(|number| Change::Opened(session(number))),
        (0_u8..4).prop_map(|number| Change::Closed(session(number).id)),
        (0_u8..4, 0_u8..6, any::<bool>(), 0_u64..40).prop_map(move |(owner, number, exclusive, token)| {
            Change::Granted(Lease {
                resource: resource(number),
                server: format!("s{}", number / 2).parse().unwrap(),
                exclusive,
                session: session(owner).id,
                token: Token {
                    epoch: 1,
                    number: token,
                },
                request: RequestId::from_bits(u128::from(token)),
                since: WallTime(0),
                claim: None,
            })
        }),
        (0_u8..6).prop_map(move |number| Change::Released(resource(number))),
        (0_u8..4, 0_u64..40).prop_map(move |(owner, place)| {
            Change::Queued(Waiting {
                place,
                session: session(owner).id,
                request: RequestId::from_bits(u128::from(place)),
                wish: Wish::Id(resource(0)),
                since: WallTime(0),
            })
        }),
        (0_u64..40).prop_map(Change::Left),
    ]
}

/// The invariants of the header, looked at from outside.
fn check(allocations: &Allocations) {
    for lease in allocations.leases().values() {
        assert!(allocations.session(lease.session).is_some());
        let mut others = allocations
            .leases_on(&lease.server)
            .filter(|other| other.session != lease.session);
        assert!(
            others.all(|other| !other.exclusive && !lease.exclusive),
            "a server of two"
        );
        assert!(allocations.leases_of(lease.session).any(|own| own == lease));
        assert!(lease.token.number <= allocations.counters().token);
    }
    for waiting in allocations.waiting().values() {
        assert!(allocations.waiting_of(waiting.session).any(|own| own == waiting));
    }
    assert_eq!(Allocations::restore(&allocations.values()).as_ref(), Ok(allocations));
    assert_eq!(
        Allocations::of_whole(&allocations.whole(), allocations.counters()).as_ref(),
        Ok(allocations)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_list_of_changes_breaks_an_invariant(lists in proptest::collection::vec(proptest::collection::vec(change(), 1..5), 1..60)) {
        let mut allocations = Allocations::default();
        let mut stored: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for list in lists {
            let before = allocations.clone();
            if allocations.apply_all(&list).is_err() {
                prop_assert_eq!(&allocations, &before);
                continue;
            }
            for change in &list {
                let (put, delete) = Allocations::stored(change);
                stored.retain(|key, _| !delete.contains(key));
                stored.extend(put);
            }
            stored.extend([allocations.stored_counters()]);
            check(&allocations);
            prop_assert_eq!(&Allocations::restore(&stored).unwrap(), &allocations);
        }
    }
}
