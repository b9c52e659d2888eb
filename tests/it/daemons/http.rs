//! What Prometheus and probes see: metrics without a fault, health, every peer found by service discovery and up.

use super::application::Text;
use super::grid::{Grid, get, until};
use crate::dashboards;
use serde_json::Value;
use std::fs::File;
use std::process::{Child, Command, Stdio};

const PEERS: [&str; 5] = ["r1", "r2", "r3", "n1", "n2"];

async fn busy() -> Grid {
    let mut grid = Grid::new(&["r1", "r2", "r3"], &["n1", "n2"]);
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &["n1", "n2"]).await;
    let text = Text::new("one")
        .web("n1", "web-1", "always")
        .web("n2", "web-2", "on-demand");
    grid.apply(&["r1"], &text).await;
    grid.active(&["r1"], &["web-1"]).await;
    grid.answer(&["r2"], &["web-1", "web-2"]).await;
    grid
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[tokio::test]
async fn promtool_finds_no_fault_with_the_metrics_of_peers_at_work() {
    let grid = busy().await;
    for name in PEERS {
        let answer = get(&format!("http://{}/metrics", grid.http(name))).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let metrics = body(&answer);
        for series in ["floe_build_info", "floe_gossip_", "floe_process_", "floe_inbox_depth"] {
            assert!(
                metrics.contains(series) || metrics.contains(&series.replace("floe_process_", "process_")),
                "{series} in {metrics}"
            );
        }
        dashboards::promtool_agrees(&["check", "metrics"], metrics);
    }
}

#[tokio::test]
async fn health_says_whether_a_peer_lives_and_whether_it_is_ready() {
    let mut grid = Grid::new(&["r1"], &["n1"]);
    let health = async |grid: &Grid, name: &str, what: &str| get(&format!("http://{}/{what}", grid.http(name))).await;
    grid.start("n1");
    until("the node lives, and tells why it is not ready", async || {
        let (live, ready) = (health(&grid, "n1", "live").await, health(&grid, "n1", "ready").await);
        let well = live.starts_with("HTTP/1.1 200 ")
            && ready.starts_with("HTTP/1.1 503 ")
            && ready.contains("no registry is in reach");
        if well { Ok(()) } else { Err(format!("{live}\n{ready}")) }
    })
    .await;
    grid.start("r1");
    for name in ["n1", "r1"] {
        until("it is ready", async || {
            let ready = health(&grid, name, "ready").await;
            if ready.starts_with("HTTP/1.1 200 ") {
                Ok(())
            } else {
                Err(ready)
            }
        })
        .await;
        let live = health(&grid, name, "live").await;
        assert!(live.starts_with("HTTP/1.1 200 "), "{live}");
    }
}

/// Prometheus with our own configuration, adapted to the ports of the grid. `None`, with a word about it, where it is not
/// installed and need not be.
#[expect(clippy::print_stdout, reason = "a skipped check says so")]
fn prometheus(grid: &Grid, listen: &str) -> Option<Child> {
    let mut config = dashboards::text("prometheus.yml");
    for (name, port) in [("r1", "7481"), ("r2", "7482"), ("r3", "7483")] {
        config = config.replace(&format!("127.0.0.1:{port}/v1"), &format!("{}/v1", grid.http(name)));
    }
    let config = config
        .replace("refresh_interval: 30s", "refresh_interval: 1s")
        .replace("interval: 15s", "interval: 1s");
    let config = grid.write("prometheus.yml", &config);
    for file in ["floe-rules.yml", "floe-alerts.yml"] {
        grid.write(file, &dashboards::text(file));
    }
    let log = File::create(grid.folder().join("prometheus.log")).expect("a log");
    let child = Command::new("prometheus")
        .arg(format!("--config.file={config}"))
        .arg(format!(
            "--storage.tsdb.path={}",
            grid.folder().join("prometheus").display()
        ))
        .arg(format!("--web.listen-address={listen}"))
        .env(super::process::MARK, grid.folder())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    match child {
        Ok(child) => Some(child),
        Err(error) => {
            let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!must, "run prometheus: {error}; install the Debian package prometheus");
            println!("skipped: prometheus: {error}");
            None
        }
    }
}

#[tokio::test]
async fn prometheus_finds_every_peer_and_all_are_up() {
    let grid = busy().await;
    let port = super::ports::Port::find();
    let Some(mut child) = prometheus(&grid, &port.address.to_string()) else {
        return;
    };
    until("every peer is up", async || {
        let answer = get(&format!("http://{}/api/v1/query?query=up", port.address)).await;
        let Ok(value) = serde_json::from_str::<Value>(body(&answer)) else {
            return Err(answer);
        };
        let rows = value["data"]["result"].as_array().cloned().unwrap_or_default();
        let up = |name: &&str| {
            rows.iter()
                .any(|row| row["metric"]["peer"] == **name && row["value"][1] == "1")
        };
        if rows.len() == PEERS.len() && PEERS.iter().all(up) {
            Ok(())
        } else {
            Err(answer)
        }
    })
    .await;
    until(
        "a recorded series, or one of ours, is there for every registry",
        async || {
            let answer = get(&format!(
                "http://{}/api/v1/query?query=floe_registry_epoch",
                port.address
            ))
            .await;
            if answer.matches("\"peer_kind\":\"registry\"").count() == 3 {
                Ok(())
            } else {
                Err(answer)
            }
        },
    )
    .await;
    child.kill().expect("it can be ended");
    child.wait().expect("it has ended");
}
