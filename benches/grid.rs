//! Figures of a real grid on this machine: three registries, real sockets, real disks. `cargo bench --bench grid`;
//! with `-- many` only the large application without nodes, with `-- sessions` only those.
//!
//! Machines are noisy: compare figures of one run, and ratios rather than seconds. Nothing here is asserted.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench starts daemons, reads clocks and prints figures"
)]

use floe::client::{Client, Options};
use floe::pure::base::{Address, RequestId};
use floe::pure::model::Application;
use floe::pure::protocol::report::RegistryReport;
use floe::pure::protocol::{Request, Response};
use std::net::{TcpListener, UdpSocket};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[path = "grid/many.rs"]
mod many;
#[path = "grid/sessions.rs"]
mod sessions;

const REGISTRIES: usize = 3;
const NODES: usize = 10;
const PROMOTIONS: usize = 9;
const RESOLVES: u32 = 20_000;
const UPDATES: u32 = 300;

struct Registries {
    _folder: tempfile::TempDir,
    addresses: Vec<Address>,
    commands: Vec<(&'static str, PathBuf)>,
    children: Vec<Child>,
}

impl Registries {
    /// Starts these daemons: registries first, then nodes.
    fn run(&mut self, which: Range<usize>) {
        for (kind, config) in &self.commands[which] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
            command.args([*kind, "run", "--with-parent", "--config"]).arg(config);
            let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
            self.children.push(child.expect("the binary starts"));
        }
    }
}

impl Drop for Registries {
    fn drop(&mut self) {
        for child in &mut self.children {
            child.kill().expect("our own child can be killed");
            child.wait().expect("our own child can be waited for");
        }
    }
}

