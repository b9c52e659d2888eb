//! Sessions on real processes: commands that hold what they need, clients that die, masters that are killed meanwhile. The
//! scenarios S-ALL of the system that floe replaces stand beside the core (`handle/allocate_test.rs`), but for the storm,
//! S-ALL-28, which stands here with an independent checker.

use super::activation::small_grid;
use super::allocators::allocation;
use super::application::Text;
use super::grid::{Grid, finish, new_request, until, wait};
use super::process;
use crate::plugins::library;
use floe::client::{Client, SessionOptions};
use floe::pure::allocation::{Token, Wish};
use floe::pure::base::{ObjectId, Secret};
use floe::pure::protocol::allocation::{Allocate, LeaseReport};
use floe::pure::protocol::{Request, Response};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const R: [&str; 1] = ["r1"];
const ALL: [&str; 3] = ["r1", "r2", "r3"];

/// Two exclusive servers of two resources each, and two resources that stand alone.
fn hall() -> Text {
    Text::new("hall").more(
        r#"
[[node.n1.server]]
id = "pair-1"
run = ["/bin/sleep", "1000"]
exclusive = true
allocatable = [{ id = "a1", type = "pair" }, { id = "a2", type = "pair" }]
[[node.n1.server]]
id = "pair-2"
run = ["/bin/sleep", "1000"]
exclusive = true
allocatable = [{ id = "b1", type = "pair" }, { id = "b2", type = "pair" }]
[[node.n1.server]]
id = "single"
run = ["/bin/sleep", "1000"]
allocatable = [{ id = "c1", type = "gpu", attributes = { memory = "80GiB" } }, { id = "c2", type = "gpu" }]
"#,
    )
}

