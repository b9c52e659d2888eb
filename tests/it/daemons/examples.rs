//! The programs in `examples/`, as they are, against real grids; and what the library promises to programs.

use super::application::Text;
use super::grid::{Grid, LOOK, until};
use super::process;
use floe::client::{CacheOptions, Error};
use floe::pure::protocol::locate::{Row, Subject};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const ALL: [&str; 3] = ["r1", "r2", "r3"];
const PATIENCE: Duration = Duration::from_secs(30);

/// A running example, and the lines that it prints.
struct Example {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Example {
    fn start(grid: &Grid, name: &str, arguments: &[&str]) -> Self {
        let mut folder: PathBuf = std::env::current_exe().expect("a test knows its program");
        folder.pop();
        folder.pop();
        let program = folder.join("examples").join(name);
        assert!(
            program.is_file(),
            "{} is not built: cargo builds examples with the tests, unless only one target is asked for",
            program.display()
        );
        let peers: Vec<String> = ALL.iter().map(|name| grid.address(name).to_string()).collect();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("FLOE_PEERS", peers.join(","))
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the example starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }
    /// The next line for which this holds.
    fn line(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let (end, mut seen) = (Instant::now() + PATIENCE, Vec::new());
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if wanted(&line) => return line,
                Ok(line) => seen.push(line),
                Err(error) => panic!("no line {what} ({error}) after {seen:?}"),
            }
        }
    }
    /// What it has printed since it was last asked.
    fn printed(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }
    fn ended(mut self) -> Option<i32> {
        let status = self.child.wait().expect("our own child");
        status.code()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map_or_else(drop, |_| ());
    }
}

async fn grid(text: &Text) -> Grid {
    let mut grid = Grid::new(&ALL, &["n1"]);
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &["n1"]).await;
    grid.apply(&["r1"], text).await;
    grid
}

#[tokio::test]
async fn the_examples_do_what_they_say() {
    let text = Text::new("one").web("n1", "s1", "always");
    let mut grid = grid(&text).await;
    let before = grid.active(&["r1"], &["s1"]).await["s1"];
    grid.floe_at(
        &["r1"],
        &["object", "add", "page", "--adapter", "s1.http", "--type", "t"],
    )
    .await
    .done();
    let resolve = Example::start(&grid, "resolve", &["s1.http", "nobody", "--type", "t"]);
    let found = resolve.line("with an endpoint", |line| line.starts_with("s1.http http://"));
    resolve.line("about nobody", |line| line.starts_with("nobody is nowhere: "));
    resolve.line("with the object", |line| line.starts_with("page http://"));
    assert_eq!(resolve.ended(), Some(0));

    // The cache follows a server through its end and its next start, and the observer hears of it; without the master.
    let cache = Example::start(&grid, "cache", &["s1.http"]);
    let endpoint = found.split(' ').nth(1).expect("an endpoint").to_owned();
    cache.line("with the endpoint", |line| line.contains(&endpoint));
    let observe = Example::start(&grid, "observe", &[]);
    observe.line("after the snapshot", |line| line.starts_with("2 rows as of version"));
    grid.kill("r1").await;
    grid.floe_at(&["r2"], &["server", "stop", "s1"]).await.done();
    cache.line("that it is gone", |line| line.starts_with("s1.http cannot be had: "));
    grid.floe_at(&["r2"], &["server", "start", "s1"]).await.done();
    cache.line("that it is back", |line| line.starts_with("s1.http http://"));
    // Nothing tells when the observer has found another registry: what it is told first is how things stand there.
    let mut printed = Vec::new();
    until("the observer hears of the server and its adapter", async || {
        grid.floe_at(&["r2"], &["server", "restart", "s1"]).await.done();
        printed.extend(observe.printed());
        let heard = |what: &str| printed.iter().any(|line| line.starts_with(what));
        if heard("server s1 changed") && heard("adapter s1.http changed") {
            Ok(())
        } else {
            Err(format!("{printed:?}"))
        }
    })
    .await;
    assert!(!process::runs(before));
}

