//! Who starts a server, and what becomes of it when it fails: the scenarios S-ACT of the system that floe replaces, by their
//! numbers, on real processes. Not here: S-ACT-04, which stands in `session_servers.rs`, and S-ACT-12, which stands in `deployment.rs`.
//! Where floe decided otherwise, the test says so.

use super::application::Text;
use super::grid::Grid;
use super::process;
use floe::client::Error;
use floe::pure::protocol::report::{ServerReport, ServerState};
use floe::pure::protocol::{ErrorCode, Request};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const R: [&str; 1] = ["r1"];

pub(super) async fn small_grid(text: &Text) -> Grid {
    let mut grid = Grid::new(&R, &["n1"]);
    grid.start_all();
    grid.settled("r1", &[], &["n1"]).await;
    grid.apply(&R, text).await;
    grid
}

/// Resolves once, and says in which code and words that was refused.
async fn refused(grid: &Grid, id: &str) -> (ErrorCode, String) {
    let (id, at_least) = (id.to_owned(), None);
    match grid
        .call(
            &R,
            Request::Resolve {
                id,
                at_least,
                count: None,
            },
        )
        .await
    {
        Err(Error::Failed(failure)) => (failure.code, failure.message),
        other => panic!("{other:?} instead of a refusal"),
    }
}

fn ended(server: &ServerReport) -> bool {
    server.state == ServerState::Inactive && server.pid.is_none()
}

#[tokio::test]
async fn s_act_01_02_03_each_activation_starts_when_it_should() {
    let text = Text::new("one")
        .web("n1", "demand", "on-demand")
        .web("n1", "manual", "manual")
        .web("n1", "always", "always");
    let grid = small_grid(&text).await;
    // 01: the first use starts it, and the next one after each end.
    for _ in 0..3 {
        grid.answer(&R, &["demand"]).await;
        let pid = grid.active(&R, &["demand"]).await["demand"];
        process::signal(pid, Signal::TERM);
        grid.server(&R, "demand", "has ended", ended).await;
    }
    // 02: a use does not start it, an operator does, and after its end it stays down.
    let (code, why) = refused(&grid, "manual.http").await;
    assert!(
        code == ErrorCode::Unavailable && why.contains("only an operator starts it"),
        "{why}"
    );
    grid.floe_at(&R, &["server", "start", "manual"]).await.done();
    grid.answer(&R, &["manual"]).await;
    process::signal(grid.active(&R, &["manual"]).await["manual"], Signal::KILL);
    let down = grid.server(&R, "manual", "has ended", ended).await;
    assert!(down.reason.contains("killed by SIGKILL"), "{down:?}");
    let (code, why) = refused(&grid, "manual.http").await;
    assert!(
        code == ErrorCode::Unavailable && why.contains("killed by SIGKILL"),
        "{why}"
    );
    // 03: it runs after deployment and again after its own end. An operator's stop sticks here until somebody starts it.
    let pid = grid.active(&R, &["always"]).await["always"];
    process::signal(pid, Signal::TERM);
    grid.server(&R, "always", "runs again", |server| {
        server.state == ServerState::Active && server.pid != Some(pid)
    })
    .await;
    grid.floe_at(&R, &["server", "stop", "always"]).await.done();
    let explained = grid.floe_at(&R, &["server", "explain", "always"]).await.done().out;
    assert!(explained.contains("\nstopped      by "), "{explained}");
    grid.floe_at(&R, &["server", "start", "always"]).await.done();
    grid.answer(&R, &["always"]).await;
}

