//! Two hundred real servers on one node: how long they take to start, and what the node costs beside them at rest.
//! `cargo bench --bench servers`; `BENCH_BINARY=FILE` measures another build, also one that knows fewer keys.
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
use floe::pure::protocol::report::{ServerReport, ServerState};
use floe::pure::protocol::{Request, Response};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SERVERS: usize = 200;
const REST: Duration = Duration::from_secs(10);
const KILLS: usize = 20;

struct Grid {
    folder: tempfile::TempDir,
    children: Vec<Child>,
    registry: Address,
    node: Address,
    http: Address,
}

impl Drop for Grid {
    fn drop(&mut self) {
        for child in &mut self.children {
            child.kill().expect("our own child can be killed");
            child.wait().expect("our own child can be waited for");
        }
        // Servers outlive their node; they carry the folder in their environment.
        let mark = format!("BENCH_FOLDER={}", self.folder.path().display());
        for process in procfs::process::all_processes().expect("/proc").flatten() {
            let ours = std::fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
            if ours.split(|byte| *byte == 0).any(|line| line == mark.as_bytes())
                && let Some(pid) = rustix::process::Pid::from_raw(process.pid)
            {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap_or(());
            }
        }
    }
}

/// A port that is free for both protocols.
fn free() -> Address {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = tcp.local_addr().expect("a bound port has an address");
        if UdpSocket::bind(address).is_ok() {
            return address.into();
        }
    }
}

fn start() -> Grid {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let other = std::env::var("BENCH_BINARY").ok();
    let binary = other.clone().unwrap_or_else(|| env!("CARGO_BIN_EXE_floe").to_owned());
    let (registry, node, http) = (free(), free(), free());
    let root = if other.is_none() {
        "user = \"root\"\nallow_root = true\n"
    } else {
        ""
    };
    let root = if rustix::process::getuid().is_root() { root } else { "" };
    let mut children = Vec::new();
    for (kind, name, listen, section) in [
        (
            "registry",
            "r1",
            &registry,
            "[registry]\nrole = \"master\"\n".to_owned(),
        ),
        (
            "node",
            "n1",
            &node,
            format!("[http]\nlisten = \"{http}\"\n[node]\n{root}"),
        ),
    ] {
        let config = folder.path().join(format!("{name}.toml"));
        let text = format!(
            "grid = \"bench\"\n[peer]\nname = \"{name}\"\nlisten = \"{listen}\"\ndata = \"{}\"\nlocator = [\"{registry}\"]\n{section}[log]\nlevel = \"warn\"\n",
            folder.path().join(name).display()
        );
        std::fs::write(&config, text).expect("the folder is ours");
        let mut command = Command::new(&binary);
        command.args([kind, "run", "--with-parent", "--config"]).arg(config);
        command.env("BENCH_FOLDER", folder.path()).stdin(Stdio::null());
        children.push(command.spawn().expect("the binary starts"));
    }
    Grid {
        folder,
        children,
        registry,
        node,
        http,
    }
}

fn application(servers: usize) -> Application {
    let mut text = "application = \"many\"\n".to_owned();
    for index in 0..servers {
        write!(
            text,
            "[[node.n1.server]]\nid = \"s-{index}\"\nrun = [\"/bin/sleep\", \"100000\"]\nactivation = \"always\"\n"
        )
        .expect("writing to memory cannot fail");
    }
    Application::from_toml(&text, "bench").expect("the sample is valid")
}

async fn servers(client: &Client) -> Vec<ServerReport> {
    match client.call(Request::Servers { application: None }).await {
        Ok(Response::Servers(servers)) => servers,
        _ => Vec::new(),
    }
}

