//! Nodes: their servers outlive them and are found again, run without registries, and obey no past master.

use super::application::Text;
use super::grid::{Grid, get, until};
use super::process;
use floe::pure::protocol::report::ServerState;
use rustix::process::Signal;

/// The processes of one server.
fn processes(grid: &Grid, server: &str) -> Vec<u32> {
    let ours = process::of_grid(grid.folder());
    process::with_variable("FLOE_SERVER", server)
        .into_iter()
        .filter(|pid| ours.contains(pid))
        .collect()
}

/// The address that a web server was told to listen on.
fn listens(pid: u32) -> Option<String> {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = words.split(|byte| *byte == 0).skip_while(|word| *word != b"--listen");
    String::from_utf8(words.nth(1)?.to_vec()).ok()
}

#[tokio::test]
async fn servers_outlive_their_killed_node_and_are_adopted() {
    let mut grid = Grid::new(&["r1"], &["n1"]);
    grid.start_all();
    let text = Text::new("one")
        .web("n1", "web-1", "always")
        .web("n1", "web-2", "always")
        .web("n1", "web-3", "manual");
    grid.apply(&["r1"], &text).await;
    let before = grid.active(&["r1"], &["web-1", "web-2"]).await;
    for _ in 0..3 {
        grid.kill("n1").await;
        grid.answer_while_node_is_down(&before).await;
        grid.missed("n1").await;
        grid.start("n1");
        grid.settled("r1", &[], &["n1"]).await;
        assert_eq!(grid.active(&["r1"], &["web-1", "web-2"]).await, before);
        for (id, pid) in &before {
            assert_eq!(processes(&grid, id), [*pid]);
        }
    }
    // One dies while nobody looks after it.
    grid.kill("n1").await;
    process::signal(before["web-1"], Signal::KILL);
    grid.start("n1");
    let moved = |pid: Option<u32>| pid.is_some() && pid != Some(before["web-1"]);
    grid.server(&["r1"], "web-1", "runs again", |server| {
        server.state == ServerState::Active && moved(server.pid)
    })
    .await;
    assert_eq!(processes(&grid, "web-1").len(), 1);
    assert_eq!(processes(&grid, "web-2"), [before["web-2"]]);
    grid.answer(&["r1"], &["web-1", "web-2"]).await;
    // A stop in good order leaves them as well, by default.
    let before = grid.active(&["r1"], &["web-1", "web-2"]).await;
    grid.stop("n1").await;
    grid.start("n1");
    grid.settled("r1", &[], &["n1"]).await;
    assert_eq!(grid.active(&["r1"], &["web-1", "web-2"]).await, before);
    assert_eq!(processes(&grid, "web-3"), [0; 0]);
}

impl Grid {
    async fn answer_while_node_is_down(&self, servers: &std::collections::BTreeMap<String, u32>) {
        for (id, pid) in servers {
            let address = listens(*pid).expect("it runs on");
            let said = get(&address).await;
            assert!(said.contains(&format!("hello from {id}\n")), "{said:?}");
        }
    }
}

#[tokio::test]
async fn always_servers_start_with_their_node_when_no_registry_is_in_reach() {
    let mut grid = Grid::new(&["r1"], &["n1"]);
    grid.start_all();
    let text = Text::new("one")
        .web("n1", "web-1", "always")
        .web("n1", "web-2", "on-demand");
    grid.apply(&["r1"], &text).await;
    let before = grid.active(&["r1"], &["web-1"]).await;
    grid.stop("r1").await;
    grid.kill("n1").await;
    // As after the machine's restart.
    process::signal(before["web-1"], Signal::KILL);
    grid.start("n1");
    let address = until("web-1 runs", async || {
        let address = processes(&grid, "web-1").first().copied().and_then(listens);
        let Some(address) = address else {
            return Err("no process".to_owned());
        };
        let said = get(&address).await;
        if said.contains("hello from web-1") {
            Ok(address)
        } else {
            Err(said)
        }
    })
    .await;
    assert_eq!(processes(&grid, "web-2"), [0; 0], "{address}");
    grid.start("r1");
    grid.settled("r1", &[], &["n1"]).await;
    grid.answer(&["r1"], &["web-1", "web-2"]).await;
}

