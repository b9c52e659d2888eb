//! Orders to nodes: drained, undrained, ended; and what operators see of nodes and servers in detail.

use super::activation::small_grid;
use super::application::Text;
use super::grid::{Grid, until};
use super::process;
use floe::pure::protocol::report::ServerState;
use serde_json::Value;

const R: [&str; 1] = ["r1"];

async fn json(grid: &Grid, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--format", "json"]].concat();
    grid.floe_at(&R, &arguments).await.done().json()
}

#[tokio::test]
async fn a_drained_node_is_empty_until_it_is_undrained() {
    let text = Text::new("one")
        .web_in("n1", "web-1", "always", Some("web"))
        .web_in("n2", "web-2", "always", Some("web"))
        .web("n1", "lone", "on-demand")
        .more("\n[[group]]\nid = \"web\"\ncount = 0\n");
    let mut grid = Grid::new(&["r1", "r2"], &["n1", "n2"]);
    grid.start_all();
    grid.settled("r1", &["r2"], &["n1", "n2"]).await;
    grid.apply(&R, &text).await;
    let pids = grid.active(&R, &["web-1", "web-2"]).await;
    assert_eq!(grid.resolve(&R, "web").await.endpoints.len(), 2);
    // With its servers left alone: the group leaves its member out, who asks for it alone gets it.
    grid.floe_at(&["r2"], &["node", "drain", "n1", "--keep-running"])
        .await
        .done();
    until("the group leaves it out", async || {
        let found = grid.resolve(&R, "web").await.endpoints;
        if found.len() == 1 {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
    grid.answer(&R, &["web-1"]).await;
    let lone = grid.floe_at(&R, &["resolve", "lone.http"]).await;
    assert!(
        lone.code == Some(1) && lone.err.contains("floe node undrain n1"),
        "{lone:?}"
    );
    // And without: by any registry, with progress, and it stays so.
    let drained = grid.floe_at(&["r2"], &["node", "drain", "n1"]).await.done();
    assert!(drained.out.contains("drained      by "), "{drained:?}");
    assert!(!process::runs(pids["web-1"]) && process::runs(pids["web-2"]));
    grid.restart("n1").await;
    grid.settled("r1", &["r2"], &["n1", "n2"]).await;
    let start = grid.floe_at(&R, &["server", "start", "web-1"]).await;
    assert!(
        start.code == Some(5) && start.err.contains("node n1 is drained"),
        "{start:?}"
    );
    let nodes = grid.floe_at(&R, &["node", "list"]).await.done().out;
    assert!(nodes.contains("up, drained"), "{nodes}");
    let status = json(&grid, &["status"]).await;
    assert!(
        status["warnings"].to_string().contains("node n1 is drained"),
        "{status}"
    );
    let shown = json(&grid, &["node", "show", "n1"]).await;
    assert_eq!(
        (&shown["running"], &shown["drained"]["keep_running"]),
        (&0.into(), &false.into())
    );
    let metrics = super::grid::get(&format!("http://{}/metrics", grid.http("n1"))).await;
    assert!(metrics.contains("floe_node_drained 1"), "{metrics}");
    let undrained = json(&grid, &["node", "undrain", "n1"]).await;
    assert!(undrained["drained"].is_null(), "{undrained}");
    grid.active(&R, &["web-1"]).await;
    grid.answer(&R, &["web-1", "lone"]).await;
}

#[tokio::test]
async fn a_node_is_ended_by_command_with_its_servers_or_without() {
    let mut grid = small_grid(&Text::new("one").web("n1", "web-1", "always")).await;
    let before = grid.active(&R, &["web-1"]).await;
    grid.floe_at(&R, &["node", "shutdown", "n1"]).await.done();
    assert_eq!(grid.ended("n1").await.code(), Some(0));
    assert!(process::runs(before["web-1"]), "left, as its configuration says");
    let gone = grid.floe_at(&R, &["node", "show", "n1"]).await;
    assert!(gone.code == Some(1) && gone.err.contains("not in reach"), "{gone:?}");
    grid.start("n1");
    grid.settled("r1", &[], &["n1"]).await;
    assert_eq!(grid.active(&R, &["web-1"]).await, before);
    grid.floe_at(&R, &["node", "shutdown", "n1", "--stop-servers"])
        .await
        .done();
    assert_eq!(grid.ended("n1").await.code(), Some(0));
    assert!(!process::runs(before["web-1"]));
    let unknown = grid.floe_at(&R, &["node", "shutdown", "n9"]).await;
    assert_eq!(unknown.code, Some(4), "{unknown:?}");
}

#[tokio::test]
async fn a_node_and_a_server_are_told_in_detail_and_signalled() {
    let mut grid = Grid::new(&R, &["n1"]);
    grid.edit("n1", |daemon| {
        daemon.more = "labels = { zone = \"a\", rack = \"7\" }\nload_factor = 0.25\n".to_owned();
    });
    grid.start_all();
    grid.settled("r1", &[], &["n1"]).await;
    let script = "trap 'echo reloaded >&2' HUP; echo up >&2; while :; do sleep 0.05; done";
    let text = Text::new("one")
        .shell("n1", "hears", script, "activation = \"always\"")
        .shell("n1", "leaves", "echo last words >&2; exit 7", "activation = \"always\"");
    grid.apply(&R, &text).await;
    let pid = grid.active(&R, &["hears"]).await["hears"];
    let shown = json(&grid, &["node", "show", "n1"]).await;
    assert_eq!(
        shown["labels"],
        serde_json::json!({ "zone": "a", "rack": "7" }),
        "{shown}"
    );
    assert_eq!(
        (&shown["load_factor"], &shown["servers"]["active"]),
        (&"0.25".into(), &1.into()),
        "{shown}"
    );
    assert!(shown["events"].to_string().contains("applied"), "{shown}");
    let text = grid.floe_at(&R, &["node", "show", "n1"]).await.done().out;
    assert!(
        text.contains("labels       rack=7 zone=a") && text.contains("load factor  0.25"),
        "{text}"
    );
    assert_eq!(
        grid.floe_at(&R, &["node", "load", "n1"])
            .await
            .done()
            .out
            .split_whitespace()
            .count(),
        3
    );

    let stderr = async || grid.floe_at(&R, &["server", "logs", "hears", "--stderr"]).await.out;
    until("it has set its trap", async || {
        let logs = stderr().await;
        if logs.contains("up") { Ok(()) } else { Err(logs) }
    })
    .await;
    grid.floe_at(&R, &["server", "signal", "hears", "hup"]).await.done();
    until("the signal came", async || {
        let logs = stderr().await;
        if logs.contains("reloaded") { Ok(()) } else { Err(logs) }
    })
    .await;
    assert!(process::runs(pid));
    grid.floe_at(&R, &["server", "signal", "hears", "9"]).await.done();
    grid.server(&R, "hears", "runs again", |server| {
        server.state == ServerState::Active && server.pid != Some(pid)
    })
    .await;
    grid.floe_at(&R, &["server", "stop", "hears"]).await.done();
    let idle = grid.floe_at(&R, &["server", "signal", "hears", "HUP"]).await;
    assert!(
        idle.code == Some(5) && idle.err.contains("has no process to signal"),
        "{idle:?}"
    );
    assert_eq!(
        grid.floe_at(&R, &["server", "signal", "hears", "NOPE"]).await.code,
        Some(2)
    );

    let explained = grid.floe_at(&R, &["server", "explain", "hears"]).await.done().out;
    for words in [
        "killed by SIGKILL",
        &format!("active        {pid}"),
        "\nstopped      by ",
        "reloaded",
    ] {
        assert!(explained.contains(words), "{words:?} in {explained}");
    }
    let explained = json(&grid, &["server", "explain", "leaves"]).await;
    let told = explained.to_string();
    assert!(
        told.contains("exit code 7") && explained["stderr"].to_string().contains("last words"),
        "{told}"
    );
    assert!(
        explained["server"]["next_try"].is_i64() || explained["server"]["state"] != "backing-off",
        "{told}"
    );
}