fn start() -> Registries {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut held = Vec::new();
    while held.len() < REGISTRIES + NODES {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = tcp.local_addr().expect("a bound port has an address");
        held.extend(
            UdpSocket::bind(address)
                .ok()
                .map(|udp| (tcp, udp, Address::from(address))),
        );
    }
    let addresses: Vec<Address> = held.iter().map(|(_, _, address)| address.clone()).collect();
    drop(held);
    let locator = addresses[..REGISTRIES]
        .iter()
        .map(|address| format!("\"{address}\""))
        .collect::<Vec<_>>()
        .join(", ");
    let commands = addresses.iter().enumerate().map(|(index, address)| {
        let role = if index == 0 { "master" } else { "replica" };
        let (kind, name, section) = if index < REGISTRIES {
            ("registry", format!("r{index}"), format!("[registry]\nrole = \"{role}\"\n"))
        } else {
            ("node", format!("n{}", index - REGISTRIES), "[node]\n".to_owned())
        };
        let (data, config) = (folder.path().join(&name), folder.path().join(format!("{name}.toml")));
        let text = format!(
            "grid = \"bench\"\n[peer]\nname = \"{name}\"\nlisten = \"{address}\"\ndata = \"{}\"\nlocator = [{locator}]\n{section}[log]\nlevel = \"warn\"\n",
            data.display()
        );
        std::fs::write(&config, text).expect("the folder is ours");
        (kind, config)
    });
    let commands: Vec<(&'static str, PathBuf)> = commands.collect();
    let mut registries = Registries {
        _folder: folder,
        addresses,
        commands,
        children: Vec::new(),
    };
    registries.run(0..REGISTRIES);
    registries
}

fn application(index: u32) -> Application {
    let text = format!(
        "application = \"app-{index}\"\n[[node.idle.server]]\nid = \"server-{index}\"\nrun = [\"sleep\", \"1000\"]\n\
         adapter = [{{ name = \"http\", endpoint = \"http://127.0.0.1:{}\" }}]\nobject = [{{ id = \"object-{index}\", type = \"page\" }}]\n",
        1000 + index
    );
    Application::from_toml(&text, "bench").expect("the sample is valid")
}

async fn wait_for_followers(client: &Client) -> RegistryReport {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Ok(Response::Registry(report)) = client.call(Request::Registry).await
            && report.standing == "leading"
            && report.followers.len() == REGISTRIES - 1
            && report.followers.iter().all(|follower| follower.behind == 0)
        {
            return *report;
        }
        assert!(Instant::now() < end, "the grid does not come up");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// One update; `request` tells it from all others.
async fn apply(client: &Client, index: u32, request: u128) {
    deploy(client, application(index), request).await;
}

/// The same with an application as it is written.
async fn apply_text(client: &Client, text: &str, request: u128) {
    deploy(
        client,
        Application::from_toml(text, "bench").expect("the sample is valid"),
        request,
    )
    .await;
}

async fn deploy(client: &Client, application: Application, request: u128) {
    let request = Request::Apply {
        application,
        if_revision: None,
        request: RequestId::from_bits(request),
    };
    match client.call(request).await {
        Ok(Response::Applied(_)) => {}
        other => panic!("an update gave {other:?}"),
    }
}

/// Waits until every node obeys this epoch.
async fn wait_for_nodes(client: &Client, epoch: u64) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Ok(Response::Nodes(nodes)) = client.call(Request::Nodes).await
            && nodes.iter().filter(|node| node.obeys_epoch >= epoch).count() == NODES
        {
            return;
        }
        assert!(Instant::now() < end, "the nodes do not come");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Moves mastership round and round while a client resolves every 20 ms.
async fn promotions(registries: &Registries) {
    let locator = registries.addresses[..REGISTRIES].to_vec();
    let (reader, stop) = (
        Client::new(locator, Options::new("bench")),
        Arc::new(AtomicBool::new(false)),
    );
    let stopped = stop.clone();
    let reads = tokio::spawn(async move {
        let (mut answered, mut unanswered) = (0_u32, 0_u32);
        while !stopped.load(Ordering::Relaxed) {
            let id = "object-1".to_owned();
            // The object's server is on a node that does not run: known, and not to be had.
            match reader
                .call(Request::Resolve {
                    id,
                    at_least: None,
                    count: None,
                })
                .await
            {
                Ok(_) | Err(floe::client::Error::Failed(_)) => answered += 1,
                Err(_) => unanswered += 1,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (answered, unanswered)
    });
    let mut took = Vec::new();
    for round in 0..PROMOTIONS {
        let candidate = registries.addresses[(round + 1) % REGISTRIES].clone();
        let direct = Client::new(vec![candidate], Options::new("bench"));
        direct.call(Request::Peers).await.expect("it answers");
        let begun = Instant::now();
        let order = Request::Promote {
            dry_run: false,
            accept_loss: false,
            force: false,
        };
        match direct.call(order).await {
            Ok(Response::Promotion(report)) => assert_eq!(report.acknowledged.len(), REGISTRIES + NODES, "{report:?}"),
            other => panic!("a promotion gave {other:?}"),
        }
        let index = u32::try_from(round).expect("a few");
        apply(&direct, index, u128::from(index) + 9_000_000).await;
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    stop.store(true, Ordering::Relaxed);
    let (answered, unanswered) = reads.await.expect("the reader ends well");
    took.sort_by(f64::total_cmp);
    println!(
        "{:<52} {:>10.1} ms   (median of {PROMOTIONS}; {:.1} to {:.1})",
        format!("promotion by command to an accepted update, {NODES} nodes"),
        took[PROMOTIONS / 2],
        took[0],
        took[PROMOTIONS - 1]
    );
    println!(
        "{:<52} {answered} of {}",
        "resolves answered meanwhile, one every 20 ms",
        answered + unanswered
    );
}

fn say(what: &str, count: u32, took: Duration) {
    let rate = f64::from(count) / took.as_secs_f64();
    println!(
        "{what:<52} {rate:>10.0} a second   ({count} in {:.3} s)",
        took.as_secs_f64()
    );
}

#[tokio::main]
async fn main() {
    let begun = Instant::now();
    let mut registries = start();
    let client = Client::new(registries.addresses[..1].to_vec(), Options::new("bench"));
    wait_for_followers(&client).await;
    println!(
        "{:<52} {:>10.0} ms",
        "three registries from start to connected",
        begun.elapsed().as_secs_f64() * 1000.0
    );

    let only = |what: &str| std::env::args().any(|argument| argument == what);
    let fresh = {
        let address = registries.addresses[0].clone();
        move || Client::new(vec![address.clone()], Options::new("bench"))
    };
    if only("many") {
        return many::run(&client, &["idle"], false, 50_000_000).await;
    }
    if only("sessions") {
        registries.run(REGISTRIES..REGISTRIES + NODES);
        wait_for_nodes(&client, 1).await;
        return sessions::run(&client, fresh).await;
    }

    let begun = Instant::now();
    for index in 0..UPDATES {
        apply(&client, index, u128::from(index) + 1).await;
    }
    say("updates one by one, durable on 3 registries", UPDATES, begun.elapsed());

    let begun = Instant::now();
    let tasks = (0..64).map(|task| {
        let client = client.clone();
        tokio::spawn(async move {
            for index in (task..UPDATES).step_by(64) {
                apply(&client, index, u128::from(index) + 1_000_000).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no update fails");
    }
    say(
        "updates with 64 in flight, durable on 3 registries",
        UPDATES,
        begun.elapsed(),
    );

    let status = || Request::Application {
        name: "app-1".parse().expect("a name"),
    };
    let begun = Instant::now();
    for _ in 0..RESOLVES / 4 {
        client.call(status()).await.expect("a read is answered");
    }
    say("reads one by one", RESOLVES / 4, begun.elapsed());

    let begun = Instant::now();
    let tasks = (0..64).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            for _ in 0..RESOLVES / 64 {
                client.call(status()).await.expect("a read is answered");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no read fails");
    }
    say(
        "reads with 64 in flight on one connection",
        RESOLVES / 64 * 64,
        begun.elapsed(),
    );

    many::run(&client, &["idle"], false, 50_000_000).await;

    // Only now: each keeps its slice on the same disk.
    registries.run(REGISTRIES..REGISTRIES + NODES);
    wait_for_nodes(&client, 1).await;
    many::run(&client, &["n0", "n1", "n2"], true, 60_000_000).await;
    sessions::run(&client, fresh).await;
    promotions(&registries).await;
}
