//! Figures of a real grid on this machine: three registries, real sockets, real disks. `cargo bench --bench grid`.
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
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const REGISTRIES: usize = 3;
const RESOLVES: u32 = 20_000;
const UPDATES: u32 = 300;

struct Registries {
    _folder: tempfile::TempDir,
    addresses: Vec<Address>,
    children: Vec<Child>,
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
    while held.len() < REGISTRIES {
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
    let locator = addresses
        .iter()
        .map(|address| format!("\"{address}\""))
        .collect::<Vec<_>>()
        .join(", ");
    let children = addresses.iter().enumerate().map(|(index, address)| {
        let role = if index == 0 { "master" } else { "replica" };
        let (name, data) = (format!("r{index}"), folder.path().join(format!("r{index}")));
        let config = folder.path().join(format!("{name}.toml"));
        let text = format!(
            "grid = \"bench\"\n[peer]\nname = \"{name}\"\nlisten = \"{address}\"\ndata = \"{}\"\nlocator = [{locator}]\n[registry]\nrole = \"{role}\"\n[log]\nlevel = \"warn\"\n",
            data.display()
        );
        std::fs::write(&config, text).expect("the folder is ours");
        let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
        command.args(["registry", "run", "--with-parent", "--config"]).arg(config);
        command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts")
    });
    let children = children.collect();
    Registries {
        _folder: folder,
        addresses,
        children,
    }
}

fn application(index: u32) -> Application {
    let text = format!(
        "application = \"app-{index}\"\n[[node.n1.server]]\nid = \"server-{index}\"\nrun = [\"sleep\", \"1000\"]\n\
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

async fn apply(client: &Client, index: u32, request: u128) {
    let request = Request::Apply {
        application: application(index),
        if_revision: None,
        request: RequestId::from_bits(request),
    };
    match client.call(request).await {
        Ok(Response::Applied(_)) => {}
        other => panic!("an update gave {other:?}"),
    }
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
    let registries = start();
    let client = Client::new(registries.addresses[..1].to_vec(), Options::new("bench"));
    wait_for_followers(&client).await;
    println!(
        "{:<52} {:>10.0} ms",
        "three registries from start to connected",
        begun.elapsed().as_secs_f64() * 1000.0
    );

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
}
