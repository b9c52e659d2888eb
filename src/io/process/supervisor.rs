//! All processes of a node: finds them at its start, makes, watches and signals them as the core says, tells it what
//! happens.

use super::child::Child;
use super::find::{self, Found};
use super::journal::{self, JournalError, Mark, Record, read_value, replace_value};
use super::launch::{self, Start};
use super::notify::{self, Ear};
use super::ports::PortPool;
use super::sweep::{self, Sweeper};
use super::{logs, probe, signal};
use crate::io::clock;
use crate::pure::base::{PeerName, RunId, ServerId, Signal};
use crate::pure::model::{Ready, ServerSpec};
use crate::pure::protocol::node::Past;
use crate::pure::protocol::report::LogReport;
use crate::pure::supervisor::{Event, Probe, Running, Told};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// A process that a killed node had just forked shows its run id only once it executes its program. That takes far less.
const FORK_GRACE: Duration = Duration::from_millis(50);

/// Where and as what servers are run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node.
    pub node: PeerName,
    /// What `${node.host}` gives, and where ports are chosen.
    pub host: String,
    /// The node's data folder; servers have theirs in `servers/`.
    pub data: PathBuf,
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
type Children = Arc<Mutex<BTreeMap<ServerId, Arc<Child>>>>;

/// The processes of one node.
#[derive(Debug)]
pub struct Supervisor {
    settings: Arc<Settings>,
    events: mpsc::Sender<(ServerId, Event)>,
    children: Children,
    pool: Arc<PortPool>,
    sweeper: Sweeper,
    probes: BTreeMap<ServerId, (RunId, AbortHandle)>,
    /// A task per process that is being made or lives.
    watchers: BTreeMap<ServerId, AbortHandle>,
    /// What adopted processes have said of themselves.
    told: BTreeMap<ServerId, Told>,
}

