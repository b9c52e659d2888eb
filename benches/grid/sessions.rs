//! Resources taken and given back: through one client one by one, through eight, and 64 in flight; each decision on the disks of
//! three registries before it is told.

use super::apply_text;
use floe::client::{Client, Session, SessionOptions};
use floe::pure::allocation::Wish;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const RESOURCES: usize = 128;
const SPAN: Duration = Duration::from_secs(3);

fn id(number: usize) -> String {
    format!("slot-{number}")
}

/// Cycles of this session on this resource until the time is up.
async fn cycles(session: &Session, number: usize, end: Instant) -> u32 {
    let resource: floe::pure::base::ObjectId = id(number).parse().expect("an id");
    let mut count = 0;
    while Instant::now() < end {
        let wish = Wish::Id(resource.clone());
        session
            .allocate(wish, Some(Duration::ZERO), |_| {})
            .await
            .expect("it is free");
        session.release(resource.clone()).await.expect("it is held");
        count += 1;
    }
    count
}

async fn measure(what: &str, clients: &[Client], in_flight: usize) {
    let mut tasks = Vec::new();
    let begun = Instant::now();
    let end = begun + SPAN;
    for task in 0..in_flight {
        let client = clients[task % clients.len()].clone();
        tasks.push(tokio::spawn(async move {
            let session = client.session(SessionOptions::new("bench")).await.expect("a session");
            let count = cycles(&session, task, end).await;
            session.close().await.expect("it ends");
            count
        }));
    }
    let mut count = 0;
    for task in tasks {
        count += task.await.expect("no client fails");
    }
    super::say(what, count, begun.elapsed());
}

/// Node `n0` runs.
pub(crate) async fn run(client: &Client, fresh: impl Fn() -> Client) {
    let mut text = "application = \"slots\"\n[[node.n0.server]]\nid = \"slots\"\nrun = [\"/bin/sleep\", \"1000\"]\nallocatable = [\n".to_owned();
    for number in 0..RESOURCES {
        writeln!(text, "{{ id = \"{}\", type = \"slot\" }},", id(number)).expect("writing to memory cannot fail");
    }
    text.push_str("]\n");
    apply_text(client, &text, 70_000_000).await;
    measure("allocate and release, one by one, on 3 registries", &[fresh()], 1).await;
    let eight: Vec<Client> = (0..8).map(|_| fresh()).collect();
    measure("    8 clients", &eight, 8).await;
    measure("    64 in flight on one connection", &[fresh()], 64).await;
}
