//! The node's craft on real servers: what they wrote, what they use, and that no server, however bad, harms its node.

use super::application::Text;
use super::grid::{Grid, get, until};
use super::process;
use super::servers::small_grid;
use floe::pure::protocol::report::ServerState;
use rustix::process::Signal;
use std::io::Read as _;
use std::process::Stdio;

const R: [&str; 1] = ["r1"];

/// S-DEP-07, as far as real processes add to the unit tests of reading.
#[tokio::test]
async fn logs_are_read_and_followed_from_anywhere() {
    let script = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done";
    let text = Text::new("one")
        .shell("n1", "talks", &script.replace('$', "$$"), "activation = \"always\"")
        .shell("n1", "silent", "exec sleep 1000", "activation = \"always\"")
        .idle("n1", "never");
    let mut grid = Grid::new(&["r1", "r2"], &["n1"]);
    grid.start_all();
    grid.settled("r1", &["r2"], &["n1"]).await;
    grid.apply(&R, &text).await;
    let pid = grid.active(&["r2"], &["talks", "silent"]).await["talks"];
    let logs = async |more: &[&str]| grid.floe_at(&["r2"], &[&["server", "logs"], more].concat()).await;
    assert_eq!(logs(&["silent"]).await.done().out, "", "empty");
    let refused = logs(&["never"]).await;
    assert!(
        refused.code != Some(0) && refused.err.contains("not available"),
        "{refused:?}"
    );
    let refused = logs(&["talks", "--file", "access"]).await;
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.err.contains("not declared; declared: nothing"), "{refused:?}");
    until("three lines", async || {
        let out = logs(&["talks", "-n", "3"]).await.out;
        let lines: Vec<&str> = out.lines().collect();
        if lines.len() == 3 && lines.iter().all(|line| line.starts_with("line ")) {
            Ok(())
        } else {
            Err(out)
        }
    })
    .await;

    // Followed over a new start of the server and the end of the registry that was asked.
    let mut command = grid.floe_command(&["r1", "r2"], &["server", "logs", "talks", "-f", "-n", "0"]);
    let mut follower = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("floe starts");
    let mut out = follower.stdout.take().expect("a pipe");
    let (sender, seen) = std::sync::mpsc::channel::<String>();
    let reading = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = out.read(&mut bytes) {
            let text = String::from_utf8_lossy(bytes.get(..read).unwrap_or_default()).into_owned();
            if sender.send(text).is_err() {
                break;
            }
        }
    });
    let mut told = String::new();
    let sees = async |what: &str, told: &mut String, check: &dyn Fn(&str) -> bool| {
        until(what, async || {
            told.extend(seen.try_iter());
            if check(told) { Ok(()) } else { Err(told.clone()) }
        })
        .await;
    };
    sees("lines come", &mut told, &|told| told.lines().count() > 3).await;
    process::signal(pid, Signal::KILL);
    sees("the new process is heard", &mut told, &|told| told.contains("line 1\n")).await;
    grid.kill("r1").await;
    let before = told.lines().count();
    sees("lines come from elsewhere", &mut told, &|told| {
        told.lines().count() > before + 20
    })
    .await;
    process::signal(follower.id(), Signal::INT);
    super::grid::wait(&mut follower, "the end of the follower").await;
    drop(reading.join());
    // Every line once, in order, within each life of the server.
    let numbers: Vec<u32> = told
        .lines()
        .filter_map(|line| line.strip_prefix("line ")?.parse().ok())
        .collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1 || pair[1] == 1),
        "{numbers:?}"
    );
    assert!(
        numbers.iter().filter(|number| **number == 1).count() <= 2,
        "{numbers:?}"
    );
}

#[tokio::test]
async fn what_a_server_uses_is_shown_and_measured() {
    let text = Text::new("one")
        .shell("n1", "busy", "while :; do :; done", "activation = \"always\"")
        .shell("n1", "calm", "sleep 1000 & sleep 1000; wait", "activation = \"always\"");
    let grid = small_grid(&text).await;
    let pids = grid.active(&R, &["busy", "calm"]).await;
    until("the busy one has used something", async || {
        let shown = grid
            .floe_at(&R, &["server", "show", "busy", "--format", "json"])
            .await
            .done()
            .json();
        let usage = &shown["usage"];
        let used =
            usage["cpu_seconds"].as_f64().unwrap_or(0.0) > 0.1 && usage["cpu_percent"].as_f64().unwrap_or(0.0) > 1.0;
        if used && usage["pid"] == pids["busy"] {
            Ok(())
        } else {
            Err(shown.to_string())
        }
    })
    .await;
    until("both processes count", async || {
        let shown = grid.floe_at(&R, &["server", "show", "calm"]).await.done().out;
        if shown.contains("in 3 processes") && shown.contains("descriptors") {
            Ok(())
        } else {
            Err(shown)
        }
    })
    .await;
    let metrics = get(&format!("http://{}/metrics", grid.http("n1"))).await;
    for name in [
        "floe_server_cpu_seconds_total{server=\"busy\"}",
        "floe_server_tasks{server=\"calm\"} 3",
        "floe_node_servers_memory_bytes ",
    ] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
    // Nothing is told of a server without a process.
    grid.floe_at(&R, &["server", "stop", "busy"]).await.done();
    let shown = grid
        .floe_at(&R, &["server", "show", "busy", "--format", "json"])
        .await
        .done()
        .json();
    assert!(shown["usage"].is_null(), "{shown}");
}

