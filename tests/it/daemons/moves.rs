//! Servers that move between real nodes (S-UPD-11, S-UPD-12): never two at a time, whoever is killed meanwhile.
//!
//! The server takes a folder as its lock, writes down when it starts and stops, and takes its time to stop.

use super::application::Text;
use super::grid::{Grid, Said, until, wait};
use super::process;
use rustix::process::Signal;
use std::fmt::Write as _;

const R: [&str; 2] = ["r1", "r2"];

fn moving(grid: &Grid, node: &str) -> Text {
    let folder = grid.folder().display();
    let mut script = String::new();
    write!(
        script,
        "mkdir {folder}/lock || echo overlap on $FLOE_NODE >> {folder}/life; echo start on $FLOE_NODE >> {folder}/life; \
         trap 'sleep 0.7; echo stop on $FLOE_NODE >> {folder}/life; rmdir {folder}/lock; exit 0' TERM; \
         while :; do sleep 0.05; done"
    )
    .expect("writing to memory cannot fail");
    Text::new("shop").shell(node, "mover", &script, "activation = \"always\"")
}
fn life(grid: &Grid) -> Vec<String> {
    let text = std::fs::read_to_string(grid.folder().join("life")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
async fn floe(grid: &Grid, line: &str) -> Said {
    let words: Vec<&str> = line.split(' ').collect();
    grid.floe_at(&R, &words).await
}
async fn apply(grid: &Grid, node: &str, flags: &str) -> Said {
    let file = grid.write("shop.toml", moving(grid, node).as_str());
    floe(grid, format!("app apply {file} {flags}").trim_end()).await
}
async fn lives(grid: &Grid, expected: &[&str]) {
    until("the server has lived so", async || {
        let life = life(grid);
        if life == expected {
            Ok(())
        } else {
            Err(format!("{life:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn s_upd_11_a_server_stops_on_its_old_node_before_it_starts_on_the_new_one() {
    let mut grid = Grid::new(&R, &["n1", "n2"]);
    grid.start_all();
    grid.settled("r1", &["r2"], &["n1", "n2"]).await;
    apply(&grid, "n1", "--wait").await.done();
    let said = apply(&grid, "n2", "--wait").await.done();
    assert!(
        said.out.contains("1 restarted (1 of them moved)") && said.out.contains("\n  move    mover"),
        "{said:?}"
    );
    let mut expected = vec!["start on n1", "stop on n1", "start on n2"];
    lives(&grid, &expected).await;

    // The client is killed while it waits, and the new node while it holds: nobody else is needed.
    let file = grid.write("shop.toml", moving(&grid, "n1").as_str());
    let mut client = grid.floe_command(&R, &["app", "apply", &file, "--wait"]);
    let mut client = client.stderr(std::process::Stdio::null()).spawn().expect("it starts");
    grid.server(&R, "mover", "is held", |server| {
        server.reason == "waits until n2 has stopped it"
    })
    .await;
    process::signal(client.id(), Signal::KILL);
    wait(&mut client, "the end of the client").await;
    grid.restart("n1").await;
    expected.extend(["stop on n2", "start on n1"]);
    lives(&grid, &expected).await;

    // The old node is killed before it has heard of the move: its server lives on, and the new node waits for its return.
    grid.kill("n1").await;
    apply(&grid, "n2", "").await.done();
    grid.server(&R, "mover", "is held", |server| {
        server.reason == "waits until n1 has stopped it"
    })
    .await;
    let start = floe(&grid, "server start mover --timeout 1s").await;
    assert_eq!(start.code, Some(9), "{start:?}");
    grid.start("n1");
    expected.extend(["stop on n1", "start on n2"]);
    lives(&grid, &expected).await;

    // The master is killed while a server is held; the other registry takes over.
    apply(&grid, "n1", "").await.done();
    grid.kill("r1").await;
    grid.floe_at(&["r2"], &["registry", "promote", "r2"]).await.done();
    expected.extend(["stop on n2", "start on n1"]);
    lives(&grid, &expected).await;
    let held = grid
        .server(&["r2"], "mover", "runs", |server| server.pid.is_some())
        .await;
    assert_eq!(held.node.as_str(), "n1");
}

#[tokio::test]
async fn s_upd_12_a_move_to_a_node_that_does_not_run_is_accepted_and_can_be_taken_back() {
    let mut grid = Grid::new(&R, &["n1"]);
    grid.start_all();
    grid.settled("r1", &["r2"], &["n1"]).await;
    apply(&grid, "n1", "--wait").await.done();
    let said = apply(&grid, "n9", "").await.done();
    assert!(said.out.contains("given their part when they return: n9"), "{said:?}");
    lives(&grid, &["start on n1", "stop on n1"]).await;
    let start = floe(&grid, "server start mover").await;
    assert_eq!(start.code, Some(1), "{start:?}");
    assert!(
        start.err.contains("node n9, which runs server mover, is not in reach"),
        "{start:?}"
    );
    apply(&grid, "n1", "--wait").await.done();
    lives(&grid, &["start on n1", "stop on n1", "start on n1"]).await;
}
