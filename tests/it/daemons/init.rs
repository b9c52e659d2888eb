//! A registry takes the database of another: live, at its start, from nothing, after damage, and under `kill -9`. What only
//! the replaced one held comes back when it is applied again.

use super::application::Text;
use super::grid::{Grid, LOOK, until};
use floe::pure::protocol::report::RegistryReport;
use floe::pure::protocol::{Request, Response};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

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
fn files(grid: &Grid, name: &str, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(grid.data(name)).expect("a folder").flatten();
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}
async fn standing(grid: &Grid, name: &str, wanted: &str) -> RegistryReport {
    grid.registry(name, &format!("is {wanted}"), |report| report.standing == wanted)
        .await
}
/// Waits for words in a daemon's log.
async fn logged(grid: &Grid, name: &str, words: &str) {
    until(&format!("{name} says {words:?}"), async || {
        let log = grid.log(name);
        if log.contains(words) { Ok(()) } else { Err(log) }
    })
    .await;
}

/// r1 reigned alone and has an update of its own; r2 leads since, and r3 follows it.
async fn diverged() -> Grid {
    let mut grid = Grid::new(&["r1", "r2", "r3"], &[]);
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &[]).await;
    grid.apply(&["r1"], &Text::new("common").idle("n1", "s1")).await;
    grid.settled("r1", &["r2", "r3"], &[]).await;
    grid.stop("r2").await;
    grid.stop("r3").await;
    grid.apply(&["r1"], &Text::new("surplus").idle("n1", "s2")).await;
    grid.kill("r1").await;
    grid.edit("r2", |daemon| "master".clone_into(&mut daemon.role));
    grid.start_with("r2", &["--accept-loss"]);
    grid.start("r3");
    grid.settled("r2", &["r3"], &[]).await;
    grid.apply(&["r2"], &Text::new("after").idle("n1", "s3")).await;
    grid.start("r1");
    let old = standing(&grid, "r1", "superseded").await;
    assert!(old.reason.contains("floe registry init r1 --from r2"), "{old:?}");
    grid
}

#[tokio::test]
async fn a_diverged_registry_is_initialised_live_and_its_surplus_is_applied_again() {
    let mut grid = diverged().await;
    let refused = grid.floe_at(&["r3"], &["registry", "init", "r2", "--from", "r1"]).await;
    assert_eq!(
        refused.code,
        Some(5),
        "a leading master is not initialised: {refused:?}"
    );

    let init = ["registry", "init", "r1", "--from", "r2", "--format", "json"];
    let report = grid.floe_at(&["r3"], &init).await.done().json();
    assert_eq!(
        (report["relation"].as_str(), report["replaced"].as_bool()),
        (Some("diverged"), Some(true)),
        "{report}"
    );
    assert_eq!(report["unproven"].as_str(), Some(""), "r2 leads: {report}");
    grid.settled("r2", &["r1", "r3"], &[]).await;
    assert_eq!(applications(&grid, "r1").await, set(&["common", "after"]));

    let surplus = report["surplus_file"].as_str().expect("a file").to_owned();
    let applied = grid.floe_at(&["r1"], &["app", "apply", &surplus]).await.done();
    assert!(
        applied.out.contains("surplus") && applied.out.contains("applied"),
        "{applied:?}"
    );
    grid.settled("r2", &["r1", "r3"], &[]).await;
    assert_eq!(applications(&grid, "r1").await, set(&["common", "after", "surplus"]));
    let version = standing(&grid, "r2", "leading").await.version;
    grid.floe_at(&["r1"], &["app", "apply", &surplus]).await.done();
    assert_eq!(
        standing(&grid, "r2", "leading").await.version,
        version,
        "applied again, it is applied once"
    );

    let kept = PathBuf::from(report["kept_file"].as_str().expect("a file"));
    assert_eq!(files(&grid, "r1", "database-"), std::slice::from_ref(&kept));
    let (_, image) = floe::io::store::Database::open(&kept).expect("the kept database is a database");
    let old = floe::pure::registry::Database::restore(image).expect("and sound");
    assert_eq!(old.deployment().applications.len(), 2, "common and surplus");

    grid.stop("r1").await;
    grid.start("r1");
    grid.settled("r2", &["r1", "r3"], &[]).await;
    let again = grid.floe_at(&["r3"], &init).await.done().json();
    assert_eq!(again["replaced"].as_bool(), Some(false), "{again}");
}

