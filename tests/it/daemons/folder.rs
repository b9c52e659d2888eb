//! Data folders and configurations that a daemon must not run with: it ends at once, says why, and changes nothing.

use super::application::Text;
use super::grid::Grid;
use std::path::Path;

/// A registry that ran, holds an application, and is stopped.
async fn stopped() -> Grid {
    let mut grid = Grid::new(&["r1"], &[]);
    grid.start("r1");
    grid.apply(&["r1"], &Text::new("needle-in-the-database").idle("n1", "s1"))
        .await;
    grid.stop("r1").await;
    grid
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file")
}
fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a file");
}

#[tokio::test]
async fn a_data_folder_in_use_is_refused_with_the_holders_process() {
    let mut grid = Grid::new(&["r1", "r2"], &["n1"]);
    grid.start_all();
    grid.settled("r1", &["r2"], &["n1"]).await;
    for name in ["r1", "n1"] {
        let said = grid.refused(name, &[]).await;
        assert_eq!(said.code, Some(75), "{said:?}");
        assert!(said.err.contains(&format!("process {} ", grid.pid(name))), "{said:?}");
    }
    grid.settled("r1", &["r2"], &["n1"]).await;
}

#[tokio::test]
async fn a_bad_configuration_is_refused_with_every_fault_before_anything_is_opened() {
    let mut grid = Grid::new(&["r1"], &["n1"]);
    grid.edit("r1", |daemon| {
        daemon.more = "min_copies = 0\nlog_kep = 5\ncopy_deadline = \"soon\"\n".to_owned();
    });
    grid.edit("n1", |daemon| {
        daemon.more = "on_stop = \"perhaps\"\nrole = \"master\"\n".to_owned();
    });
    for (name, faults) in [
        ("r1", &["min_copies", "log_kep", "log_keep", "copy_deadline"][..]),
        ("n1", &["on_stop", "role"]),
    ] {
        let said = grid.refused(name, &[]).await;
        assert_eq!(said.code, Some(78), "{said:?}");
        for fault in faults {
            assert!(said.err.contains(fault), "{fault} is named in {}", said.err);
        }
        assert!(!grid.data(name).exists(), "no data folder was made");
    }
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_left_as_it_is() {
    let mut grid = stopped().await;
    let path = grid.data("r1").join("database.redb");
    let good = read(&path);
    let needle = b"needle-in-the-database";
    let places: Vec<usize> = (0..good.len() - needle.len())
        .filter(|at| good[*at..].starts_with(needle))
        .collect();
    assert!(!places.is_empty(), "the application stands in the file");
    let mut damages = vec![
        ("noise", b"this is no database".repeat(1_000)),
        ("cut to half", good[..good.len() / 2].to_vec()),
        ("cut to a page", good[..4096].to_vec()),
    ];
    for at in places {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        damages.push(("a flipped bit", flipped));
    }
    for (what, damaged) in damages {
        write(&path, &damaged);
        let said = grid.refused("r1", &[]).await;
        assert_eq!(said.code, Some(1), "{what}: {said:?}");
        assert!(said.err.contains("database"), "{what}: {said:?}");
        assert!(!said.err.contains("panicked"), "{what}: {said:?}");
        assert!(read(&path) == damaged, "{what}: the file was changed: {said:?}");
    }
    write(&path, &good);
    grid.start("r1");
    grid.registry("r1", "leads", |report| report.standing == "leading")
        .await;
}

#[tokio::test]
async fn a_damaged_identity_is_refused_unless_one_copy_is_whole() {
    let mut grid = stopped().await;
    let path = grid.data("r1").join("identity");
    let good = read(&path);
    let mut both = good.clone();
    both[30] ^= 1;
    both[4096 + 30] ^= 1;
    for damaged in [both, b"noise".to_vec(), Vec::new()] {
        write(&path, &damaged);
        let said = grid.refused("r1", &[]).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains("identity") && said.err.contains("backup"), "{said:?}");
        assert!(read(&path) == damaged, "the file was changed: {said:?}");
    }
    std::fs::remove_file(&path).expect("a file");
    let said = grid.refused("r1", &[]).await;
    assert_eq!(said.code, Some(1), "a database without its identity: {said:?}");
    for at in [30, 4096 + 30] {
        let mut one = good.clone();
        one[at] ^= 1;
        write(&path, &one);
        grid.start("r1");
        grid.registry("r1", "leads", |report| report.standing == "leading")
            .await;
        grid.stop("r1").await;
    }
}

#[tokio::test]
async fn the_folder_of_another_peer_is_refused() {
    let mut grid = stopped().await;
    let before = read(&grid.data("r1").join("identity"));
    grid.edit("r1", |daemon| daemon.name = "r9".to_owned());
    let renamed = grid.refused("r1", &[]).await;
    grid.edit("r1", |daemon| {
        daemon.name = "r1".to_owned();
        daemon.grid = "other".to_owned();
    });
    let moved = grid.refused("r1", &[]).await;
    for said in [renamed, moved] {
        assert!(said.code.is_some_and(|code| code != 0), "{said:?}");
        assert!(said.err.contains("belongs to registry r1 of grid test"), "{said:?}");
    }
    assert!(read(&grid.data("r1").join("identity")) == before);
}

#[tokio::test]
async fn a_peer_of_another_grid_is_kept_out() {
    let mut grid = Grid::new(&["r1", "r2"], &["n1"]);
    grid.edit("r2", |daemon| daemon.grid = "other".to_owned());
    grid.start_all();
    grid.settled("r1", &[], &[]).await;
    super::grid::until("r1 refuses r2 with a reason", async || {
        let log = grid.log("r1") + &grid.log("r2");
        let words = log.contains("other") && log.contains("test") && log.contains("refus");
        if words { Ok(()) } else { Err(log) }
    })
    .await;
    let status = grid.settled("r1", &[], &[]).await;
    assert!(
        !status
            .registries
            .iter()
            .any(|row| row.name == "r2" && row.standing != "unreachable"),
        "{status:?}"
    );
}
