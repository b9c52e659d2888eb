//! Servers that came from another node: not started before that has stopped them, whatever the node lives through.

use super::bench::*;
use crate::pure::lineage::Epoch;
use crate::pure::model::Activation;
use crate::pure::node::Event;
use crate::pure::protocol::report::{ServerReport, ServerState};
use crate::pure::protocol::request::Verb;
use crate::pure::protocol::{Message, Request};

fn report(bench: &Bench, server: &str) -> ServerReport {
    let reports = bench.node.reports();
    reports.into_iter().find(|report| report.id == id(server)).unwrap()
}
fn reason(bench: &Bench, server: &str) -> String {
    report(bench, server).reason
}
fn state(bench: &Bench, server: &str) -> ServerState {
    report(bench, server).state
}
fn seconds(bench: &mut Bench, seconds: u64) {
    bench.second += seconds;
    bench.event(Event::Wake);
}
fn activate(bench: &mut Bench, epoch: Epoch, server: &str) {
    let ask = Message::Ask {
        id: 1,
        epoch,
        database: Some(HOME),
        deadline_ms: 5000,
        actor: "test".into(),
        request: Box::new(Request::Activate {
            server: id(server),
            tenure: None,
        }),
    };
    bench.hear("r1", ask);
}

#[test]
fn a_held_server_waits_for_its_release_also_over_a_crash_without_any_registry() {
    let mut bench = Bench::new();
    bench.link("r1");
    let reign = epoch(1, 1);
    bench.slice_with("r1", reign, 5, always(&["a", "b"]), &[], &[("a", "n2", 5)]);
    assert_eq!(bench.processes.keys().cloned().collect::<Vec<_>>(), [id("b")]);
    assert_eq!(reason(&bench, "a"), "waits until n2 has stopped it");
    bench.crash();
    seconds(&mut bench, 100);
    assert!(!bench.processes.contains_key(&id("a")), "no registry has released it");
    assert_eq!(bench.node.status().held, [id("a")]);
    // Another update meanwhile, then the release: of the same version as the slice.
    bench.link("r1");
    bench.slice_with("r1", reign, 6, always(&["a", "b", "c"]), &[], &[("a", "n2", 5)]);
    assert!(!bench.processes.contains_key(&id("a")));
    bench.slice_with("r1", reign, 6, always(&["a", "b", "c"]), &[], &[]);
    assert!(bench.processes.contains_key(&id("a")));
    assert!(bench.node.status().held.is_empty());
    // A new master that does not know better holds it again: the node is past that.
    bench.slice_with("r1", reign, 7, always(&["a", "b", "c"]), &[], &[("a", "n2", 5)]);
    assert_eq!(state(&bench, "a"), ServerState::Active);
    // It went away and came back while the node was not looking: this hold is a new one, and the process ends.
    bench.slice_with("r1", reign, 9, always(&["a", "b", "c"]), &[], &[("a", "n2", 9)]);
    assert_eq!(state(&bench, "a"), ServerState::Deactivating);
    bench.exit("a");
    assert!(!bench.processes.contains_key(&id("a")));
    bench.slice_with("r1", reign, 9, always(&["a", "b", "c"]), &[], &[]);
    assert_eq!(state(&bench, "a"), ServerState::Active);
}

#[test]
fn who_wants_a_held_server_waits_within_the_deadline() {
    let mut bench = Bench::new();
    bench.link("r1");
    let reign = epoch(1, 1);
    let servers = || vec![spec("a", Activation::Manual), spec("b", Activation::OnDemand)];
    let hold = [("a", "n2", 5), ("b", "n2", 5)];
    bench.slice_with("r1", reign, 5, servers(), &[], &hold);
    bench.command("a", Verb::Start);
    seconds(&mut bench, 6);
    assert_eq!(
        bench.reply(),
        "TimedOut: server a waits until n2 has stopped it, which did not come about in time"
    );
    bench.command("a", Verb::Start);
    activate(&mut bench, reign, "b");
    assert!(bench.replies.is_empty());
    bench.slice_with("r1", reign, 5, servers(), &[], &[]);
    assert_eq!(
        (state(&bench, "a"), state(&bench, "b")),
        (ServerState::Active, ServerState::Active)
    );
}

#[test]
fn what_an_operator_says_of_a_held_server_holds_after_its_release() {
    let mut bench = Bench::new();
    bench.link("r1");
    let reign = epoch(1, 1);
    bench.slice_with(
        "r1",
        reign,
        5,
        always(&["a", "b"]),
        &[],
        &[("a", "n2", 5), ("b", "n2", 5)],
    );
    bench.command("a", Verb::Stop);
    bench.command("b", Verb::Disable);
    bench.crash();
    bench.link("r1");
    bench.slice_with("r1", reign, 5, always(&["a", "b"]), &[], &[]);
    assert!(bench.processes.is_empty());
    assert_eq!(
        (state(&bench, "a"), state(&bench, "b")),
        (ServerState::Inactive, ServerState::Inactive)
    );
    // Removed while it is held: gone at once.
    bench.slice_with("r1", reign, 6, always(&["a", "b", "c"]), &[], &[("c", "n2", 6)]);
    bench.slice("r1", reign, 7, always(&["a", "b"]), &[("c", 7)]);
    assert!(bench.deleted.contains(&id("c")));
}
