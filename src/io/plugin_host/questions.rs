//! What an allocator is asked in an examination: ordinary questions, and such as only a poor host would ask.

use floe_plugin_sdk::abi;
use floe_plugin_sdk::harness::{AttrSpec, CandidateSpec, LeaseSpec, RequestSpec, WaitingSpec};

/// Candidates as a busy grid has them.
pub(super) fn candidates(count: u32) -> Vec<CandidateSpec> {
    let one = |index: u32| CandidateSpec {
        node: format!("node-{}", index % 7),
        zone: format!("zone-{}", index % 3),
        type_name: "type".to_owned(),
        capacity: 4,
        in_use: index % 4,
        pending: index % 2 * (index % 4).min(1),
        cpus: 1 + index % 8,
        mem_free_mib: 64 * index,
        loads: [0.25, 0.5, 1.0],
        load_age_ms: index,
        attrs: vec![("speed".to_owned(), AttrSpec::Text("fast".to_owned()))],
        ..CandidateSpec::named(format!("candidate-{index}"))
    };
    (0..count).map(one).collect()
}

/// Values at the edges: no number, no end, nothing, everything, very long.
pub(super) fn odd_candidates() -> Vec<CandidateSpec> {
    let named = |name: &str| CandidateSpec::named(name);
    vec![
        CandidateSpec {
            loads: [f32::NAN, f32::INFINITY, -1.0],
            load_age_ms: 0,
            ..named("no number")
        },
        CandidateSpec {
            capacity: 0,
            in_use: u32::MAX,
            pending: u32::MAX,
            ..named("without a bound")
        },
        CandidateSpec {
            cpus: u32::MAX,
            mem_free_mib: u32::MAX,
            queued: u32::MAX,
            weight: u32::MAX,
            ..named("huge")
        },
        CandidateSpec {
            priority: i32::MIN,
            state: 77,
            flags: u32::MAX,
            ..named("unknown bits")
        },
        CandidateSpec {
            capacity: 1,
            in_use: 9,
            pending: 99,
            ..named("fuller than full")
        },
        CandidateSpec {
            attrs: vec![
                ("k".to_owned(), AttrSpec::Float(f64::NAN)),
                (String::new(), AttrSpec::None),
            ],
            ..named("odd attributes")
        },
        CandidateSpec {
            node: "n".repeat(65_536),
            zone: "z".repeat(65_536),
            ..named(&"long".repeat(16_384))
        },
        CandidateSpec {
            flags: abi::CANDIDATE_DRAINING | abi::CANDIDATE_CORDONED,
            ..named("Überzählig \u{1F980}")
        },
    ]
}

/// A request for some of them.
pub(super) fn request(seed: u64, want: u32) -> RequestSpec {
    RequestSpec {
        seed,
        want,
        session: 1 + seed % 5,
        principal: format!("principal-{}", seed % 5),
        ..RequestSpec::default()
    }
}

/// Others that wait.
pub(super) fn queue(count: u32) -> Vec<WaitingSpec> {
    let one = |index: u32| WaitingSpec {
        request: request(u64::from(index), 1),
        since_ms: u64::from(count - index),
        passed: index % 3,
    };
    (0..count).map(one).collect()
}

/// What is held already, a lease a candidate.
pub(super) fn leases(count: u32) -> Vec<LeaseSpec> {
    let candidates = candidates(count);
    let pairs = (1..).zip(&candidates);
    pairs
        .map(|(lease, candidate)| LeaseSpec::granted(lease, &request(lease, 1), candidate))
        .collect()
}
