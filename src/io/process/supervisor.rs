//! All processes of a node: finds them at its start, makes, watches and signals them as the core says, tells it what
//! happens.

use super::child::Child;
use super::group::Means;
use super::journal::{JournalError, read_value, replace_value};
use super::launch::{self, Start};
use super::notify::Ear;
use super::ports::PortPool;
use super::sweep::Sweeper;
use super::usage::Meter;
use super::{LogReader, make, probe, user};
use crate::io::clock;
use crate::pure::allocation::Tenure;
use crate::pure::base::{PeerName, RunId, ServerId, Signal};
use crate::pure::model::ServerSpec;
use crate::pure::protocol::node::Past;
use crate::pure::supervisor::{Event, Probe, Running, Told};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Where and as what servers are run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node.
    pub node: PeerName,
    /// What `${node.host}` gives, and where ports are chosen.
    pub host: String,
    /// The node's data folder; servers have theirs in `servers/`.
    pub data: PathBuf,
    /// The program that has the step (`step::VERB`): this one, as `/proc/self/exe`, which also an upgrade leaves as it was.
    pub step: PathBuf,
    /// Whom servers run as whose definition names nobody. `None`: `nobody` where the node is root, else the node's own user.
    pub user: Option<String>,
    /// May servers be root?
    pub allow_root: bool,
    /// What this host lets the node do; found out by [`Supervisor::open`].
    pub(super) means: Means,
}

