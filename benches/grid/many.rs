//! An application of a thousand servers: planned, stored on three registries, carried to nodes, compared, changed in one place.

use floe::client::Client;
use floe::pure::base::RequestId;
use floe::pure::model::Application;
use floe::pure::protocol::update::Change;
use floe::pure::protocol::{Request, Response};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const SERVERS: usize = 1000;
const ROUNDS: usize = 9;

/// Servers as operators write them out, spread over these nodes; `odd` has another command.
fn application(servers: usize, nodes: &[&str], odd: usize) -> Application {
    let mut text = "application = \"many\"\n".to_owned();
    for number in 0..servers {
        let (node, seconds) = (nodes[number % nodes.len()], if number == odd { 1001 } else { 1000 });
        write!(
            text,
            "[[node.{node}.server]]\nid = \"many-{number}\"\nrun = [\"/bin/sleep\", \"{seconds}\"]\n\
             adapter = [{{ name = \"http\", endpoint = \"http://127.0.0.1:{}\" }}]\n\
             object = [{{ id = \"many-object-{number}\", type = \"page\" }}]\n",
            1000 + number
        )
        .expect("writing to memory cannot fail");
    }
    Application::from_toml(&text, "bench").expect("the sample is valid")
}

/// Sends an update; the serial of its entry.
async fn update(client: &Client, request: Request) -> u64 {
    match client.call(request).await {
        Ok(Response::Applied(report)) => {
            let serial = report.version.rsplit('.').next().and_then(|serial| serial.parse().ok());
            serial.expect("a version ends in its serial")
        }
        other => panic!("an update gave {other:?}"),
    }
}
async fn apply(client: &Client, application: Application, request: u128) -> u64 {
    let request = RequestId::from_bits(request);
    let if_revision = None;
    update(
        client,
        Request::Apply {
            application,
            if_revision,
            request,
        },
    )
    .await
}
/// Waits until the nodes have applied the entry.
async fn carried(client: &Client, nodes: &[&str], serial: u64) {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        if let Ok(Response::Nodes(rows)) = client.call(Request::Nodes).await {
            let applied = |text: &str| {
                text.rsplit('.')
                    .next()
                    .and_then(|serial| serial.parse().ok())
                    .unwrap_or(0)
            };
            let done = |name: &&&str| {
                rows.iter()
                    .any(|row| row.name == **name && applied(&row.applied) >= serial)
            };
            if nodes.iter().filter(done).count() == nodes.len() {
                return;
            }
        }
        assert!(Instant::now() < end, "the nodes do not apply it");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn say(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{what:<52} {:>10.1} ms   (median of {}; {:.1} to {:.1})",
        ms(took[took.len() / 2]),
        took.len(),
        ms(took[0]),
        ms(took[took.len() - 1])
    );
}

/// `nodes` run when `live`; else nobody is there to be told.
pub(crate) async fn run(client: &Client, nodes: &[&str], live: bool, first_request: u128) {
    let words = if live { "3 nodes" } else { "no nodes" };
    let (mut stored, mut told, mut same, mut compared, mut one) = (vec![], vec![], vec![], vec![], vec![]);
    let mut request = first_request;
    let mut next = || {
        request += 1;
        request
    };
    for _ in 0..ROUNDS {
        let new = application(SERVERS, nodes, usize::MAX);
        let begun = Instant::now();
        let serial = apply(client, new.clone(), next()).await;
        stored.push(begun.elapsed());
        if live {
            carried(client, nodes, serial).await;
            told.push(begun.elapsed());
        }
        let begun = Instant::now();
        let change = Change::Put(Box::new(new.clone()));
        client.call(Request::Forecast { change }).await.expect("a plan");
        compared.push(begun.elapsed());
        let begun = Instant::now();
        apply(client, new, next()).await;
        same.push(begun.elapsed());
        let odd = application(SERVERS, nodes, 7);
        let begun = Instant::now();
        apply(client, odd, next()).await;
        one.push(begun.elapsed());
        let (name, request) = ("many".parse().expect("a name"), RequestId::from_bits(next()));
        let serial = update(client, Request::Remove { name, request }).await;
        if live {
            carried(client, nodes, serial).await;
        }
    }
    say(&format!("{SERVERS} servers new, on 3 registries, {words}"), stored);
    if live {
        say("    the same, to the last node", told);
    }
    say("    its plan", compared);
    say("    the same once more", same);
    say("    one server changed in it", one);
}
