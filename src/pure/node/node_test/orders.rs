//! Orders to the node and what it tells of itself: drained and back, ended, explained.

use super::bench::{Bench, always, epoch, id, spec};
use crate::pure::model::{Activation, DisableAfter};
use crate::pure::node::Event;
use crate::pure::protocol::node::{ExplainReport, NodeDetail};
use crate::pure::protocol::request::Verb;
use crate::pure::protocol::{Request, Response};
use std::time::Duration;

impl Bench {
    fn with(servers: Vec<crate::pure::model::ServerSpec>) -> Self {
        let mut bench = Self::new();
        bench.link("r1");
        bench.slice("r1", epoch(1, 1), 1, servers, &[]);
        bench
    }
    fn detail(&mut self, request: Request) -> NodeDetail {
        self.client(request);
        match self.replies.pop() {
            Some(Response::Node(detail)) => *detail,
            other => panic!("{other:?} is no node"),
        }
    }
    fn drain(&mut self, keep_running: bool) -> NodeDetail {
        let node = "n1".parse().unwrap();
        self.detail(Request::Drain { node, keep_running })
    }
    fn undrain(&mut self) -> NodeDetail {
        let node = "n1".parse().unwrap();
        self.detail(Request::Undrain { node })
    }
    fn explain(&mut self, server: &str) -> ExplainReport {
        let server = id(server);
        self.client(Request::Explain { server, lines: 5 });
        match self.replies.pop() {
            Some(Response::Explained(report)) => *report,
            other => panic!("{other:?} explains nothing"),
        }
    }
    fn runs(&self) -> Vec<&str> {
        self.processes.keys().map(crate::pure::base::ServerId::as_str).collect()
    }
}

#[test]
fn a_drained_node_starts_nothing_until_it_is_told_to() {
    for keep_running in [false, true] {
        let mut bench = Bench::with(vec![
            spec("a", Activation::Always),
            spec("d", Activation::OnDemand),
            spec("m", Activation::Manual),
        ]);
        bench.command("m", Verb::Start);
        bench.replies.clear();
        let detail = bench.drain(keep_running);
        assert_eq!(detail.running, 2);
        let drained = detail.drained.unwrap();
        assert_eq!(
            (drained.keep_running, drained.order.by.as_str()),
            (keep_running, "test")
        );
        assert!(bench.node.status().drained, "registries hear of it");
        if !keep_running {
            bench.exit("a");
            bench.exit("m");
        }
        let there: &[&str] = if keep_running { &["a", "m"] } else { &[] };
        for restart in [false, true] {
            if restart {
                bench.crash();
                bench.link("r1");
            }
            bench.slice(
                "r1",
                epoch(1, 1),
                2,
                [always(&["a", "new"]), vec![spec("d", Activation::OnDemand)]].concat(),
                &[],
            );
            assert_eq!(bench.runs(), there, "restarted: {restart}");
            for verb in [Verb::Start, Verb::Restart] {
                bench.command("a", verb);
                assert_eq!(bench.reply(), "Precondition: node n1 is drained and starts nothing");
            }
            assert!(
                bench.explain("new").held.starts_with("node n1 is drained by test"),
                "restarted: {restart}"
            );
        }
        bench.exit("a");
        assert!(!bench.runs().contains(&"a"), "what ends stays down");
        assert_eq!(bench.undrain().drained, None);
        bench.second += 1;
        bench.event(Event::Wake);
        assert!(bench.runs().contains(&"a") && bench.runs().contains(&"new"));
        bench.crash();
        assert!(!bench.node.status().drained);
        let words: Vec<String> = bench.undrain().events.into_iter().map(|event| event.state).collect();
        assert!(words.is_empty(), "told twice it does nothing: {words:?}");
    }
}