/// Waits until a check of all servers holds.
async fn until(client: &Client, what: &str, check: impl Fn(&[ServerReport]) -> bool) {
    let end = Instant::now() + Duration::from_mins(2);
    while !check(&servers(client).await) {
        assert!(Instant::now() < end, "not seen: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Processor time of a process, in seconds.
fn cpu(pid: u32) -> f64 {
    let process = procfs::process::Process::new(i32::try_from(pid).expect("a pid")).expect("it runs");
    let stat = process.stat().expect("it has a stat");
    #[expect(clippy::cast_precision_loss, reason = "ticks of a bench")]
    let seconds = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
    seconds
}

fn scrape(http: &Address) -> usize {
    let mut stream = TcpStream::connect(http.to_string()).expect("the node serves HTTP");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text.lines().count()
}

#[tokio::main]
async fn main() {
    let grid = start();
    let client = Client::new(vec![grid.registry.clone()], Options::new("bench"));
    let node = grid.children[1].id();
    let apply = |count, number: u128| Request::Apply {
        application: application(count),
        if_revision: None,
        request: RequestId::from_bits(number),
    };
    let end = Instant::now() + Duration::from_secs(30);
    while !matches!(client.call(Request::Nodes).await, Ok(Response::Nodes(nodes)) if nodes.iter().any(|node| node.state == "up"))
    {
        assert!(Instant::now() < end, "the grid does not come up");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (begun, used) = (Instant::now(), cpu(node));
    client.call(apply(SERVERS, 1)).await.expect("the update is accepted");
    let active = |all: &[ServerReport]| all.iter().filter(|one| one.state == ServerState::Active).count();
    until(&client, "all are active", |all| active(all) == SERVERS).await;
    let took = begun.elapsed().as_secs_f64();
    println!(
        "{:<52} {took:>10.2} s",
        format!("{SERVERS} servers from the update to active")
    );
    println!(
        "{:<52} {:>10.2} s",
        "processor time of the node for it",
        cpu(node) - used
    );

    tokio::time::sleep(Duration::from_secs(2)).await;
    let used = cpu(node);
    tokio::time::sleep(REST).await;
    let share = (cpu(node) - used) / REST.as_secs_f64() * 100.0;
    println!(
        "{:<52} {share:>10.2} % of a core",
        format!("the node at rest with {SERVERS} servers")
    );

    let used = cpu(node);
    let begun = Instant::now();
    let lines = (0..5).map(|_| {
        // Looked at anew at each scrape that is a second after the last one.
        std::thread::sleep(Duration::from_millis(1100));
        scrape(&grid.http)
    });
    let lines = lines.max().unwrap_or(0);
    let cost = (cpu(node) - used) / 5.0 * 1000.0;
    let rest = share / 100.0 * begun.elapsed().as_secs_f64() / 5.0 * 1000.0;
    println!(
        "{:<52} {:>10.1} ms   ({lines} lines)",
        "processor time of one scrape",
        cost - rest
    );

    let mut again = Vec::new();
    for index in 0..KILLS {
        let all = servers(&client).await;
        let (id, pid) = (all[index].id.clone(), all[index].pid.expect("it runs"));
        let target = i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .expect("a pid");
        let begun = Instant::now();
        rustix::process::kill_process(target, rustix::process::Signal::KILL).expect("it is ours");
        until(&client, "it runs again", |all| {
            let server = all.iter().find(|one| one.id == id);
            server.is_some_and(|one| one.state == ServerState::Active && one.pid.is_some_and(|now| now != pid))
        })
        .await;
        again.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    again.sort_by(f64::total_cmp);
    println!(
        "{:<52} {:>10.1} ms   (median of {KILLS}; {:.1} to {:.1})",
        "a killed server that was healthy runs again",
        again[KILLS / 2],
        again[0],
        again[KILLS - 1]
    );

    let begun = Instant::now();
    client.call(apply(1, 2)).await.expect("the update is accepted");
    // The registry forgets them at once; their node when they are gone.
    let direct = Client::new(vec![grid.node.clone()], Options::new("bench"));
    until(&direct, "the others are gone", |all| all.len() == 1).await;
    let took = begun.elapsed().as_secs_f64();
    println!(
        "{:<52} {took:>10.2} s",
        format!("{} servers stopped and removed", SERVERS - 1)
    );
}
