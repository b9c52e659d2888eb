//! Through the C table.

use super::Sticky;
use super::memory::Memory;
use floe_plugin_sdk::abi;
use floe_plugin_sdk::harness::{CandidateSpec, Fault, Harness, LeaseSpec, RequestSpec};
use proptest::prelude::*;

fn harness(config: &str) -> Harness {
    Harness::create::<Sticky>(config).unwrap()
}

fn candidates(count: usize) -> Vec<CandidateSpec> {
    (0..count)
        .map(|index| CandidateSpec {
            capacity: 0,
            ..CandidateSpec::named(format!("candidate-{index}"))
        })
        .collect()
}

fn by(principal: usize, seed: u64) -> RequestSpec {
    RequestSpec {
        principal: format!("client-{principal}"),
        seed,
        ..RequestSpec::default()
    }
}

/// The name of the first choice of each of fifty clients.
fn homes(harness: &mut Harness, candidates: &[CandidateSpec], seed: u64) -> Vec<String> {
    let homes = (0..50).map(|client| {
        let chosen = harness.decide(&by(client, seed), candidates).unwrap().chosen;
        candidates[chosen[0]].name.clone()
    });
    homes.collect()
}

proptest! {
    /// Only clients of the one that goes move, whatever the order of the candidates, the seed and the instance are.
    #[test]
    fn only_clients_of_what_goes_move(count in 2_usize..12, gone: prop::sample::Index, turn in 0_usize..12, seed: u64) {
        let mut all = candidates(count);
        let before = homes(&mut harness("{}"), &all, 0);
        all.rotate_left(turn % count);
        prop_assert_eq!(&before, &homes(&mut harness("{}"), &all, seed));
        let gone = all.remove(gone.index(count)).name;
        for (before, after) in before.iter().zip(homes(&mut harness("{}"), &all, seed)) {
            prop_assert!(*before == after || *before == gone);
            prop_assert!(after != gone);
        }
    }

    /// What was granted goes first while it is there and remembered; then everything is as without it.
    #[test]
    fn what_was_granted_goes_first_for_its_time(count in 2_usize..12, had: prop::sample::Index, client in 0_usize..50, wait_s in 0_u64..120) {
        let all = candidates(count);
        let request = by(client, 1);
        let had = had.index(count);
        let mut harness = harness(r#"{"ttl_s":60}"#);
        let plain = harness.decide(&request, &all).unwrap().chosen;
        let lease = LeaseSpec::granted(1, &request, &all[had]);
        harness.observe(&[lease.begins(), lease.ends(request.now_ms + 5)]).unwrap();
        let later = RequestSpec { now_ms: request.now_ms + 5 + wait_s * 1000, want: u32::try_from(count).unwrap(), ..request };
        let decided = harness.decide(&later, &all).unwrap();
        prop_assert_eq!(decided.chosen.len(), count);
        prop_assert_eq!(decided.chosen[0], if wait_s < 60 { had } else { plain[0] });
        let mut full = all;
        full[had] = CandidateSpec { capacity: 1, in_use: 1, ..full[had].clone() };
        let next = harness.decide(&later, &full).unwrap().chosen;
        prop_assert!(!next.contains(&had));
        prop_assert!(plain[0] == had || next[0] == plain[0], "the next best is that of the hash");
    }
}

#[test]
fn clients_are_spread_evenly() {
    let all = candidates(5);
    let mut harness = harness("{}");
    let mut counts = [0; 5];
    for client in 0..500 {
        counts[harness.decide(&by(client, 0), &all).unwrap().chosen[0]] += 1;
    }
    assert!(counts.iter().all(|count| (70..130).contains(count)), "{counts:?}");
}

#[test]
fn a_resync_restores_what_is_held() {
    let all = candidates(9);
    let request = by(3, 0);
    let mut harness = harness("{}");
    let first = harness.decide(&request, &all).unwrap();
    let had = (first.chosen[0] + 1) % 9;
    assert!(first.answer.text.ends_with(": by its hash"), "{}", first.answer.text);
    harness
        .resync(&[LeaseSpec::granted(1, &request, &all[had])], 1)
        .unwrap();
    let again = harness.decide(&request, &all).unwrap();
    assert_eq!(again.chosen, [had]);
    assert_eq!(again.answer.text, format!("candidate-{had}: had it before"));
    harness.resync(&[], 1).unwrap();
    assert_eq!(harness.decide(&request, &all).unwrap().chosen, first.chosen);
}

#[test]
fn memory_is_bounded_and_forgets_the_oldest() {
    let mut memory = Memory::new(16, 60);
    for client in 0..1000 {
        memory.note(client, 1, client + 5, client);
        assert!(memory.len() <= 16);
    }
    assert_eq!(memory.last(999, 1, 1000), Some(1004));
    assert_eq!(memory.last(1, 1, 1000), None);
    memory.note(999, 1, 7, 3);
    assert_eq!(memory.last(999, 1, 1000), Some(1004), "older news change nothing");
}

#[test]
fn wrong_configurations_are_told() {
    for (config, part) in [
        (r#"{"clients_max":0}"#, "clients_max is 0"),
        (r#"{"by":"group"}"#, "unknown variant `group`"),
        (r#"{"ttl":"10m"}"#, "unknown field `ttl`"),
    ] {
        match Harness::create::<Sticky>(config) {
            Err(Fault::Reported { code, text }) => {
                assert_eq!(code, abi::CONFIG);
                assert!(text.contains(part), "{config}: {text}");
            }
            other => panic!("{config}: {other:?}"),
        }
    }
}