#[tokio::test]
async fn a_conflict_in_a_surplus_is_told_and_nothing_is_overwritten() {
    let grid = diverged().await;
    grid.apply(&["r2"], &Text::new("surplus").idle("n1", "other")).await;
    let report = grid
        .floe_at(&["r1"], &["registry", "init", "r1", "--from", "r2", "--format", "json"])
        .await
        .done()
        .json();
    let surplus = report["surplus_file"].as_str().expect("a file").to_owned();
    let said = grid.floe_at(&["r2"], &["app", "apply", &surplus]).await;
    assert_eq!(said.code, Some(8), "{said:?}");
    assert!(
        said.out.contains("conflict") && said.out.contains("floe app show surplus"),
        "{said:?}"
    );
    let Ok(Response::Application(kept)) = grid
        .call(
            &["r2"],
            Request::Application {
                name: "surplus".parse().expect("a name"),
            },
        )
        .await
    else {
        panic!("it is there");
    };
    assert!(format!("{kept:?}").contains("other"), "{kept:?}");
}

#[tokio::test]
async fn a_master_that_is_out_of_date_takes_a_replicas_database_at_its_start_once() {
    let mut grid = Grid::new(&["r1", "r2"], &[]);
    grid.start_all();
    grid.settled("r1", &["r2"], &[]).await;
    grid.apply(&["r1"], &Text::new("common").idle("n1", "s1")).await;
    grid.stop("r1").await;
    let (database, backup) = (grid.data("r1").join("database.redb"), grid.folder().join("backup"));
    std::fs::copy(&database, &backup).expect("a copy");
    grid.start("r1");
    grid.settled("r1", &["r2"], &[]).await;
    grid.apply(&["r1"], &Text::new("newer").idle("n1", "s2")).await;
    grid.kill("r1").await;
    standing(&grid, "r2", "detached").await;
    std::fs::rename(&backup, &database).expect("yesterday's database");

    let flag = ["--initdb-from-replica", "r2"];
    grid.stop("r2").await;
    grid.start_with("r1", &flag);
    let waits = standing(&grid, "r1", "waiting").await;
    assert!(
        waits.reason.contains("r2") && waits.reason.contains("--initdb-from-replica"),
        "{waits:?}"
    );
    grid.start("r2");
    grid.settled("r1", &["r2"], &[]).await;
    assert_eq!(applications(&grid, "r1").await, set(&["common", "newer"]));
    assert_eq!(files(&grid, "r1", "database-").len(), 1);
    // r2 has shown by following that nothing is missing.
    grid.registry("r1", "counts as a proof again", |report| report.unproven.is_empty())
        .await;

    // Left in a service file it does nothing, even when r2 goes another way meanwhile.
    grid.stop("r2").await;
    grid.apply(&["r1"], &Text::new("alone").idle("n1", "s3")).await;
    grid.stop("r1").await;
    grid.start_with("r2", &["--promote", "--accept-loss"]);
    standing(&grid, "r2", "leading").await;
    grid.apply(&["r2"], &Text::new("beside").idle("n1", "s4")).await;
    grid.start_with("r1", &flag);
    let kept = standing(&grid, "r1", "superseded").await;
    assert!(kept.reason.contains("floe registry init r1 --from r2"), "{kept:?}");
    logged(&grid, "r1", "initialisation skipped").await;
    assert_eq!(applications(&grid, "r1").await, set(&["common", "newer", "alone"]));
    // A start without it arms it again.
    grid.stop("r1").await;
    grid.start("r1");
    standing(&grid, "r1", "superseded").await;
    grid.stop("r1").await;
    grid.start_with("r1", &flag);
    grid.settled("r2", &["r1"], &[]).await;
    assert_eq!(applications(&grid, "r1").await, set(&["common", "newer", "beside"]));
    assert_eq!(files(&grid, "r1", "surplus-").len(), 1);
    let itself = grid.floe_at(&["r1"], &["registry", "init", "r1", "--from", "r1"]).await;
    assert_eq!(itself.code, Some(2), "{itself:?}");
}

