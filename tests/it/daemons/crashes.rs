//! `kill -9` of registries at random moments while updates go on: what was acknowledged is there afterwards, everywhere,
//! and nobody has to repair anything.

use super::application::Text;
use super::grid::{Grid, LOOK, PATIENCE, new_request, until};
use floe::client::Client;
use floe::pure::protocol::report::RegistryReport;
use floe::pure::protocol::{Request, Response};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const REGISTRIES: [&str; 3] = ["r1", "r2", "r3"];
/// Updates go round these.
const APPLICATIONS: u64 = 8;

/// Applies one update after another, each until it is acknowledged, and writes down which were.
pub(super) struct Writer {
    acknowledged: Arc<Mutex<BTreeMap<String, u64>>>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<u64>,
}

impl Writer {
    pub(super) fn start(client: Client) -> Self {
        let acknowledged: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (noted, stopped) = (acknowledged.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                number += 1;
                let name = format!("app-{}", number % APPLICATIONS);
                apply(&client, &name, number).await;
                noted.lock().expect("a lock").insert(name, number);
            }
            number
        });
        Self {
            acknowledged,
            stop,
            task,
        }
    }
    pub(super) fn acknowledged(&self) -> BTreeMap<String, u64> {
        self.acknowledged.lock().expect("a lock").clone()
    }
    /// Waits until some more updates are acknowledged.
    pub(super) async fn goes_on(&self) {
        let count = || self.acknowledged().values().copied().max().unwrap_or(0);
        let before = count();
        until("updates go on", async || {
            let now = count();
            (now >= before + 3)
                .then_some(())
                .ok_or(format!("{now}, and {before} before"))
        })
        .await;
    }
    pub(super) async fn stop(self) -> BTreeMap<String, u64> {
        self.stop.store(true, Ordering::Relaxed);
        let count = tokio::time::timeout(PATIENCE, self.task).await;
        let count = count
            .expect("the last update is acknowledged in time")
            .expect("the writer ends well");
        assert!(count > 10, "only {count} updates were made: the test proves little");
        self.acknowledged.lock().expect("a lock").clone()
    }
}

