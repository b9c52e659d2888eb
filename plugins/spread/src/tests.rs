//! Through the C table: grants are observed, so that each decision knows those before it.

use super::Spread;
use floe_plugin_sdk::abi;
use floe_plugin_sdk::harness::{CandidateSpec, Fault, Harness, LeaseSpec, RequestSpec};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn harness(config: &str) -> Harness {
    Harness::create::<Spread>(config).unwrap()
}

/// Candidates of capacity 1; `sizes` says how many each zone has.
fn zones(sizes: &[usize]) -> Vec<CandidateSpec> {
    let candidates = sizes.iter().enumerate().flat_map(|(zone, size)| {
        (0..*size).map(move |index| CandidateSpec {
            zone: format!("zone-{zone}"),
            ..CandidateSpec::named(format!("zone-{zone}-candidate-{index}"))
        })
    });
    candidates.collect()
}

/// Grants until none is free or the policy waits; the zones in the order of the grants.
fn granted(harness: &mut Harness, mut free: Vec<CandidateSpec>, seed: u64, want: u32) -> Vec<String> {
    let mut granted = Vec::new();
    for turn in 0.. {
        let request = RequestSpec {
            seed: seed.wrapping_add(turn),
            want,
            ..RequestSpec::default()
        };
        let mut chosen = harness.decide(&request, &free).unwrap().chosen;
        if chosen.is_empty() {
            return granted;
        }
        granted.extend(chosen.iter().map(|index| free[*index].zone.clone()));
        chosen.sort_unstable();
        for index in chosen.into_iter().rev() {
            let lease = 1000 * turn + index as u64 + 1;
            let event = LeaseSpec::granted(lease, &request, &free.remove(index)).begins();
            // Twice, as may happen.
            harness.observe(&[event.clone(), event]).unwrap();
        }
    }
    unreachable!("the turns end with the candidates")
}

fn counts(granted: &[String]) -> BTreeMap<&String, usize> {
    let mut counts = BTreeMap::new();
    for zone in granted {
        *counts.entry(zone).or_default() += 1;
    }
    counts
}

proptest! {
    /// At every moment no zone leads another by more than one, unless the other is full.
    #[test]
    fn zones_that_are_not_full_never_differ_by_more_than_one(
        sizes in prop::collection::vec(1_usize..6, 1..5),
        seed: u64,
        want in 1_u32..4,
    ) {
        let granted = granted(&mut harness("{}"), zones(&sizes), seed, want);
        prop_assert_eq!(granted.len(), sizes.iter().sum::<usize>(), "soft: everything is given in the end");
        for moment in 0..=granted.len() {
            let counts = counts(&granted[..moment]);
            let count = |zone: usize| counts.get(&format!("zone-{zone}")).copied().unwrap_or(0);
            let most = (0..sizes.len()).map(count).max().unwrap_or(0);
            for (zone, size) in sizes.iter().enumerate() {
                prop_assert!(count(zone) == *size || count(zone) + 1 >= most, "{:?}", counts);
            }
        }
    }

    /// Hard: the zones that are named never differ by more, even when one of them is full, and never wait without need.
    #[test]
    fn hard_limits_hold_also_for_full_zones(sizes in prop::collection::vec(1_usize..6, 2..4), seed: u64, skew in 1_usize..4) {
        let names: Vec<_> = (0..sizes.len()).map(|zone| format!("\"zone-{zone}\"")).collect();
        let config = format!(r#"{{"hard":true,"max_skew":{skew},"zones":[{}]}}"#, names.join(","));
        let granted = granted(&mut harness(&config), zones(&sizes), seed, 1);
        let smallest = sizes.iter().min().copied().unwrap_or(0);
        let counts = counts(&granted);
        for (zone, size) in sizes.iter().enumerate() {
            let count = counts.get(&format!("zone-{zone}")).copied().unwrap_or(0);
            prop_assert_eq!(count, (*size).min(smallest + skew));
        }
    }

    /// What is learned one by one and what is learned at once lead to the same choices.
    #[test]
    fn a_resync_is_as_good_as_the_events(sizes in prop::collection::vec(1_usize..6, 1..5), taken in 0_usize..8, seed: u64) {
        let mut free = zones(&sizes);
        let (mut told, mut resynced) = (harness("{}"), harness("{}"));
        let taken = taken.min(free.len());
        let leases: Vec<_> = (1..).zip(free.drain(..taken)).map(|(lease, candidate)| {
            LeaseSpec::granted(lease, &RequestSpec::default(), &candidate)
        }).collect();
        for lease in &leases {
            told.observe(&[lease.begins()]).unwrap();
            resynced.observe(&[LeaseSpec { lease: lease.lease + 100, ..lease.clone() }.begins()]).unwrap();
        }
        resynced.resync(&leases, 3).unwrap();
        let request = RequestSpec { seed, want: 3, ..RequestSpec::default() };
        prop_assert_eq!(told.decide(&request, &free).unwrap(), resynced.decide(&request, &free).unwrap());
    }
}

#[test]
fn scopes_do_not_see_each_other() {
    let mut harness = harness(r#"{"scope":"principal"}"#);
    let candidates = zones(&[3, 3]);
    let request = RequestSpec::default();
    let lease = LeaseSpec::granted(1, &request, &candidates[0]);
    harness.observe(&[lease.begins()]).unwrap();
    let counted = |harness: &mut Harness, principal: &str| {
        let request = RequestSpec {
            principal: principal.to_owned(),
            ..RequestSpec::default()
        };
        harness.decide(&request, &candidates).unwrap().answer.text
    };
    assert_eq!(counted(&mut harness, "someone"), "leases a zone, with this one: 1, 1");
    let other = counted(&mut harness, "somebody else");
    assert!(other.ends_with("1, 0") || other.ends_with("0, 1"), "{other}");
    harness.observe(&[lease.ends(7), lease.ends(8)]).unwrap();
    let again = counted(&mut harness, "someone");
    assert!(again.ends_with("1, 0") || again.ends_with("0, 1"), "{again}");
}

#[test]
fn wrong_configurations_are_told() {
    for (config, part) in [
        (r#"{"max_skew":0}"#, "max_skew is 0"),
        (r#"{"scope":"node"}"#, "unknown variant `node`"),
        (r#"{"zones":[""]}"#, "none of them empty"),
        (r#"{"zone":"a"}"#, "unknown field `zone`"),
    ] {
        match Harness::create::<Spread>(config) {
            Err(Fault::Reported { code, text }) => {
                assert_eq!(code, abi::CONFIG);
                assert!(text.contains(part), "{config}: {text}");
            }
            other => panic!("{config}: {other:?}"),
        }
    }
}