#[tokio::test]
async fn s_act_05_06_a_disabled_server_is_left_alone_and_started_by_nobody() {
    let text = Text::new("one")
        .web_in("n1", "running", "on-demand", Some("g"))
        .web("n1", "stopped", "manual")
        .web("n1", "always", "always")
        .more("\n[[group]]\nid = \"g\"\n");
    let grid = small_grid(&text).await;
    // 05: a running one keeps its process, is not offered by its group, and is again when it is enabled.
    grid.answer(&R, &["running"]).await;
    let pid = grid.active(&R, &["running"]).await["running"];
    grid.floe_at(&R, &["server", "disable", "running"]).await.done();
    grid.server(&R, "running", "is disabled", |server| !server.enabled)
        .await;
    let (_, why) = refused(&grid, "g").await;
    assert!(why.contains("is disabled"), "{why}");
    assert!(process::runs(pid));
    grid.floe_at(&R, &["server", "enable", "running"]).await.done();
    grid.resolve(&R, "g").await;
    assert_eq!(grid.active(&R, &["running"]).await["running"], pid);
    grid.floe_at(&R, &["server", "disable", "stopped"]).await.done();
    let start = grid.floe_at(&R, &["server", "start", "stopped"]).await;
    assert!(start.code == Some(5) && start.err.contains("is disabled"), "{start:?}");
    // 06: a disabled always server that ends stays down until it is enabled, which starts it.
    let pid = grid.active(&R, &["always"]).await["always"];
    grid.floe_at(&R, &["server", "disable", "always"]).await.done();
    process::signal(pid, Signal::KILL);
    grid.server(&R, "always", "stays down", ended).await;
    let explained = grid.floe_at(&R, &["server", "explain", "always"]).await.done().out;
    assert!(explained.contains("\ndisabled     by "), "{explained}");
    grid.floe_at(&R, &["server", "enable", "always"]).await.done();
    grid.answer(&R, &["always"]).await;
}

#[tokio::test]
async fn s_act_07_08_what_does_not_start_is_refused_in_bounded_time_with_a_reason() {
    let more =
        "activation = \"on-demand\"\nadapter = [{ name = \"http\", endpoint = \"http://${node.host}:${port.http}\" }]";
    let text = Text::new("one")
        .run("n1", "missing", "[\"/no/such/program\"]", more)
        .shell("n1", "nowhere", "true", &format!("{more}\ndirectory = \"/no/such\""))
        .shell(
            "n1",
            "leaves",
            "exit 3",
            &format!("{more}\nready = {{ tcp = \"http\" }}"),
        )
        .shell(
            "n1",
            "slow",
            "exec sleep 600",
            &format!("{more}\nready = {{ tcp = \"http\" }}\nactivation_timeout = \"1s\""),
        );
    let grid = small_grid(&text).await;
    let ten = async |id: &str| {
        for _ in 0..10 {
            let begin = Instant::now();
            refused(&grid, &format!("{id}.http")).await;
            assert!(begin.elapsed() < Duration::from_secs(15), "{id}: {:?}", begin.elapsed());
        }
    };
    // 07: three clients each, all at once; each try waits for the back-off of the one before.
    let three = async |id: &str| tokio::join!(ten(id), ten(id), ten(id));
    tokio::join!(three("missing"), three("nowhere"), three("leaves"));
    for (id, words) in [
        ("missing", "command not found: /no/such/program"),
        ("nowhere", "the working directory /no/such does not exist"),
        ("leaves", "exit code 3"),
    ] {
        let start = grid.floe_at(&R, &["server", "start", id]).await;
        assert!(start.code == Some(1) && start.err.contains(words), "{start:?}");
        let explained = grid.floe_at(&R, &["server", "explain", id]).await.done().out;
        assert!(explained.contains(words), "{explained}");
    }
    // 08
    let once = || refused(&grid, "slow.http");
    let answers = tokio::join!(once(), once(), once(), once(), once());
    for (code, why) in [&answers.0, &answers.1, &answers.2, &answers.3, &answers.4] {
        assert!(
            *code == ErrorCode::Unavailable && why.contains("not ready 1 s after its start"),
            "{why}"
        );
    }
    let stopped = grid.floe_at(&R, &["server", "stop", "slow", "--format", "json"]).await;
    assert_eq!(stopped.done().json()["state"], "inactive");
}

