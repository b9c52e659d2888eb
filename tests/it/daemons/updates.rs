//! Updates of what runs, on the command line: conditions, `--no-restart`, `--wait`, rollbacks on failure, nodes that are away.
//!
//! Scenarios of the reference that stand here: S-UPD-01, S-UPD-08, S-NRU-01, S-NRU-02, S-NRU-05 and S-NRU-06 (all cases of S-NRU stand
//! in the registry core's tests, too). `tests/it/scenarios.rs` says where the others stand, and which mean nothing here.

use super::application::Text;
use super::grid::{Grid, Said};
use floe::pure::protocol::report::ServerState;

const R: [&str; 1] = ["r1"];

async fn floe(grid: &Grid, line: &str) -> Said {
    let words: Vec<&str> = line.split(' ').collect();
    grid.floe_at(&R, &words).await
}
async fn apply(grid: &Grid, text: &Text, flags: &str) -> Said {
    let file = grid.write("shop.toml", text.as_str());
    floe(grid, format!("app apply {file} {flags}").trim_end()).await
}
fn code(said: &Said, code: i32) {
    assert_eq!(said.code, Some(code), "{said:?}");
}
fn sleeper(text: Text, node: &str, id: &str, seconds: u32) -> Text {
    text.run(
        node,
        id,
        &format!("[\"/bin/sleep\", \"{seconds}\"]"),
        "activation = \"always\"",
    )
}

async fn grid(nodes: &[&str]) -> Grid {
    let mut grid = Grid::new(&R, nodes);
    grid.start_all();
    grid.settled("r1", &[], nodes).await;
    grid
}

#[tokio::test]
async fn an_update_without_restart_keeps_every_process() {
    let grid = grid(&["n1"]).await;
    let shop = || sleeper(sleeper(Text::new("shop"), "n1", "a", 1000), "n1", "b", 1000);
    code(&apply(&grid, &shop(), "--wait").await, 0);
    let before = grid.active(&R, &["a", "b"]).await;

    // S-NRU-01: additions.
    let more = sleeper(shop(), "n1", "c", 1000);
    let said = apply(&grid, &more, "--no-restart --wait").await.done();
    assert!(said.out.contains("1 added, 0 removed, 0 restarted"), "{said:?}");
    // S-NRU-02: the removal of one that runs.
    let said = apply(&grid, &sleeper(Text::new("shop"), "n1", "a", 1000), "--no-restart").await;
    code(&said, 5);
    assert!(
        said.err.contains("remove b (active on n1); remove c (active on n1)"),
        "{said:?}"
    );
    // S-NRU-05: what a process was started with.
    let other = sleeper(sleeper(Text::new("shop"), "n1", "a", 1000), "n1", "b", 1001);
    let other = sleeper(other, "n1", "c", 1000);
    let said = apply(&grid, &other, "--no-restart").await;
    code(&said, 5);
    assert!(
        said.err.contains("restart b (active on n1); nothing was changed"),
        "{said:?}"
    );
    // What it would do is told, with what runs.
    let file = grid.write("shop.toml", other.as_str());
    let said = floe(&grid, &format!("app diff {file} --exit-code")).await;
    code(&said, 3);
    assert!(
        said.out
            .contains("running now, and not left alone:\n  restart b (active on n1)\n"),
        "{said:?}"
    );
    // S-NRU-06: what a process is not started with.
    let patient = "activation = \"always\"\ndeactivation_timeout = \"30s\"";
    let live = sleeper(Text::new("shop"), "n1", "a", 1000).run("n1", "b", "[\"/bin/sleep\", \"1000\"]", patient);
    let live = sleeper(live, "n1", "c", 1000);
    let said = apply(&grid, &live, "--no-restart --wait").await.done();
    assert!(said.out.contains("0 restarted, 1 changed live"), "{said:?}");
    let now = grid.active(&R, &["a", "b", "c"]).await;
    assert_eq!((now.get("a"), now.get("b")), (before.get("a"), before.get("b")));
    // S-NRU-02 again: after a stop it may go.
    floe(&grid, "server stop b").await.done();
    let rest = sleeper(sleeper(Text::new("shop"), "n1", "a", 1000), "n1", "c", 1000);
    apply(&grid, &rest, "--no-restart --wait").await.done();
    code(&floe(&grid, "app remove shop --no-restart").await, 5);
    assert_eq!(grid.active(&R, &["a"]).await.get("a"), before.get("a"));
    floe(&grid, "app remove shop --wait").await.done();
}

