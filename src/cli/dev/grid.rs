//! The processes of a development grid, with their files, and questions to them.

use crate::client::{Client, Options};
use crate::io::clock;
use crate::pure::base::{Address, RequestId};
use crate::pure::model::Application;
use crate::pure::protocol::report::{AppliedReport, RegistryReport, Resolved, ServerReport, ServerState, StatusReport};
use crate::pure::protocol::{Request, Response};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The registries; the first is the master.
pub(super) const REGISTRIES: [&str; 3] = ["r1", "r2", "r3"];
/// The nodes.
pub(super) const NODES: [&str; 2] = ["n1", "n2"];
/// How long any one step may take; a busy machine needs seconds where a quiet one needs milliseconds.
const STEP: Duration = Duration::from_secs(30);
/// How often a state is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(10);

/// Why the grid did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// Something on this machine failed.
    #[error("failed to {step}: {source}")]
    Io {
        /// What was tried.
        step: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A state did not come about.
    #[error("failed to see that {what} within {} s: {last}. The logs are in {}", STEP.as_secs(), folder.display())]
    Late {
        /// What was waited for.
        what: String,
        /// What was seen last.
        last: String,
        /// Where the logs are; kept.
        folder: PathBuf,
    },
    /// A step of the story did not hold.
    #[error("the story broke: {what}. The logs are in {}", folder.display())]
    Broken {
        /// What was expected and what was seen.
        what: String,
        /// Where the logs are; kept.
        folder: PathBuf,
    },
}

impl DevError {
    pub(super) fn io(step: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let step = step.into();
        move |source| Self::Io { step, source }
    }
}

/// One daemon's place.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) control: Address,
    pub(super) http: Address,
}

/// The grid.
#[derive(Debug)]
pub struct Grid {
    folder: PathBuf,
    /// Made by us: goes at the end, unless something broke.
    temporary: bool,
    pub(super) places: BTreeMap<&'static str, Place>,
    children: BTreeMap<&'static str, Child>,
    broken: bool,
}

impl Grid {
    /// Finds ports and writes the files; starts nothing.
    ///
    /// # Errors
    /// When the folder cannot be written or no ports are free.
    pub fn prepare(folder: Option<PathBuf>) -> Result<Self, DevError> {
        let temporary = folder.is_none();
        let folder = folder.unwrap_or_else(|| std::env::temp_dir().join(format!("floe-dev-{}", std::process::id())));
        fs::create_dir_all(&folder).map_err(DevError::io(format!("make the folder {}", folder.display())))?;
        let folder = folder
            .canonicalize()
            .map_err(DevError::io(format!("find the folder {}", folder.display())))?;
        let mut held = Vec::new();
        let mut places = BTreeMap::new();
        for name in REGISTRIES.into_iter().chain(NODES) {
            let control = free_port(&mut held)?;
            let http = free_port(&mut held)?;
            places.insert(name, Place { control, http });
        }
        let grid = Self {
            folder,
            temporary,
            places,
            children: BTreeMap::new(),
            broken: false,
        };
        for name in REGISTRIES {
            grid.write_config(name, if name == "r1" { "master" } else { "replica" })?;
        }
        for name in NODES {
            grid.write_config(name, "")?;
        }
        grid.write("shop.toml", &application("shop", 2))?;
        Ok(grid)
    }

    /// Where everything is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts every daemon.
    ///
    /// # Errors
    /// When one cannot be started.
    pub fn start_all(&mut self) -> Result<(), DevError> {
        REGISTRIES
            .into_iter()
            .chain(NODES)
            .try_for_each(|name| self.start(name))
    }

    /// Starts one daemon from its configuration file.
    pub(super) fn start(&mut self, name: &'static str) -> Result<(), DevError> {
        let binary = std::env::current_exe().map_err(DevError::io("find the own program"))?;
        let log = self.folder.join(format!("{name}.log"));
        let opened = File::options().append(true).create(true).open(&log);
        let log = opened.map_err(DevError::io(format!("open {}", log.display())))?;
        let kind = if NODES.contains(&name) { "node" } else { "registry" };
        let child = Command::new(binary)
            .args([kind, "run", "--with-parent", "--config"])
            .arg(self.folder.join(format!("{name}.toml")))
            .current_dir(&self.folder)
            .env_remove("FLOE_PEERS")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.children
            .insert(name, child.map_err(DevError::io(format!("start {kind} {name}")))?);
        Ok(())
    }

    /// The process of a daemon.
    pub(super) fn pid(&self, name: &str) -> Option<u32> {
        self.children.get(name).map(Child::id)
    }

    /// Ends a daemon by a signal and waits for its end.
    pub(super) async fn signal(&mut self, name: &str, signal: Signal) -> Result<(), DevError> {
        let Some(child) = self.children.get_mut(name) else {
            return Ok(());
        };
        send(child, signal);
        let end = Instant::now() + STEP;
        while child
            .try_wait()
            .map_err(DevError::io(format!("wait for {name}")))?
            .is_none()
        {
            if Instant::now() > end {
                send(child, Signal::KILL);
            }
            tokio::time::sleep(LOOK / 4).await;
        }
        self.children.remove(name);
        Ok(())
    }