/// One update, sent with the same request id until it is acknowledged.
async fn apply(client: &Client, name: &str, number: u64) {
    let request = new_request();
    let text = Text::new(name)
        .idle("n1", &format!("{name}-server"))
        .more(&format!("environment = {{ NUMBER = \"{number}\" }}\n"));
    let application = text.parse();
    let end = Instant::now() + PATIENCE;
    loop {
        let request = Request::Apply {
            application: application.clone(),
            if_revision: None,
            request,
        };
        match client.call(request).await {
            Ok(Response::Applied(_)) => return,
            other => assert!(Instant::now() < end, "update {number} is not acknowledged: {other:?}"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The number of the last update of each application, as one registry holds it.
async fn held(grid: &Grid, registry: &str) -> BTreeMap<String, u64> {
    let mut held = BTreeMap::new();
    for index in 0..APPLICATIONS {
        let name = format!("app-{index}");
        let request = Request::Application {
            name: name.parse().expect("a name"),
        };
        let Ok(Response::Application(application)) = grid.call(&[registry], request).await else {
            continue;
        };
        let servers = application.nodes.values().flat_map(|node| node.servers.iter());
        let numbers = servers.filter_map(|server| {
            format!("{server:?}")
                .split("\"NUMBER\": \"")
                .nth(1)?
                .split('"')
                .next()?
                .parse()
                .ok()
        });
        held.insert(name, numbers.max().expect("it has its number"));
    }
    held
}

pub(super) async fn nothing_is_lost(grid: &Grid, registry: &str, acknowledged: &BTreeMap<String, u64>) {
    let held = held(grid, registry).await;
    for (name, number) in acknowledged {
        assert!(
            held.get(name) >= Some(number),
            "update {number} of {name} was acknowledged, {registry} holds {held:?}"
        );
    }
}

/// A moment between none and a fifth of a second.
pub(super) async fn a_while() {
    let dice = u64::try_from(floe::io::clock::dice() % 200).expect("it is small");
    tokio::time::sleep(Duration::from_millis(dice)).await;
}

/// Kills these registries so many times at random moments, starts them again, and looks after each start.
async fn survives(victims: &[&str], rounds: u32) {
    let mut grid = Grid::new(&REGISTRIES, &[]);
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &[]).await;
    let writer = Writer::start(grid.client(&REGISTRIES));
    for _ in 0..rounds {
        a_while().await;
        for name in victims {
            grid.kill(name).await;
        }
        for name in victims {
            grid.start(name);
        }
        let acknowledged = writer.acknowledged();
        grid.registry("r1", "leads", |report| report.standing == "leading")
            .await;
        nothing_is_lost(&grid, "r1", &acknowledged).await;
        // The next round meets a grid whose replicas may still be on their way back: that is the worse case.
    }
    let acknowledged = writer.stop().await;
    grid.settled("r1", &["r2", "r3"], &[]).await;
    let first = grid
        .registry("r1", "leads", |report| report.standing == "leading")
        .await;
    for name in REGISTRIES {
        nothing_is_lost(&grid, name, &acknowledged).await;
        let report = grid
            .registry(name, "has it all", |report| report.version == first.version)
            .await;
        assert_eq!(report.digest, first.digest, "{name}");
    }
}

#[tokio::test]
async fn a_master_killed_again_and_again_loses_nothing_acknowledged() {
    survives(&["r1"], 25).await;
}

#[tokio::test]
async fn a_replica_killed_again_and_again_catches_up_each_time() {
    survives(&["r2"], 20).await;
}

#[tokio::test]
async fn all_registries_killed_at_once_lose_nothing_acknowledged() {
    survives(&REGISTRIES, 12).await;
}

/// Each round the master dies, another registry is stopped, made master in its file and started, and the old one comes
/// back as replica, while updates that need two disks go on.
#[tokio::test]
async fn promotions_under_fire_lose_nothing_that_was_on_two_disks() {
    let mut grid = Grid::new(&REGISTRIES, &[]);
    for name in REGISTRIES {
        grid.edit(name, |daemon| daemon.more = "min_copies = 2\n".to_owned());
    }
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &[]).await;
    let writer = Writer::start(grid.client(&REGISTRIES));
    let mut master = "r1";
    for round in 0..6 {
        let old = master;
        let mut others: Vec<&str> = REGISTRIES.into_iter().filter(|name| *name != old).collect();
        others.rotate_left(round % 2);
        a_while().await;
        grid.kill(old).await;
        grid.edit(old, |daemon| daemon.role = "replica".to_owned());
        let acknowledged = writer.acknowledged();
        let decided = promoted(&mut grid, others[0]).await;
        if decided.standing == "outdated" {
            // The last update had reached the other one only, and is not lost: what the refusal says is done.
            assert!(
                decided.reason.contains(&format!("floe registry promote {}", others[1])),
                "{decided:?}"
            );
            grid.stop(others[0]).await;
            grid.edit(others[0], |daemon| daemon.role = "replica".to_owned());
            grid.start(others[0]);
            others.reverse();
            let decided = promoted(&mut grid, others[0]).await;
            assert_eq!(decided.standing, "leading", "{decided:?}");
        }
        let (new, third) = (others[0], others[1]);
        master = new;
        nothing_is_lost(&grid, new, &acknowledged).await;
        grid.start(old);
        let back = grid
            .registry(old, "follows, or says what only it holds", |report| {
                ["following", "superseded"].contains(&report.standing.as_str())
            })
            .await;
        if back.standing == "superseded" {
            // It died with an update on its disk that nobody had confirmed. That is for a person to decide; the client has
            // long sent it again.
            let cure = ["registry", "init", old, "--from", new];
            assert!(back.reason.contains(&format!("floe {}", cure.join(" "))), "{back:?}");
            let done = grid.floe_at(&[old], &cure).await.done();
            assert!(done.out.contains("surplus"), "{done:?}");
        }
        grid.settled(new, &[old, third], &[]).await;
    }
    let acknowledged = writer.stop().await;
    let first = grid
        .registry(master, "leads", |report| report.standing == "leading")
        .await;
    for name in REGISTRIES {
        let report = grid
            .registry(name, "has it all", |report| report.version == first.version)
            .await;
        assert_eq!(report.digest, first.digest, "{name}");
        nothing_is_lost(&grid, name, &acknowledged).await;
    }
}

/// The operator's promotion: stop it, make it master in its file, start it. How it decided.
async fn promoted(grid: &mut Grid, name: &str) -> RegistryReport {
    grid.stop(name).await;
    grid.edit(name, |daemon| "master".clone_into(&mut daemon.role));
    grid.start(name);
    grid.registry(name, "has decided", |report| {
        ["leading", "outdated"].contains(&report.standing.as_str())
    })
    .await
}
