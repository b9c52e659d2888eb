//! Servers that move between nodes, as a master sees it: what each node is told, and when. Names S-UPD-11 and S-UPD-12.

use super::super::super::event::Event;
use super::super::super::fixture::{Bench, peer};
use super::*;
use crate::pure::base::{DatabaseId, RequestId, WallTime};
use crate::pure::lineage::Version;
use crate::pure::membership::Role;
use crate::pure::model::Application;
use crate::pure::protocol::message::SlicePart;
use crate::pure::protocol::report::{Load, NodeReport, ServerReport, ServerState};
use crate::pure::protocol::{Message, Request, Response};
use std::collections::BTreeMap;
use std::time::Duration;

fn apply(bench: &mut Bench, node: &str) -> Vec<Effect> {
    let text = format!("application = \"shop\"\n[[node.{node}.server]]\nid = \"web\"\nrun = [\"/bin/web\"]\n");
    let end = bench.registry.database().end().serial;
    bench.event(Event::Request {
        to: super::super::super::ReplyTo(end),
        actor: "test".into(),
        deadline: Duration::from_secs(1),
        request: Box::new(Request::Apply {
            application: Application::from_toml(&text, "test").unwrap(),
            if_revision: None,
            request: RequestId::from_bits(u128::from(end) + 1),
        }),
    })
}
/// What a node says: the version that it has applied, and whether it has the server.
fn node(bench: &mut Bench, name: &str, applied: Option<Version>, has: bool) -> Vec<Effect> {
    node_that_keeps(bench, name, applied, has, false)
}
fn node_that_keeps(bench: &mut Bench, name: &str, applied: Option<Version>, has: bool, keeps: bool) -> Vec<Effect> {
    let database = bench.registry.database().id();
    node_of(bench, name, database, applied, (has, keeps))
}
fn node_of(
    bench: &mut Bench,
    name: &str,
    database: Option<DatabaseId>,
    applied: Option<Version>,
    (has, keeps): (bool, bool),
) -> Vec<Effect> {
    let report = NodeReport {
        obeys: bench.registry.promise(),
        applied,
        database,
        unfit: false,
        held: Vec::new(),
        kept: keeps.then(|| "web".parse().unwrap()).into_iter().collect(),
        load: Load::default(),
        load_longer: Default::default(),
        drained: false,
        means: String::new(),
        labels: BTreeMap::default(),
        host: "127.0.0.1".into(),
    };
    let mut out = bench.says(name, Message::NodeStatus(Box::new(report)));
    let server = ServerReport {
        id: "web".parse().unwrap(),
        application: "shop".parse().unwrap(),
        node: peer(name),
        state: ServerState::Active,
        enabled: true,
        pid: None,
        restarts: 0,
        reason: String::new(),
        endpoints: BTreeMap::new(),
        next_try: None::<WallTime>,
        tenure: None,
    };
    out.extend(bench.says(
        name,
        Message::Servers {
            first: true,
            last: true,
            servers: has.then_some(server).into_iter().collect(),
        },
    ));
    out
}
fn end(bench: &Bench) -> Version {
    bench.registry.database().end()
}
fn parts<'a>(effects: &'a [Effect], node: &str) -> Vec<&'a SlicePart> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send {
            to,
            message: Message::Slice(part),
        } if to.as_str() == node => Some(&**part),
        _ => None,
    });
    sent.collect()
}
/// How many servers are put into the node's slice, and from where those come that it holds.
fn told(effects: &[Effect], node: &str) -> Vec<(usize, Vec<String>)> {
    let parts = parts(effects, node).into_iter();
    let held = |part: &SlicePart| part.held.iter().map(|hold| hold.from.to_string()).collect();
    parts.map(|part| (part.servers.len(), held(part))).collect()
}
fn held_from(name: &str) -> Vec<String> {
    vec![name.to_owned()]
}

