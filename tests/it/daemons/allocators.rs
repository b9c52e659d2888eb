//! Allocators on real registries: each shipped one decides, each way to misbehave is borne, files and processes are replaced
//! while grants go on.

use super::activation::small_grid;
use super::application::Text;
use super::grid::{Grid, until};
use super::process;
use crate::plugins::library;
use floe::client::{Session, SessionOptions};
use floe::pure::allocation::{PluginReport, Wish};
use floe::pure::protocol::allocation::{DecisionReport, LeaseReport};
use floe::pure::protocol::{Request, Response};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

const R: [&str; 1] = ["r1"];

/// Three resources in each of two zones.
fn rooms() -> Text {
    let mut servers = String::new();
    for zone in ["a", "b"] {
        for number in 1..=3 {
            write!(
                servers,
                "[[node.n1.server]]\nid = \"{zone}{number}-server\"\nrun = [\"/bin/sleep\", \"1000\"]\n\
                 allocatable = [{{ id = \"{zone}{number}\", type = \"room\", attributes = {{ zone = \"{zone}\" }} }}]\n"
            )
            .expect("a text takes all");
        }
    }
    Text::new("hall").more(&format!("\n{servers}"))
}

/// `[allocation]` with one plugin that decides.
pub(super) fn allocation(name: &str, file: &Path, isolation: &str, config: &str) -> String {
    format!(
        "[allocation]\npolicy = \"{name}\"\ndeadline = \"200ms\"\n[allocation.plugin.{name}]\nfile = \"{}\"\nisolation = \"{isolation}\"\n\
         [allocation.plugin.{name}.config]\n{config}\n",
        file.display()
    )
}

pub(super) async fn plugins(grid: &Grid, registry: &str) -> Vec<PluginReport> {
    match grid.call(&[registry], Request::Plugins).await {
        Ok(Response::Plugins(rows)) => rows,
        other => panic!("{other:?}"),
    }
}

/// Waits until the only plugin of r1 is as wanted.
async fn plugin(grid: &Grid, what: &str, good: impl Fn(&PluginReport) -> bool) -> PluginReport {
    until(what, async || {
        let rows = plugins(grid, "r1").await;
        let row = rows.into_iter().next().ok_or("no plugin")?;
        if good(&row) { Ok(row) } else { Err(format!("{row:?}")) }
    })
    .await
}

/// Writes another `[allocation]` and has it loaded.
pub(super) async fn reconfigure(grid: &mut Grid, section: String) {
    grid.edit("r1", |daemon| daemon.more = section);
    let reloaded = grid.call(&R, Request::ReloadPlugins { name: None }).await;
    assert!(matches!(reloaded, Ok(Response::Plugins(_))), "{reloaded:?}");
}

async fn session(grid: &Grid, name: &str) -> Session {
    let options = SessionOptions::new(name.to_owned());
    grid.client(&R).session(options).await.expect("a session")
}

async fn take(session: &Session) -> LeaseReport {
    let wish = Wish::Type {
        kind: "room".to_owned(),
        attributes: BTreeMap::new(),
    };
    let taken = session.allocate(wish, Some(Duration::from_secs(10)), |_| {}).await;
    taken.expect("it is given")
}

async fn explained(grid: &Grid, lease: &LeaseReport) -> DecisionReport {
    let resource = lease.resource.parse().expect("an id");
    match grid.call(&R, Request::ExplainLease { resource }).await {
        Ok(Response::Decision(report)) => *report,
        other => panic!("{other:?}"),
    }
}

fn zone(lease: &LeaseReport) -> &str {
    &lease.attributes["zone"]
}

