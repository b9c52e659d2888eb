//! Promise 11: commands, their answers, and what registries hear before them.

use super::bench::{Bench, HOME, epoch, id, spec};
use crate::pure::model::Activation;
use crate::pure::node::Event;
use crate::pure::protocol::request::Verb;
use crate::pure::protocol::{ErrorCode, Message, Request, Response};

#[test]
fn commands_are_answered_when_their_server_is_as_wanted() {
    let mut bench = Bench::new();
    bench.link("r1");
    bench.slice("r1", epoch(1, 1), 1, vec![spec("m", Activation::Manual)], &[]);
    bench.command("m", Verb::Start);
    assert_eq!(bench.reply(), "active");
    bench.command("m", Verb::Stop);
    assert_eq!(bench.reply(), "waits");
    bench.exit("m");
    assert_eq!(bench.reply(), "inactive");
    bench.command("m", Verb::Disable);
    assert_eq!(bench.reply(), "inactive");
    bench.crash();
    bench.command("m", Verb::Start);
    assert_eq!(
        bench.reply(),
        "Precondition: server m is disabled",
        "also after a restart"
    );
    bench.command("m", Verb::Enable);
    assert_eq!(bench.reply(), "inactive");
    bench.command("m", Verb::Start);
    assert_eq!(bench.reply(), "active");
    bench.command("m", Verb::Restart);
    assert_eq!(bench.reply(), "waits");
    bench.exit("m");
    assert_eq!(bench.reply(), "active", "answered by the new process");
    bench.command("m", Verb::Stop);
    bench.second += 5;
    bench.event(Event::Wake);
    assert_eq!(
        bench.reply(),
        "TimedOut: the deadline passed while server m was deactivating: stopped by an operator"
    );
    bench.command("x", Verb::Start);
    assert_eq!(bench.reply(), "NotFound: node n1 has no server x");
    bench.client(Request::Nodes);
    let Some(Response::Failed(failure)) = bench.replies.pop() else {
        panic!("a node answers for itself only");
    };
    assert_eq!(failure.code, ErrorCode::NotMaster);
    assert_eq!(failure.hint, "ask a registry with `--peer`: 127.0.0.1:7401 (r1)");
}

#[test]
fn a_registry_hears_the_whole_state_then_changes_before_answers() {
    let mut bench = Bench::new();
    bench.link("r1");
    bench.slice("r1", epoch(1, 1), 1, vec![spec("m", Activation::OnDemand)], &[]);
    bench.said.clear();
    bench.link("r2");
    let kinds: Vec<&str> = bench
        .said
        .iter()
        .map(|(to, message)| match (to.as_str(), message) {
            ("r2", Message::NodeStatus(_)) => "status",
            (
                "r2",
                Message::Servers {
                    first: true,
                    last: true,
                    ..
                },
            ) => "whole",
            ("r2", Message::Peers(_)) => "peers",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["status", "whole", "peers"]);
    bench.said.clear();
    let (server, actor) = (id("m"), String::new());
    let (epoch, deadline_ms) = (epoch(1, 1), 1000);
    let request = Request::Activate { server, tenure: None };
    bench.hear(
        "r2",
        Message::Ask {
            id: 7,
            epoch,
            database: Some(HOME),
            deadline_ms,
            actor,
            request: Box::new(request),
        },
    );
    let to_r2: Vec<&Message> = bench
        .said
        .iter()
        .filter(|(to, _)| to == "r2")
        .map(|(_, said)| said)
        .collect();
    let active = to_r2.iter().position(|message| {
        matches!(message, Message::Servers { first: false, servers, .. } if servers[0].state.as_str() == "active")
    });
    let answer = to_r2
        .iter()
        .position(|message| matches!(message, Message::Answer { id: 7, .. }));
    assert!(active.is_some() && active < answer, "{to_r2:?}");
}
