//! Loads the C example and asks it through the harness.
#![expect(
    unsafe_code,
    reason = "loads a library; only for tests, a host checks the file first"
)]

use super::compile::{is_installed, make_example};
use floe_plugin_sdk::abi::{self, Descriptor};
use floe_plugin_sdk::harness::{CandidateSpec, Fault, Harness, LeaseSpec, RequestSpec, WaitingSpec, check_keys};
use std::ffi::{CString, c_char, c_int, c_void};
use std::path::Path;

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// The descriptor of a library, which stays loaded.
fn loaded(library: &Path) -> Descriptor {
    const NOW: c_int = 2;
    let name = CString::new(library.to_str().expect("a path in text")).expect("a path without zeros");
    let symbol = CString::new(abi::SYMBOL).expect("a name without zeros");
    // SAFETY: runs the code of a library that this test has built, or that the developer named.
    let handle = unsafe { dlopen(name.as_ptr(), NOW) };
    assert!(!handle.is_null(), "{} cannot be loaded", library.display());
    // SAFETY: the handle is good, the name ends with a zero.
    let found = unsafe { dlsym(handle, symbol.as_ptr()) };
    assert!(!found.is_null(), "{} has no descriptor", library.display());
    // SAFETY: it is a constant of this type, and the library is never unloaded.
    unsafe { found.cast::<Descriptor>().read() }
}

fn candidates(count: u32) -> Vec<CandidateSpec> {
    let candidates = (0..count).map(|index| CandidateSpec {
        capacity: 4,
        in_use: index % 5,
        cpus: index % 3,
        node: format!("node-{}", index % 7),
        zone: format!("zone-{}", index % 2),
        loads: [0.1, f32::NAN, f32::INFINITY],
        load_age_ms: index,
        ..CandidateSpec::named(format!("candidate-{index}"))
    });
    candidates.collect()
}

/// What any good library answers: something valid, twice the same, for no, one and many candidates.
fn ask_everything(descriptor: Descriptor, config: &str) {
    let made = || {
        // SAFETY: the library is never unloaded, and is taken to keep the ABI's promises.
        unsafe { Harness::from_descriptor(descriptor, config) }.expect("it takes its configuration")
    };
    let (mut harness, mut other) = (made(), made());
    let request = RequestSpec::default();
    let leases: Vec<_> = (1..)
        .zip(&candidates(20))
        .map(|(lease, candidate)| LeaseSpec::granted(lease, &request, candidate))
        .collect();
    for harness in [&mut harness, &mut other] {
        harness.resync(&leases, 7).expect("it learns, or does not want to");
        let ends: Vec<_> = leases
            .iter()
            .step_by(2)
            .map(|lease| lease.ends(request.now_ms))
            .collect();
        harness.observe(&ends).expect("likewise");
    }
    let queue: Vec<_> = (0..100)
        .map(|since_ms| WaitingSpec {
            since_ms,
            request: request.clone(),
            passed: 0,
        })
        .collect();
    match harness.order(&queue) {
        Ok((_, served)) => check_keys(&served, queue.len()).expect("each once"),
        Err(fault) => assert_eq!(fault, Fault::Absent("order")),
    }
    for count in [0, 1, 2, 10, 100, 1000] {
        for want in [1, 3] {
            let request = RequestSpec {
                seed: u64::from(count),
                want,
                ..RequestSpec::default()
            };
            let decided = harness.decide(&request, &candidates(count)).expect("a valid answer");
            assert_eq!(
                Ok(decided),
                other.decide(&request, &candidates(count)),
                "{count} candidates"
            );
        }
    }
}

#[test]
fn the_c_example_answers_through_its_table() {
    if !is_installed("make") || !is_installed("gcc") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = folder.path().join("least_loaded.so");
    make_example("gcc", &library);
    let descriptor = loaded(&library);
    ask_everything(descriptor, "{}");

    // SAFETY: as above.
    let mut harness = unsafe { Harness::from_descriptor(descriptor, "{ }") }.unwrap();
    let request = RequestSpec {
        want: 4,
        ..RequestSpec::default()
    };
    // In use: 0, 1, 2, 3 and 4 of 4; the last is full.
    let decided = harness.decide(&request, &candidates(5)).unwrap();
    assert_eq!(decided.verdicts[4].code, abi::CODE_FULL);
    assert_eq!((decided.chosen.len(), decided.chosen[0]), (4, 0));
    let full = vec![
        CandidateSpec {
            in_use: 1,
            ..CandidateSpec::named("full")
        };
        2
    ];
    let decided = harness.decide(&request, &full).unwrap();
    assert_eq!(decided.answer.code, abi::DEFER);
    assert_eq!(decided.answer.text, "all candidates are full or being emptied");
    // SAFETY: as above.
    let refused = unsafe { Harness::from_descriptor(descriptor, r#"{"a":1}"#) };
    assert!(
        matches!(refused, Err(Fault::Reported { code: abi::CONFIG, .. })),
        "{refused:?}"
    );
}
