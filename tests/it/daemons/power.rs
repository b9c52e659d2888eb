//! Power cuts and full disks under a real registry: what it acknowledged is there afterwards, its epochs never go back, and
//! the first error of the disk ends it.
//!
//! Skipped, with a word, where no disk can be mounted (`disk`).

use super::application::Text;
use super::crashes::{Writer, a_while, nothing_is_lost};
use super::disk::Disk;
use super::grid::{Grid, new_request, until};
use super::process::{self, signal};
use floe::client::{Client, Options};
use floe::pure::protocol::{Request, Response};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// Rounds go on for so long.
const ENOUGH: Duration = Duration::from_secs(8);
const ROUNDS: usize = 40;

/// A registry alone, with its data on the disk.
fn grid_on(disk: &Disk) -> Grid {
    let grid = Grid::new(&["r1"], &[]);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(disk.data(), mode).expect("a folder");
    std::os::unix::fs::symlink(disk.data(), grid.data("r1")).expect("a link");
    grid
}

#[tokio::test]
async fn power_cuts_lose_nothing_acknowledged_and_take_no_epoch_back() {
    let Some(disk) = Disk::make(64) else { return };
    let mut grid = grid_on(&disk);
    grid.start("r1");
    let writer = Writer::start(grid.client(&["r1"]));
    let (begun, mut epoch, mut rounds) = (Instant::now(), 0, 0);
    while rounds < 5 || (rounds < ROUNDS && begun.elapsed() < ENOUGH) {
        rounds += 1;
        let leads = grid
            .registry("r1", "leads", |report| report.standing == "leading")
            .await;
        assert!(leads.epoch > epoch, "round {rounds}: {} follows {epoch}", leads.epoch);
        epoch = leads.epoch;
        a_while().await;
        // Stopped first: while the disk dies under a running process, its syncs may lie.
        let pid = grid.pid("r1");
        signal(pid, Signal::STOP);
        until("r1 is stopped", async || match process::state(pid) {
            Some('T') => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        let acknowledged = writer.acknowledged();
        disk.cut();
        grid.kill("r1").await;
        disk.restore();
        grid.start("r1");
        grid.registry("r1", "leads again", |report| report.standing == "leading")
            .await;
        nothing_is_lost(&grid, "r1", &acknowledged).await;
    }
    let acknowledged = writer.stop().await;
    nothing_is_lost(&grid, "r1", &acknowledged).await;
    grid.stop("r1").await;
}

#[tokio::test]
async fn a_full_disk_ends_the_process_and_the_update_is_applied_once_after_all() {
    let Some(disk) = Disk::make(24) else { return };
    let mut grid = grid_on(&disk);
    grid.start("r1");
    grid.apply(&["r1"], &Text::new("before").idle("n1", "s0")).await;
    let ballast = disk.fill();
    // Larger than what the database file still has room for.
    let ten = (0..10).map(|index| format!("B{index} = \"{}\"", "x".repeat(50_000)));
    let ten = ten.collect::<Vec<_>>().join(", ");
    let text = Text::new("large")
        .idle("n1", "s1")
        .more(&format!("environment = {{ {ten} }}\n"));
    let application = text.parse();
    let request = new_request();
    let apply = |application| Request::Apply {
        application,
        if_revision: None,
        request,
    };
    // Who loses the connection tries again: not for long here.
    let options = Options {
        timeout: Duration::from_secs(3),
        ..Options::new("test")
    };
    let client = Client::new(vec![grid.address("r1")], options);
    let mut answer = client.call(apply(application.clone())).await;
    for number in 0..40 {
        if answer.is_err() {
            break;
        }
        let mut next = application.clone();
        next.description = format!("{number}");
        let request = Request::Apply {
            application: next,
            if_revision: None,
            request: new_request(),
        };
        answer = client.call(request).await;
    }
    let error = answer.expect_err("the disk gets full");
    assert!(!format!("{error:?}").contains("Invalid"), "{error:?}");
    let status = grid.ended("r1").await;
    assert_eq!(status.code(), Some(1), "the first error of the disk ends it: {status}");
    let log = grid.log("r1");
    assert!(log.contains("in doubt") && log.contains("No space left"), "{log}");
    // While the disk is full it does not start, and says why; nothing is worse for it.
    let said = grid.refused("r1", &[]).await;
    assert!(said.code != Some(0) && said.err.contains("No space left"), "{said:?}");
    std::fs::remove_file(ballast).expect("a file");
    grid.start("r1");
    let answer = grid
        .see(
            "the update is applied",
            &["r1"],
            apply(application),
            |response| match response {
                Response::Applied(report) => Ok(*report),
                other => Err(format!("{other:?}")),
            },
        )
        .await;
    assert_eq!(answer.revision, 1, "sent twice, applied once: {answer:?}");
}