#[test]
fn a_drain_that_its_node_did_not_finish_is_finished_by_its_next_life() {
    let mut bench = Bench::with(always(&["a"]));
    bench.drain(false);
    bench.crash();
    bench.command("a", Verb::Signal("HUP".parse().unwrap()));
    assert_eq!(bench.reply(), "deactivating", "a process that goes takes signals");
    assert_eq!(bench.signals, [(id("a"), "HUP".parse().unwrap())]);
    bench.exit("a");
    bench.command("a", Verb::Signal("HUP".parse().unwrap()));
    assert_eq!(
        bench.reply(),
        "Precondition: server a is inactive and has no process to signal"
    );
}

#[test]
fn a_node_ends_when_it_is_told_to_and_leaves_or_stops_its_servers() {
    for (stop_servers, waits) in [(None, false), (Some(false), false), (Some(true), true)] {
        let mut bench = Bench::with(always(&["a"]));
        let node = "n1".parse().unwrap();
        let detail = bench.detail(Request::StopNode { node, stop_servers });
        assert!(detail.stopping);
        assert_eq!(bench.finished, !waits, "{stop_servers:?}");
        if waits {
            bench.exit("a");
        }
        assert!(bench.finished);
    }
    let mut bench = Bench::with(always(&["a"]));
    let node = "n2".parse().unwrap();
    let stop_servers = None;
    bench.client(Request::StopNode { node, stop_servers });
    assert_eq!(bench.reply(), "NotFound: this is node n1, not n2");
    assert!(!bench.finished);
}

#[test]
fn a_servers_past_is_told_with_reasons_also_by_the_nodes_next_life() {
    let mut failing = spec("a", Activation::Always);
    failing.disable_after = Some(DisableAfter {
        failures: 2,
        period: Some(Duration::from_mins(1)),
    });
    let mut bench = Bench::with(vec![failing.clone()]);
    bench.exit("a");
    let report = bench.explain("a");
    assert_eq!(report.server.state.as_str(), "backing-off");
    assert!(report.server.next_try.is_some());
    bench.second += 1;
    bench.event(Event::Wake);
    bench.exit("a");
    let report = bench.explain("a");
    assert_eq!(
        (report.activation.as_str(), report.stderr.as_str()),
        ("always", "last words\n")
    );
    assert_eq!(
        report.disabled,
        "by 2 failures in a row, at 1970-01-01T00:00:00Z, for 60 s"
    );
    let states: Vec<&str> = report.transitions.iter().map(|row| row.state.as_str()).collect();
    assert_eq!(
        states,
        [
            "activating",
            "active",
            "backing-off",
            "activating",
            "active",
            "inactive, disabled"
        ]
    );
    let last = report.transitions.last().unwrap();
    assert_eq!(last.pid, Some(1), "the process that has just ended");
    assert!(last.reason.contains("killed by SIGTERM"), "{}", last.reason);
    bench.crash();
    bench.command("a", Verb::Start);
    bench.command("a", Verb::Disable);
    bench.replies.clear();
    let report = bench.explain("a");
    assert_eq!(report.disabled, "by test, at 1970-01-01T00:00:00Z");
    assert_eq!(report.transitions[..6].len(), 6, "earlier lives are remembered");
    bench.link("r1");
    failing.run.push("--new".into());
    bench.slice("r1", epoch(1, 1), 2, vec![failing], &[]);
    assert_eq!(
        bench.explain("a").outdated,
        "process 1 runs by an older definition: true"
    );
    for _ in 0..40 {
        bench.command("a", Verb::Enable);
        bench.command("a", Verb::Disable);
    }
    assert_eq!(bench.explain("a").transitions.len(), 32, "and bounded");
}

#[test]
fn a_session_server_is_started_by_its_session_only() {
    let mut bench = Bench::with(vec![spec("s", Activation::Session)]);
    for verb in [Verb::Start, Verb::Restart] {
        bench.command("s", verb);
        assert_eq!(
            bench.reply(),
            "Precondition: server s is inactive and runs only while a session holds it, which none does"
        );
    }
    bench.crash();
    assert!(bench.runs().is_empty());
    assert_eq!(
        bench.explain("s").held,
        "it runs only while a session holds it, and none does"
    );
}
