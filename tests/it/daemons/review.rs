//! `--readonly`: the operator looks first, and nothing changes on any disk meanwhile.

use super::application::Text;
use super::grid::Grid;
use std::collections::BTreeMap;

const REGISTRIES: [&str; 3] = ["r1", "r2", "r3"];

/// Version, digest and promise of each registry.
async fn held(grid: &Grid) -> BTreeMap<String, (String, String, u64)> {
    let mut held = BTreeMap::new();
    for name in REGISTRIES {
        let report = grid.registry(name, "answers", |_| true).await;
        held.insert(name.to_owned(), (report.version, report.digest, report.epoch));
    }
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_is_looked_at_before_it_leads() {
    let mut grid = Grid::new(&REGISTRIES, &["n1"]);
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &["n1"]).await;
    grid.apply(&["r1"], &Text::new("shop").web("n1", "web-1", "always"))
        .await;
    let before = grid.active(&["r1"], &["web-1"]).await;
    grid.kill("r1").await;
    grid.start_with("r1", &["--readonly"]);
    grid.registry("r1", "is under review", |report| report.standing == "reviewing")
        .await;
    let held_before = held(&grid).await;

    // Everything that would change something.
    let file = grid.write("other.toml", Text::new("other").idle("n1", "idle").as_str());
    let refused: [&[&str]; 9] = [
        &["app", "apply", &file],
        &["app", "remove", "shop"],
        &["server", "start", "web-1"],
        &["server", "stop", "web-1"],
        &["server", "restart", "web-1"],
        &["server", "enable", "web-1"],
        &["server", "disable", "web-1"],
        &["registry", "demote", "r1"],
        &["registry", "lead", "r1", "--alone"],
    ];
    for command in refused {
        let said = grid.floe_at(&["r1"], &[&["--format", "json"], command].concat()).await;
        assert_eq!(said.code, Some(5), "{command:?}: {said:?}");
        assert!(
            said.err.contains("\"reviewing\"") && said.err.contains("READONLY_MASTER"),
            "{said:?}"
        );
    }
    // Everything that only looks.
    let looks: [&[&str]; 6] = [
        &["status"],
        &["app", "list"],
        &["app", "show", "shop"],
        &["server", "show", "web-1"],
        &["resolve", "web-1.http"],
        &["registry", "promote", "r1", "--dry-run"],
    ];
    for command in looks {
        grid.floe_at(&["r1"], command).await.done();
    }
    let page = grid.floe_at(&["r1"], &["registry", "show", "r1"]).await.done().out;
    assert!(
        page.contains("READONLY_MASTER") && page.contains("how their databases stand"),
        "{page}"
    );
    for replica in ["r2", "r3"] {
        let report = grid
            .registry(replica, "says so", |report| report.reason.contains("READONLY_MASTER"))
            .await;
        assert_eq!(report.standing, "detached", "{report:?}");
    }
    assert_eq!(held(&grid).await, held_before);

    // Enough seen.
    grid.stop("r1").await;
    grid.start("r1");
    grid.settled("r1", &["r2", "r3"], &["n1"]).await;
    assert_eq!(grid.active(&["r1"], &["web-1"]).await, before);
}