#[tokio::test]
async fn a_registered_process_is_found_everywhere_while_it_lives() {
    let mut grid = grid(&Text::new("one").idle("n1", "s1")).await;
    let example = Example::start(&grid, "register", &["greeter", "--group", "greeters", "--ttl", "3s"]);
    let line = example.line("that it is registered", |line| {
        line.starts_with("registered greeter at ")
    });
    let endpoint = line.rsplit(' ').next().expect("an endpoint").to_owned();
    let address = endpoint.trim_start_matches("tcp://").to_owned();
    let mut said = String::new();
    TcpStream::connect(&address)
        .and_then(|mut stream| stream.read_to_string(&mut said))
        .expect("it answers");
    assert_eq!(said, "hello from greeter\n");
    let given = async |grid: &Grid, registry: &str| grid.client(&[registry]).resolve("greeters").await;
    for registry in ALL {
        until("it is found", async || match given(&grid, registry).await {
            Ok(resolved) if resolved.endpoints == [endpoint.as_str()] => Ok(()),
            other => Err(format!("{registry}: {other:?}")),
        })
        .await;
    }
    // The master goes, and another registry: it renews with whoever is left.
    grid.kill("r1").await;
    grid.kill("r2").await;
    let until_then = Instant::now() + Duration::from_secs(7);
    while Instant::now() < until_then {
        let resolved = given(&grid, "r3").await.expect("it is renewed");
        assert_eq!(resolved.endpoints, [endpoint.as_str()]);
        tokio::time::sleep(LOOK * 10).await;
    }
    // Killed, it is gone within its time to live, and not before its last renewal ends.
    process::signal(example.child.id(), Signal::KILL);
    let killed = Instant::now();
    loop {
        match given(&grid, "r3").await {
            Ok(_) => assert!(
                killed.elapsed() < Duration::from_secs(20),
                "a dead process is still given"
            ),
            Err(error) if error.is_not_found() => break,
            Err(error) => panic!("{error:?}"),
        }
        tokio::time::sleep(LOOK).await;
    }
    // Ended by Ctrl-C it takes itself back at once.
    let example = Example::start(&grid, "register", &["greeter", "--ttl", "1h"]);
    example.line("that it is registered", |line| {
        line.starts_with("registered greeter at ")
    });
    process::signal(example.child.id(), Signal::INT);
    example.line("that it is taken back", |line| line == "taken back greeter");
    assert_eq!(example.ended(), Some(0));
    assert!(
        grid.client(&["r3"])
            .resolve("greeter")
            .await
            .is_err_and(|error| error.is_not_found())
    );
}

#[tokio::test]
async fn a_resource_is_held_by_one_program_after_the_other() {
    let idle = "\n[[node.n1.server]]\nid = \"s1\"\nrun = [\"/bin/sleep\", \"1000\"]\n";
    let text = Text::new("one").more(&format!("{idle}allocatable = [{{ id = \"gpu-1\", type = \"gpu\" }}]\n"));
    let grid = grid(&text).await;
    let holds = |line: &str| line.starts_with("holds gpu-1 token ");
    let token = |line: String| -> (u64, u64) {
        let token = line.rsplit(' ').next().and_then(|token| token.split_once('-'));
        let (epoch, number) = token.expect("a token");
        (epoch.parse().expect("a number"), number.parse().expect("a number"))
    };
    let first = Example::start(&grid, "hold", &["gpu", "--ttl", "5s"]);
    let before = token(first.line("that it holds it", holds));
    // Two wait; one of them gives up, so the other is next.
    let waits = async |count: usize| {
        until("they wait", async || {
            let rows = grid
                .floe_at(&["r1"], &["session", "list", "--format", "json"])
                .await
                .done()
                .json();
            let waiting = rows
                .as_array()
                .into_iter()
                .flatten()
                .filter(|row| row["waiting"] != 0)
                .count();
            if waiting == count {
                Ok(())
            } else {
                Err(rows.to_string())
            }
        })
        .await;
    };
    let gives_up = Example::start(&grid, "hold", &["gpu"]);
    waits(1).await;
    let next = Example::start(&grid, "hold", &["gpu"]);
    waits(2).await;
    process::signal(gives_up.child.id(), Signal::INT);
    assert_eq!(gives_up.ended(), Some(0));
    process::signal(first.child.id(), Signal::INT);
    first.line("that it gave it back", |line| line == "released gpu-1");
    assert_eq!(first.ended(), Some(0));
    let after = token(next.line("that it holds it", holds));
    assert!(after > before, "{before:?} {after:?}");
}

