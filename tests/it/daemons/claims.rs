//! Masters that should not lead: too old, too many, too empty, of another database. Nothing is overwritten, and both sides
//! say so with the next step.

use super::application::Text;
use super::grid::Grid;
use floe::pure::protocol::report::{RegistryReport, StatusReport};
use floe::pure::protocol::{Request, Response};
use std::collections::BTreeSet;

async fn applications(grid: &Grid, name: &str) -> BTreeSet<String> {
    match grid
        .call(&[name], Request::Applications)
        .await
        .expect("a registry answers reads")
    {
        Response::Applications(rows) => rows.into_iter().map(|row| row.name).collect(),
        other => panic!("{other:?}"),
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

async fn grid_at_work(nodes: &[&str]) -> Grid {
    let mut grid = Grid::new(&["r1", "r2", "r3"], nodes);
    // These masters write alone.
    for name in ["r1", "r2", "r3"] {
        grid.edit(name, |daemon| "sight = \"off\"\n".clone_into(&mut daemon.more));
    }
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], nodes).await;
    let applied = grid.apply(&["r1"], &Text::new("common").idle("n1", "s1")).await;
    assert_eq!(applied.copies, 3, "{applied:?}");
    grid
}

/// Warnings and reasons of a status page that name a registry.
fn words_about(status: &StatusReport, name: &str) -> String {
    let reasons = status
        .registries
        .iter()
        .filter(|row| row.name == name)
        .map(|row| row.reason.clone());
    reasons
        .chain(status.warnings.iter().filter(|warning| warning.contains(name)).cloned())
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn a_master_with_a_surplus_is_superseded_and_nothing_is_overwritten() {
    let mut grid = grid_at_work(&["n1"]).await;
    grid.stop("r2").await;
    grid.stop("r3").await;
    let surplus = grid.apply(&["r1"], &Text::new("surplus").idle("n1", "s2")).await;
    assert_eq!(surplus.copies, 1, "{surplus:?}");
    grid.kill("r1").await;
    grid.edit("r2", |daemon| daemon.role = "master".to_owned());
    grid.start_with("r2", &["--accept-loss"]);
    grid.start("r3");
    grid.settled("r2", &["r3"], &["n1"]).await;
    grid.apply(&["r2"], &Text::new("after").idle("n1", "s3")).await;
    let second = grid
        .registry("r2", "leads", |report| report.standing == "leading")
        .await;

    grid.start("r1");
    let old = grid
        .registry("r1", "is superseded", |report| report.standing == "superseded")
        .await;
    assert!(
        old.reason.contains("r2") && old.reason.contains("floe registry promote r1"),
        "{old:?}"
    );
    assert_eq!(applications(&grid, "r1").await, set(&["common", "surplus"]));
    let at_r1 = grid.floe_at(&["r1"], &["registry", "show"]).await.done().out;
    assert!(
        at_r1.contains("superseded") && at_r1.contains("floe registry promote r1"),
        "{at_r1}"
    );
    let page = grid.floe_at(&["r1"], &["status"]).await.done().out;
    assert!(
        page.contains("warning: registry r1") && page.contains("floe registry promote r1"),
        "{page}"
    );
    grid.status("r2 tells of r1", &["r2"], |status| {
        let words = words_about(&status, "r1");
        let standing = status
            .registries
            .iter()
            .any(|row| row.name == "r1" && row.standing == "superseded");
        if standing && !words.is_empty() {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
    let remove = Request::Remove {
        name: "surplus".parse().expect("a name"),
        request: super::grid::new_request(),
    };
    assert!(
        grid.call(&["r1"], remove).await.is_err(),
        "nobody takes what only r1 had away: r2 does not know it, r1 does not write"
    );

    let still = grid
        .registry("r2", "leads", |report| report.standing == "leading")
        .await;
    assert_eq!(
        (&still.version, &still.digest, still.epoch),
        (&second.version, &second.digest, second.epoch)
    );
    grid.settled("r2", &["r3"], &["n1"]).await;
    for name in ["r2", "r3"] {
        assert_eq!(applications(&grid, name).await, set(&["common", "after"]));
    }
    let again = grid
        .registry("r1", "stays superseded", |report| report.standing == "superseded")
        .await;
    assert_eq!((again.version, again.digest), (old.version, old.digest));
}

#[tokio::test]
async fn of_two_masters_by_file_one_leads_and_both_say_so() {
    let mut grid = grid_at_work(&["n1"]).await;
    // The role of r2 changes while r1 reigns: that is the operator's newer word.
    grid.stop("r2").await;
    grid.edit("r2", |daemon| daemon.role = "master".to_owned());
    grid.start("r2");
    one_leads(&grid, "r2", "r1").await;
    // Both files say master; who starts first must not matter.
    for order in [["r1", "r2"], ["r2", "r1"]] {
        for name in order {
            grid.stop(name).await;
        }
        for name in order {
            grid.start(name);
            grid.registry(name, "has decided", |report| !report.standing.is_empty())
                .await;
        }
        one_leads(&grid, "r2", "r1").await;
    }
    for name in ["r1", "r2", "r3"] {
        assert_eq!(applications(&grid, name).await, set(&["common"]));
    }
}

/// `master` leads, `other`, which its file calls master as well, follows, and both tell an operator.
async fn one_leads(grid: &Grid, master: &str, other: &str) {
    grid.settled(master, &[other, "r3"], &["n1"]).await;
    let stands = |report: &RegistryReport| report.standing == "following";
    let follows = grid.registry(other, "follows", stands).await;
    assert!(
        follows.reason.contains(master),
        "{other} says that its file calls it master while {master} leads: {follows:?}"
    );
    let words = grid.floe_at(&[other], &["status"]).await.done().out;
    assert!(words.contains(&format!("warning: registry {other}")), "{words}");
    grid.status("exactly one leads", &["r3"], |status| {
        let leading = status.registries.iter().filter(|row| row.standing == "leading").count();
        if leading == 1 {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_is_newer_than_the_master_keeps_what_it_has() {
    let mut grid = grid_at_work(&[]).await;
    grid.stop("r1").await;
    let (database, backup) = (grid.data("r1").join("database.redb"), grid.folder().join("backup"));
    std::fs::copy(&database, &backup).expect("a copy");
    grid.start("r1");
    grid.settled("r1", &["r2", "r3"], &[]).await;
    let newer = grid.apply(&["r1"], &Text::new("newer").idle("n1", "s2")).await;
    assert_eq!(newer.copies, 3, "{newer:?}");
    grid.kill("r1").await;
    let kept = grid
        .registry("r2", "is alone", |report| report.standing == "detached")
        .await;
    // The operator restores a database of yesterday; what the registry promised stands in another file.
    std::fs::rename(&backup, &database).expect("a file");

    grid.start("r1");
    let old = grid
        .registry("r1", "knows that it is out of date", |report| {
            report.standing == "outdated"
        })
        .await;
    assert!(old.reason.contains("r2") || old.reason.contains("r3"), "{old:?}");
    assert!(
        old.reason.contains("floe registry compare r1") && old.reason.contains("--force"),
        "{old:?}"
    );
    grid.stop("r1").await;
    grid.start_with("r1", &["--force"]);
    grid.registry("r1", "leads by force", |report| report.standing == "leading")
        .await;
    for name in ["r2", "r3"] {
        let report = grid
            .registry(name, "refuses", |report| report.standing == "refusing")
            .await;
        assert!(
            report.reason.contains("REPLICA_AHEAD") && report.reason.contains("r1"),
            "{report:?}"
        );
        assert_eq!((&report.version, &report.digest), (&kept.version, &kept.digest));
        assert_eq!(applications(&grid, name).await, set(&["common", "newer"]));
    }
    grid.status("r1 tells who refuses it and why", &["r1"], |status| {
        let words = words_about(&status, "r2");
        if words.contains("REPLICA_AHEAD") {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn an_empty_master_beside_registries_that_hold_data_does_not_lead() {
    let mut grid = grid_at_work(&[]).await;
    let kept = grid
        .registry("r2", "follows", |report| report.standing == "following")
        .await;
    grid.kill("r1").await;
    std::fs::remove_dir_all(grid.data("r1")).expect("a folder");
    grid.start("r1");
    let empty = grid
        .registry("r1", "does not lead", |report| {
            !report.reason.is_empty() && report.standing != "waiting"
        })
        .await;
    assert_eq!(empty.standing, "outdated", "{empty:?}");
    assert!(empty.reason.contains("r2") || empty.reason.contains("r3"), "{empty:?}");
    for name in ["r2", "r3"] {
        let report = grid.registry(name, "keeps its data", |_| true).await;
        assert_eq!((&report.version, &report.digest), (&kept.version, &kept.digest));
    }
    // The cure that it names: as replica it takes everything.
    grid.stop("r1").await;
    grid.edit("r1", |daemon| daemon.role = "replica".to_owned());
    grid.stop("r2").await;
    grid.edit("r2", |daemon| daemon.role = "master".to_owned());
    grid.start("r2");
    grid.start("r1");
    grid.settled("r2", &["r1", "r3"], &[]).await;
    assert_eq!(applications(&grid, "r1").await, set(&["common"]));
}

#[tokio::test]
async fn a_foreign_database_is_neither_fed_nor_followed() {
    let mut grid = Grid::new(&["r1", "r2"], &[]);
    grid.edit("r1", |daemon| daemon.locator.clear());
    grid.edit("r2", |daemon| {
        daemon.locator.clear();
        daemon.role = "master".to_owned();
    });
    for (name, application) in [("r1", "first"), ("r2", "second")] {
        grid.start(name);
        grid.apply(&[name], &Text::new(application).idle("n1", "s1")).await;
    }
    let kept = grid
        .registry("r2", "leads", |report| report.standing == "leading")
        .await;
    grid.stop("r2").await;
    grid.edit("r2", |daemon| {
        daemon.role = "replica".to_owned();
        daemon.locator = vec!["r1".to_owned()];
    });
    grid.start("r2");
    let foreign = grid
        .registry("r2", "refuses", |report| report.reason.contains("FOREIGN_STORE"))
        .await;
    assert_eq!((&foreign.version, &foreign.digest), (&kept.version, &kept.digest));
    assert_eq!(applications(&grid, "r2").await, set(&["second"]));
    grid.status("r1 tells of it", &["r1"], |status| {
        let words = words_about(&status, "r2");
        if words.contains("FOREIGN_STORE") {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
    grid.registry("r1", "leads", |report| report.standing == "leading")
        .await;
    assert_eq!(applications(&grid, "r1").await, set(&["first"]));
}