    /// Ends every daemon, nodes first (they stop their servers), and removes a temporary folder.
    ///
    /// # Errors
    /// When a process cannot be waited for.
    pub async fn end(&mut self) -> Result<(), DevError> {
        for name in NODES.into_iter().chain(REGISTRIES) {
            if let Some(child) = self.children.get(name) {
                send(child, Signal::TERM);
            }
        }
        for name in NODES.into_iter().chain(REGISTRIES) {
            self.signal(name, Signal::TERM).await?;
        }
        if self.temporary && !self.broken {
            fs::remove_dir_all(&self.folder).map_err(DevError::io(format!("remove {}", self.folder.display())))?;
        }
        Ok(())
    }

    /// Writes a daemon's configuration. `role` is for registries.
    pub(super) fn write_config(&self, name: &'static str, role: &str) -> Result<(), DevError> {
        let Some(place) = self.places.get(name) else {
            return Ok(());
        };
        // Nodes know r2 and r3 only: the master is found through them.
        let listed = if NODES.contains(&name) {
            &REGISTRIES[1..]
        } else {
            &REGISTRIES[..]
        };
        let locator: Vec<String> = listed
            .iter()
            .filter_map(|name| self.places.get(name))
            .map(|place| format!("\"{}\"", place.control))
            .collect();
        let mut text = format!(
            "grid = \"dev\"\n\n[peer]\nname = \"{name}\"\nlisten = \"{}\"\ndata = \"{}\"\nlocator = [{}]\n\n[http]\nlisten = \"{}\"\n",
            place.control,
            self.folder.join(name).display(),
            locator.join(", "),
            place.http
        );
        let section = if NODES.contains(&name) {
            // The servers of a development grid end with it.
            let root = rustix::process::getuid().is_root();
            // Whoever tries floe as root means the servers of this grid to be root's as well.
            let user = if root {
                "user = \"root\"\nallow_root = true\n"
            } else {
                ""
            };
            format!("\n[node]\nhost = \"127.0.0.1\"\non_stop = \"stop\"\n{user}")
        } else {
            format!("\n[registry]\nrole = \"{role}\"\n")
        };
        text.push_str(&section);
        self.write(&format!("{name}.toml"), &text)
    }

    fn write(&self, file: &str, text: &str) -> Result<(), DevError> {
        let path = self.folder.join(file);
        fs::write(&path, text).map_err(DevError::io(format!("write {}", path.display())))
    }

    /// A client that knows these peers.
    pub(super) fn client(&self, names: &[&str]) -> Client {
        let places = names.iter().filter_map(|name| self.places.get(name));
        Client::new(
            places.map(|place| place.control.clone()).collect(),
            Options::new("floe dev"),
        )
    }