#[tokio::test]
async fn s_act_09_a_server_that_refuses_to_stop_is_killed_and_the_stop_says_so() {
    let script = "trap '' TERM; echo deaf; while :; do sleep 1; done";
    let grid = small_grid(&Text::new("one").shell(
        "n1",
        "deaf",
        script,
        "activation = \"always\"\ndeactivation_timeout = \"1s\"",
    ))
    .await;
    super::grid::until("it has set its trap", async || {
        let logs = grid.floe_at(&R, &["server", "logs", "deaf"]).await.out;
        if logs.contains("deaf") { Ok(()) } else { Err(logs) }
    })
    .await;
    let stopped = grid.floe_at(&R, &["server", "stop", "deaf"]).await.done().out;
    assert!(
        stopped.contains("had not ended 1 s after SIGTERM and got SIGKILL"),
        "{stopped}"
    );
}

#[tokio::test]
async fn s_act_10_11_failures_disable_for_good_or_for_a_time() {
    let more = |activation: &str, period: &str| {
        format!(
            "activation = \"{activation}\"\ndisable_after = {{ failures = 1{period} }}\nadapter = [{{ name = \"http\", endpoint = \"http://${{node.host}}:${{port.http}}\" }}]"
        )
    };
    let for_a_time = ", for = \"3s\"";
    let text = Text::new("one")
        .shell("n1", "demand", "exec sleep 600", &more("on-demand", ""))
        .shell("n1", "manual", "exec sleep 600", &more("manual", ""))
        .shell("n1", "always", "exec sleep 600", &more("always", ""))
        .shell("n1", "demand-3s", "exec sleep 600", &more("on-demand", for_a_time))
        .shell("n1", "manual-3s", "exec sleep 600", &more("manual", for_a_time))
        .shell("n1", "always-3s", "exec sleep 600", &more("always", for_a_time));
    let mut grid = small_grid(&text).await;
    let all = ["demand", "manual", "always", "demand-3s", "manual-3s", "always-3s"];
    for id in all {
        grid.floe_at(&R, &["server", "start", id]).await.done();
    }
    for (id, pid) in grid.active(&R, &all).await {
        process::signal(pid, Signal::KILL);
        let down = |server: &ServerReport| server.reason.contains("disabled after 1 failure");
        let server = grid.server(&R, &id, "is disabled", down).await;
        assert!(!server.enabled && server.pid.is_none(), "{server:?}");
        assert_eq!(server.next_try.is_some(), id.ends_with("-3s"), "{server:?}");
    }
    // 11: an operator's start enables at once; after the time uses work again, and always servers come back.
    grid.floe_at(&R, &["server", "start", "manual-3s"]).await.done();
    let back = grid
        .server(&R, "manual-3s", "is enabled", |server| server.enabled)
        .await;
    assert_eq!(back.state, ServerState::Active);
    grid.active(&R, &["always-3s"]).await;
    grid.server(&R, "demand-3s", "is enabled", |server| server.enabled)
        .await;
    grid.resolve(&R, "demand-3s.http").await;
    // 10: for good, also after the node's restart, until an operator starts it.
    grid.restart("n1").await;
    grid.settled("r1", &[], &["n1"]).await;
    for id in ["demand", "manual", "always"] {
        grid.server(&R, id, "is still disabled", |server| !server.enabled && ended(server))
            .await;
        let (_, why) = refused(&grid, &format!("{id}.http")).await;
        assert!(why.contains("disabled"), "{why}");
        let explained = grid.floe_at(&R, &["server", "explain", id]).await.done().out;
        assert!(
            explained.contains("killed by SIGKILL"),
            "its past outlives the node: {explained}"
        );
        grid.floe_at(&R, &["server", "start", id]).await.done();
    }
    grid.active(&R, &["demand", "manual", "always"]).await;
}