/// A master with a server on n1, which runs it; n2 is there as well.
fn grid() -> Bench {
    let mut bench = Bench::start("r1", Role::Master);
    apply(&mut bench, "n1");
    for name in ["n1", "n2"] {
        bench.link(name);
        let now = Some(end(&bench));
        node(&mut bench, name, now, name == "n1");
    }
    bench
}
fn lose(bench: &mut Bench, name: &str) {
    bench.event(Event::Unlinked {
        peer: peer(name),
        reason: "closed".into(),
    });
}
fn warnings(bench: &mut Bench) -> String {
    match bench.ask(Request::Status) {
        Response::Status(status) => status.warnings.join("\n"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn s_upd_11_the_new_node_holds_a_server_until_the_old_one_has_stopped_it() {
    let mut bench = grid();
    let out = apply(&mut bench, "n2");
    assert_eq!(told(&out, "n2"), [(1, held_from("n1"))]);
    assert_eq!(parts(&out, "n1")[0].removals.len(), 1);
    let now = Some(end(&bench));
    assert_eq!(told(&node(&mut bench, "n2", now, true), "n2"), [(0, held_from("n1"))]);
    // The old node has the update, and the server is being stopped.
    assert!(told(&node(&mut bench, "n1", now, true), "n2").is_empty());
    let out = node(&mut bench, "n1", now, false);
    assert_eq!(told(&out, "n2"), [(0, vec![])]);
    assert_eq!(parts(&out, "n2")[0].base, now, "of the same version");
    assert!(warnings(&mut bench).is_empty());
}

#[test]
fn a_report_from_before_the_move_proves_nothing() {
    let mut bench = grid();
    let before = Some(end(&bench));
    apply(&mut bench, "n2");
    // It has not got the server now, but may have an older slice on its way that lists it.
    assert!(told(&node(&mut bench, "n1", before, false), "n2").is_empty());
}

#[test]
fn what_the_old_node_keeps_is_not_waited_for() {
    let mut bench = grid();
    let out = apply(&mut bench, "n2");
    assert_eq!(told(&out, "n2"), [(1, held_from("n1"))]);
    // It has the server from another history: the removal does not reach it.
    let now = Some(end(&bench));
    let out = node_that_keeps(&mut bench, "n1", now, true, true);
    assert_eq!(told(&out, "n2"), [(0, vec![])]);
    let warnings = warnings(&mut bench);
    assert!(
        warnings.contains("node n1 keeps what its slice neither lists nor removes: web;"),
        "{warnings}"
    );
    assert!(!warnings.contains("may still run there"), "{warnings}");
}

#[test]
fn an_old_node_of_another_database_is_not_waited_for() {
    let mut bench = grid();
    let out = apply(&mut bench, "n2");
    assert_eq!(told(&out, "n2"), [(1, held_from("n1"))]);
    let (foreign, now) = (Some(DatabaseId::from_bits(9)), Some(end(&bench)));
    let out = node_of(&mut bench, "n1", foreign, now, (true, false));
    assert_eq!(told(&out, "n2"), [(0, vec![])]);
}

#[test]
fn an_old_node_that_is_out_of_reach_is_given_up_after_a_while_and_operators_are_warned() {
    let mut bench = grid();
    lose(&mut bench, "n1");
    let out = apply(&mut bench, "n2");
    assert_eq!(told(&out, "n2"), [(1, held_from("n1"))]);
    assert!(told(&bench.wait(Duration::from_secs(9)), "n2").is_empty());
    let out = bench.wait(Duration::from_secs(1));
    assert_eq!(told(&out, "n2"), [(0, vec![])]);
    let reasons: Vec<String> = out
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Happened(happening) if happening.state == "released" => Some(happening.reason),
            _ => None,
        })
        .collect();
    assert_eq!(
        reasons,
        ["node n1 is out of reach: it may still run there; it may start on n2 all the same"]
    );
    assert!(
        warnings(&mut bench)
            .contains("node n1 was out of reach when servers were moved away from it: web may still run there")
    );
    // It returns: told of the removal, and the warning ends when it has carried that out.
    bench.link("n1");
    let before = None;
    let out = node(&mut bench, "n1", before, true);
    assert_eq!(parts(&out, "n1")[0].removals.len(), 1);
    assert!(warnings(&mut bench).contains("may still run there"));
    let now = Some(end(&bench));
    node(&mut bench, "n1", now, false);
    assert!(!warnings(&mut bench).contains("may still run there"));
}

#[test]
fn a_node_that_returns_in_time_is_waited_for_again() {
    let mut bench = grid();
    lose(&mut bench, "n1");
    apply(&mut bench, "n2");
    bench.wait(Duration::from_secs(8));
    bench.link("n1");
    node(&mut bench, "n1", None, true);
    assert!(told(&bench.wait(Duration::from_mins(1)), "n2").is_empty());
    let now = Some(end(&bench));
    assert_eq!(told(&node(&mut bench, "n1", now, false), "n2"), [(0, vec![])]);
}

#[test]
fn s_upd_12_a_move_back_from_a_node_that_was_never_told_waits_for_nobody() {
    let mut bench = grid();
    let out = apply(&mut bench, "n9");
    assert_eq!(parts(&out, "n1")[0].removals.len(), 1);
    // The old node is still at it.
    let out = apply(&mut bench, "n1");
    assert_eq!(told(&out, "n1"), [(1, vec![])]);
    // A node that had it once is not trusted, although it was not told this time.
    apply(&mut bench, "n2");
    lose(&mut bench, "n2");
    apply(&mut bench, "n1");
    let out = apply(&mut bench, "n2");
    assert!(told(&out, "n2").is_empty());
    bench.link("n2");
    let out = node(&mut bench, "n2", None, false);
    assert_eq!(told(&out, "n2"), [(1, held_from("n1"))]);
}

#[test]
fn a_new_master_finds_the_same_moves() {
    let mut bench = grid();
    apply(&mut bench, "n2");
    let database = bench.registry.database().clone();
    let mut next = Bench::of("r1", Role::Master, database, |config, _| config.alone = true);
    next.event(Event::Started);
    assert!(next.registry.reign().is_some());
    for name in ["n1", "n2"] {
        next.link(name);
    }
    let out = node(&mut next, "n2", None, false);
    assert_eq!(told(&out, "n2"), [(1, held_from("n1"))]);
    let now = Some(end(&next));
    assert_eq!(told(&node(&mut next, "n1", now, false), "n2"), [(0, vec![])]);
}