#[tokio::test]
async fn a_node_obeys_no_master_of_a_lower_epoch_even_after_its_restart() {
    let mut grid = Grid::new(&["r1", "r2", "r3"], &["n1"]);
    // So that the old master can come up without waiting for those who are gone.
    for name in ["r1", "r2", "r3"] {
        grid.edit(name, |daemon| daemon.more = "discovery_window = \"300ms\"\n".to_owned());
    }
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &["n1"]).await;
    grid.apply(&["r1"], &Text::new("one").web("n1", "web-1", "always"))
        .await;
    grid.active(&["r1"], &["web-1"]).await;
    grid.kill("r1").await;
    grid.stop("r2").await;
    grid.edit("r2", |daemon| daemon.role = "master".to_owned());
    // Two reigns: the old master's next number is then lower, not the same.
    for _ in 0..2 {
        grid.start("r2");
        grid.settled("r2", &["r3"], &["n1"]).await;
        grid.stop("r2").await;
    }
    grid.start("r2");
    grid.apply(&["r2"], &Text::new("two").web("n1", "web-2", "always"))
        .await;
    let status = grid.settled("r2", &["r3"], &["n1"]).await;
    let obeyed = status.nodes[0].obeys_epoch;
    let servers = grid.active(&["r2"], &["web-1", "web-2"]).await;
    for name in ["n1", "r2", "r3"] {
        grid.stop(name).await;
    }

    // The operator insists: alone, the old master does not know better.
    grid.start_with("r1", &["--alone"]);
    let alone = grid
        .registry("r1", "leads alone", |report| report.standing == "leading")
        .await;
    assert!(alone.epoch < obeyed, "{alone:?}");
    grid.start("n1");
    let stopped = grid
        .registry("r1", "stops when the node tells it", |report| {
            report.standing != "leading"
        })
        .await;
    assert!(!stopped.reason.is_empty(), "{stopped:?}");
    obeys(&grid, obeyed).await;
    for restart in [false, true] {
        if restart {
            grid.restart("n1").await;
        }
        obeys(&grid, obeyed).await;
        for (id, pid) in &servers {
            assert_eq!(
                processes(&grid, id),
                [*pid],
                "{id} is untouched, restarted node: {restart}"
            );
        }
    }
    for name in ["r2", "r3"] {
        grid.start(name);
    }
    grid.settled("r2", &["r3"], &["n1"]).await;
    assert_eq!(grid.active(&["r2"], &["web-1", "web-2"]).await, servers);
}

async fn obeys(grid: &Grid, epoch: u64) {
    grid.status("n1 is up and obeys the same epoch as before", &["r1"], |status| {
        let row = status.nodes.iter().find(|row| row.name == "n1" && row.state == "up");
        let row = row.ok_or_else(|| format!("{status:?}"))?;
        // A node that has just come has not told yet.
        if row.obeys_epoch == 0 {
            return Err(format!("{status:?}"));
        }
        assert_eq!(row.obeys_epoch, epoch, "{status:?}");
        Ok(())
    })
    .await;
}

/// A node is killed at random moments while its servers are started and changed: never two processes of one server.
#[tokio::test]
async fn a_node_killed_again_and_again_runs_each_server_once() {
    const SERVERS: [&str; 4] = ["web-1", "web-2", "web-3", "web-4"];
    let mut grid = Grid::new(&["r1"], &["n1"]);
    grid.start_all();
    for round in 0..12 {
        // Another environment: all servers are started anew in each round.
        let text = SERVERS.iter().fold(
            Text::new("one").more(&format!("[variables]\nround = \"{round}\"\n")),
            |text, id| {
                text.shell(
                    "n1",
                    id,
                    "echo $ROUND; exec sleep 1000",
                    "activation = \"always\"\nenvironment = { ROUND = \"${round}\" }",
                )
            },
        );
        grid.apply(&["r1"], &text).await;
        let dice = u64::try_from(floe::io::clock::dice() % 60).expect("it is small");
        tokio::time::sleep(std::time::Duration::from_millis(dice)).await;
        grid.kill("n1").await;
        grid.start("n1");
        until("each server runs once, by its newest definition", async || {
            let pids: Vec<Vec<u32>> = SERVERS.iter().map(|id| processes(&grid, id)).collect();
            let newest = process::with_variable("ROUND", &round.to_string());
            if pids.iter().all(|pids| pids.len() == 1 && newest.contains(&pids[0])) {
                Ok(())
            } else {
                Err(format!("{pids:?}"))
            }
        })
        .await;
        let told = grid.active(&["r1"], &SERVERS).await;
        for id in SERVERS {
            assert_eq!(processes(&grid, id), [told[id]], "{id} in round {round}");
        }
    }
}