#[tokio::test]
async fn each_shipped_allocator_decides_in_a_process_and_in_a_thread() {
    let mut grid = small_grid(&rooms()).await;
    for (name, config) in [
        ("least-loaded", ""),
        ("spread", "max_skew = 1"),
        ("bin-pack", "unit = \"node\""),
        ("fair-share", "quota = 2"),
        ("sticky", ""),
        ("chaos", ""),
    ] {
        for isolation in ["process", "thread"] {
            let file = library(&name.replace('-', "_"));
            let section = allocation(name, &file, isolation, config);
            reconfigure(&mut grid, section).await;
            let row = plugin(&grid, "it is active", |row| {
                row.name == name && row.state == "active" && row.isolation == isolation
            })
            .await;
            assert_eq!(
                (row.policy, row.pid.is_some()),
                (true, isolation == "process"),
                "{row:?}"
            );
            let own = session(&grid, name).await;
            let (first, second) = (take(&own).await, take(&own).await);
            let why = explained(&grid, &first).await;
            assert_eq!(why.resource.as_deref(), Some(first.resource.as_str()), "{why:?}");
            assert_eq!((why.candidates, why.best.is_empty()), (6, false), "{why:?}");
            match name {
                // It orders and bounds; what is taken is not its business.
                "fair-share" => {
                    assert_eq!(why.by, "random", "{why:?}");
                    assert!(why.instead.contains("fair-share has no opinion"), "{why:?}");
                    let wish = Wish::Id("a1".parse().expect("an id"));
                    let wish = if [&first, &second].iter().any(|lease| lease.resource == "a1") {
                        Wish::Id("b1".parse().expect("an id"))
                    } else {
                        wish
                    };
                    let refused = own.allocate(wish, Some(Duration::ZERO), |_| {}).await;
                    let words = format!("{refused:?}");
                    assert!(
                        words.contains("fair-share") && words.contains("2 are allowed"),
                        "{words}"
                    );
                }
                _ => assert_eq!((why.by.as_str(), why.instead.as_str()), (name, ""), "{why:?}"),
            }
            if name == "spread" {
                assert_ne!(zone(&first), zone(&second), "{first:?} {second:?}");
                assert!(why.reason.contains("leases a zone"), "{why:?}");
            }
            if name == "sticky" {
                let wanted = second.resource.clone();
                own.release(wanted.parse().expect("an id"))
                    .await
                    .expect("it is released");
                assert_eq!(take(&own).await.resource, wanted, "what it had before");
            }
            let seen = plugin(&grid, "it was asked", |row| row.asked >= 2).await;
            assert_eq!((seen.faults, seen.last_fault.as_str()), (0, ""), "{seen:?}");
            own.close().await.expect("it is closed");
        }
    }
}

/// What each way to misbehave comes to: who decides, what is said of it, and whether its process is lost.
#[tokio::test]
async fn whatever_an_allocator_does_grants_go_on() {
    let mut grid = small_grid(&rooms()).await;
    let file = library("chaos");
    for (mode, by, words, is_lost) in [
        ("panic", "random", "mode is panic", false),
        ("loop", "random", "no answer within 200 ms", true),
        ("slow", "random", "no answer within 200 ms", true),
        ("crash", "random", "is gone", true),
        ("internal", "random", "mode is internal", false),
        ("busy", "random", "mode is busy", false),
        ("abstain", "random", "has no opinion", false),
        ("out-of-range", "random", "chose index", false),
        ("rejected", "random", "rejected", false),
        ("wild-scores", "chaos", "", false),
        ("garbage-reason", "chaos", "", false),
        ("panic-in-observe", "random", "panic-in-observe", false),
        ("loop-in-observe", "random", "no answer within 200 ms", true),
        ("panic-in-resync", "random", "panic-in-resync", false),
        ("panic-in-destroy", "chaos", "", false),
        ("loop-in-destroy", "chaos", "", false),
    ] {
        let section = allocation("chaos", &file, "process", &format!("mode = \"{mode}\"\ndelay_ms = 300"));
        // It may have been set aside for the mode before: then it is another plugin.
        reconfigure(&mut grid, String::new()).await;
        reconfigure(&mut grid, section).await;
        let before = plugin(&grid, mode, |row| row.state == "active").await;
        let own = session(&grid, mode).await;
        // What it learns of the first shows with the second.
        let leases = [take(&own).await, take(&own).await];
        let why = explained(&grid, &leases[1]).await;
        if !is_lost || mode.ends_with("observe") {
            assert_eq!(why.by, by, "{mode}: {why:?}");
        }
        let first = explained(&grid, &leases[0]).await;
        let told = format!("{} {}", first.instead, why.instead);
        assert!(told.contains(words), "{mode}: {told}");
        if is_lost {
            let row = plugin(&grid, mode, |row| row.state == "active" && row.crashes > 0).await;
            assert_ne!(row.pid, before.pid, "{mode}: {row:?}");
        }
        own.close().await.expect("it is closed");
    }
}

