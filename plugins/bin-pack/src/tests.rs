//! Through the C table: grants are observed, so that each decision knows those before it.

use super::BinPack;
use floe_plugin_sdk::abi;
use floe_plugin_sdk::harness::{CandidateSpec, Fault, Harness, LeaseSpec, RequestSpec};
use proptest::prelude::*;

fn harness(config: &str) -> Harness {
    Harness::create::<BinPack>(config).unwrap()
}

/// Candidates of capacity 1; `sizes` says how many each node has.
fn nodes(sizes: &[usize]) -> Vec<CandidateSpec> {
    let candidates = sizes.iter().enumerate().flat_map(|(node, size)| {
        (0..*size).map(move |index| CandidateSpec {
            node: format!("node-{node}"),
            ..CandidateSpec::named(format!("node-{node}-candidate-{index}"))
        })
    });
    candidates.collect()
}

/// Grants one by one up to `most`; the nodes in the order of the grants.
fn granted(harness: &mut Harness, mut free: Vec<CandidateSpec>, seed: u64, most: usize) -> Vec<String> {
    let mut granted = Vec::new();
    while granted.len() < most {
        let request = RequestSpec {
            seed: seed.wrapping_add(granted.len() as u64),
            ..RequestSpec::default()
        };
        let Some(index) = harness.decide(&request, &free).unwrap().chosen.first().copied() else {
            break;
        };
        let candidate = free.remove(index);
        let lease = granted.len() as u64 + 1;
        harness
            .observe(&[LeaseSpec::granted(lease, &request, &candidate).begins()])
            .unwrap();
        granted.push(candidate.node);
    }
    granted
}

proptest! {
    /// A second node is touched only when the first is full: at any moment at most one node is partly filled.
    #[test]
    fn at_most_one_node_is_partly_filled(sizes in prop::collection::vec(1_usize..6, 1..5), seed: u64) {
        let all = sizes.iter().sum();
        let granted = granted(&mut harness("{}"), nodes(&sizes), seed, all);
        prop_assert_eq!(granted.len(), all);
        for moment in 0..=all {
            let count = |node: usize| granted.iter().take(moment).filter(|name| **name == format!("node-{node}")).count();
            let partly = sizes.iter().enumerate().filter(|(node, size)| (1..**size).contains(&count(*node)));
            prop_assert!(partly.count() <= 1, "{:?}", &granted[..moment]);
        }
    }

    /// Hard: no node passes the high water, and each is filled up to it.
    #[test]
    fn hard_high_water_is_reached_and_never_passed(sizes in prop::collection::vec(1_usize..9, 1..5), seed: u64, percent in 1_usize..101) {
        let config = format!(r#"{{"hard":true,"high_water":{}.{:02}}}"#, percent / 100, percent % 100);
        let granted = granted(&mut harness(&config), nodes(&sizes), seed, usize::MAX);
        for (node, size) in sizes.iter().enumerate() {
            let count = granted.iter().filter(|name| **name == format!("node-{node}")).count();
            prop_assert!(count * 100 <= size * percent && (count + 1) * 100 > size * percent, "{count} of {size}");
        }
    }

    /// Several at once are packed as one after the other would be.
    #[test]
    fn sets_are_packed_as_well(sizes in prop::collection::vec(1_usize..6, 1..5), seed: u64, want in 1_u32..9) {
        let candidates = nodes(&sizes);
        let request = RequestSpec { seed, want, ..RequestSpec::default() };
        let chosen = harness("{}").decide(&request, &candidates).unwrap().chosen;
        prop_assert_eq!(chosen.len(), candidates.len().min(want as usize));
        let count = |node: usize| chosen.iter().filter(|index| candidates[**index].node == format!("node-{node}")).count();
        let partly = sizes.iter().enumerate().filter(|(node, size)| (1..**size).contains(&count(*node)));
        prop_assert!(partly.count() <= 1, "{:?}", chosen);
    }
}

#[test]
fn what_is_being_emptied_is_left_alone() {
    let mut candidates = nodes(&[1, 1]);
    candidates[0].flags = abi::CANDIDATE_DRAINING;
    let lease = LeaseSpec::granted(1, &RequestSpec::default(), &candidates[0]);
    let mut harness = harness("{}");
    harness.resync(&[lease], 10).unwrap();
    for seed in 0..20 {
        let request = RequestSpec {
            seed,
            want: 2,
            ..RequestSpec::default()
        };
        assert_eq!(harness.decide(&request, &candidates).unwrap().chosen, [1]);
    }
}

#[test]
fn each_candidate_may_be_the_unit() {
    let mut candidates = nodes(&[3]);
    for (candidate, in_use) in candidates.iter_mut().zip([1, 3, 4]) {
        candidate.capacity = 4;
        candidate.in_use = in_use;
    }
    let decided = harness(r#"{"unit":"candidate"}"#)
        .decide(&RequestSpec::default(), &candidates)
        .unwrap();
    assert_eq!(
        (decided.chosen, decided.answer.text.as_str()),
        (vec![1], "filled to 100 %")
    );
    let decided = harness(r#"{"unit":"candidate","high_water":0.9}"#)
        .decide(&RequestSpec::default(), &candidates)
        .unwrap();
    assert_eq!(
        (decided.chosen, decided.answer.text.as_str()),
        (vec![0], "filled to 50 %")
    );
}

#[test]
fn wrong_configurations_are_told() {
    for (config, part) in [
        (r#"{"high_water":0}"#, "high_water is 0"),
        (r#"{"high_water":1.5}"#, "high_water is 1.5"),
        (r#"{"slots_if_unbounded":0}"#, "at least 1"),
        (r#"{"water":1}"#, "unknown field `water`"),
    ] {
        match Harness::create::<BinPack>(config) {
            Err(Fault::Reported { code, text }) => {
                assert_eq!(code, abi::CONFIG);
                assert!(text.contains(part), "{config}: {text}");
            }
            other => panic!("{config}: {other:?}"),
        }
    }
}
