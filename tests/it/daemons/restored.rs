//! Masters that come back with data of yesterday or of somebody else, and a replica that is promoted although it is behind:
//! nobody's newer data is touched, and what is said leads to a whole grid.

use super::application::Text;
use super::grid::{Grid, new_request};
use floe::pure::protocol::report::RegistryReport;
use floe::pure::protocol::{Request, Response};
use std::collections::BTreeSet;

const REGISTRIES: [&str; 3] = ["r1", "r2", "r3"];

async fn grid_at_work() -> Grid {
    let mut grid = Grid::new(&REGISTRIES, &[]);
    for name in REGISTRIES {
        grid.edit(name, |daemon| "sight = \"off\"\n".clone_into(&mut daemon.more));
    }
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &[]).await;
    write(&grid, "r1", "common").await;
    grid
}

async fn write(grid: &Grid, name: &str, application: &str) {
    grid.apply(&[name], &Text::new(application).idle("n1", application))
        .await;
}

async fn holds(grid: &Grid, name: &str, applications: &[&str]) {
    let held: BTreeSet<String> = match grid.call(&[name], Request::Applications).await {
        Ok(Response::Applications(rows)) => rows.into_iter().map(|row| row.name).collect(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        held,
        applications.iter().map(ToString::to_string).collect(),
        "at {name}"
    );
}

async fn stands(grid: &Grid, name: &str, standing: &str) -> RegistryReport {
    let check = |report: &RegistryReport| report.standing == standing;
    grid.registry(name, &format!("is {standing}"), check).await
}

/// It takes no update, and its reason is on the status page.
async fn does_not_lead(grid: &Grid, name: &str, standing: &str, words: &[&str]) -> RegistryReport {
    let check =
        |report: &RegistryReport| report.standing == standing && words.iter().all(|word| report.reason.contains(word));
    let report = grid
        .registry(name, &format!("is {standing} and says {words:?}"), check)
        .await;
    let request = Request::Apply {
        application: Text::new("never").idle("n1", "never").parse(),
        if_revision: None,
        request: new_request(),
    };
    let answer = grid.call(&[name], request).await;
    assert!(answer.is_err(), "{name} took an update: {answer:?}");
    let page = grid.floe_at(&[name], &["status"]).await.done().out;
    assert!(
        page.contains(standing) && words.iter().all(|word| page.contains(word)),
        "{page}"
    );
    report
}

fn copy(grid: &Grid, from: &str, to: &str, files: &[&str]) {
    for file in files {
        let (from, to) = (grid.folder().join(from), grid.folder().join(to));
        std::fs::create_dir_all(&to).expect("a folder");
        std::fs::copy(from.join(file), to.join(file)).expect("a copy");
    }
}

#[tokio::test]
async fn a_master_restored_with_its_identity_is_told_who_holds_more_and_the_cure_works() {
    let mut grid = grid_at_work().await;
    grid.stop("r1").await;
    copy(&grid, "r1", "backup", &["database.redb", "identity"]);
    grid.start("r1");
    grid.settled("r1", &["r2", "r3"], &[]).await;
    write(&grid, "r1", "newer").await;
    grid.kill("r1").await;
    let kept = stands(&grid, "r2", "detached").await;
    copy(&grid, "backup", "r1", &["database.redb", "identity"]);

    // It has forgotten its own last reign, too: that the others promised a higher epoch is not the point.
    for flags in [&[][..], &["--promote"]] {
        grid.start_with("r1", flags);
        let words = [
            "MASTER_OUT_OF_DATE",
            "lacks",
            "floe registry promote r2; r1 follows it then",
            "--force",
        ];
        let report = does_not_lead(&grid, "r1", "outdated", &words).await;
        assert!(!report.reason.contains("waiting for it"), "{report:?}");
        grid.stop("r1").await;
    }
    for name in ["r2", "r3"] {
        let report = stands(&grid, name, "detached").await;
        assert_eq!(
            (&report.version, &report.digest),
            (&kept.version, &kept.digest),
            "{name}"
        );
    }
    // What it said: promote one that is ahead, start this one as replica.
    grid.stop("r2").await;
    grid.edit("r2", |daemon| "master".clone_into(&mut daemon.role));
    grid.edit("r1", |daemon| "replica".clone_into(&mut daemon.role));
    grid.start("r2");
    grid.start("r1");
    grid.settled("r2", &["r1", "r3"], &[]).await;
    holds(&grid, "r1", &["common", "newer"]).await;
}

#[tokio::test]
async fn a_master_restored_with_another_grids_database_leads_nobody() {
    let mut grid = grid_at_work().await;
    let foreign = {
        let mut other = Grid::new(&["r1"], &[]);
        other.start("r1");
        write(&other, "r1", "foreign").await;
        other.stop("r1").await;
        ["database.redb", "identity"].map(|file| std::fs::read(other.data("r1").join(file)).expect("a file"))
    };
    grid.stop("r1").await;
    let kept = stands(&grid, "r2", "detached").await;
    // First the database alone under the old identity, then both.
    for (file, content) in ["database.redb", "identity"].into_iter().zip(foreign) {
        std::fs::write(grid.data("r1").join(file), content).expect("a file");
        for flags in [&[][..], &["--promote"]] {
            grid.start_with("r1", flags);
            does_not_lead(&grid, "r1", "outdated", &["FOREIGN_STORE"]).await;
            holds(&grid, "r1", &["foreign"]).await;
            grid.stop("r1").await;
        }
    }
    for name in ["r2", "r3"] {
        let report = stands(&grid, name, "detached").await;
        assert_eq!(
            (&report.version, &report.digest),
            (&kept.version, &kept.digest),
            "{name}"
        );
        holds(&grid, name, &["common"]).await;
    }
}

#[tokio::test]
async fn a_replica_that_is_behind_leads_only_by_an_operators_word_and_loses_nobodys_data() {
    let mut grid = grid_at_work().await;
    grid.stop("r3").await;
    write(&grid, "r1", "missed").await;
    grid.kill("r1").await;
    grid.edit("r3", |daemon| "master".clone_into(&mut daemon.role));
    grid.start("r3");
    // r2 answers: it has what r3 lacks.
    does_not_lead(&grid, "r3", "outdated", &["MASTER_OUT_OF_DATE", "r2", "--force"]).await;
    // It is silent, but was heard.
    grid.kill("r2").await;
    does_not_lead(&grid, "r3", "outdated", &["does not answer now", "--accept-loss"]).await;
    grid.stop("r3").await;
    grid.start_with("r3", &["--accept-loss"]);
    stands(&grid, "r3", "leading").await;
    write(&grid, "r3", "after").await;
    // Who holds more keeps it, obeys, and says so; the old master as well.
    for name in ["r2", "r1"] {
        grid.start(name);
        let standing = if name == "r1" { "superseded" } else { "refusing" };
        let report = stands(&grid, name, standing).await;
        assert!(report.reason.contains("r3"), "{report:?}");
        holds(&grid, name, &["common", "missed"]).await;
    }
    holds(&grid, "r3", &["common", "after"]).await;
}
