//! A grid of real daemons: files in a folder of its own, one process each, waits for states with a deadline, and an end for
//! every process, servers included. When a test fails, the end of every log is printed and the folder is kept.

use super::application::{FLOE, Text};
use super::ports::Port;
use super::process::{self, MARK};
use floe::client::{Client, Error, Options};
use floe::pure::base::{Address, RequestId};
use floe::pure::protocol::report::{AppliedReport, RegistryReport, Resolved, ServerReport, ServerState, StatusReport};
use floe::pure::protocol::{Request, Response};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long any one state may take to come about; a busy machine needs seconds where a quiet one needs milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
/// How often a state is looked at while it is waited for.
pub(super) const LOOK: Duration = Duration::from_millis(10);
/// Lines of each log that a failing test prints.
const LOG_LINES: usize = 80;

/// One daemon: what its file says, and its process.
#[derive(Debug)]
pub(super) struct Daemon {
    control: Port,
    http: Port,
    /// The process, while it should run.
    child: Option<Child>,
    pub(super) grid: String,
    /// What the file calls it; the same as the key in the grid, unless a test lies.
    pub(super) name: String,
    /// Empty for a node.
    pub(super) role: String,
    pub(super) locator: Vec<String>,
    /// Further lines of `[registry]` or `[node]`.
    pub(super) more: String,
    /// The network namespace that its process lives in, when it is not the test's.
    pub(super) space: Option<String>,
}

/// What a command printed, and its exit code.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Said {
    /// The result as JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
    /// The same, and it must have gone well.
    pub(super) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }
}

/// The grid.
#[derive(Debug)]
pub(super) struct Grid {
    folder: PathBuf,
    kept: Option<TempDir>,
    daemons: BTreeMap<String, Daemon>,
}

impl Grid {
    /// Finds ports and writes the files; starts nothing. The first registry is the master. Registries list all registries;
    /// nodes list all but the first, where there are more.
    pub(super) fn new(registries: &[&str], nodes: &[&str]) -> Self {
        let kept = tempfile::tempdir().expect("a folder");
        let folder = kept.path().canonicalize().expect("a folder");
        let mut grid = Self {
            folder,
            kept: Some(kept),
            daemons: BTreeMap::new(),
        };
        for (index, name) in registries.iter().enumerate() {
            grid.add(name, if index == 0 { "master" } else { "replica" }, registries);
        }
        let known = if registries.len() > 1 {
            &registries[1..]
        } else {
            registries
        };
        for name in nodes {
            grid.add(name, "", known);
        }
        let names: Vec<String> = grid.daemons.keys().cloned().collect();
        for name in names {
            grid.edit(&name, |_| {});
        }
        grid
    }

    fn add(&mut self, name: &str, role: &str, locator: &[&str]) {
        let daemon = Daemon {
            control: Port::find(),
            http: Port::find(),
            child: None,
            grid: "test".to_owned(),
            name: name.to_owned(),
            role: role.to_owned(),
            locator: locator.iter().map(ToString::to_string).collect(),
            more: String::new(),
            space: None,
        };
        self.daemons.insert(name.to_owned(), daemon);
    }

    /// Puts a daemon into a network namespace, where it listens at `host`. Its file is to be edited after this.
    pub(super) fn put_into(&mut self, name: &str, space: &str, host: &str) {
        let at = |port| Port::fixed(Address::new(host, port).expect("an address"));
        let daemon = self.daemon_mut(name);
        (daemon.control, daemon.http) = (at(7400), at(7480));
        daemon.space = Some(space.to_owned());
    }

