//! Servers that run only while a session has them, on real processes: S-ACT-04 of the system that floe replaces, and what it
//! did not have: tokens, a killed node, a promotion.

use super::application::Text;
use super::grid::{Grid, until};
use super::process;
use floe::client::{Client, Error, Session, SessionOptions};
use floe::pure::allocation::{Tenure, Token, Wish};
use floe::pure::protocol::allocation::LeaseReport;
use floe::pure::protocol::report::{ServerReport, ServerState};
use floe::pure::protocol::{ErrorCode, Request};
use rustix::process::Signal;
use std::time::Duration;

const ALL: [&str; 2] = ["r1", "r2"];

/// One server with two things that a session may hold.
fn hall() -> Text {
    Text::new("hall")
        .web("n1", "gpu", "session")
        .more("[[node.n1.server.allocatable]]\nid = \"a\"\ntype = \"gpu\"\n[[node.n1.server.allocatable]]\nid = \"b\"\ntype = \"gpu\"\nadapter = \"http\"\n")
}

async fn grid() -> Grid {
    let mut grid = Grid::new(&ALL, &["n1"]);
    grid.start_all();
    grid.settled("r1", &["r2"], &["n1"]).await;
    grid.apply(&ALL, &hall()).await;
    grid
}

async fn session(client: &Client) -> Session {
    let options = SessionOptions {
        ttl: Duration::from_secs(3),
        ..SessionOptions::new("test")
    };
    client.session(options).await.expect("it opens")
}
async fn take(session: &Session, id: &str) -> LeaseReport {
    let wish = Wish::Id(id.parse().expect("an id"));
    let limit = Some(Duration::from_secs(20));
    session.allocate(wish, limit, |_| ()).await.expect("it is given")
}
fn token(lease: &LeaseReport) -> Token {
    lease.token.parse().expect("a token")
}