/// Why processes cannot be supervised.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The folder of servers cannot be used.
    #[error("{step} {path:?}")]
    Folder {
        /// What was tried.
        step: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A record of a process cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A process that runs cannot be watched.
    #[error("watch process {pid} of server {server}")]
    Watch {
        /// The server.
        server: ServerId,
        /// Its process.
        pid: u32,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// What is known of each server's present process; shared with the tasks that make and watch them.
pub(super) type Children = Arc<Mutex<BTreeMap<ServerId, Arc<Child>>>>;
/// The newest definition of each server that runs.
pub(super) type Specs = Arc<Mutex<BTreeMap<ServerId, (RunId, Arc<ServerSpec>)>>>;

/// The processes of one node.
#[derive(Debug)]
pub struct Supervisor {
    pub(super) settings: Arc<Settings>,
    pub(super) events: mpsc::Sender<(ServerId, Event)>,
    pub(super) children: Children,
    /// The newest definition of each server that runs, and of which run.
    specs: Specs,
    pub(super) pool: Arc<PortPool>,
    pub(super) sweeper: Sweeper,
    probes: BTreeMap<ServerId, (RunId, AbortHandle)>,
    /// A task per process that is being made or lives.
    pub(super) watchers: BTreeMap<ServerId, AbortHandle>,
    /// What adopted processes have said of themselves.
    pub(super) told: BTreeMap<ServerId, Told>,
    meter: Meter,
    /// Looks after output.
    pub(super) upkeep: Option<AbortHandle>,
}

impl Settings {
    /// A node whose servers run as it is usual, by the step in this very program.
    pub fn new(node: PeerName, host: String, data: PathBuf) -> Self {
        Self {
            node,
            host,
            data,
            step: PathBuf::from("/proc/self/exe"),
            user: None,
            allow_root: false,
            means: Means::default(),
        }
    }
    /// The directory of a server.
    pub(super) fn home(&self, server: &ServerId) -> PathBuf {
        self.servers().join(server.as_str())
    }
    fn servers(&self) -> PathBuf {
        self.data.join("servers")
    }
    /// Where deleted directories wait for their end. No server's name starts with a dot.
    fn trash(&self) -> PathBuf {
        self.servers().join(".removed")
    }
}

impl Supervisor {
    /// Finds every process that an earlier life of the node made, adopts the leaders, and ends leftovers without one. Blocks
    /// for as long as that takes. Must be called within the runtime.
    ///
    /// # Errors
    /// [`ProcessError`]; no process was touched but leftovers.
    pub fn open(
        mut settings: Settings,
        events: mpsc::Sender<(ServerId, Event)>,
    ) -> Result<(Self, BTreeMap<ServerId, Running>), ProcessError> {
        let folder = settings.servers();
        create_folder(&folder)?;
        // Servers run in directories of their own: what they are told must not depend on ours.
        settings.data = std::fs::canonicalize(&settings.data).map_err(|source| ProcessError::Folder {
            step: "resolve",
            path: settings.data.clone(),
            source,
        })?;
        settings.means = Means::find(&settings.node, &settings.data);
        tracing::info!(means = %settings.means.words(), "servers are confined");
        settings.user = make::default_user(settings.user.take());
        if user::is_root() {
            let_through(&settings.data)?;
            let_through(&folder)?;
        }
        for left in std::fs::read_dir(settings.trash()).into_iter().flatten().flatten() {
            empty_trash(left.path());
        }
        let children = Children::default();
        let mut supervisor = Self {
            settings: Arc::new(settings),
            events,
            meter: Meter::new(children.clone()),
            children,
            specs: Specs::default(),
            pool: Arc::new(PortPool::default()),
            sweeper: Sweeper::start(),
            probes: BTreeMap::new(),
            watchers: BTreeMap::new(),
            told: BTreeMap::new(),
            upkeep: None,
        };
        let adopted = supervisor.adopt_all(&folder)?;
        supervisor.settings.means.tidy();
        supervisor.begin_upkeep();
        Ok((supervisor, adopted))
    }

    /// Makes a process; `Spawned` or `SpawnFailed` comes, and `Exited` after the first.
    pub fn spawn(
        &mut self,
        server: ServerId,
        run: RunId,
        spec: Arc<ServerSpec>,
        peers: String,
        tenure: Option<Tenure>,
    ) {
        self.specs().insert(server.clone(), (run, spec.clone()));
        let start = Start {
            server: server.clone(),
            run,
            spec,
            peers,
            tenure,
        };
        let (settings, pool) = (self.settings.clone(), self.pool.clone());
        let (children, events, sweeper) = (self.children.clone(), self.events.clone(), self.sweeper.clone());
        let id = server.clone();
        let task = tokio::spawn(async move {
            let making = {
                let pool = pool.clone();
                tokio::task::spawn_blocking(move || launch::start(&settings, &pool, &start))
            };
            let made = making
                .await
                .unwrap_or_else(|error| Err(format!("the start itself broke: {error}")));
            let started = match made {
                Ok(started) => started,
                Err(reason) => {
                    pool.release(run);
                    return tell(&events, &id, Event::SpawnFailed { run, reason }).await;
                }
            };
            let pid = started.mark.pid;
            let child = Arc::new(Child::new(run, &started.mark, started.fd, started.group));
            lock(&children).insert(id.clone(), child.clone());
            let ports = started.ports;
            tell(&events, &id, Event::Spawned { run, pid, ports }).await;
            watch(child, id, children, pool, sweeper, events, started.ear).await;
        });
        self.watchers.insert(server, task.abort_handle());
    }

    /// A signal to the process of this run, if it lives; not to its group.
    pub fn signal(&self, server: &ServerId, run: RunId, signal: Signal) {
        if let Some(child) = self.child(server, run) {
            child.tell(signal);
        }
    }
    /// SIGKILL to all of this run, if it lives.
    pub fn kill(&self, server: &ServerId, run: RunId) {
        if let Some(child) = self.child(server, run) {
            child.kill();
        }
    }

    /// What the processes that were found have said of themselves to an earlier life of the node.
    pub fn take_told(&mut self) -> BTreeMap<ServerId, Told> {
        std::mem::take(&mut self.told)
    }

    /// What an earlier life of the node remembered of its servers.
    pub fn pasts(&self) -> BTreeMap<ServerId, Past> {
        let mut pasts = BTreeMap::new();
        for entry in std::fs::read_dir(self.settings.servers())
            .into_iter()
            .flatten()
            .flatten()
        {
            let Some(server) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<ServerId>().ok())
            else {
                continue;
            };
            match read_value(&self.settings.home(&server).join("past")) {
                Ok(past) => pasts.extend(past.map(|past| (server, past))),
                Err(error) => tracing::warn!(%server, %error, "what was remembered of the server is lost"),
            }
        }
        pasts
    }
    /// Remembers it for the node's next life. Not synced: a hint for people, written with each change of a server.
    pub fn keep_past(&self, server: &ServerId, past: &Past) {
        let home = self.settings.home(server);
        // A server that was never started has no directory, and one that was removed gets none again.
        if home.is_dir()
            && let Err(error) = replace_value(&home.join("past"), past)
        {
            tracing::warn!(%server, %error, "the server's past was not written");
        }
    }

    /// Asks until the answer is good; `Ready` comes then. Replaces an earlier probe of the server.
    pub fn probe(&mut self, server: &ServerId, run: RunId, probe: Probe) {
        let (events, id) = (self.events.clone(), server.clone());
        let task = tokio::spawn(async move {
            probe::until_ready(&probe).await;
            tell(&events, &id, Event::Ready { run }).await;
        });
        if let Some((_, earlier)) = self.probes.insert(server.clone(), (run, task.abort_handle())) {
            earlier.abort();
        }
    }
    /// Stops asking.
    pub fn stop_probe(&mut self, server: &ServerId, run: RunId) {
        if self.probes.get(server).is_some_and(|(probed, _)| *probed == run)
            && let Some((_, task)) = self.probes.remove(server)
        {
            task.abort();
        }
    }

    /// Deletes the directory of a server that has no process: out of the way at once, gone soon after.
    ///
    /// # Errors
    /// [`ProcessError::Folder`]; the directory is where it was.
    pub fn delete(&mut self, server: &ServerId) -> Result<(), ProcessError> {
        self.watchers.remove(server);
        self.probes.remove(server);
        self.specs().remove(server);
        let (home, trash) = (self.settings.home(server), self.settings.trash());
        if !home.exists() {
            return Ok(());
        }
        create_folder(&trash)?;
        // A name that is used again may be deleted again before its first directory is gone.
        let target = trash.join(format!("{:032x}", clock::dice()));
        std::fs::rename(&home, &target).map_err(|source| ProcessError::Folder {
            step: "move away",
            path: home,
            source,
        })?;
        empty_trash(target);
        Ok(())
    }

    /// Reads what servers wrote.
    pub fn reader(&self) -> LogReader {
        LogReader::new(self.settings.clone())
    }
    /// Looks at what servers use.
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }
    /// What bounds servers on this host, and what finds their leftovers, in one line.
    pub fn means(&self) -> String {
        self.settings.means.words()
    }

    /// The newest definitions.
    pub(super) fn specs(&self) -> MutexGuard<'_, BTreeMap<ServerId, (RunId, Arc<ServerSpec>)>> {
        self.specs.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(super) fn specs_shared(&self) -> Specs {
        self.specs.clone()
    }

    pub(super) fn child(&self, server: &ServerId, run: RunId) -> Option<Arc<Child>> {
        let child = lock(&self.children).get(server).cloned();
        child.filter(|child| child.run() == run)
    }
}

