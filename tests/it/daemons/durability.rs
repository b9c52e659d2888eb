//! What sick replicas do to updates: a frozen one and one with a full disk delay one update up to `copy_deadline` and are
//! named; too few copies are refused before anything is stored; what is in doubt is settled by the same request.

use super::application::Text;
use super::grid::{Grid, Said, new_request, until};
use super::process;
use floe::pure::protocol::report::AppliedReport;
use floe::pure::protocol::{ErrorCode, Request, Response};
use rustix::process::Signal;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const REGISTRIES: [&str; 3] = ["r1", "r2", "r3"];
/// The default of `copy_deadline`.
const COPY_DEADLINE: Duration = Duration::from_secs(2);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_millis(1500);

async fn grid_of_three(more: &str) -> Grid {
    let mut grid = Grid::new(&REGISTRIES, &[]);
    for name in REGISTRIES {
        grid.edit(name, |daemon| more.clone_into(&mut daemon.more));
    }
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &[]).await;
    grid
}

/// One update, sent once, with the time that it took.
async fn timed(grid: &Grid, text: &Text) -> (AppliedReport, Duration) {
    let request = Request::Apply {
        application: text.parse(),
        if_revision: None,
        request: new_request(),
    };
    let begin = Instant::now();
    match grid.call(&["r1"], request).await {
        Ok(Response::Applied(report)) => (*report, begin.elapsed()),
        other => panic!("{other:?} after {:?}", begin.elapsed()),
    }
}

async fn versions(grid: &Grid, names: &[&str]) -> Vec<String> {
    let mut versions = Vec::new();
    for name in names {
        versions.push(grid.registry(name, "answers", |_| true).await.version);
    }
    versions
}

#[tokio::test]
async fn a_frozen_replica_delays_one_update_and_catches_up_when_it_wakes() {
    let grid = grid_of_three("").await;
    process::signal(grid.pid("r3"), Signal::STOP);
    let (first, waited) = timed(&grid, &Text::new("first")).await;
    assert_eq!(
        (first.copies, first.behind.as_slice()),
        (2, ["r3".to_owned()].as_slice())
    );
    assert!(waited < COPY_DEADLINE + SLACK, "the first update took {waited:?}");
    for number in 1..=5 {
        let (later, waited) = timed(&grid, &Text::new(&format!("later-{number}"))).await;
        assert_eq!(later.copies, 2);
        assert!(
            waited < SLACK,
            "later update {number} took {waited:?}: it waited for the frozen one"
        );
    }
    process::signal(grid.pid("r3"), Signal::CONT);
    grid.settled("r1", &["r2", "r3"], &[]).await;
    let (healthy, _) = timed(&grid, &Text::new("healthy")).await;
    assert_eq!((healthy.copies, healthy.behind.len()), (3, 0));
}

/// A small file system of its own in a folder; unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, with a word about it, where this machine does not let us mount one.
    #[expect(clippy::print_stdout, reason = "a skipped check says so")]
    fn mount(path: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(path).expect("a folder");
        let said = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"])
            .arg(path)
            .output();
        match said {
            Ok(said) if said.status.success() => Some(Self(path.to_owned())),
            other => {
                println!("skipped: a full disk needs a small file system, and mounting a tmpfs failed: {other:?}");
                None
            }
        }
    }
    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = File::create(self.ballast()).expect("a file");
        let block = [0_u8; 4096];
        while file.write_all(&block).is_ok() {}
    }
    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast goes");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("-l").arg(&self.0).status();
        drop(done);
    }
}

/// An application that takes room.
fn large(name: &str) -> Text {
    Text::new(name)
        .idle("n1", &format!("{name}-server"))
        .more(&format!("environment = {{ FILLING = \"{}\" }}\n", "x".repeat(30_000)))
}

#[tokio::test]
async fn a_replica_with_a_full_disk_ends_with_advice_and_comes_back_by_itself() {
    let mut grid = Grid::new(&REGISTRIES, &[]);
    let Some(disk) = SmallDisk::mount(&grid.data("r3"), "8m") else {
        return;
    };
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &[]).await;
    disk.fill();
    let mut named = false;
    for number in 0..200 {
        let (report, waited) = timed(&grid, &large(&format!("app-{number}"))).await;
        assert!(waited < COPY_DEADLINE + SLACK, "update {number} took {waited:?}");
        assert!(report.copies >= 2, "{report:?}");
        named |= report.behind == ["r3"];
        if report.copies == 2 {
            break;
        }
    }
    assert!(named, "the update that met the full disk names r3");
    let status = grid.ended("r3").await;
    assert_eq!(status.code(), Some(1), "{status}");
    let log = grid.log("r3");
    for words in ["No space left", "the disk is full", "Make room", "in doubt"] {
        assert!(log.contains(words), "{words:?} in {log}");
    }
    let (later, waited) = timed(&grid, &Text::new("later")).await;
    assert!(later.copies == 2 && waited < SLACK, "{later:?} after {waited:?}");

    // What a service manager does meanwhile: it fails again, says the same, and makes nothing worse.
    let said = grid.refused("r3", &[]).await;
    assert!(
        said.code == Some(1) && said.err.contains("the disk is full"),
        "{said:?}"
    );
    disk.make_room();
    grid.start("r3");
    grid.settled("r1", &["r2", "r3"], &[]).await;
    let (healthy, _) = timed(&grid, &Text::new("healthy")).await;
    assert_eq!((healthy.copies, healthy.behind.len()), (3, 0));
    grid.stop("r3").await;
    drop(disk);
}

