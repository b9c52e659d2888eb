//! Servers: started, stopped, restarted and removed as told, with a reason in words when it does not go well.

use super::application::Text;
use super::grid::{Grid, until};
use super::process;
use floe::pure::protocol::Request;
use floe::pure::protocol::report::ServerState;
use rustix::process::Signal;

const R: [&str; 1] = ["r1"];

pub(super) async fn small_grid(text: &Text) -> Grid {
    let mut grid = Grid::new(&R, &["n1"]);
    grid.start_all();
    grid.settled("r1", &[], &["n1"]).await;
    grid.apply(&R, text).await;
    grid
}

#[tokio::test]
async fn a_killed_server_runs_again() {
    let grid = small_grid(&Text::new("one").web("n1", "web-1", "always")).await;
    let mut pid = grid.active(&R, &["web-1"]).await["web-1"];
    for round in 1..=2 {
        process::signal(pid, Signal::KILL);
        let server = grid
            .server(&R, "web-1", "runs again", |server| {
                server.state == ServerState::Active && server.pid.is_some_and(|now| now != pid)
            })
            .await;
        assert_eq!(server.restarts, round, "{server:?}");
        pid = server.pid.expect("it runs");
    }
    grid.answer(&R, &["web-1"]).await;
}

#[tokio::test]
async fn an_on_demand_server_is_started_once_for_everybody_who_resolves_it() {
    let mut grid = Grid::new(&["r1", "r2"], &["n1"]);
    grid.start_all();
    grid.settled("r1", &["r2"], &["n1"]).await;
    grid.apply(&R, &Text::new("one").web("n1", "web-1", "on-demand")).await;
    grid.settled("r1", &["r2"], &["n1"]).await;
    grid.server(&["r1"], "web-1", "is inactive", |server| {
        server.state == ServerState::Inactive
    })
    .await;
    // Replica and master, both ask the node at once.
    let (r1, r2) = (["r1"], ["r2"]);
    let ask = |peer| grid.floe_at(peer, &["resolve", "web-1.http"]);
    let (a, b, c, d) = tokio::join!(ask(&r1), ask(&r2), ask(&r1), ask(&r2));
    for said in [&a, &b, &c, &d] {
        assert_eq!((said.code, &said.out), (Some(0), &a.out), "{said:?}");
    }
    assert_eq!(
        process::with_variable("FLOE_SERVER", "web-1")
            .into_iter()
            .filter(|pid| process::of_grid(grid.folder()).contains(pid))
            .count(),
        1
    );
    grid.answer(&["r2"], &["web-1"]).await;
}

#[tokio::test]
async fn a_manual_server_is_started_stopped_disabled_and_stays_so() {
    let mut grid = small_grid(&Text::new("one").web("n1", "web-1", "manual")).await;
    grid.server(&R, "web-1", "is inactive", |server| {
        server.state == ServerState::Inactive
    })
    .await;
    let inactive = grid.floe_at(&R, &["resolve", "web-1.http"]).await;
    assert_eq!(inactive.code, Some(1), "a resolve does not start it: {inactive:?}");
    let show = async |grid: &Grid, verb: &str| grid.floe_at(&R, &["server", verb, "web-1", "--format", "json"]).await;

    let started = show(&grid, "start").await.done().json();
    assert_eq!(started["state"], "active", "{started}");
    let first = started["pid"].as_u64().expect("a process");
    let restarted = show(&grid, "restart").await.done().json();
    assert!(
        restarted["state"] == "active" && restarted["pid"] != first,
        "{restarted}"
    );
    let stopped = show(&grid, "stop").await.done().json();
    assert!(stopped["state"] == "inactive" && stopped["pid"].is_null(), "{stopped}");
    let disabled = show(&grid, "disable").await.done().json();
    assert_eq!(disabled["enabled"], false, "{disabled}");
    let refused = show(&grid, "start").await;
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert!(refused.err.contains("disabled"), "{refused:?}");

    grid.restart("n1").await;
    grid.settled("r1", &[], &["n1"]).await;
    grid.server(&R, "web-1", "is still disabled", |server| {
        !server.enabled && server.state == ServerState::Inactive
    })
    .await;
    show(&grid, "enable").await.done();
    assert_eq!(show(&grid, "start").await.done().json()["state"], "active");
    grid.answer(&R, &["web-1"]).await;
}