#[tokio::test]
async fn an_empty_or_damaged_master_takes_a_replicas_database_and_leads() {
    let mut grid = Grid::new(&["r1", "r2", "r3"], &[]);
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &[]).await;
    grid.apply(&["r1"], &Text::new("common").idle("n1", "s1")).await;
    grid.settled("r1", &["r2", "r3"], &[]).await;
    let promised = standing(&grid, "r1", "leading").await.epoch;
    grid.kill("r1").await;
    let database = grid.data("r1").join("database.redb");
    let noise = b"this is no database".repeat(1000);
    std::fs::write(&database, &noise).expect("a file");
    let refused = grid.refused("r1", &[]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");

    let flag = ["--initdb-from-replica", "r2"];
    grid.start_with("r1", &flag);
    grid.settled("r1", &["r2", "r3"], &[]).await;
    let leads = standing(&grid, "r1", "leading").await;
    assert!(leads.epoch > promised, "the promise is as it was: {leads:?}");
    assert_eq!(applications(&grid, "r1").await, set(&["common"]));
    let aside = files(&grid, "r1", "database-damaged-");
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(
        std::fs::read(&aside[0]).expect("a file") == noise,
        "it was set aside as it was"
    );

    grid.kill("r1").await;
    std::fs::remove_dir_all(grid.data("r1")).expect("a folder");
    grid.start_with("r1", &flag);
    grid.settled("r1", &["r2", "r3"], &[]).await;
    assert_eq!(applications(&grid, "r1").await, set(&["common"]));
    grid.apply(&["r1"], &Text::new("later").idle("n1", "s2")).await;
}

/// About so many bytes of deployment.
async fn fill(grid: &Grid, master: &str, applications: u32) {
    for number in 0..applications {
        let filler = "x".repeat(60_000);
        let fillers: Vec<String> = (0..7).map(|key| format!("FILLER_{key} = \"{filler}\"")).collect();
        let text = Text::new(&format!("big-{number}"))
            .idle("n1", &format!("big-{number}"))
            .more(&format!("environment = {{ {} }}\n", fillers.join(", ")));
        grid.apply(&[master], &text).await;
    }
}

#[tokio::test]
async fn killed_at_any_moment_of_an_initialisation_a_registry_holds_the_old_database_or_the_new_one() {
    let mut grid = diverged().await;
    fill(&grid, "r2", 12).await;
    let old = standing(&grid, "r1", "superseded").await;
    let new = standing(&grid, "r2", "leading").await;
    grid.stop("r1").await;
    let (database, backup) = (grid.data("r1").join("database.redb"), grid.folder().join("backup"));
    std::fs::copy(&database, &backup).expect("a copy");
    let (mut olds, mut news, mut promised) = (0, 0, old.epoch);
    for round in 0..14 {
        std::fs::copy(&backup, &database).expect("a copy");
        grid.start("r1");
        standing(&grid, "r1", "superseded").await;
        let mut init = grid
            .floe_command(&["r1"], &["registry", "init", "r1", "--from", "r2"])
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("floe starts");
        let moment = u64::try_from(floe::io::clock::dice() % 600).expect("it is small");
        tokio::time::sleep(Duration::from_millis(moment)).await;
        grid.kill("r1").await;
        super::grid::wait(&mut init, "the command ends when its registry does").await;
        grid.start("r1");
        let found = grid
            .registry("r1", "has decided", |report| {
                ["superseded", "following"].contains(&report.standing.as_str())
            })
            .await;
        assert!(
            found.epoch >= promised,
            "round {round}: the promise went back: {found:?}"
        );
        promised = found.epoch;
        if found.standing == "superseded" {
            olds += 1;
            assert_eq!(
                (&found.version, &found.digest),
                (&old.version, &old.digest),
                "round {round}, after {moment} ms"
            );
        } else {
            news += 1;
            assert_eq!(
                (&found.version, &found.digest),
                (&new.version, &new.digest),
                "round {round}, after {moment} ms"
            );
        }
        let half: Vec<PathBuf> = files(&grid, "r1", "database.replaced.new");
        assert!(half.is_empty(), "round {round}: {half:?}");
        for kept in files(&grid, "r1", "database-") {
            let (_, image) = floe::io::store::Database::open(&kept).unwrap_or_else(|error| panic!("{error}: {kept:?}"));
            let kept = floe::pure::registry::Database::restore(image).expect("sound");
            assert_eq!(kept.end().to_string(), old.version);
        }
        grid.stop("r1").await;
        tokio::time::sleep(LOOK).await;
    }
    assert!(
        olds > 0,
        "{olds} of 14 kept the old one, {news} had the new one: change the moments"
    );
}