#[tokio::test]
async fn too_few_copies_in_reach_are_refused_before_anything_is_stored() {
    let mut grid = grid_of_three("min_copies = 3\n").await;
    grid.kill("r3").await;
    grid.status("r3 is gone", &["r1"], |status| {
        let gone = |name: &str| {
            status
                .registries
                .iter()
                .any(|row| row.name == name && row.standing == "unreachable")
        };
        if gone("r3") { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await;
    let before = versions(&grid, &["r1", "r2"]).await;
    let file = grid.write("shop.toml", Text::new("shop").idle("n1", "s1").as_str());
    let said = grid
        .floe_at(&["r1"], &["app", "apply", &file, "--format", "json"])
        .await;
    assert!(
        said.code == Some(5) && said.err.contains("nothing was stored"),
        "{said:?}"
    );
    assert!(said.err.contains("floe registry list"), "what to do next: {said:?}");
    assert_eq!(versions(&grid, &["r1", "r2"]).await, before);
    grid.start("r3");
    grid.settled("r1", &["r2", "r3"], &[]).await;
    assert_eq!(versions(&grid, &REGISTRIES).await, [&before[..], &before[..1]].concat());
    grid.floe_at(&["r1"], &["app", "apply", &file]).await.done();
}

/// Starts `floe app apply` and waits until a registry beside the master has stored it, although it is not acknowledged.
async fn apply_in_doubt(grid: &Grid, timeout: &str) -> tokio::task::JoinHandle<Said> {
    let before = grid.registry("r2", "answers", |_| true).await.serial;
    let file = grid.write("shop.toml", Text::new("shop").idle("n1", "s1").as_str());
    let mut command = grid.floe_command(
        &REGISTRIES,
        &["app", "apply", &file, "--format", "json", "--timeout", timeout],
    );
    // It ends by its own timeout at the latest.
    let running = tokio::task::spawn_blocking(move || {
        let ended = command.stderr(Stdio::piped()).output().expect("floe starts");
        Said {
            code: ended.status.code(),
            out: String::from_utf8_lossy(&ended.stdout).into_owned(),
            err: String::from_utf8_lossy(&ended.stderr).into_owned(),
        }
    });
    grid.registry("r2", "has the update", |report| report.serial > before)
        .await;
    running
}

#[tokio::test]
async fn an_update_in_doubt_is_settled_by_the_same_command_when_the_replica_wakes() {
    let grid = grid_of_three("min_copies = 3\ncopy_deadline = \"200ms\"\n").await;
    process::signal(grid.pid("r3"), Signal::STOP);
    let running = apply_in_doubt(&grid, "50s").await;
    // Somebody else's update is in doubt in words, with the exit code for it.
    let file = grid.write("other.toml", Text::new("other").as_str());
    let other = grid
        .floe_at(&["r1"], &["app", "apply", &file, "--timeout", "1s", "--format", "json"])
        .await;
    let in_doubt = other.code == Some(8) && other.err.contains("--request");
    // Once its link counts as broken, it is out of reach: refused, and nothing is stored.
    let refused = other.code == Some(5) && other.err.contains("nothing was stored");
    assert!(in_doubt || refused, "{other:?}");
    process::signal(grid.pid("r3"), Signal::CONT);
    let said = running.await.expect("the command ends").done();
    assert!(
        said.err.contains("the outcome was not known at first") && said.err.contains("with the same request id"),
        "{said:?}"
    );
    let applied = said.json();
    assert_eq!(
        (&applied["revision"], &applied["copies"]),
        (&1.into(), &3.into()),
        "{applied}"
    );
}

#[tokio::test]
async fn an_update_in_doubt_is_applied_once_across_a_promotion() {
    let mut grid = grid_of_three("min_copies = 3\ncopy_deadline = \"200ms\"\n").await;
    process::signal(grid.pid("r3"), Signal::STOP);
    let running = apply_in_doubt(&grid, "55s").await;
    grid.kill("r1").await;
    grid.stop("r2").await;
    grid.edit("r1", |daemon| daemon.role = "replica".to_owned());
    grid.edit("r2", |daemon| daemon.role = "master".to_owned());
    process::signal(grid.pid("r3"), Signal::CONT);
    grid.start_with("r2", &["--accept-loss"]);
    grid.start("r1");
    let said = running.await.expect("the command ends").done();
    assert!(said.err.contains("the outcome was not known at first"), "{said:?}");
    assert_eq!(said.json()["revision"], 1, "{said:?}");
    grid.settled("r2", &["r1", "r3"], &[]).await;
    for name in REGISTRIES {
        let request = Request::History {
            name: "shop".parse().expect("a name"),
        };
        let history = grid.call(&[name], request).await;
        assert!(
            matches!(&history, Ok(Response::History(rows)) if rows.len() == 1),
            "{name}: {history:?}"
        );
    }
    let unchanged = Request::Apply {
        application: Text::new("shop").idle("n1", "s1").parse(),
        if_revision: Some(0),
        request: new_request(),
    };
    let refused = grid.call(&["r2"], unchanged).await;
    assert!(
        matches!(&refused, Err(floe::client::Error::Failed(failure)) if failure.code == ErrorCode::Precondition),
        "{refused:?}"
    );
    until("all agree", async || {
        let all = versions(&grid, &REGISTRIES).await;
        if all.windows(2).all(|pair| pair[0] == pair[1]) {
            Ok(())
        } else {
            Err(format!("{all:?}"))
        }
    })
    .await;
}