#[tokio::test]
async fn the_cache_has_the_groups_policy_and_tells_how_old_it_is() {
    let text = Text::new("one")
        .web_in("n1", "s1", "always", Some("g"))
        .web_in("n1", "s2", "on-demand", Some("g"))
        .more("\n[[group]]\nid = \"g\"\nbalance = \"round-robin\"\n");
    let mut grid = grid(&text).await;
    grid.active(&["r1"], &["s1"]).await;
    grid.answer(&["r1"], &["s2"]).await;
    let cache = grid.client(&ALL).cache(CacheOptions {
        age_max: Duration::from_secs(2),
        ..CacheOptions::default()
    });
    until("both are known", async || match cache.resolve("g").await {
        Ok(_) => {
            let mut seen = Vec::new();
            for _ in 0..4 {
                seen.push(
                    cache
                        .resolve("g")
                        .await
                        .map_err(|error| error.to_string())?
                        .endpoints
                        .concat(),
                );
            }
            let strict = seen[0] != seen[1] && seen[0] == seen[2] && seen[1] == seen[3];
            if strict { Ok(()) } else { Err(format!("{seen:?}")) }
        }
        Err(error) => Err(error.to_string()),
    })
    .await;
    assert!(cache.resolve("nobody").await.is_err_and(|error| error.is_not_found()));
    // It starts what a resolve would start.
    grid.floe_at(&["r1"], &["server", "stop", "s2"]).await.done();
    let started = until("s2 is started", async || match cache.resolve("s2.http").await {
        Ok(cached) => Ok(cached),
        Err(error) => Err(error.to_string()),
    })
    .await;
    assert_eq!(started.endpoints.len(), 1);
    // Without any registry: the last word for two seconds, with its age, then no answer.
    cache.resolve("s1.http").await.expect("it runs all the time");
    for name in ALL {
        grid.kill(name).await;
    }
    let mut oldest = Duration::ZERO;
    let error = loop {
        match cache.resolve("s1.http").await {
            Ok(cached) => oldest = oldest.max(cached.age),
            Err(error) => break error,
        }
        tokio::time::sleep(LOOK).await;
    };
    assert!(
        matches!(error, Error::NobodyReachable { .. } | Error::TimedOut { .. }),
        "{error:?}"
    );
    assert!(
        oldest > Duration::from_millis(500) && oldest <= Duration::from_secs(2),
        "{oldest:?}"
    );
    grid.start("r2");
    until("it answers again", async || match cache.resolve("s1.http").await {
        Ok(cached) if cached.age.is_zero() => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

#[tokio::test]
async fn observing_goes_on_over_the_end_of_its_registry() {
    let text = Text::new("one").web("n1", "s1", "always");
    let mut grid = grid(&text).await;
    grid.active(&["r1"], &["s1"]).await;
    let mut observing = grid.client(&["r2", "r3"]).observe(vec![Subject::Object], None);
    let first = observing.next().await.expect("a snapshot");
    assert!(first.snapshot && first.first && first.changes.is_empty());
    let add = async |grid: &Grid, id: &str| {
        grid.floe_at(&["r1"], &["object", "add", id, "--adapter", "s1.http"])
            .await
            .done();
    };
    add(&grid, "o1").await;
    let change = observing.next().await.expect("a change");
    assert!(!change.snapshot && matches!(&change.changes[0].row, Some(Row::Object(row)) if row.id == "o1"));
    // Its registry goes; meanwhile something changes; the next one gives everything anew.
    grid.kill("r2").await;
    add(&grid, "o2").await;
    let part = loop {
        match observing.next().await {
            Ok(part) => break part,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    };
    let mut ids: Vec<&str> = part.changes.iter().map(|change| change.id.as_str()).collect();
    ids.sort_unstable();
    if part.snapshot {
        assert_eq!(ids, ["o1", "o2"]);
    } else {
        assert_eq!(ids, ["o2"], "it was at r3 from the start");
    }
}