    /// Changes a daemon's file. Its process, if it runs, does not notice.
    pub(super) fn edit(&mut self, name: &str, change: impl FnOnce(&mut Daemon)) {
        change(self.daemon_mut(name));
        let daemon = self.daemon(name);
        let locator: Vec<String> = daemon
            .locator
            .iter()
            .map(|peer| format!("\"{}\"", self.address(peer)))
            .collect();
        let section = if daemon.role.is_empty() {
            format!(
                "[node]\nhost = \"127.0.0.1\"\nuser = \"{}\"\nallow_root = true\n{}",
                user(),
                daemon.more
            )
        } else {
            format!("[registry]\nrole = \"{}\"\n{}", daemon.role, daemon.more)
        };
        // Beyond loopback only inside namespaces that reach nobody else.
        let section = match daemon.space {
            Some(_) => format!("{section}\n[gossip]\ninsecure = true"),
            None => section,
        };
        let text = format!(
            "grid = \"{}\"\n\n[peer]\nname = \"{}\"\nlisten = \"{}\"\ndata = \"{}\"\nlocator = [{}]\n\n[http]\nlisten = \"{}\"\n\n{section}\n",
            daemon.grid,
            daemon.name,
            daemon.control.address,
            self.data(name).display(),
            locator.join(", "),
            daemon.http.address,
        );
        fs::write(self.config(name), text).expect("a configuration is written");
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
    /// A daemon's data folder.
    pub(super) fn data(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
    /// A daemon's configuration.
    pub(super) fn config(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.toml"))
    }
    /// A daemon's log.
    pub(super) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default()
    }
    /// A file of the test in the grid's folder.
    pub(super) fn write(&self, file: &str, text: &str) -> String {
        let path = self.folder.join(file);
        fs::write(&path, text).expect("a file is written");
        path.display().to_string()
    }
    pub(super) fn address(&self, name: &str) -> Address {
        self.daemon(name).control.address.clone()
    }
    pub(super) fn http(&self, name: &str) -> Address {
        self.daemon(name).http.address.clone()
    }
    /// A daemon's process.
    pub(super) fn pid(&self, name: &str) -> u32 {
        self.daemon(name)
            .child
            .as_ref()
            .unwrap_or_else(|| panic!("{name} runs"))
            .id()
    }
    /// It was started and not ended by the test.
    pub(super) fn runs(&self, name: &str) -> bool {
        self.daemon(name).child.is_some()
    }
    fn daemon(&self, name: &str) -> &Daemon {
        self.daemons
            .get(name)
            .unwrap_or_else(|| panic!("{name} is a daemon of the grid"))
    }
    fn daemon_mut(&mut self, name: &str) -> &mut Daemon {
        self.daemons
            .get_mut(name)
            .unwrap_or_else(|| panic!("{name} is a daemon of the grid"))
    }

    /// The command that runs a daemon.
    fn command(&self, name: &str, flags: &[&str]) -> Command {
        let kind = if self.daemon(name).role.is_empty() {
            "node"
        } else {
            "registry"
        };
        let mut command = match &self.daemon(name).space {
            Some(space) => super::network::command_in(space, FLOE),
            None => Command::new(FLOE),
        };
        command
            .args([kind, "run", "--with-parent", "--config"])
            .arg(self.config(name))
            .args(flags)
            .current_dir(&self.folder)
            .env(MARK, &self.folder)
            .env_remove("FLOE_PEERS")
            .env_remove("FLOE_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }
    pub(super) fn start(&mut self, name: &str) {
        self.start_with(name, &[]);
    }
    pub(super) fn start_with(&mut self, name: &str, flags: &[&str]) {
        assert!(self.daemon(name).child.is_none(), "{name} runs already");
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.folder.join(format!("{name}.log")));
        let child = self
            .command(name, flags)
            .stderr(log.expect("a log"))
            .spawn()
            .expect("floe starts");
        self.daemon_mut(name).child = Some(child);
    }
    pub(super) fn start_all(&mut self) {
        let names: Vec<String> = self.daemons.keys().cloned().collect();
        for name in &names {
            self.start(name);
        }
    }
    /// Ends a daemon as a power cut of its process would.
    pub(super) async fn kill(&mut self, name: &str) {
        process::signal(self.pid(name), Signal::KILL);
        self.ended(name).await;
    }
    /// Kills a node and starts it again, once the registries have missed it: before that, what they tell of it may still be
    /// of its former life.
    pub(super) async fn restart(&mut self, name: &str) {
        self.kill(name).await;
        self.missed(name).await;
        self.start(name);
    }
    /// Waits until no registry that runs and is not frozen takes a node for up.
    pub(super) async fn missed(&self, node: &str) {
        for (name, registry) in &self.daemons {
            let pid = registry
                .child
                .as_ref()
                .filter(|_| !registry.role.is_empty())
                .map(Child::id);
            if !matches!(pid.and_then(process::state), None | Some('T')) {
                self.status(&format!("{name} misses {node}"), &[name], |status| {
                    let is_up = status.nodes.iter().any(|row| row.name == node && row.state == "up");
                    if is_up { Err(format!("{status:?}")) } else { Ok(()) }
                })
                .await;
            }
        }
    }
    /// Stops a daemon as its service manager would; it must end well.
    pub(super) async fn stop(&mut self, name: &str) {
        process::signal(self.pid(name), Signal::TERM);
        let status = self.ended(name).await;
        assert_eq!(status.code(), Some(0), "{name} stops: {status}");
    }
    /// Waits for a daemon's end.
    pub(super) async fn ended(&mut self, name: &str) -> ExitStatus {
        let mut child = self.daemon_mut(name).child.take().expect("it runs");
        wait(&mut child, &format!("the end of {name}")).await
    }
    /// Starts a daemon that must end by itself.
    pub(super) async fn refused(&mut self, name: &str, flags: &[&str]) -> Said {
        finish(
            self.command(name, flags).stdout(Stdio::piped()),
            &format!("{name} ends by itself"),
        )
        .await
    }

    /// Runs a command that asks these peers.
    pub(super) async fn floe_at(&self, peers: &[&str], arguments: &[&str]) -> Said {
        finish(
            &mut self.floe_command(peers, arguments),
            &format!("floe {}", arguments.join(" ")),
        )
        .await
    }
    /// A command that asks these peers, to be run by the test.
    pub(super) fn floe_command(&self, peers: &[&str], arguments: &[&str]) -> Command {
        let peers: Vec<String> = peers.iter().map(|peer| self.address(peer).to_string()).collect();
        let mut command = Command::new(FLOE);
        command
            .args(arguments)
            .env("FLOE_PEERS", peers.join(","))
            .env(MARK, &self.folder)
            .current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// A client that knows these peers.
    pub(super) fn client(&self, peers: &[&str]) -> Client {
        Client::new(
            peers.iter().map(|peer| self.address(peer)).collect(),
            Options::new("test"),
        )
    }
    pub(super) async fn call(&self, peers: &[&str], request: Request) -> Result<Response, Error> {
        self.client(peers).call(request).await
    }

    /// Asks until the answer satisfies. Fails the test with what was seen last.
    pub(super) async fn see<T>(
        &self,
        what: &str,
        peers: &[&str],
        request: Request,
        check: impl Fn(Response) -> Result<T, String>,
    ) -> T {
        let client = self.client(peers);
        let ask = async || {
            let answer = client.call(request.clone()).await;
            answer.map_err(|error| error.to_string()).and_then(&check)
        };
        until(what, ask).await
    }
    pub(super) async fn status<T>(
        &self,
        what: &str,
        peers: &[&str],
        check: impl Fn(StatusReport) -> Result<T, String>,
    ) -> T {
        self.see(what, peers, Request::Status, |response| match response {
            Response::Status(status) => check(*status),
            other => Err(format!("{other:?}")),
        })
        .await
    }
    /// Waits until `master` leads, `replicas` follow it with everything, and `nodes` obey it; other peers may be anything.
    pub(super) async fn settled(&self, master: &str, replicas: &[&str], nodes: &[&str]) -> StatusReport {
        let what = format!("{master} leads {replicas:?} and {nodes:?}");
        self.status(&what, &[master], |status| {
            let leading = status
                .master
                .as_ref()
                .filter(|row| row.name == master)
                .ok_or(format!("{status:?}"))?;
            let follows = |name: &&str| {
                let mut rows = status.registries.iter();
                rows.any(|row| {
                    row.name == **name
                        && row.standing == "following"
                        && row.behind == 0
                        && row.version == leading.version
                })
            };
            let obeys = |name: &&str| {
                let mut rows = status.nodes.iter();
                rows.any(|row| row.name == **name && row.state == "up" && row.obeys_epoch == leading.epoch)
            };
            if replicas.iter().all(follows) && nodes.iter().all(obeys) {
                Ok(status)
            } else {
                Err(format!("{status:?}"))
            }
        })
        .await
    }
    /// One registry in detail, as soon as the check holds.
    pub(super) async fn registry(
        &self,
        name: &str,
        what: &str,
        check: impl Fn(&RegistryReport) -> bool,
    ) -> RegistryReport {
        let what = format!("{name} {what}");
        self.see(&what, &[name], Request::Registry, |response| match response {
            Response::Registry(report) if check(&report) => Ok(*report),
            other => Err(format!("{other:?}")),
        })
        .await
    }
    /// Applies; the update must be accepted in the end.
    pub(super) async fn apply(&self, peers: &[&str], text: &Text) -> AppliedReport {
        let request = Request::Apply {
            application: text.parse(),
            if_revision: None,
            request: new_request(),
        };
        self.see("the update is accepted", peers, request, |response| match response {
            Response::Applied(report) => Ok(*report),
            other => Err(format!("{other:?}")),
        })
        .await
    }
    /// All servers, by name.
    pub(super) async fn servers<T>(
        &self,
        what: &str,
        peers: &[&str],
        check: impl Fn(&BTreeMap<String, ServerReport>) -> Option<T>,
    ) -> T {
        self.see(what, peers, Request::Servers { application: None }, |response| {
            let Response::Servers(servers) = response else {
                return Err(format!("{response:?}"));
            };
            let servers = servers
                .into_iter()
                .map(|server| (server.id.to_string(), server))
                .collect();
            check(&servers).ok_or_else(|| format!("{servers:?}"))
        })
        .await
    }
    /// One server, as soon as the check holds.
    pub(super) async fn server(
        &self,
        peers: &[&str],
        id: &str,
        what: &str,
        check: impl Fn(&ServerReport) -> bool,
    ) -> ServerReport {
        let find = |servers: &BTreeMap<String, ServerReport>| servers.get(id).filter(|server| check(server)).cloned();
        self.servers(&format!("server {id} {what}"), peers, find).await
    }
    /// Waits until these servers are active; gives their processes.
    pub(super) async fn active(&self, peers: &[&str], ids: &[&str]) -> BTreeMap<String, u32> {
        self.servers(&format!("{ids:?} are active"), peers, |servers| {
            let mut pids = BTreeMap::new();
            for id in ids {
                let server = servers.get(*id).filter(|server| server.state == ServerState::Active)?;
                pids.insert((*id).to_owned(), server.pid?);
            }
            Some(pids)
        })
        .await
    }
    pub(super) async fn resolve(&self, peers: &[&str], id: &str) -> Resolved {
        let request = Request::Resolve {
            id: id.to_owned(),
            at_least: None,
            count: None,
        };
        self.see(&format!("{id} resolves"), peers, request, |response| match response {
            Response::Resolved(resolved) => Ok(resolved),
            other => Err(format!("{other:?}")),
        })
        .await
    }
    /// Each of these web servers says its own name over HTTP.
    pub(super) async fn answer(&self, peers: &[&str], ids: &[&str]) {
        for id in ids {
            let endpoint = self.resolve(peers, &format!("{id}.http")).await.endpoints.remove(0);
            let said = get(&endpoint).await;
            assert!(
                said.ends_with(&format!("hello from {id}\n")),
                "{id} at {endpoint} says {said:?}"
            );
        }
    }
}

impl Drop for Grid {
    fn drop(&mut self) {
        // Servers are started again by their nodes: daemons end first.
        for daemon in self.daemons.values_mut() {
            if let Some(mut child) = daemon.child.take() {
                child.kill().and_then(|()| child.wait()).map_or_else(drop, |_| ());
            }
        }
        for pid in process::of_grid(&self.folder) {
            process::signal(pid, Signal::KILL);
        }
        for (name, daemon) in &self.daemons {
            if let (true, Ok(node)) = (daemon.role.is_empty(), daemon.name.parse()) {
                floe::io::process::forget_groups(&node, &self.data(name));
            }
        }
        if std::thread::panicking() {
            self.print_logs();
        }
    }
}

impl Grid {
    #[expect(clippy::print_stderr, reason = "what a failing test must show")]
    fn print_logs(&mut self) {
        if let Some(kept) = self.kept.take() {
            eprintln!("the grid's folder is kept: {}", kept.keep().display());
        }
        for name in self.daemons.keys() {
            let log = self.log(name);
            let lines: Vec<&str> = log.lines().collect();
            let end = lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default();
            eprintln!("---- the end of the log of {name}\n{}", end.join("\n"));
        }
    }
}

/// Servers run as whoever runs the test.
fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

/// A fresh id for one update.
pub(super) fn new_request() -> RequestId {
    RequestId::from_bits(floe::io::clock::dice())
}

/// Looks until there is something. Fails the test with what was seen last.
pub(super) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(value) => return value,
            Err(last) => assert!(
                Instant::now() < end,
                "not seen within {PATIENCE:?}: {what}; seen last: {last}"
            ),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits for the end of a process.
pub(super) async fn wait(child: &mut Child, what: &str) -> ExitStatus {
    until(what, async || {
        child
            .try_wait()
            .expect("a child can be waited for")
            .ok_or("it runs".to_owned())
    })
    .await
}

/// Runs a command to its end, with a deadline.
pub(super) async fn finish(command: &mut Command, what: &str) -> Said {
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the command starts");
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let read = |stream: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stream) = stream {
                stream.read_to_end(&mut bytes).expect("a pipe can be read");
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let out = read(out.map(|out| Box::new(out) as Box<dyn std::io::Read + Send>));
    let err = read(err.map(|err| Box::new(err) as Box<dyn std::io::Read + Send>));
    let status = wait(&mut child, what).await;
    Said {
        code: status.code(),
        out: out.join().expect("output is read"),
        err: err.join().expect("output is read"),
    }
}

/// What an HTTP URL answers, whole, with its head.
pub(super) async fn get(url: &str) -> String {
    send("GET", url, "").await
}

/// The same for any method, with further headers, each with the end of its line.
pub(super) async fn send(method: &str, url: &str, headers: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let rest = url.trim_start_matches("http://");
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let fetch = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        let request = format!("{method} /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    match tokio::time::timeout(PATIENCE, fetch).await {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => format!("{url}: {error}"),
        Err(_) => format!("{url}: no answer within {PATIENCE:?}"),
    }
}
