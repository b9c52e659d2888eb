//! The command line against a real grid: the fields, exit codes and streams that scripts rely on (design, section 10).

use super::application::Text;
use super::grid::{Grid, finish, until, wait};
use super::ports::Port;
use super::process;
use floe::pure::protocol::report::ServerState;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::process::Stdio;

const R: [&str; 2] = ["r1", "r2"];

async fn at_work() -> Grid {
    let mut grid = Grid::new(&R, &["n1"]);
    grid.start_all();
    grid.settled("r1", &["r2"], &["n1"]).await;
    let text = Text::new("shop")
        .web_in("n1", "web-1", "always", Some("web"))
        .idle("n1", "s1")
        .more("\n[[group]]\nid = \"web\"\n");
    let file = grid.write("shop.toml", text.as_str());
    let applied = grid
        .floe_at(&R, &["app", "apply", &file, "--format", "json"])
        .await
        .done()
        .json();
    fields(&applied, "application revision version copies behind plan");
    fields(&applied["plan"], "added removed restarted changed unchanged");
    assert_eq!(
        (&applied["copies"], &applied["revision"]),
        (&Value::from(2), &Value::from(1)),
        "{applied}"
    );
    grid.active(&R, &["web-1"]).await;
    grid
}

/// The value is an object with these fields at least, none of them missing.
#[track_caller]
fn fields(value: &Value, names: &str) {
    for name in names.split(' ') {
        assert!(value.get(name).is_some(), "{name} in {value}");
    }
}

#[tokio::test]
async fn json_has_the_fields_that_scripts_rely_on() {
    let grid = at_work().await;
    let json = async |arguments: &[&str]| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--format", "json"]).collect();
        grid.floe_at(&R, &arguments).await.done().json()
    };
    let status = json(&["status"]).await;
    fields(&status, "grid master registries nodes warnings");
    fields(&status["master"], "name epoch version standing");
    fields(
        &status["registries"][1],
        "name role standing version behind address reason",
    );
    fields(
        &status["nodes"][0],
        "name state address obeys_epoch applied servers_active servers_total",
    );
    let peers = json(&["peer", "list"]).await;
    assert_eq!(peers.as_array().map(Vec::len), Some(3), "{peers}");
    fields(&peers[0], "name kind state address http version");
    let registry = json(&["registry", "show", "r1"]).await;
    fields(
        &registry,
        "name role role_source standing reason epoch version digest serial log_first followers",
    );
    assert_eq!(
        (&registry["name"], &registry["standing"]),
        (&Value::from("r1"), &Value::from("leading")),
        "{registry}"
    );
    fields(&registry["followers"][0], "name version behind");
    let servers = json(&["server", "list"]).await;
    fields(&servers[0], "id application node state enabled pid restarts reason");
    for (id, kind) in [("web-1.http", "adapter"), ("web", "group")] {
        let resolved = json(&["resolve", id]).await;
        fields(&resolved, "id kind endpoints version");
        assert_eq!(resolved["kind"], kind, "{resolved}");
        assert!(
            resolved["endpoints"][0]
                .as_str()
                .is_some_and(|uri| uri.starts_with("http://127.0.0.1:")),
            "{resolved}"
        );
    }
    let applications = json(&["app", "list"]).await;
    fields(&applications[0], "name revision servers version");
    // The same over HTTP.
    let answer = super::grid::get(&format!("http://{}/v1/resolve/web", grid.http("r2"))).await;
    let resolved: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap_or_default()).expect("JSON");
    fields(&resolved, "id kind endpoints version");
}

#[tokio::test]
async fn exit_codes_and_errors_say_what_went_wrong() {
    let mut grid = at_work().await;
    let file = grid.folder().join("shop.toml").display().to_string();
    for arguments in [
        &["resolve", "nobody"][..],
        &["server", "show", "nobody"],
        &["server", "stop", "nobody"],
        &["app", "show", "nobody"],
        &["app", "remove", "nobody"],
        &["registry", "show", "nobody"],
    ] {
        let said = grid.floe_at(&R, arguments).await;
        assert!(
            said.code == Some(4) && said.out.is_empty() && said.err.contains("nobody"),
            "{arguments:?}: {said:?}"
        );
    }
    let moved = grid
        .floe_at(&R, &["app", "apply", &file, "--if-revision", "7", "--format", "json"])
        .await;
    assert!(moved.code == Some(5) && moved.out.is_empty(), "{moved:?}");
    let error: Value = serde_json::from_str(&moved.err).unwrap_or_else(|error| panic!("{error} in {moved:?}"));
    fields(&error["error"], "code message hint");
    assert_eq!(error["error"]["code"], "precondition", "{error}");

    grid.stop("r1").await;
    let refused = grid.floe_at(&["r2"], &["app", "apply", &file, "--timeout", "2s"]).await;
    assert!(
        refused.code == Some(5) && refused.err.contains("r2") && refused.err.contains("hint: "),
        "{refused:?}"
    );
    grid.floe_at(&["r2"], &["resolve", "web"]).await.done();
    let page = grid.floe_at(&["r2"], &["status"]).await.done().out;
    assert!(page.contains("no master leads"), "{page}");

    let nobody = Port::find().address.to_string();
    let mut status = grid.floe_command(&[], &["status", "--format", "json"]);
    let said = finish(status.env("FLOE_PEERS", &nobody), "a command without a peer ends").await;
    assert_eq!(said.code, Some(6), "{said:?}");
    let error: Value = serde_json::from_str(&said.err).unwrap_or_else(|error| panic!("{error} in {said:?}"));
    assert!(
        error["error"]["code"] == "unreachable"
            && error["error"]["message"]
                .as_str()
                .is_some_and(|words| words.contains(&nobody)),
        "{error}"
    );
}

#[tokio::test]
async fn a_closed_pipe_is_no_error() {
    let grid = at_work().await;
    for arguments in [
        &["status"][..],
        &["server", "list", "--format", "json"],
        &["resolve", "web"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let said = finish(grid.floe_command(&R, arguments).stdout(writer), "it ends").await;
        assert!(said.code == Some(0) && said.err.is_empty(), "{arguments:?}: {said:?}");
    }
}

#[tokio::test]
async fn watch_shows_a_servers_death_and_its_restart() {
    let grid = at_work().await;
    let words = grid.folder().join("watch");
    let out = File::create(&words).expect("a file");
    let mut watch = grid
        .floe_command(&R, &["events", "--format", "json"])
        .stdout(out)
        .stderr(Stdio::null())
        .spawn()
        .expect("floe starts");
    // Nothing tells when the watcher is connected: the server dies until it was seen.
    until("the watcher sees the server leave and come", async || {
        let pid = grid.active(&R, &["web-1"]).await["web-1"];
        process::signal(pid, Signal::KILL);
        grid.server(&R, "web-1", "runs again", |server| {
            server.state == ServerState::Active && server.pid != Some(pid)
        })
        .await;
        let said = std::fs::read_to_string(&words).expect("a file");
        let lines = said
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap_or(Value::Null));
        let web = lines.filter(|line| line["subject"] == "server" && line["name"] == "web-1");
        let states: Vec<String> = web
            .map(|line| line["state"].as_str().unwrap_or_default().to_owned())
            .collect();
        let seen: BTreeSet<&str> = states.iter().map(String::as_str).collect();
        let left = seen
            .iter()
            .any(|state| ["inactive", "activating", "backing-off"].contains(state));
        if left && seen.contains("active") {
            Ok(())
        } else {
            Err(said)
        }
    })
    .await;
    process::signal(watch.id(), Signal::INT);
    wait(&mut watch, "the end of the watcher").await;
}