#[tokio::test]
async fn an_update_is_refused_when_something_moved_and_ids_are_nobody_elses() {
    let grid = grid(&[]).await;
    let said = apply(&grid, &Text::new("shop").idle("n1", "a"), "--format json")
        .await
        .done();
    let version = said.json()["version"].as_str().expect("a version").to_owned();
    let text = Text::new("shop").idle("n1", "a").idle("n2", "b");
    // S-UPD-08: nodes come and go with their servers.
    let said = apply(&grid, &text, &format!("--if-version {version} --if-revision 1"))
        .await
        .done();
    assert!(
        said.out.contains("1 added")
            && said
                .out
                .contains("not in reach, and given their part when they return: n2"),
        "{said:?}"
    );
    let said = apply(&grid, &text, &format!("--if-version {version}")).await;
    code(&said, 5);
    assert!(
        said.err.contains("the database is at version") && said.err.contains(&version),
        "{said:?}"
    );
    let said = apply(&grid, &text, "--if-revision 1").await;
    code(&said, 5);
    assert!(
        said.err.contains("application shop is at revision 2, not 1"),
        "{said:?}"
    );
    // S-UPD-01: an id that another application has.
    let adapter = "adapter = [{ name = \"http\", id = \"front\", endpoint = \"tcp://h:1\" }]";
    let mail = |id: &str| Text::new(id).run("n1", &format!("{id}-1"), "[\"/bin/true\"]", adapter);
    apply(&grid, &mail("mail"), "").await.done();
    let said = apply(&grid, &mail("post"), "").await;
    code(&said, 1);
    assert!(said.err.contains("front"), "{said:?}");
    code(&floe(&grid, "app show post").await, 4);
}

#[tokio::test]
async fn a_failing_update_is_told_and_undone_where_that_is_asked_for() {
    let grid = grid(&["n1"]).await;
    let good = || sleeper(Text::new("shop"), "n1", "a", 1000);
    let bad = |seconds| {
        sleeper(Text::new("shop"), "n1", "a", seconds).run("n1", "b", "[\"/bin/false\"]", "activation = \"always\"")
    };
    apply(&grid, &good(), "--wait").await.done();
    let said = apply(&grid, &bad(1000), "--wait").await;
    code(&said, 8);
    assert!(said.err.contains("b on n1: backing-off: ended"), "{said:?}");
    assert!(said.out.starts_with("applied shop: revision 2"), "{said:?}");
    let said = apply(&grid, &good(), "--wait").await.done();
    assert!(said.out.contains("as wanted: 1 of 1"), "{said:?}");
    let before = grid.active(&R, &["a"]).await;
    // Undone: with the old content as a new revision. The server that it restarted runs as before.
    let said = apply(&grid, &bad(1001), "--rollback-on-failure").await;
    code(&said, 1);
    assert!(said.err.contains("rolled back to revision 3: revision 5"), "{said:?}");
    assert!(!floe(&grid, "app show shop").await.done().out.contains("false"));
    grid.server(&R, "a", "runs again", |server| {
        server.state == ServerState::Active && server.pid != before.get("a").copied()
    })
    .await;
    // A new application goes again.
    let new = Text::new("mail").run("n1", "m", "[\"/nonexistent\"]", "activation = \"always\"");
    let said = apply(&grid, &new, "--rollback-on-failure").await;
    code(&said, 1);
    assert!(said.err.contains("m on n1: backing-off: failed to start"), "{said:?}");
    code(&floe(&grid, "app show mail").await, 4);
}

#[tokio::test]
async fn a_node_that_is_away_gets_its_part_when_it_returns() {
    let mut grid = grid(&["n1", "n2"]).await;
    let shop = |seconds| sleeper(sleeper(Text::new("shop"), "n1", "a", seconds), "n2", "b", seconds);
    apply(&grid, &shop(1000), "--wait").await.done();
    let before = grid.active(&R, &["a", "b"]).await;
    grid.kill("n1").await;
    grid.status("n1 is down", &R, |status| {
        let down = status
            .nodes
            .iter()
            .any(|node| node.name == "n1" && node.state == "down");
        down.then_some(()).ok_or(format!("{status:?}"))
    })
    .await;
    // What it runs is not known, so it counts as running.
    let said = apply(&grid, &shop(1001), "--no-restart").await;
    code(&said, 5);
    assert!(
        said.err.contains("restart a (unknown on n1: node n1 is not in reach)"),
        "{said:?}"
    );
    let said = apply(&grid, &shop(1001), "--wait --timeout 2s").await;
    code(&said, 9);
    assert!(said.out.contains("given their part when they return: n1"), "{said:?}");
    assert!(
        said.err
            .contains("1 of 2 servers are not as wanted in time:\n  a on n1: unknown: node n1 is not in reach"),
        "{said:?}"
    );
    grid.start("n1");
    let renewed = |id: &'static str| {
        let before = before.get(id).copied();
        (id, move |pid: Option<u32>| pid.is_some() && pid != before)
    };
    for (id, is_new) in [renewed("a"), renewed("b")] {
        grid.server(&R, id, "runs by its new definition", |server| {
            server.state == ServerState::Active && is_new(server.pid)
        })
        .await;
    }
}
