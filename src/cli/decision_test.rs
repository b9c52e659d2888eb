//! Why a resource is, or would be, given: the page for people, the fields for programs, how the command ends.

use super::Exit;
use super::canned::{Canned, floe, prints};
use crate::pure::allocation::{SessionId, Wish};
use crate::pure::base::{Secret, WallTime};
use crate::pure::protocol::allocation::{DecisionReport, RankedReport};
use crate::pure::protocol::{ErrorCode, Failure, Request, Response};
use std::collections::BTreeMap;

fn ranked(resource: &str, node: &str, score: Option<i64>) -> RankedReport {
    RankedReport {
        resource: resource.into(),
        node: node.into(),
        score,
    }
}

/// What a plugin decided of a request that was only thought of.
fn thought_of() -> DecisionReport {
    DecisionReport {
        wish: "one of type gpu with zone = a".into(),
        resource: Some("gpu-1".into()),
        by: "fair-share".into(),
        reason: "the session holds the least".into(),
        seed: "00000000000000ff".into(),
        candidates: 5,
        others: 3,
        rejected: BTreeMap::from([("its zone is full".into(), 1), ("over the quota".into(), 2)]),
        best: vec![ranked("gpu-1", "n1", Some(42)), ranked("gpu-0", "n2", Some(-7))],
        ..DecisionReport::default()
    }
}

/// What the built-in one gave in its place.
fn given() -> DecisionReport {
    DecisionReport {
        wish: "gpu-1".into(),
        resource: Some("gpu-1".into()),
        token: Some("4-17".into()),
        session: Some(SessionId::of(Secret::from_bits(1))),
        at: Some(WallTime(1_700_000_000_000)),
        by: "random".into(),
        instead: "fair-share is set aside: it was late 3 times".into(),
        seed: "00000000000000ff".into(),
        candidates: 1,
        best: vec![ranked("gpu-1", "n1", None)],
        ..DecisionReport::default()
    }
}

fn decision(report: DecisionReport) -> Response {
    Response::Decision(Box::new(report))
}

#[test]
fn a_dry_run_tells_what_would_be_given_and_why() {
    prints(
        "floe allocate --type gpu --where zone=a --dry-run",
        decision(thought_of()),
        "
wanted       one of type gpu with zone = a
given        nothing; it would be gpu-1
decided by   fair-share
reason       the session holds the least
candidates   5
others       3, held or out of service
rejected     1: its zone is full
rejected     2: over the quota
seed         00000000000000ff

the best candidates, the chosen one first:
RESOURCE  NODE  SCORE
gpu-1     n1    42
gpu-0     n2    -7
",
    );
    let canned = Canned::of([(); 2].map(|()| Ok(decision(thought_of()))));
    let line = "floe allocate --type gpu --where zone=a --dry-run --format json";
    let value: serde_json::Value = serde_json::from_str(&floe(line, &canned).out).unwrap();
    assert_eq!(
        (&value["resource"], &value["best"][0]["score"], &value["session"]),
        (&"gpu-1".into(), &42.into(), &serde_json::Value::Null)
    );
    assert_eq!(floe("floe allocate --id gpu-1 --dry-run", &canned).exit, Exit::Done);
    let by_type = Wish::Type {
        kind: "gpu".into(),
        attributes: BTreeMap::from([("zone".into(), "a".into())]),
    };
    let by_id = Wish::Id("gpu-1".parse().unwrap());
    assert_eq!(canned.asked(), [by_type, by_id].map(|wish| Request::Probe { wish }));
}

#[test]
fn a_dry_run_of_what_would_wait_ends_as_what_does_not_wait() {
    let waits = DecisionReport {
        resource: None,
        candidates: 2,
        reason: "over the quota".into(),
        best: vec![],
        rejected: BTreeMap::new(),
        ..thought_of()
    };
    let said = floe("floe allocate --type gpu --dry-run", &Canned::of([Ok(decision(waits))]));
    assert_eq!(said.exit, Exit::TimedOut);
    assert!(
        said.out.contains("\ngiven        nothing; it would wait\n"),
        "{}",
        said.out
    );
    assert_eq!(
        said.err,
        "floe: one of type gpu with zone = a would not be given now: fair-share lets it wait\n\
         hint: `floe session list` shows who waits, `floe lease list` who holds what\n"
    );
    let failure = Failure::new(ErrorCode::TimedOut, "nothing is free: one of type gpu", "");
    let busy = Canned::of([Ok(Response::Failed(failure))]);
    assert_eq!(floe("floe allocate --type gpu --dry-run", &busy).exit, Exit::TimedOut);
}

#[test]
fn a_dry_run_takes_nothing_that_a_session_would_need() {
    for line in [
        "floe allocate --type gpu --dry-run -- make",
        "floe allocate --type gpu --dry-run --count 2",
        "floe allocate --type gpu --dry-run --wait 1s",
        "floe allocate --type gpu --dry-run --ttl 1s",
        "floe allocate --type gpu --dry-run --name job",
        "floe allocate --dry-run",
        "floe allocate --type gpu",
    ] {
        let canned = Canned::default();
        assert_eq!(floe(line, &canned).exit, Exit::Usage, "{line}");
        assert!(canned.asked().is_empty(), "{line}");
    }
}

#[test]
fn a_lease_is_explained_on_the_same_page() {
    prints(
        "floe lease explain gpu-1",
        decision(given()),
        "
wanted       gpu-1
given        gpu-1
session      23d537452b6c304f
token        4-17
at           2023-11-14T22:13:20Z
decided by   random, in place of the configured allocator
because      fair-share is set aside: it was late 3 times
candidates   1
others       0, held or out of service
seed         00000000000000ff

the best candidates, the chosen one first:
RESOURCE  NODE  SCORE
gpu-1     n1    -

`floe plugin list` of the master shows what became of the configured allocator
",
    );
    let failure = Failure::new(ErrorCode::NotFound, "gpu-9 is held by nobody", "");
    let canned = Canned::of([Ok(Response::Failed(failure))]);
    assert_eq!(floe("floe lease explain gpu-9", &canned).exit, Exit::NotFound);
    let resource = "gpu-9".parse().unwrap();
    assert_eq!(canned.asked(), [Request::ExplainLease { resource }]);
}
