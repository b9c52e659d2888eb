//! The story that floe exists for: the master is killed, an operator promotes a replica by its file, nothing else is done.

use super::application::Text;
use super::grid::Grid;

const ALL: [&str; 3] = ["web-1", "web-2", "web-3"];

#[tokio::test]
async fn a_promoted_replica_takes_over_everything_and_the_old_master_follows() {
    let mut grid = Grid::new(&["r1", "r2", "r3"], &["n1", "n2", "n3"]);
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &["n1", "n2", "n3"]).await;
    for (name, node, server) in [("one", "n1", "web-1"), ("two", "n2", "web-2"), ("three", "n3", "web-3")] {
        let applied = grid.apply(&["r1"], &Text::new(name).web(node, server, "always")).await;
        assert_eq!(applied.copies, 3, "{applied:?}");
    }
    let before = grid.active(&["r1"], &ALL).await;
    grid.answer(&["r3"], &ALL).await;

    grid.kill("r1").await;
    let master = |status: floe::pure::protocol::report::StatusReport| match status.master {
        None => Ok(()),
        Some(master) => Err(format!("{master:?}")),
    };
    grid.status("no master leads", &["r3"], master).await;
    grid.answer(&["r2"], &ALL).await;

    grid.stop("r2").await;
    grid.edit("r2", |daemon| daemon.role = "master".to_owned());
    grid.start("r2");
    grid.settled("r2", &["r3"], &["n1", "n2", "n3"]).await;
    let applied = grid
        .apply(&["r3"], &Text::new("four").web("n1", "web-4", "always"))
        .await;
    assert_eq!((applied.copies, applied.behind.len()), (2, 0), "{applied:?}");
    assert_eq!(grid.active(&["r3"], &ALL).await, before, "no server was restarted");
    grid.active(&["r3"], &["web-4"]).await;
    grid.answer(&["r2"], &["web-1", "web-2", "web-3", "web-4"]).await;

    grid.start("r1");
    let leads = grid.settled("r2", &["r1", "r3"], &["n1", "n2", "n3"]).await;
    let second = grid
        .registry("r2", "leads", |report| report.standing == "leading")
        .await;
    for name in ["r1", "r3"] {
        let report = grid
            .registry(name, "follows", |report| report.standing == "following")
            .await;
        assert_eq!(
            (&report.version, &report.digest),
            (&second.version, &second.digest),
            "{leads:?}"
        );
    }
    assert_eq!(grid.active(&["r1"], &ALL).await, before, "no server was restarted");
}