/// Resolves it right now and gives the pid: whoever was given it can use it at once, at any registry.
async fn used(grid: &Grid, peer: &str, session: &Session, lease: &LeaseReport) -> u32 {
    grid.resolve(&[peer], "gpu.http").await;
    let report = grid
        .server(&[peer], "gpu", "runs for its session", |server| {
            server.state == ServerState::Active && server.tenure.is_some()
        })
        .await;
    let (session, token) = (session.id(), token(lease));
    assert_eq!(report.tenure, Some(Tenure { session, token }), "{report:?}");
    let pid = report.pid.expect("it runs");
    for (name, value) in [("FLOE_SESSION", session.to_string()), ("FLOE_TOKEN", token.to_string())] {
        assert!(process::with_variable(name, &value).contains(&pid), "{name} of {pid}");
    }
    pid
}
fn ended(server: &ServerReport) -> bool {
    server.state == ServerState::Inactive && server.pid.is_none() && server.tenure.is_none()
}
/// It does not run, and neither a use nor an operator starts it.
async fn is_refused(grid: &Grid, pid: u32) {
    grid.server(&["r2"], "gpu", "has ended", ended).await;
    assert!(!process::runs(pid));
    let (id, at_least, count) = ("gpu.http".to_owned(), None, None);
    match grid.call(&["r2"], Request::Resolve { id, at_least, count }).await {
        Err(Error::Failed(failure)) => assert!(
            failure.code == ErrorCode::Unavailable
                && failure.message.contains("while a session holds it")
                && failure.hint.contains("floe allocate"),
            "{failure:?}"
        ),
        other => panic!("{other:?} instead of a refusal"),
    }
    let said = grid.floe_at(&["r2"], &["server", "start", "gpu"]).await;
    assert!(
        said.code == Some(5) && said.err.contains("while a session holds it"),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_command_finds_the_server_that_was_started_for_it() {
    let grid = grid().await;
    let arguments = [
        "allocate",
        "--id",
        "b",
        "--",
        "/bin/sh",
        "-c",
        "echo $FLOE_ENDPOINT $FLOE_SESSION",
    ];
    let said = grid.floe_at(&["r2"], &arguments).await.done();
    let words: Vec<&str> = said.out.split_whitespace().collect();
    assert!(
        words.len() == 2 && words[0].starts_with("http://127.0.0.1:"),
        "{said:?}"
    );
    grid.server(&["r1"], "gpu", "has ended", ended).await;
}

#[tokio::test]
async fn s_act_04_it_runs_for_who_has_it_and_the_next_one_gets_a_fresh_process() {
    let grid = grid().await;
    let client = grid.client(&ALL);
    let one = session(&client).await;
    // Not before it is held, and not by being held.
    is_refused(&grid, u32::MAX).await;
    let lease = take(&one, "a").await;
    let first = used(&grid, "r2", &one, &lease).await;
    let shown = grid.floe_at(&ALL, &["server", "show", "gpu"]).await.done().out;
    assert!(
        shown.contains(&format!("session {} (token {})", one.id(), lease.token)),
        "{shown}"
    );
    let explained = grid.floe_at(&ALL, &["server", "explain", "gpu"]).await.done().out;
    assert!(explained.contains(&one.id().to_string()), "{explained}");
    // After its own end the next use starts it again, for the same session.
    process::signal(first, Signal::TERM);
    until("it has ended", async || {
        (!process::runs(first)).then_some(()).ok_or_else(String::new)
    })
    .await;
    let again = used(&grid, "r1", &one, &lease).await;
    assert_ne!(again, first);
    // More of it, and less: it goes on while anything of it is held.
    take(&one, "b").await;
    one.release("a".parse().expect("an id")).await.expect("it was held");
    assert_eq!(used(&grid, "r1", &one, &lease).await, again);
    one.release("b".parse().expect("an id")).await.expect("it was held");
    is_refused(&grid, again).await;
    // The same session takes it anew: a new process. Another one waits, and has a fresh one when the first closes.
    let renewed = take(&one, "b").await;
    let third = used(&grid, "r1", &one, &renewed).await;
    assert!(third != again && token(&renewed) > token(&lease));
    let two = session(&client).await;
    let (next, closed) = tokio::join!(take(&two, "a"), one.close());
    closed.expect("it was open");
    let fourth = used(&grid, "r1", &two, &next).await;
    assert!(fourth != third && token(&next) > token(&renewed));
    assert!(!process::runs(third), "two processes of one server");
    // An operator ends the session.
    let id = two.id().to_string();
    grid.floe_at(&ALL, &["session", "close", &id]).await.done();
    is_refused(&grid, fourth).await;
}

#[tokio::test]
async fn a_killed_node_and_a_promotion_leave_it_to_its_session_and_end_it_with_that() {
    let mut grid = grid().await;
    let client = grid.client(&ALL);
    let one = session(&client).await;
    let lease = take(&one, "a").await;
    let pid = used(&grid, "r1", &one, &lease).await;
    grid.restart("n1").await;
    assert_eq!(used(&grid, "r1", &one, &lease).await, pid);
    // Cut off from every registry, it runs on. The next master knows of the lease, and the session goes on.
    grid.kill("r1").await;
    assert!(process::runs(pid));
    grid.floe_at(&["r2"], &["registry", "promote", "r2"]).await.done();
    grid.settled("r2", &[], &["n1"]).await;
    assert_eq!(used(&grid, "r2", &one, &lease).await, pid);
    // A session that ends while no master is there: the next one ends it, and its server with it.
    grid.start("r1");
    grid.settled("r2", &["r1"], &["n1"]).await;
    assert_eq!(used(&grid, "r1", &one, &lease).await, pid);
    grid.kill("r2").await;
    drop(one);
    grid.restart("n1").await;
    grid.floe_at(&["r1"], &["registry", "promote", "r1"]).await.done();
    grid.settled("r1", &[], &["n1"]).await;
    grid.server(&["r1"], "gpu", "has ended with its session", ended).await;
    assert!(!process::runs(pid));
    let two = session(&client).await;
    let next = take(&two, "b").await;
    assert!(token(&next) > token(&lease));
    assert_ne!(used(&grid, "r1", &two, &next).await, pid);
}
