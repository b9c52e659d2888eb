//! Through the C table, with many candidates and seeds.

use super::LeastLoaded;
use floe_plugin_sdk::harness::{CandidateSpec, Fault, Harness, RequestSpec};
use floe_plugin_sdk::{Allocator as _, abi};
use proptest::prelude::*;

fn harness(config: &str) -> Harness {
    Harness::create::<LeastLoaded>(config).unwrap()
}

prop_compose! {
    /// Any candidate, also with nonsense in its loads.
    fn any_candidate()(
        capacity in 0_u32..6,
        in_use in 0_u32..6,
        pending in 0_u32..4,
        cpus in 0_u32..9,
        load in prop_oneof![4 => 0.0_f32..64.0, 1 => Just(f32::NAN), 1 => Just(f32::INFINITY), 1 => Just(-1.0)],
        load_age_ms in prop_oneof![3 => 0_u32..600_000, 1 => Just(abi::AGE_UNKNOWN)],
        flags in 0_u32..16,
    ) -> CandidateSpec {
        CandidateSpec {
            capacity,
            in_use,
            pending,
            cpus,
            loads: [load; 3],
            load_age_ms,
            flags,
            ..CandidateSpec::named("")
        }
    }
}

fn any_candidates() -> impl Strategy<Value = Vec<CandidateSpec>> {
    prop::collection::vec(any_candidate(), 0..12).prop_map(|mut candidates| {
        for (index, candidate) in candidates.iter_mut().enumerate() {
            candidate.name = format!("candidate-{index}");
        }
        candidates
    })
}

fn is_fit(candidate: &CandidateSpec) -> bool {
    let is_free = candidate.capacity == 0 || candidate.in_use < candidate.capacity;
    is_free && candidate.flags & (abi::CANDIDATE_DRAINING | abi::CANDIDATE_CORDONED) == 0
}

proptest! {
    #[test]
    fn gives_as_many_as_wanted_and_fit_and_repeats_itself(
        candidates in any_candidates(),
        want in 1_u32..5,
        seed: u64,
        choices in 0..4,
    ) {
        let request = RequestSpec { want, seed, ..RequestSpec::default() };
        let config = format!(r#"{{"choices":{choices}}}"#);
        let decided = harness(&config).decide(&request, &candidates).unwrap();
        let fit = candidates.iter().filter(|candidate| is_fit(candidate)).count();
        prop_assert_eq!(decided.chosen.len(), fit.min(want as usize));
        prop_assert_eq!(decided.answer.code, if fit == 0 { abi::DEFER } else { abi::OK });
        for verdict in decided.verdicts.iter().filter(|verdict| verdict.is_eligible()) {
            prop_assert!((0..=1_000_000).contains(&verdict.score));
        }
        prop_assert_eq!(decided, harness(&config).decide(&request, &candidates).unwrap());
    }

    /// Less in use, less pending or less load never makes a candidate worse.
    #[test]
    fn more_room_is_never_worse(candidate in any_candidate(), in_use in 0_u32..6, pending in 0_u32..4, load in 0.0_f32..64.0) {
        let busy = CandidateSpec { capacity: 6, flags: 0, load_age_ms: 1000, loads: [64.0; 3], in_use: 5, pending: 4, ..candidate.clone() };
        let idler = CandidateSpec { in_use, pending, loads: [load; 3], ..busy.clone() };
        let (_, verdicts) = harness("{}").evaluate(&RequestSpec::default(), &[busy, idler]).unwrap();
        prop_assert!(verdicts[1].score >= verdicts[0].score, "{verdicts:?}");
    }
}

#[test]
fn pending_grants_stop_the_herd() {
    // Ten ask between two measurements; each grant is pending for the next.
    let mut candidates = ["a", "b"].map(|name| CandidateSpec {
        capacity: 100,
        cpus: 4,
        load_age_ms: 0,
        loads: [if name == "a" { 0.0 } else { 0.4 }; 3],
        ..CandidateSpec::named(name)
    });
    let mut harness = harness("{}");
    for seed in 0..10 {
        let request = RequestSpec {
            seed,
            ..RequestSpec::default()
        };
        let chosen = harness.decide(&request, &candidates).unwrap().chosen[0];
        candidates[chosen].in_use += 1;
        candidates[chosen].pending += 1;
    }
    assert_eq!(candidates.map(|candidate| candidate.in_use), [5, 5]);
}

#[test]
fn old_loads_are_believed_less() {
    let with_age = |name: &str, load, load_age_ms| CandidateSpec {
        cpus: 1,
        loads: [load; 3],
        load_age_ms,
        ..CandidateSpec::named(name)
    };
    // An old high load is nearer to the usual one than a fresh one is.
    let candidates = [
        with_age("fresh", 8.0, 0),
        with_age("old", 8.0, 300_000),
        with_age("idle", 0.0, 0),
    ];
    let (_, verdicts) = harness("{}").evaluate(&RequestSpec::default(), &candidates).unwrap();
    let scores: Vec<_> = verdicts.iter().map(|verdict| verdict.score).collect();
    assert!(scores[0] < scores[1] && scores[1] < scores[2], "{scores:?}");
}

#[test]
fn two_choices_use_more_than_the_best() {
    let candidates: Vec<_> = (0..8)
        .map(|index| CandidateSpec {
            capacity: 100,
            in_use: index,
            ..CandidateSpec::named(format!("candidate-{index}"))
        })
        .collect();
    let mut harness = harness(r#"{"choices":2}"#);
    let mut times = [0; 8];
    for seed in 0..400 {
        let request = RequestSpec {
            seed,
            ..RequestSpec::default()
        };
        times[harness.decide(&request, &candidates).unwrap().chosen[0]] += 1;
    }
    // Of two out of eight, drawn with repetition, the better is first in 15 of 64 draws and last in one.
    assert!((60..130).contains(&times[0]) && times[7] < 30, "{times:?}");
}

#[test]
fn an_explanation_names_what_counted() {
    let candidate = CandidateSpec {
        capacity: 4,
        in_use: 1,
        cpus: 2,
        loads: [0.5; 3],
        load_age_ms: 5,
        ..CandidateSpec::named("gpu-1")
    };
    let decided = harness("{}").decide(&RequestSpec::default(), &[candidate]).unwrap();
    assert_eq!(
        decided.answer.text,
        "gpu-1: 1 of 4 slots in use, load 0.25 a processor, 0 pending"
    );
}

#[test]
fn wrong_configurations_are_told() {
    for (config, part) in [
        ("", "EOF"),
        (r#"{"slot_wieght":1}"#, "unknown field `slot_wieght`"),
        (r#"{"slot_weight":-1}"#, "slot_weight is -1"),
        (r#"{"slot_weight":0,"load_weight":0}"#, "both 0"),
        (r#"{"load_half_life_ms":0}"#, "at least 1"),
        (r#"{"choices":17}"#, "0 to 16"),
    ] {
        match Harness::create::<LeastLoaded>(config) {
            Err(Fault::Reported { code, text }) => {
                assert_eq!(code, abi::CONFIG);
                assert!(text.contains(part), "{config}: {text}");
            }
            other => panic!("{config}: {other:?}"),
        }
    }
    assert_eq!(LeastLoaded::NAME, "least-loaded");
}
