//! How a replica that was away catches up: by the entries that it lacks, or by a snapshot where those are trimmed; and
//! what a snapshot carries beside the deployment.

use super::application::Text;
use super::grid::{Grid, get, new_request, until};
use floe::client::Client;
use floe::pure::base::RequestId;
use floe::pure::protocol::history::RevisionRow;
use floe::pure::protocol::report::AppliedReport;
use floe::pure::protocol::{Request, Response};

/// A version of an application; each is another.
fn application(name: &str, number: u64) -> Text {
    Text::new(name)
        .idle("n1", &format!("{name}-server"))
        .more(&format!("environment = {{ NUMBER = \"{number}\" }}\n"))
}

async fn apply(client: &Client, name: &str, number: u64, request: RequestId) -> AppliedReport {
    let request = Request::Apply {
        application: application(name, number).parse(),
        if_revision: None,
        request,
    };
    match client.call(request).await {
        Ok(Response::Applied(report)) => *report,
        other => panic!("update {number} of {name}: {other:?}"),
    }
}

/// So many updates to each of these applications, one writer each, so that the disk is asked once for many.
async fn write(client: &Client, writers: u64, updates: u64) {
    let tasks = (0..writers).map(|writer| {
        let client = client.clone();
        tokio::spawn(async move {
            for number in 0..updates {
                apply(&client, &format!("app-{writer}"), number, new_request()).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("a writer ends well");
    }
}

/// A counter of a registry, from its `/metrics`.
async fn counter(grid: &Grid, registry: &str, metric: &str) -> u64 {
    let page = get(&format!("http://{}/metrics", grid.http(registry))).await;
    let line = page
        .lines()
        .find(|line| line.starts_with(metric) && !line.starts_with('#'));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.unwrap_or_else(|| panic!("{metric} in {page}"))
}

async fn serial(grid: &Grid, registry: &str) -> u64 {
    grid.registry(registry, "answers", |_| true).await.serial
}

#[tokio::test]
async fn of_ten_thousand_entries_the_missing_thousand_are_sent() {
    let mut grid = Grid::new(&["r1", "r2"], &[]);
    for name in ["r1", "r2"] {
        // Ten thousand lines in the log would be most of the work.
        let more = "log_keep = 20000\n\n[log]\nlevel = \"warn\"\n";
        grid.edit(name, |daemon| more.clone_into(&mut daemon.more));
    }
    grid.start_all();
    grid.settled("r1", &["r2"], &[]).await;
    write(&grid.client(&["r1"]), 100, 90).await;
    grid.settled("r1", &["r2"], &[]).await;
    grid.stop("r2").await;
    grid.status("r2 is gone", &["r1"], |status| {
        let gone = status
            .registries
            .iter()
            .any(|row| row.name == "r2" && row.standing == "unreachable");
        if gone { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await;
    let before = counter(&grid, "r1", "floe_registry_entries_sent_total").await;
    write(&grid.client(&["r1"]), 100, 10).await;
    assert!(serial(&grid, "r1").await > 10_000);
    assert_eq!(counter(&grid, "r1", "floe_registry_entries_sent_total").await, before);
    grid.start("r2");
    grid.settled("r1", &["r2"], &[]).await;
    let sent = counter(&grid, "r1", "floe_registry_entries_sent_total").await - before;
    // A busy machine may make the master send a window again.
    assert!((1000..=2024).contains(&sent), "{sent} entries were sent");
    assert_eq!(counter(&grid, "r1", "floe_registry_snapshots_sent_total").await, 0);
    assert_eq!(counter(&grid, "r1", "floe_registry_snapshot_bytes_sent_total").await, 0);
}

async fn history(grid: &Grid, registry: &str, name: &str) -> Vec<RevisionRow> {
    let request = Request::History {
        name: name.parse().expect("a name"),
    };
    match grid.call(&[registry], request).await {
        Ok(Response::History(rows)) => rows,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_snapshot_brings_histories_and_the_requests_that_were_done() {
    let mut grid = Grid::new(&["r1", "r2"], &[]);
    for name in ["r1", "r2"] {
        grid.edit(name, |daemon| daemon.more = "log_keep = 16\n".to_owned());
    }
    grid.start_all();
    grid.settled("r1", &["r2"], &[]).await;
    grid.stop("r2").await;
    let client = grid.client(&["r1"]);
    let old = new_request();
    for number in 1..=30 {
        let request = if number == 3 { old } else { new_request() };
        assert_eq!(apply(&client, "shop", number, request).await.revision, number);
        apply(&client, "gone", number, new_request()).await;
    }
    let remove = Request::Remove {
        name: "gone".parse().expect("a name"),
        request: new_request(),
    };
    assert!(matches!(client.call(remove).await, Ok(Response::Applied(_))));

    grid.start("r2");
    grid.settled("r1", &["r2"], &[]).await;
    assert_eq!(counter(&grid, "r1", "floe_registry_snapshots_sent_total").await, 1);
    let bytes = counter(&grid, "r1", "floe_registry_snapshot_bytes_sent_total").await;
    assert!(
        (10_000..1_000_000).contains(&bytes),
        "{bytes} bytes for two applications"
    );
    for name in ["shop", "gone"] {
        let rows = history(&grid, "r1", name).await;
        assert_eq!(history(&grid, "r2", name).await, rows);
        let revisions = rows
            .iter()
            .filter(|row| row.action == "applied")
            .map(|row| row.revision);
        assert_eq!(
            revisions.collect::<Vec<_>>(),
            (11..=30).rev().collect::<Vec<_>>(),
            "{name}"
        );
    }

    // The replica leads: it knows what was done before its snapshot, and goes on from there.
    grid.stop("r1").await;
    grid.stop("r2").await;
    grid.edit("r1", |daemon| daemon.role = "replica".to_owned());
    grid.edit("r2", |daemon| daemon.role = "master".to_owned());
    grid.start_with("r2", &["--accept-loss"]);
    grid.start("r1");
    grid.settled("r2", &["r1"], &[]).await;
    let client = grid.client(&["r2"]);
    let before = serial(&grid, "r2").await;
    assert_eq!(
        apply(&client, "shop", 3, old).await.revision,
        3,
        "the retry is recognised"
    );
    assert_eq!(serial(&grid, "r2").await, before, "and changes nothing");
    for (name, to, revision) in [("shop", Some(12), 31), ("gone", None, 31)] {
        let request = Request::Rollback {
            name: name.parse().expect("a name"),
            to,
            if_revision: None,
            request: new_request(),
        };
        let Ok(Response::Applied(report)) = client.call(request).await else {
            panic!("no rollback of {name}")
        };
        assert_eq!((report.revision, report.copies), (revision, 2), "{report:?}");
        let number = to.unwrap_or(30);
        until("the old content is in force on the other registry", async || {
            let request = Request::Application {
                name: name.parse().expect("a name"),
            };
            match grid.call(&["r1"], request).await {
                Ok(Response::Application(now)) if *now == application(name, number).parse() => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        assert_eq!(history(&grid, "r1", name).await, history(&grid, "r2", name).await);
    }
}