#[tokio::test]
async fn no_server_however_bad_harms_its_node() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("it is bound").port();
    let floe = super::application::FLOE;
    let always = "activation = \"always\"";
    let folder = tempfile::tempdir().expect("a folder");
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "no program").expect("a file");
    let text = Text::new("bad")
        .run("n1", "missing", "[\"/no/such/program\"]", always)
        .run("n1", "plain", &format!("[\"{}\"]", plain.display()), always)
        .run("n1", "folder", "[\"/tmp\"]", always)
        .run(
            "n1",
            "nowhere",
            "[\"/bin/sleep\", \"1000\"]",
            &format!("{always}\ndirectory = \"/no/such/folder\""),
        )
        .shell("n1", "leaves", "exit 3", always)
        .shell("n1", "forks", "setsid sleep 1000 & exit 0", always)
        .run(
            "n1",
            "taken",
            &format!("[\"{floe}\", \"dev-web\", \"--listen\", \"127.0.0.1:{port}\"]"),
            always,
        )
        .shell("n1", "floods", "yes no-line-end | tr -d '\\n' >&2", always)
        .web("n1", "good", "always");
    let grid = small_grid(&text).await;
    for (id, words) in [
        ("missing", "command not found: /no/such/program"),
        ("plain", "plain is not executable"),
        ("folder", "is a directory"),
        ("nowhere", "the working directory /no/such/folder does not exist"),
        ("leaves", "exit code 3"),
        ("forks", "exit code 0"),
        ("taken", "exit code"),
    ] {
        grid.server(&R, id, "says why", |server| server.reason.contains(words))
            .await;
    }
    let left = process::with_variable("FLOE_SERVER", "forks");
    let ours = process::of_grid(grid.folder());
    // What forks away is ended with its leader, time and again.
    assert!(left.iter().filter(|pid| ours.contains(pid)).count() <= 2, "{left:?}");
    until("the flood is rotated", async || {
        let log = grid.data("n1").join("servers/floods/stderr.log");
        let size = std::fs::metadata(&log).map_or(0, |found| found.len());
        let old = log.with_extension("log.1");
        if old.exists() {
            Ok(())
        } else {
            Err(format!("{size} bytes"))
        }
    })
    .await;
    grid.floe_at(&R, &["server", "disable", "floods"]).await.done();
    grid.floe_at(&R, &["server", "stop", "floods"]).await.done();
    grid.answer(&R, &["good"]).await;
    let good = grid
        .server(&R, "good", "is active", |server| server.state == ServerState::Active)
        .await;
    assert_eq!(good.restarts, 0, "{good:?}");
}

/// The node is killed, its binary is replaced, and the new one finds what runs.
#[tokio::test]
async fn servers_are_adopted_by_an_upgraded_binary() {
    let mut grid = small_grid(&Text::new("one").web("n1", "web-1", "always")).await;
    let pid = grid.active(&R, &["web-1"]).await["web-1"];
    let exe = std::fs::read_link(format!("/proc/{}/exe", grid.pid("n1"))).expect("the node runs");
    assert!(exe.exists());
    grid.kill("n1").await;
    // The record as the first release wrote it: without what came later.
    assert!(process::runs(pid), "servers outlive their node");
    grid.missed("n1").await;
    grid.start("n1");
    grid.settled("r1", &[], &["n1"]).await;
    assert_eq!(grid.active(&R, &["web-1"]).await["web-1"], pid, "the same process");
    process::signal(pid, Signal::KILL);
    grid.server(&R, "web-1", "runs again", |server| {
        server.state == ServerState::Active && server.pid.is_some_and(|now| now != pid)
    })
    .await;
    grid.answer(&R, &["web-1"]).await;
}
