//! Each mode that a process survives shows to a host as what it is. The others are for tests with a process to lose.

use super::Chaos;
use floe_plugin_sdk::abi;
use floe_plugin_sdk::harness::{CandidateSpec, Fault, Harness, LeaseSpec, RequestSpec, WaitingSpec};

fn harness(config: &str) -> Harness {
    Harness::create::<Chaos>(config).unwrap()
}

fn decide(harness: &mut Harness) -> Result<(i32, Vec<usize>), Fault> {
    let candidates = ["a", "b", "c"].map(CandidateSpec::named);
    let request = RequestSpec {
        want: 2,
        ..RequestSpec::default()
    };
    let decided = harness.decide(&request, &candidates)?;
    Ok((decided.answer.code, decided.chosen))
}

#[test]
fn modes_of_a_decision_show_as_what_they_are() {
    let reported = |code, text: &str| {
        Err(Fault::Reported {
            code,
            text: text.to_owned(),
        })
    };
    let invalid = |why: &str| Err(Fault::Invalid(why.to_owned()));
    for (mode, wanted) in [
        ("ok", Ok((abi::OK, vec![0, 1]))),
        ("slow", Ok((abi::OK, vec![0, 1]))),
        ("wild-scores", Ok((abi::OK, vec![0, 1]))),
        ("garbage-reason", Ok((abi::OK, vec![0, 1]))),
        ("abstain", Ok((abi::ABSTAIN, vec![]))),
        ("defer", Ok((abi::DEFER, vec![]))),
        ("deny", Ok((abi::DENY, vec![]))),
        ("nothing", Ok((abi::OK, vec![]))),
        ("internal", reported(abi::INTERNAL, "mode is internal")),
        ("busy", reported(abi::BUSY, "mode is busy")),
        ("out-of-range", invalid("chose index 3 of 3")),
        ("duplicate", invalid("chose index 0 twice")),
        ("rejected", invalid("chose index 0, rejected with code 4096")),
    ] {
        let mut harness = harness(&format!(r#"{{"mode":"{mode}","after":1,"delay_ms":1}}"#));
        assert_eq!(
            decide(&mut harness),
            Ok((abi::OK, vec![0, 1])),
            "{mode}: the first goes well"
        );
        assert_eq!(decide(&mut harness), wanted, "{mode}");
    }
}

#[test]
fn panics_anywhere_are_codes() {
    let code_of = |fault: Fault| match fault {
        Fault::Reported { code, text } => {
            assert!(text.contains("mode is panic") && text.contains("lib.rs:"), "{text}");
            code
        }
        other => panic!("{other}"),
    };
    let config = |mode: &str| format!(r#"{{"mode":"{mode}"}}"#);
    let create = Harness::create::<Chaos>(&config("panic-in-create")).map(|_| ());
    let evaluate = decide(&mut harness(&config("panic"))).map(|_| ());
    let order = harness(&config("panic-in-order"))
        .order(&[WaitingSpec::default()])
        .map(|_| ());
    let observe = harness(&config("panic-in-observe")).observe(&[LeaseSpec::default().begins()]);
    let resync = harness(&config("panic-in-resync")).resync(&[], 1);
    for fault in [create, evaluate, order, observe, resync] {
        assert_eq!(fault.map_err(code_of), Err(abi::PANIC));
    }
    drop(harness(&config("panic-in-destroy")));
}

#[test]
fn rubbish_is_cut_and_replaced() {
    let mut harness = harness(r#"{"mode":"garbage-reason"}"#);
    let decided = harness
        .decide(&RequestSpec::default(), &[CandidateSpec::named("a")])
        .unwrap();
    assert_eq!(decided.answer.text.chars().count(), 512);
    assert!(decided.answer.text.contains('\u{fffd}'));
}

#[test]
fn the_last_that_came_is_served_first() {
    let queue = [1, 2, 3].map(|since_ms| WaitingSpec {
        since_ms,
        ..WaitingSpec::default()
    });
    assert_eq!(harness(r#"{"mode":"starve"}"#).order(&queue).unwrap().1, [2, 1, 0]);
    assert_eq!(harness("{}").order(&queue).unwrap().1, [0, 1, 2]);
}

#[test]
fn wrong_configurations_are_told() {
    for (config, part) in [
        (r#"{"mode":"config-error"}"#, "mode is config-error"),
        (r#"{"mode":"odd"}"#, "unknown variant `odd`"),
        (r#"{"when":1}"#, "unknown field `when`"),
    ] {
        match Harness::create::<Chaos>(config) {
            Err(Fault::Reported { code, text }) => {
                assert_eq!(code, abi::CONFIG);
                assert!(text.contains(part), "{config}: {text}");
            }
            other => panic!("{config}: {other:?}"),
        }
    }
}