impl Drop for Supervisor {
    /// Nothing is watched any more; the processes go on.
    fn drop(&mut self) {
        let probes = self.probes.values().map(|(_, task)| task);
        for task in self.watchers.values().chain(probes).chain(&self.upkeep) {
            task.abort();
        }
        self.settings.means.close();
    }
}

pub(super) async fn watch(
    child: Arc<Child>,
    server: ServerId,
    children: Children,
    pool: Arc<PortPool>,
    sweeper: Sweeper,
    events: mpsc::Sender<(ServerId, Event)>,
    ear: Option<Ear>,
) {
    let heard = async {
        match ear {
            Some(ear) => ear.listen(child.pid(), server.clone(), events.clone()).await,
            None => std::future::pending().await,
        }
    };
    let how = tokio::select! {
        how = child.ended(&sweeper) => how,
        () = heard => return,
    };
    let run = child.run();
    pool.release(run);
    {
        let mut children = lock(&children);
        if children.get(&server).is_some_and(|present| present.run() == run) {
            children.remove(&server);
        }
    }
    tell(&events, &server, Event::Exited { run, how }).await;
}

pub(super) async fn tell(events: &mpsc::Sender<(ServerId, Event)>, server: &ServerId, event: Event) {
    // The node is gone when nobody listens; its next life finds out by itself.
    drop(events.send((server.clone(), event)).await);
}

pub(super) fn lock(children: &Children) -> MutexGuard<'_, BTreeMap<ServerId, Arc<Child>>> {
    children.lock().unwrap_or_else(PoisonError::into_inner)
}

fn create_folder(path: &Path) -> Result<(), ProcessError> {
    std::fs::create_dir_all(path).map_err(|source| ProcessError::Folder {
        step: "create",
        path: path.to_owned(),
        source,
    })
}

/// A folder of root's that servers of other users have to pass through. What lies in it is closed to them by itself.
fn let_through(folder: &Path) -> Result<(), ProcessError> {
    use std::os::unix::fs::PermissionsExt;
    let fault = |source| ProcessError::Folder {
        step: "let servers' users pass through",
        path: folder.to_owned(),
        source,
    };
    let mode = std::fs::metadata(folder).map_err(fault)?.permissions().mode();
    if mode & 0o011 == 0o011 {
        return Ok(());
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode | 0o011)).map_err(fault)
}

/// Deletes a tree beside the node's work: it may be large.
fn empty_trash(path: PathBuf) {
    tokio::task::spawn_blocking(move || match std::fs::remove_dir_all(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "removed server's directory was not deleted");
        }
        _ => (),
    });
}