#[tokio::test]
async fn a_server_that_fails_says_why_in_words() {
    let text = Text::new("one")
        .run("n1", "missing", "[\"/no/such/program\"]", "activation = \"always\"")
        .shell("n1", "leaves", "echo last words >&2; exit 7", "activation = \"always\"")
        .shell(
            "n1",
            "stays",
            "trap '' TERM; echo ready; while :; do sleep 1; done",
            "activation = \"always\"\ndeactivation_timeout = \"1s\"",
        );
    // A server that never listens where its readiness is asked for.
    let text = text.shell("n1", "never", "exec sleep 1000", "activation = \"always\"\nactivation_timeout = \"1s\"\nready = { tcp = \"http\" }\nadapter = [{ name = \"http\", endpoint = \"http://${node.host}:${port.http}\" }]");
    let grid = small_grid(&text).await;
    for (id, words) in [
        ("missing", "command not found: /no/such/program"),
        ("leaves", "7"),
        ("never", "ready"),
    ] {
        grid.server(&R, id, "says why", |server| server.reason.contains(words))
            .await;
        let shown = grid.floe_at(&R, &["server", "show", id]).await.done().out;
        assert!(shown.contains("reason") && shown.contains(words), "{shown}");
    }
    let logs = grid
        .floe_at(&R, &["server", "logs", "leaves", "--stderr"])
        .await
        .done()
        .out;
    assert!(logs.contains("last words"), "{logs}");

    let pid = grid.active(&R, &["stays"]).await["stays"];
    until("it has set its trap", async || {
        let logs = grid.floe_at(&R, &["server", "logs", "stays"]).await.out;
        if logs.contains("ready") { Ok(()) } else { Err(logs) }
    })
    .await;
    let stopped = grid
        .floe_at(&R, &["server", "stop", "stays", "--format", "json"])
        .await
        .done()
        .json();
    assert_eq!(stopped["state"], "inactive", "{stopped}");
    assert!(!process::runs(pid), "it was killed");
    let reason = "stopped by an operator; it had not ended 1 s after SIGTERM and got SIGKILL";
    assert_eq!(stopped["reason"], reason, "{stopped}");
}

#[tokio::test]
async fn a_removed_servers_directory_goes_and_a_strangers_stays() {
    let mut grid = small_grid(
        &Text::new("one")
            .web("n1", "web-1", "always")
            .web("n1", "web-2", "always"),
    )
    .await;
    let pids = grid.active(&R, &["web-1", "web-2"]).await;
    let servers = grid.data("n1").join("servers");
    let stranger = servers.join("stranger").join("data");
    std::fs::create_dir_all(&stranger).expect("a folder");
    std::fs::write(stranger.join("precious"), "data").expect("a file");
    grid.apply(&R, &Text::new("one").web("n1", "web-2", "always")).await;
    until("the directory of web-1 goes", async || {
        if servers.join("web-1").exists() {
            Err("it is there".to_owned())
        } else {
            Ok(())
        }
    })
    .await;
    assert!(!process::runs(pids["web-1"]));
    grid.restart("n1").await;
    grid.settled("r1", &[], &["n1"]).await;
    assert_eq!(grid.active(&R, &["web-2"]).await["web-2"], pids["web-2"]);
    assert!(stranger.join("precious").exists());
    // The removal of everything, heard by a node that was away.
    grid.kill("n1").await;
    let remove = Request::Remove {
        name: "one".parse().expect("a name"),
        request: super::grid::new_request(),
    };
    grid.call(&R, remove).await.expect("it is removed");
    assert!(process::runs(pids["web-2"]), "nobody has told the node yet");
    grid.start("n1");
    until("web-2 and its directory go", async || {
        let there = servers.join("web-2").exists() || process::runs(pids["web-2"]);
        if there { Err("it is there".to_owned()) } else { Ok(()) }
    })
    .await;
    assert!(stranger.join("precious").exists());
}