impl Settings {
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
        for left in std::fs::read_dir(settings.trash()).into_iter().flatten().flatten() {
            empty_trash(left.path());
        }
        let mut supervisor = Self {
            settings: Arc::new(settings),
            events,
            children: Children::default(),
            pool: Arc::new(PortPool::default()),
            sweeper: Sweeper::start(),
            probes: BTreeMap::new(),
            watchers: BTreeMap::new(),
            told: BTreeMap::new(),
        };
        let adopted = supervisor.adopt_all(&folder)?;
        Ok((supervisor, adopted))
    }

    /// Makes a process; `Spawned` or `SpawnFailed` comes, and `Exited` after the first.
    pub fn spawn(&mut self, server: ServerId, run: RunId, spec: Arc<ServerSpec>, peers: String) {
        let start = Start {
            server: server.clone(),
            run,
            spec,
            peers,
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
            let child = Arc::new(Child::new(run, &started.mark, started.fd));
            lock(&children).insert(id.clone(), child.clone());
            let ports = started.ports;
            tell(&events, &id, Event::Spawned { run, pid, ports }).await;
            watch(child, id, children, pool, sweeper, events, started.ear).await;
        });
        self.watchers.insert(server, task.abort_handle());
    }

    /// SIGTERM to the process group of this run, if it lives.
    pub fn terminate(&self, server: &ServerId, run: RunId) {
        if let Some(child) = self.child(server, run) {
            child.terminate();
        }
    }
    /// A signal to the process of this run, if it lives; not to its group.
    pub fn signal(&self, server: &ServerId, run: RunId, signal: Signal) {
        if let Some(child) = self.child(server, run) {
            child.tell(signal);
        }
    }
    /// SIGKILL to the process group of this run, if it lives.
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

    /// The end of a server's output.
    ///
    /// # Errors
    /// A text for people.
    pub fn logs(&self, server: &ServerId, stderr: bool, lines: u32) -> Result<LogReport, String> {
        let name = if stderr { "stderr.log" } else { "stdout.log" };
        logs::tail(&self.settings.home(server).join(name), lines)
    }

    /// Adopts each leader that still runs; what is left of runs without one is ended.
    fn adopt_all(&mut self, folder: &Path) -> Result<BTreeMap<ServerId, Running>, ProcessError> {
        let records = self.recorded(folder)?;
        let mut found = find::all_runs();
        let intents = records.values().filter(|record| record.process.is_none());
        if intents.into_iter().any(|record| !found.contains_key(&record.run)) {
            std::thread::sleep(FORK_GRACE);
            found = find::all_runs();
        }
        let mut adopted = BTreeMap::new();
        let mut leaderless = Vec::new();
        for (server, record) in records {
            let left = found.get(&record.run).map_or(&[][..], Vec::as_slice);
            match self.adopt(&server, record, left)? {
                Ok(running) => drop(adopted.insert(server, running)),
                Err(run) if !left.is_empty() => leaderless.push(run),
                Err(_) => (),
            }
        }
        if !leaderless.is_empty() {
            sweep::end_all(&leaderless);
        }
        Ok(adopted)
    }

    /// Every server that was ever started here, with the record of its last start.
    fn recorded(&self, folder: &Path) -> Result<BTreeMap<ServerId, Record>, ProcessError> {
        let fault = |source| ProcessError::Folder {
            step: "list",
            path: folder.to_owned(),
            source,
        };
        let new_boot = journal::is_new_boot(folder, &find::boot())?;
        let mut records = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(fault)? {
            let name = entry.map_err(fault)?.file_name();
            let Some(server) = name.to_str().and_then(|name| name.parse::<ServerId>().ok()) else {
                continue;
            };
            match Record::read(&self.settings.home(&server)) {
                Ok(record) => records.extend(record.map(|record| (server, record))),
                Err(JournalError::Damaged { path, reason }) if new_boot => {
                    tracing::warn!(%server, reason, "the machine's crash tore the record of a process; that ended with it");
                    std::fs::remove_file(&path).map_err(fault)?;
                }
                // The others go on. This one is not started, and says why, until somebody has looked.
                Err(error @ JournalError::Damaged { .. }) => tracing::error!(%server, %error, "record damaged"),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(records)
    }

    /// The leader of a record's run, if it still runs: by its mark, or for an intent by the run in its environment (`left`).
    /// Else the run.
    fn adopt(
        &mut self,
        server: &ServerId,
        mut record: Record,
        left: &[Found],
    ) -> Result<Result<Running, RunId>, ProcessError> {
        let run = record.run;
        let mark = match &record.process {
            Some(mark) => Some(mark.clone()),
            None => left
                .iter()
                .find(|found| found.leads)
                .and_then(|leader| find::mark(leader.pid)),
        };
        let Some(mark) = mark.filter(find::lives) else {
            return Ok(Err(run));
        };
        let pid = mark.pid;
        let fault = |error: rustix::io::Errno| ProcessError::Watch {
            server: server.clone(),
            pid,
            source: error.into(),
        };
        let fd = match signal::pidfd(pid) {
            Err(rustix::io::Errno::SRCH) => return Ok(Err(run)),
            fd => fd.map_err(fault)?,
        };
        if !find::lives(&mark) {
            // It ended between the two looks; the descriptor may stand for a stranger.
            return Ok(Err(run));
        }
        if record.process.is_none() {
            record.process = Some(mark.clone());
            record.write(&self.settings.home(server))?;
        }
        self.pool.adopt(run, &record.ports);
        let ear = self.listen_again(server, &record, &mark);
        let child = Arc::new(Child::new(run, &mark, fd));
        lock(&self.children).insert(server.clone(), child.clone());
        let (children, pool) = (self.children.clone(), self.pool.clone());
        let watching = watch(
            child,
            server.clone(),
            children,
            pool,
            self.sweeper.clone(),
            self.events.clone(),
            ear,
        );
        self.watchers
            .insert(server.clone(), tokio::spawn(watching).abort_handle());
        Ok(Ok(Running {
            run,
            spec: record.spec,
            pid,
            ports: record.ports,
        }))
    }

    /// Goes on listening to an adopted process, and remembers what it has said, or that it was given enough time.
    fn listen_again(&mut self, server: &ServerId, record: &Record, mark: &Mark) -> Option<Ear> {
        let home = self.settings.home(server);
        let told = match record.spec.ready {
            Ready::Notify => notify::remembered(&home, record.run),
            Ready::After(time) => Ok(Told {
                ready: find::age(mark) >= time,
                ..Told::default()
            }),
            Ready::AtOnce | Ready::Tcp(_) | Ready::Http { .. } => Ok(Told::default()),
        };
        let told = told.unwrap_or_else(|error| {
            tracing::warn!(%server, %error, "what the server said of itself is lost");
            Told::default()
        });
        if told != Told::default() {
            self.told.insert(server.clone(), told);
        }
        Ear::adopt(record.run, &record.spec, &home)
    }

    fn child(&self, server: &ServerId, run: RunId) -> Option<Arc<Child>> {
        let child = lock(&self.children).get(server).cloned();
        child.filter(|child| child.run() == run)
    }
}

impl Drop for Supervisor {
    /// Nothing is watched any more; the processes go on.
    fn drop(&mut self) {
        let probes = self.probes.values().map(|(_, task)| task);
        for task in self.watchers.values().chain(probes) {
            task.abort();
        }
    }
}

async fn watch(
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

async fn tell(events: &mpsc::Sender<(ServerId, Event)>, server: &ServerId, event: Event) {
    // The node is gone when nobody listens; its next life finds out by itself.
    drop(events.send((server.clone(), event)).await);
}

fn lock(children: &Children) -> std::sync::MutexGuard<'_, BTreeMap<ServerId, Arc<Child>>> {
    children.lock().unwrap_or_else(PoisonError::into_inner)
}

fn create_folder(path: &Path) -> Result<(), ProcessError> {
    std::fs::create_dir_all(path).map_err(|source| ProcessError::Folder {
        step: "create",
        path: path.to_owned(),
        source,
    })
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