    /// Asks until the answer satisfies; an error says what was seen last.
    pub(super) async fn see<T>(
        &mut self,
        what: &str,
        names: &[&str],
        request: Request,
        check: impl Fn(Response) -> Result<T, String>,
    ) -> Result<T, DevError> {
        let client = self.client(names);
        let end = Instant::now() + STEP;
        loop {
            let last = match client
                .call(request.clone())
                .await
                .map_err(|error| error.to_string())
                .and_then(&check)
            {
                Ok(value) => return Ok(value),
                Err(last) => last,
            };
            if Instant::now() > end {
                self.broken = true;
                return Err(DevError::Late {
                    what: what.to_owned(),
                    last,
                    folder: self.folder.clone(),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The story broke.
    pub(super) fn broken(&mut self, what: String) -> DevError {
        self.broken = true;
        DevError::Broken {
            what,
            folder: self.folder.clone(),
        }
    }

    /// Waits until one registry leads, the others follow, and every node is up.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn settled(&mut self) -> Result<StatusReport, DevError> {
        self.see(
            "one registry leads, two follow and both nodes obey",
            &REGISTRIES,
            Request::Status,
            |response| {
                let Response::Status(status) = response else {
                    return Err("no status".to_owned());
                };
                settled(&status)?;
                Ok(*status)
            },
        )
        .await
    }

    /// Deploys the sample application and waits until its servers answer.
    ///
    /// # Errors
    /// When it is refused or its servers do not come up.
    pub async fn deploy(&mut self) -> Result<AppliedReport, DevError> {
        let applied = self.apply("shop", 2).await?;
        self.active(&["web-1", "web-2"]).await?;
        Ok(applied)
    }

    /// Applies a sample application with so many web servers.
    pub(super) async fn apply(&mut self, name: &str, servers: usize) -> Result<AppliedReport, DevError> {
        let text = application(name, servers);
        let application = match Application::from_toml(&text, "shop.toml") {
            Ok(application) => application,
            Err(faults) => return Err(self.broken(format!("the sample application is refused: {faults:?}"))),
        };
        let request = RequestId::from_bits(clock::dice());
        let request = Request::Apply {
            application,
            if_revision: None,
            request,
        };
        self.see(
            "the application is accepted",
            &REGISTRIES,
            request,
            |response| match response {
                Response::Applied(report) => Ok(*report),
                Response::Failed(failure) => Err(format!("{failure}; {}", failure.hint)),
                _ => Err("no answer to an update".to_owned()),
            },
        )
        .await
    }

    /// Waits until these servers are active; gives all servers.
    pub(super) async fn active(&mut self, ids: &[&str]) -> Result<Vec<ServerReport>, DevError> {
        let what = format!("servers {} are active", ids.join(", "));
        self.see(&what, &REGISTRIES, Request::Servers { application: None }, |response| {
            let Response::Servers(servers) = response else {
                return Err("no servers".to_owned());
            };
            for id in ids {
                let server = servers
                    .iter()
                    .find(|server| server.id.as_str() == *id)
                    .ok_or(format!("{id} is not there"))?;
                if server.state != ServerState::Active {
                    return Err(format!("{id} is {}: {}", server.state, server.reason));
                }
            }
            Ok(servers)
        })
        .await
    }

    /// Where an id is, through any one of these peers.
    pub(super) async fn resolve(&mut self, id: &str, names: &[&str]) -> Result<Resolved, DevError> {
        let request = Request::Resolve {
            id: id.to_owned(),
            at_least: None,
            count: None,
        };
        self.see(&format!("{id} resolves"), names, request, |response| match response {
            Response::Resolved(resolved) => Ok(resolved),
            Response::Failed(failure) => Err(failure.to_string()),
            _ => Err("no answer to a resolve".to_owned()),
        })
        .await
    }

    /// One registry in detail.
    pub(super) async fn registry(
        &mut self,
        name: &str,
        check: impl Fn(&RegistryReport) -> Result<(), String>,
    ) -> Result<RegistryReport, DevError> {
        self.see(
            &format!("{name} stands as it should"),
            &[name],
            Request::Registry,
            |response| {
                let Response::Registry(report) = response else {
                    return Err("no registry".to_owned());
                };
                check(&report)?;
                Ok(*report)
            },
        )
        .await
    }
}

impl Drop for Grid {
    fn drop(&mut self) {
        for child in self.children.values() {
            send(child, Signal::TERM);
        }
    }
}

/// One leads, the others that are reachable follow, all nodes are up and obey its epoch.
pub(super) fn settled(status: &StatusReport) -> Result<(), String> {
    let master = status.master.as_ref().ok_or("no master")?;
    for row in &status.registries {
        if row.standing != "leading" && (row.standing != "following" || row.behind > 0) {
            return Err(format!("registry {} is {} at {}", row.name, row.standing, row.version));
        }
    }
    if status.registries.len() < REGISTRIES.len() || status.nodes.len() < NODES.len() {
        return Err(format!(
            "{} registries and {} nodes are known",
            status.registries.len(),
            status.nodes.len()
        ));
    }
    let lagging = status
        .nodes
        .iter()
        .find(|node| node.state != "up" || node.obeys_epoch != master.epoch);
    lagging.map_or(Ok(()), |node| {
        Err(format!(
            "node {} is {} and obeys epoch {}",
            node.name, node.state, node.obeys_epoch
        ))
    })
}

fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = kill_process(pid, signal)
    {
        tracing::debug!(%error, "it has ended by itself");
    }
}

/// A port that is free for TCP and UDP; held until all are found, so that none is given twice.
fn free_port(held: &mut Vec<(TcpListener, UdpSocket)>) -> Result<Address, DevError> {
    let find = || DevError::io("find a free port on 127.0.0.1");
    for _ in 0..32 {
        let tcp = TcpListener::bind("127.0.0.1:0").map_err(find())?;
        let address = tcp.local_addr().map_err(find())?;
        if let Ok(udp) = UdpSocket::bind(address) {
            held.push((tcp, udp));
            return Ok(Address::from(address));
        }
    }
    Err(find()(std::io::Error::other("no number is free for both TCP and UDP")))
}

/// The sample application: web servers spread over the nodes, in one group, each on a port that its node chooses.
fn application(name: &str, servers: usize) -> String {
    let binary = std::env::current_exe().map_or_else(|_| "floe".to_owned(), |path| path.display().to_string());
    let prefix = if name == "shop" {
        "web".to_owned()
    } else {
        format!("{name}-web")
    };
    let mut text = format!(
        "application = \"{name}\"\ndescription = \"the sample of floe dev\"\n\n[[group]]\nid = \"{prefix}\"\nbalance = \"round-robin\"\n"
    );
    for (index, node) in (1..=servers).zip(NODES.iter().cycle()) {
        let id = format!("{prefix}-{index}");
        write!(
            text,
            "\n[[node.{node}.server]]\nid = \"{id}\"\nrun = [\"{binary}\", \"dev-web\", \"--listen\", \"${{node.host}}:${{port.http}}\", \"--name\", \"${{server}}\"]\nactivation = \"always\"\nready = {{ tcp = \"http\" }}\n[[node.{node}.server.adapter]]\nname = \"http\"\ngroup = \"{prefix}\"\nendpoint = \"http://${{node.host}}:${{port.http}}\"\n"
        )
        .expect("writing to memory cannot fail");
    }
    text
}
