//! Promotion by command, with real processes: readers notice nothing, no update is lost, and whatever is interrupted,
//! exactly one master leads in the end.

use super::application::Text;
use super::crashes::{Writer, a_while, nothing_is_lost};
use super::grid::{Grid, finish};
use floe::pure::protocol::{Request, Response};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

const REGISTRIES: [&str; 3] = ["r1", "r2", "r3"];

async fn grid_at_work() -> Grid {
    let mut grid = Grid::new(&REGISTRIES, &["n1", "n2"]);
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &["n1", "n2"]).await;
    let shop = Text::new("shop")
        .web("n1", "web-1", "always")
        .web("n2", "web-2", "always");
    grid.apply(&["r1"], &shop).await;
    grid.active(&["r1"], &["web-1", "web-2"]).await;
    grid
}

/// Resolves every 20 ms through any registry, and notes each failure.
struct Reader {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(u64, Vec<String>)>,
}

impl Reader {
    fn start(grid: &Grid) -> Self {
        let client = grid.client(&REGISTRIES);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let (mut count, mut failures) = (0, Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                let (id, at_least) = ("web-1.http".to_owned(), None);
                match client
                    .call(Request::Resolve {
                        id,
                        at_least,
                        count: None,
                    })
                    .await
                {
                    Ok(Response::Resolved(resolved)) if resolved.endpoints.len() == 1 => count += 1,
                    other => failures.push(format!("{other:?}")),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            (count, failures)
        });
        Self { stop, task }
    }
    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let (count, failures) = self.task.await.expect("the reader ends well");
        assert!(count > 10, "only {count} resolves were made: the test proves little");
        assert!(failures.is_empty(), "{failures:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mastership_moves_while_everybody_works() {
    let grid = grid_at_work().await;
    let before = grid.active(&["r3"], &["web-1", "web-2"]).await;
    let reader = Reader::start(&grid);
    let writer = Writer::start(grid.client(&REGISTRIES));
    for (next, old) in [("r2", "r1"), ("r3", "r2"), ("r1", "r3"), ("r2", "r1")] {
        let said = grid.floe_at(&[old], &["registry", "promote", next]).await.done();
        assert!(
            said.err.contains(&format!("{old} leads now and hands over first")),
            "{said:?}"
        );
        assert!(said.out.contains(&format!("{next} leads in epoch")), "{said:?}");
        assert!(said.out.contains("proven: nothing acknowledged is missing"), "{said:?}");
        assert!(said.out.contains("5 of 5 peers that were asked obey it"), "{said:?}");
        writer.goes_on().await;
    }
    let acknowledged = writer.stop().await;
    reader.stop().await;
    grid.settled("r2", &["r1", "r3"], &["n1", "n2"]).await;
    for registry in REGISTRIES {
        nothing_is_lost(&grid, registry, &acknowledged).await;
    }
    assert_eq!(
        grid.active(&["r3"], &["web-1", "web-2"]).await,
        before,
        "no server was restarted"
    );
    // Who is what, and by whose word.
    for (name, role) in [("r1", "replica"), ("r2", "master"), ("r3", "replica")] {
        let report = grid.registry(name, "has a role", |report| report.role == role).await;
        assert_eq!(report.role_source, "command", "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_outlives_restarts_until_a_file_says_otherwise() {
    let mut grid = grid_at_work().await;
    grid.floe_at(&["r1"], &["registry", "promote", "r2"]).await.done();
    for name in REGISTRIES {
        grid.kill(name).await;
    }
    for name in REGISTRIES {
        grid.start(name);
    }
    grid.settled("r2", &["r1", "r3"], &["n1", "n2"]).await;
    let page = grid.floe_at(&["r2"], &["registry", "show", "r2"]).await.done().out;
    assert!(page.contains("master (command)"), "{page}");
    // The file of r1 said master all the time; written anew, it is an order.
    grid.stop("r1").await;
    grid.edit("r1", |daemon| daemon.role = "replica".to_owned());
    grid.start("r1");
    grid.settled("r2", &["r1", "r3"], &["n1", "n2"]).await;
    grid.stop("r1").await;
    grid.edit("r1", |daemon| daemon.role = "master".to_owned());
    grid.start("r1");
    grid.settled("r1", &["r2", "r3"], &["n1", "n2"]).await;
    let page = grid.floe_at(&["r1"], &["registry", "show", "r1"]).await.done().out;
    assert!(page.contains("master (file)"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_tells_who_holds_what_and_changes_nothing() {
    let mut grid = grid_at_work().await;
    let dry = ["registry", "promote", "r2", "--dry-run"];
    let said = grid.floe_at(&["r1"], &dry).await.done();
    for words in ["r2 may lead", "r1 leads now and hands over first", "same"] {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
    grid.settled("r1", &["r2", "r3"], &["n1", "n2"]).await;
    // r2 was away when r1 took one more, and r1 is gone: r3 is ahead.
    grid.stop("r2").await;
    grid.apply(&["r1"], &Text::new("more").idle("n1", "later")).await;
    grid.kill("r1").await;
    grid.start("r2");
    grid.registry("r2", "is detached", |report| report.standing == "detached")
        .await;
    let said = grid.floe_at(&["r3"], &dry).await;
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(
        said.out.contains("holds 1 update more") && said.out.contains("MASTER_OUT_OF_DATE: r3"),
        "{said:?}"
    );
    let said = grid.floe_at(&["r3"], &["registry", "promote", "r2"]).await;
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(said.err.contains("hint: nothing was changed"), "{said:?}");
    let said = grid
        .floe_at(&["r3"], &["--format", "json", "registry", "promote", "r3"])
        .await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.json()["leads"], true);
    grid.settled("r3", &["r2"], &["n1", "n2"]).await;

    // Names that lead nowhere.
    let said = grid.floe_at(&["r3"], &["registry", "promote", "r9"]).await;
    assert_eq!(said.code, Some(4), "{said:?}");
    let said = grid
        .floe_at(&["r3"], &["registry", "promote", "r1", "--timeout", "3s"])
        .await;
    assert_eq!(said.code, Some(6), "{said:?}");
    let said = grid.floe_at(&["r3"], &["registry", "promote", "r3"]).await.done();
    assert!(said.out.contains("r3 leads in epoch"), "{said:?}");
    let said = grid.floe_at(&["r3"], &["registry", "demote", "r3"]).await;
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(said.err.contains("floe registry promote NAME"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_promotion_leaves_one_master() {
    let mut grid = grid_at_work().await;
    let before = grid.active(&["r3"], &["web-1", "web-2"]).await;
    let writer = Writer::start(grid.client(&REGISTRIES));
    for round in 0..6 {
        // The command, the candidate, or the master ends in the middle, at any moment.
        let mut command = grid.floe_command(&REGISTRIES, &["registry", "promote", "r2"]);
        let mut running = command.stderr(Stdio::null()).spawn().expect("floe starts");
        a_while().await;
        match round % 3 {
            0 => running.kill().expect("it is killed"),
            1 => grid.kill("r2").await,
            _ => grid.kill("r1").await,
        }
        // It may have ended by itself.
        drop(running.kill());
        running.wait().expect("it has ended");
        for name in ["r1", "r2"] {
            if !grid.runs(name) {
                grid.start(name);
            }
        }
        for name in ["r1", "r2"] {
            grid.registry(name, "is back", |_| true).await;
        }
        let (leader, aside) = leader(&grid).await;
        // A master that dies may have stored an update that nobody else has, and whose client has sent it again since.
        for name in aside {
            let init = ["registry", "init", &name, "--from", &leader];
            grid.floe_at(&[&leader], &init).await.done();
        }
        // The order may still be under way, its client dead or not: the second one ends with it. Then back to the start.
        for name in ["r2", "r1"] {
            let command = &mut grid.floe_command(&REGISTRIES, &["registry", "promote", name]);
            let said = finish(command, "a promotion that nobody interrupts").await;
            assert_eq!(said.code, Some(0), "round {round}, {name}: {said:?}");
        }
        grid.settled("r1", &["r2", "r3"], &["n1", "n2"]).await;
        writer.goes_on().await;
    }
    let acknowledged = writer.stop().await;
    for registry in REGISTRIES {
        nothing_is_lost(&grid, registry, &acknowledged).await;
    }
    assert_eq!(
        grid.active(&["r3"], &["web-1", "web-2"]).await,
        before,
        "no server was restarted"
    );
}

/// Waits until exactly one leads and the others follow, or hold something of their own; gives who leads, and those.
async fn leader(grid: &Grid) -> (String, Vec<String>) {
    grid.status("one leads and two have found their place", &REGISTRIES, |status| {
        let standing = |wanted: &str| {
            let rows = status.registries.iter().filter(|row| row.standing == wanted);
            rows.map(|row| row.name.clone()).collect::<Vec<_>>()
        };
        let (follow, aside) = (standing("following"), standing("superseded"));
        let master = status.master.as_ref().filter(|_| follow.len() + aside.len() == 2);
        let master = master.ok_or_else(|| format!("{status:?}"))?;
        Ok((master.name.clone(), aside))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_loses_sight_of_the_others_waits() {
    let mut grid = grid_at_work().await;
    grid.kill("r2").await;
    grid.kill("r3").await;
    let report = grid
        .registry("r1", "waits", |report| report.standing == "waiting")
        .await;
    assert!(report.reason.contains("1 of 3 registries in sight"), "{report:?}");
    let file = grid.write("late.toml", Text::new("late").idle("n1", "later").as_str());
    let said = grid.floe_at(&["r1"], &["app", "apply", &file, "--timeout", "2s"]).await;
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(said.err.contains("nothing was stored"), "{said:?}");
    // Reads go on.
    grid.resolve(&["r1"], "web-1.http").await;
    let page = grid
        .floe_at(&["r1"], &["registry", "lead", "r1", "--alone"])
        .await
        .done()
        .out;
    assert!(page.contains("leading"), "{page}");
    grid.apply(&["r1"], &Text::new("late").idle("n1", "later")).await;
    grid.start("r2");
    grid.start("r3");
    grid.settled("r1", &["r2", "r3"], &["n1", "n2"]).await;
}