async fn leases(grid: &Grid, peers: &[&str]) -> Vec<LeaseReport> {
    match grid.call(peers, Request::Leases { after: None }).await {
        Ok(Response::Leases(rows, false)) => rows,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_command_runs_while_it_holds_what_it_asked_for() {
    let grid = small_grid(&hall()).await;
    // What it holds it finds in its environment; it ends as the command ends.
    let script = "echo $FLOE_OBJECT $FLOE_TOKEN $FLOE_SESSION; exit 7";
    let arguments = [
        "allocate",
        "--type",
        "gpu",
        "--where",
        "memory=80GiB",
        "--",
        "/bin/sh",
        "-c",
        script,
    ];
    let said = grid.floe_at(&R, &arguments).await;
    let words: Vec<&str> = said.out.split_whitespace().collect();
    assert_eq!(
        (said.code, words.first(), words.len()),
        (Some(7), Some(&"c1"), 3),
        "{said:?}"
    );
    let first: Token = words[1].parse().expect("a token");
    assert!(leases(&grid, &R).await.is_empty());

    // Another one holds it: not at once, and not for who will not wait.
    let mut holding = grid.floe_command(
        &R,
        &[
            "allocate",
            "--id",
            "c1",
            "--ttl",
            "2s",
            "--name",
            "holder",
            "--",
            "/bin/sleep",
            "1000",
        ],
    );
    let mut holder = holding
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let held = until("it is held", async || {
        leases(&grid, &R).await.pop().ok_or_else(|| "not yet".to_owned())
    })
    .await;
    assert!(
        held.token.parse::<Token>().is_ok_and(|token| token > first),
        "{held:?} after {first}"
    );
    assert_eq!(
        (held.resource.as_str(), held.session_name.as_str(), held.server.as_str()),
        ("c1", "holder", "single")
    );
    let said = grid
        .floe_at(&R, &["allocate", "--id", "c1", "--wait", "0s", "--", "/bin/true"])
        .await;
    assert_eq!(said.code, Some(9), "{said:?}");
    assert!(
        said.err.contains(&format!("c1 is held by session {}", held.session)),
        "{said:?}"
    );
    let said = grid
        .floe_at(&R, &["allocate", "--id", "nobody", "--", "/bin/true"])
        .await;
    assert_eq!(said.code, Some(4), "{said:?}");
    // Killed with its command, it is free within its time to live, for who waits.
    let command = process::with_variable("FLOE_TOKEN", &held.token);
    assert_eq!(command.len(), 1, "the command runs");
    let mut waiting = grid.floe_command(
        &R,
        &["allocate", "--id", "c1", "--", "/bin/sh", "-c", "echo got $FLOE_OBJECT"],
    );
    let meanwhile = async {
        until("it waits", async || {
            let sessions = grid.floe_at(&R, &["session", "list", "--format", "json"]).await.json();
            let waits = sessions
                .as_array()
                .is_some_and(|rows| rows.iter().any(|row| row["waiting"] == 1));
            waits.then_some(()).ok_or_else(|| sessions.to_string())
        })
        .await;
        holder.kill().expect("our own child");
        wait(&mut holder, "the killed one").await;
    };
    let (said, ()) = tokio::join!(finish(&mut waiting, "the next one"), meanwhile);
    assert_eq!((said.code, said.out.trim()), (Some(0), "got c1"), "{said:?}");
    assert!(
        said.err.is_empty() || said.err.starts_with("waiting for c1"),
        "{said:?}"
    );
    process::signal(command[0], Signal::KILL);
}

#[tokio::test]
async fn when_the_session_is_ended_its_command_ends() {
    let grid = small_grid(&hall()).await;
    let script = "trap 'echo told to end; exit 3' TERM; echo ready; while :; do sleep 0.1; done";
    let mut command = grid.floe_command(
        &R,
        &[
            "allocate", "--type", "pair", "--count", "2", "--ttl", "2s", "--", "/bin/sh", "-c", script,
        ],
    );
    let meanwhile = async {
        let held = until("both are held", async || {
            let held = leases(&grid, &R).await;
            (held.len() == 2).then_some(held).ok_or_else(|| "not yet".to_owned())
        })
        .await;
        until("the command is ready", async || {
            let runs = process::with_variable("FLOE_SESSION", &held[0].session.to_string());
            (!runs.is_empty()).then_some(()).ok_or_else(|| "not yet".to_owned())
        })
        .await;
        let said = grid
            .floe_at(&R, &["session", "close", &held[0].session.to_string()])
            .await
            .done();
        assert!(said.err.contains("it held 2"), "{said:?}");
    };
    let (said, ()) = tokio::join!(finish(&mut command, "the command"), meanwhile);
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(
        said.out.contains("told to end") && said.err.contains("the session is over"),
        "{said:?}"
    );
    assert!(leases(&grid, &R).await.is_empty());
}

/// One belief of a client that it holds something.
#[derive(Clone, Debug)]
struct Hold {
    resource: String,
    server: String,
    session: String,
    token: Token,
    from: Instant,
    until: Instant,
}

/// What clients did, and how often it came to something.
#[derive(Debug, Default)]
struct Story {
    holds: Mutex<Vec<Hold>>,
    stop: AtomicBool,
    given: AtomicU64,
    refused: AtomicU64,
}

/// A generator for choices: a failing run is told by its seed.
struct Dice(u64);
impl Dice {
    fn roll(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
    fn wish(&mut self) -> Wish {
        match self.roll(4) {
            0 => Wish::Id(
                ["a1", "a2", "b1", "b2", "c1", "c2"][usize::try_from(self.roll(6)).expect("small")]
                    .parse()
                    .expect("an id"),
            ),
            kind => Wish::Type {
                kind: if kind == 1 { "gpu" } else { "pair" }.to_owned(),
                attributes: BTreeMap::new(),
            },
        }
    }
}

fn hold(lease: &LeaseReport, from: Instant, until: Instant) -> Hold {
    Hold {
        resource: lease.resource.clone(),
        server: lease.server.clone(),
        session: lease.session.to_string(),
        token: lease.token.parse().expect("a token"),
        from,
        until,
    }
}

/// Opens sessions, takes things, gives them back or closes; sometimes it dies in the middle.
async fn client_of_the_storm(client: Client, seed: u64, story: Arc<Story>) {
    let mut dice = Dice(seed);
    let ttl = Duration::from_secs(4);
    while !story.stop.load(Ordering::Relaxed) {
        if dice.roll(6) == 0 {
            dies_holding(&client, &mut dice, &story).await;
            continue;
        }
        let options = SessionOptions {
            ttl,
            ..SessionOptions::new(format!("storm {seed}"))
        };
        let Ok(session) = client.session(options).await else {
            continue;
        };
        for _ in 0..dice.roll(6) {
            let limit = Duration::from_millis(dice.roll(200));
            let got = session.allocate(dice.wish(), Some(limit), |_| {}).await;
            let from = Instant::now();
            let Ok(lease) = got else {
                story.refused.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            story.given.fetch_add(1, Ordering::Relaxed);
            // Holds it for a while, unless it hears that it is over.
            let pause = Duration::from_millis(dice.roll(40));
            let over = tokio::time::timeout(pause, session.over()).await.is_ok();
            let until = Instant::now();
            story.holds.lock().expect("whole").push(hold(&lease, from, until));
            if over {
                break;
            }
            if dice.roll(4) > 0 {
                let resource: ObjectId = lease.resource.parse().expect("an id");
                drop(session.release(resource).await);
            } else {
                // Closing gives everything back.
                break;
            }
        }
        drop(session.close().await);
    }
}

/// A client that is killed: it renews nothing and gives nothing back.
async fn dies_holding(client: &Client, dice: &mut Dice, story: &Story) {
    let secret = Secret::from_bits(floe::io::clock::dice());
    let (name, ttl_ms) = ("dies".to_owned(), 1000);
    if client
        .call(Request::OpenSession { secret, name, ttl_ms })
        .await
        .is_err()
    {
        return;
    }
    let allocate = Allocate {
        secret,
        wish: dice.wish(),
        timeout_ms: Some(0),
        request: new_request(),
    };
    if let Ok(Response::Allocated(lease)) = client.call(Request::Allocate(Box::new(allocate))).await {
        let now = Instant::now();
        story.holds.lock().expect("whole").push(hold(&lease, now, now));
    }
}

/// Reads the history alone: nobody held what another held, or of a server that was another's, and tokens only grow.
fn check(holds: &[Hold]) {
    let mut by_server: BTreeMap<&str, Vec<&Hold>> = BTreeMap::new();
    for hold in holds {
        // Of the exclusive servers the whole is held, of the other each by itself.
        let what = if hold.server == "single" {
            &hold.resource
        } else {
            &hold.server
        };
        by_server.entry(what).or_default().push(hold);
    }
    for (what, mut holds) in by_server {
        holds.sort_by_key(|hold| hold.from);
        for (place, one) in holds.iter().enumerate() {
            for other in &holds[place + 1..] {
                let apart = other.from >= one.until;
                assert!(
                    apart || one.session == other.session,
                    "{what} is held twice: {one:?} and {other:?}"
                );
                if one.resource == other.resource {
                    assert!(
                        other.token > one.token,
                        "a token that does not grow: {one:?} and {other:?}"
                    );
                }
            }
        }
    }
}

/// Clients come and go, some are killed; the master is killed twice and another promoted. `STORM_CLIENTS` and
/// `STORM_SECONDS` make it larger: 50 and 60 are what the design asks for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s_all_28_a_storm_with_killed_clients_and_masters_gives_nothing_twice() {
    storm("").await;
}

/// The same, decided and ordered by plugins whose processes are killed again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s_all_28_a_storm_with_killed_allocators_too_gives_nothing_twice() {
    storm(&allocation(
        "fair-share",
        &library("fair_share"),
        "process",
        "half_life_s = 1",
    ))
    .await;
}

/// Kills the allocators' processes of all registries, one after another, until it is told to stop. How many.
async fn kill_allocators(client: Vec<Client>, story: Arc<Story>) -> u64 {
    let mut killed = 0;
    while !story.stop.load(Ordering::Relaxed) {
        for client in &client {
            if let Ok(Response::Plugins(rows)) = client.call(Request::Plugins).await {
                for pid in rows.iter().filter_map(|row| row.pid) {
                    killed += u64::from(process::signal(pid, Signal::KILL));
                }
            }
            // Now and then only: after five within a minute a registry leaves its allocator alone.
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    }
    killed
}

#[expect(clippy::print_stdout, reason = "what a storm came to is told with its result")]
async fn storm(more: &str) {
    let number = |name: &str, default: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (clients, seconds) = (number("STORM_CLIENTS", 12), number("STORM_SECONDS", 12));
    let seed = number("STORM_SEED", 1);
    let mut grid = Grid::new(&ALL, &["n1"]);
    for name in ALL {
        grid.edit(name, |daemon| daemon.more = format!("min_copies = 2\n{more}"));
    }
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &["n1"]).await;
    grid.apply(&ALL, &hall()).await;
    let story = Arc::new(Story::default());
    let tasks = (0..clients).map(|number| {
        tokio::spawn(client_of_the_storm(
            grid.client(&ALL),
            seed * 1000 + number,
            story.clone(),
        ))
    });
    let tasks: Vec<_> = tasks.collect();
    let each = ALL.iter().map(|name| grid.client(&[name])).collect();
    let killer = tokio::spawn(kill_allocators(each, story.clone()));
    let part = Duration::from_millis(seconds * 1000 / 3);
    tokio::time::sleep(part).await;
    for (old, new) in [("r1", "r2"), ("r2", "r3")] {
        grid.kill(old).await;
        let others: Vec<&str> = ALL.into_iter().filter(|name| *name != old).collect();
        let given = story.given.load(Ordering::Relaxed);
        grid.floe_at(&others, &["registry", "promote", new]).await.done();
        until("something is given again", async || {
            let now = story.given.load(Ordering::Relaxed);
            (now > given).then_some(()).ok_or_else(|| format!("{now} given"))
        })
        .await;
        grid.start(old);
        tokio::time::sleep(part).await;
    }
    story.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("no client panics");
    }
    let killed = killer.await.expect("it does not panic");
    let holds = story.holds.lock().expect("whole").clone();
    let (given, refused) = (
        story.given.load(Ordering::Relaxed),
        story.refused.load(Ordering::Relaxed),
    );
    assert_eq!(
        killed > 0,
        !more.is_empty(),
        "{killed} processes of allocators were killed"
    );
    println!(
        "{killed} allocators killed, {given} given, {refused} not, {} beliefs, seed {seed}",
        holds.len()
    );
    assert!(given > 100, "{given} given, {refused} not: it was no storm");
    check(&holds);
    // Nobody is lost in the queue, and nothing stays held.
    until("everything is free and nobody waits", async || {
        let sessions = grid
            .floe_at(&ALL, &["session", "list", "--format", "json"])
            .await
            .json();
        sessions
            .as_array()
            .is_some_and(Vec::is_empty)
            .then_some(())
            .ok_or_else(|| sessions.to_string())
    })
    .await;
    assert!(leases(&grid, &ALL).await.is_empty());
}