#[tokio::test]
async fn what_cannot_be_loaded_says_why_and_the_built_in_decides() {
    let mut grid = small_grid(&rooms()).await;
    let text = grid.folder().join("text.so");
    std::fs::write(&text, "no library").expect("it is written");
    let chaos = library("chaos");
    for (file, config, words) in [
        (Path::new("/no/such.so"), "", "No such file"),
        (text.as_path(), "", "no ELF object"),
        (chaos.as_path(), "mode = \"config-error\"", "mode is config-error"),
        (chaos.as_path(), "mode = \"panic-in-create\"", "panic-in-create"),
        (chaos.as_path(), "mode = \"crash-in-create\"", "signal: 6"),
        (chaos.as_path(), "nonsense = 1", "nonsense"),
    ] {
        reconfigure(&mut grid, String::new()).await;
        reconfigure(&mut grid, allocation("it", file, "process", config)).await;
        let row = plugin(&grid, words, |row| row.state == "failed").await;
        assert!(row.reason.contains(words), "{words}: {row:?}");
        let own = session(&grid, "goes on").await;
        let why = explained(&grid, &take(&own).await).await;
        assert!(why.by == "random" && why.instead.contains(words), "{why:?}");
        own.close().await.expect("it is closed");
    }
    // Only the bytes that are pinned, where any are.
    let found = blake3::hash(&std::fs::read(&chaos).expect("it is built"))
        .to_hex()
        .to_string();
    for (digest, state) in [("0".repeat(64), "failed"), (found.clone(), "active")] {
        let pinned = format!("digest = \"{digest}\"\nisolation");
        let section = allocation("it", &chaos, "process", "").replace("isolation", &pinned);
        reconfigure(&mut grid, String::new()).await;
        reconfigure(&mut grid, section).await;
        let row = plugin(&grid, &digest, |row| row.state == state).await;
        assert_eq!(row.reason.contains(&found), state == "failed", "{row:?}");
    }
    // A configuration that cannot be read changes nothing, and says so.
    grid.edit("r1", |daemon| {
        daemon.more = "[allocation]\npolicy = \"nobody\"\n".to_owned();
    });
    let refused = grid.call(&R, Request::ReloadPlugins { name: None }).await;
    let words = format!("{refused:?}");
    assert!(
        words.contains("no built-in") && words.contains("allocation.plugin.nobody"),
        "{words}"
    );
    assert_eq!(plugins(&grid, "r1").await.len(), 1);
}

/// While somebody takes and gives back all the time: files change, processes are killed, a bad file comes; nobody waits in vain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_processes_are_replaced_while_grants_go_on() {
    let mut grid = small_grid(&rooms()).await;
    let folder = grid.folder().to_owned();
    let file = folder.join("plugin.so");
    let put = |from: &Path| {
        // As a package manager does: beside it, then in its place.
        let next = folder.join("next.so");
        std::fs::copy(from, &next).expect("it is copied");
        std::fs::rename(&next, &file).expect("it is put in place");
    };
    put(&library("least_loaded"));
    reconfigure(&mut grid, allocation("it", &file, "process", "")).await;
    let first = plugin(&grid, "it is active", |row| row.state == "active").await;
    let busy = {
        let own = session(&grid, "busy").await;
        tokio::spawn(async move {
            let mut given = 0_u32;
            loop {
                let lease = take(&own).await;
                given += 1;
                own.release(lease.resource.parse().expect("an id"))
                    .await
                    .expect("it is released");
                if given > 100_000 {
                    return given;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    };
    // Another file under the same name, by signal.
    put(&library("sticky"));
    process::signal(grid.pid("r1"), Signal::HUP);
    let second = plugin(&grid, "the new file is loaded", |row| {
        row.generation == first.generation + 1 && row.state == "active"
    })
    .await;
    assert_ne!((&second.digest, second.pid), (&first.digest, first.pid));
    // A bad one: what is loaded goes on, and says what is wrong.
    std::fs::remove_file(&file).expect("it is there");
    std::fs::write(&file, "no library").expect("it is written");
    reconfigure(&mut grid, allocation("it", &file, "process", "")).await;
    let third = plugin(&grid, "the bad file is told", |row| {
        !row.is_loading() && row.not_loaded.contains("no ELF object")
    })
    .await;
    let goes_on = ("active", second.pid, second.generation, false);
    assert_eq!(
        (third.state.as_str(), third.pid, third.generation, third.replacing),
        goes_on,
        "{third:?}"
    );
    // Killed, it is started again from what was checked, whatever lies in the file's place now.
    let mut pid = second.pid.expect("a process");
    for _ in 0..3 {
        process::signal(pid, Signal::KILL);
        let row = plugin(&grid, "another process", |row| {
            row.state == "active" && row.pid.is_some_and(|now| now != pid)
        })
        .await;
        pid = row.pid.expect("a process");
    }
    // Again and again, it is left alone until somebody looks.
    for _ in 0..5 {
        let row = plugin(&grid, "it runs or is quarantined", |row| {
            row.pid.is_some() || row.state == "quarantined"
        })
        .await;
        let Some(pid) = row.pid else { break };
        process::signal(pid, Signal::KILL);
        plugin(&grid, "it is gone", |row| row.pid != Some(pid)).await;
    }
    let row = plugin(&grid, "quarantine", |row| row.state == "quarantined").await;
    assert!(row.reason.contains("floe plugin reload it"), "{row:?}");
    put(&library("bin_pack"));
    grid.call(
        &R,
        Request::ReloadPlugins {
            name: Some("it".to_owned()),
        },
    )
    .await
    .expect("it is loaded");
    plugin(&grid, "it is active again", |row| {
        row.state == "active" && row.not_loaded.is_empty()
    })
    .await;
    assert!(!busy.is_finished(), "every grant came");
    busy.abort();
    let pages = super::grid::get(&format!("http://{}/metrics", grid.http("r1"))).await;
    assert!(
        pages.contains("floe_allocator_questions_total{outcome=\"chosen\""),
        "{pages}"
    );
}
