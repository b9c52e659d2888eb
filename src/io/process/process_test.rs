//! Real processes, real signals, a real disk. Waits for what must happen, with a deadline.

use super::journal::Record;
use super::{Settings, Supervisor, find};
use crate::pure::base::{RunId, ServerId};
use crate::pure::model::{AdapterSpec, ServerSpec};
use crate::pure::supervisor::{Event, Exit, Ports, Probe, Running};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Whatever is waited for comes within this, or the test fails.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// A node in this folder whose servers run as whoever runs the tests. The step is the real one, in the program that is built
/// beside the tests.
pub(super) fn settings(folder: &Path) -> Settings {
    let tests = std::env::current_exe().unwrap();
    let step = tests.ancestors().nth(2).unwrap().join("floe");
    assert!(step.exists(), "{} is missing: build it first", step.display());
    Settings {
        step,
        user: Some(rustix::process::getuid().as_raw().to_string()),
        allow_root: true,
        ..Settings::new("n1".parse().unwrap(), "127.0.0.1".into(), folder.to_owned())
    }
}

pub(super) fn spec(run: &[&str]) -> ServerSpec {
    ServerSpec {
        activation_timeout: Duration::from_secs(10),
        deactivation_timeout: Duration::from_secs(10),
        ..ServerSpec::new(
            "s".parse().unwrap(),
            "a".parse().unwrap(),
            run.iter().map(|word| (*word).to_owned()).collect(),
        )
    }
}

/// A supervisor with its events. Every process that it made is ended with it.
pub(super) struct Bench {
    pub(super) supervisor: Supervisor,
    pub(super) adopted: BTreeMap<ServerId, Running>,
    pub(super) events: mpsc::Receiver<(ServerId, Event)>,
    pub(super) folder: Arc<tempfile::TempDir>,
    pub(super) runs: Vec<RunId>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::over(Arc::new(tempfile::tempdir().unwrap()), Vec::new())
    }
    pub(super) fn over(folder: Arc<tempfile::TempDir>, runs: Vec<RunId>) -> Self {
        let (sender, events) = mpsc::channel(64);
        let settings = settings(folder.path());
        let (supervisor, adopted) = Supervisor::open(settings, sender).unwrap();
        Self {
            supervisor,
            adopted,
            events,
            folder,
            runs,
        }
    }
    /// `kill -9` of the node and a new life: nothing is said to the processes, nothing is written.
    pub(super) fn next_life(mut self) -> Self {
        Self::over(self.folder.clone(), std::mem::take(&mut self.runs))
    }
    pub(super) fn spawn(&mut self, spec: ServerSpec) -> RunId {
        static DRAWN: AtomicU64 = AtomicU64::new(1);
        let bits = u128::from(std::process::id()) << 64 | u128::from(DRAWN.fetch_add(1, Ordering::Relaxed));
        let run = RunId::from_bits(bits);
        self.runs.push(run);
        self.supervisor
            .spawn(id(), run, Arc::new(spec), "127.0.0.1:7401".into(), None);
        run
    }
    pub(super) async fn event(&mut self) -> Event {
        let event = tokio::time::timeout(DEADLINE, self.events.recv()).await;
        event.expect("an event was to come").expect("the supervisor lives").1
    }
    /// Spawns, and says which process it became.
    pub(super) async fn spawned(&mut self, spec: ServerSpec) -> (RunId, u32, Ports) {
        let run = self.spawn(spec);
        match self.event().await {
            Event::Spawned { run: told, pid, ports } if told == run => (run, pid, ports),
            other => panic!("{other:?} instead of a start"),
        }
    }
    pub(super) async fn exited(&mut self) -> Exit {
        match self.event().await {
            Event::Exited { how, .. } => how,
            other => panic!("{other:?} instead of an end"),
        }
    }
    /// As its newest definition says, or by SIGTERM.
    pub(super) fn terminate(&self, run: RunId) {
        let spec = self.supervisor.specs()[&id()].1.clone();
        self.supervisor.terminate(&id(), run, spec);
    }
    pub(super) fn home(&self) -> std::path::PathBuf {
        self.folder.path().join("servers/s")
    }
}
impl Drop for Bench {
    fn drop(&mut self) {
        super::sweep::end_all(&self.runs);
    }
}

/// How many processes of a run there are.
pub(super) fn alive(run: RunId) -> usize {
    find::all_runs().get(&run).map_or(0, Vec::len)
}

pub(super) fn id() -> ServerId {
    "s".parse().unwrap()
}

/// Waits for a file that holds something.
pub(super) async fn content(path: &Path) -> String {
    let wait = async {
        loop {
            match std::fs::read_to_string(path) {
                Ok(text) if text.ends_with('\n') => return text,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(DEADLINE, wait)
        .await
        .unwrap_or_else(|_| panic!("{} stayed empty", path.display()))
}

#[tokio::test]
async fn ends_are_told_as_they_were() {
    let mut bench = Bench::new();
    for (script, how) in [
        ("exit 0", Exit::Code(0)),
        ("exit 3", Exit::Code(3)),
        ("kill -SEGV $$$$", Exit::Signal(11)),
    ] {
        bench.spawned(spec(&["sh", "-c", script])).await;
        assert_eq!(bench.exited().await, how, "{script}");
    }
}

#[tokio::test]
async fn a_server_gets_its_place_and_nothing_else_of_the_node() {
    let mut bench = Bench::new();
    let mut spec = spec(&["sh", "-c", "env; pwd; read x || echo end >&2; sleep 60"]);
    spec.ports.insert("http".into(), 0);
    spec.environment
        .insert("MINE".into(), "${server.data}:${port.http}".into());
    let (run, pid, ports) = bench.spawned(spec).await;
    assert_eq!(
        content(&bench.home().join("stderr.log")).await,
        "end\n",
        "stdin is empty"
    );
    let told = content(&bench.home().join("stdout.log")).await;
    let data = std::fs::canonicalize(bench.home().join("data")).unwrap();
    let port = ports["http"];
    for line in [
        format!("FLOE_RUN={run}"),
        "FLOE_SERVER=s".into(),
        "FLOE_NODE=n1".into(),
        "FLOE_APPLICATION=a".into(),
        "FLOE_PEERS=127.0.0.1:7401".into(),
        format!("PORT_HTTP={port}"),
        format!("MINE={}:{port}", data.display()),
        data.display().to_string(),
    ] {
        assert!(told.lines().any(|told| told == line), "{line} is missing in {told}");
    }
    let open = |pid: &str| {
        let folder = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        folder
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect::<Vec<_>>()
    };
    for fd in open(&pid.to_string()) {
        assert!(["0", "1", "2"].contains(&fd.as_str()), "descriptor {fd} leaks");
    }
    let group = procfs::process::Process::new(i32::try_from(pid).unwrap())
        .unwrap()
        .stat()
        .unwrap()
        .pgrp;
    assert_eq!(u32::try_from(group).unwrap(), pid, "it leads a group of its own");
    let wanted = crate::pure::node::effect::WantedLog {
        stderr: true,
        file: None,
        lines: 5,
        at: None,
    };
    let spec = bench.supervisor.specs()[&id()].1.clone();
    assert_eq!(bench.supervisor.reader().read(&spec, &wanted).unwrap().text, "end\n");
}

#[tokio::test]
async fn failed_starts_say_why() {
    let mut bench = Bench::new();
    let write = |name: &str, text: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        let path = bench.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    let (plain, script) = (write("plain", "x", 0o644), write("script", "#!/no/such\n", 0o755));
    let noise = write("noise", "\u{1}\u{2}", 0o755);
    for (program, directory, reason) in [
        ("no-such-program", None, "command not found: no-such-program".to_owned()),
        ("/no/such", None, "command not found: /no/such".to_owned()),
        (&plain, None, format!("{plain} is not executable")),
        (
            &script,
            None,
            format!("{script} names an interpreter that does not exist"),
        ),
        (&noise, None, format!("{noise} is no program (exec format error)")),
        (
            "sh",
            Some("/no/such"),
            "the working directory /no/such does not exist".to_owned(),
        ),
        ("${a}", None, "\"${a}\": variable `a` has no value here".to_owned()),
    ] {
        let mut spec = spec(&[program]);
        spec.directory = directory.map(str::to_owned);
        let run = bench.spawn(spec);
        assert_eq!(bench.event().await, Event::SpawnFailed { run, reason }, "{program}");
    }
}

#[tokio::test]
async fn readiness_is_seen_when_a_connection_is_accepted() {
    let mut bench = Bench::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let run = RunId::from_bits(1);
    let probe = Probe {
        address: address.into(),
        path: None,
    };
    bench.supervisor.probe(&id(), run, probe);
    assert!(bench.events.try_recv().is_err(), "nobody listens yet");
    let _listener = std::net::TcpListener::bind(address).unwrap();
    assert_eq!(bench.event().await, Event::Ready { run });
}

#[tokio::test]
async fn a_group_is_ended_as_a_whole_and_nothing_survives_its_leader() {
    let mut bench = Bench::new();
    // SIGTERM reaches every process of the group.
    let (run, ..) = bench
        .spawned(spec(&["sh", "-c", "sleep 600 & sleep 600 & echo up; wait"]))
        .await;
    content(&bench.home().join("stdout.log")).await;
    assert_eq!(alive(run), 3);
    bench.terminate(run);
    assert_eq!((bench.exited().await, alive(run)), (Exit::Signal(15), 0));
    // One that ignores SIGTERM goes by SIGKILL.
    let script = "trap '' TERM; echo deaf; while :; do sleep 600; done";
    std::fs::remove_file(bench.home().join("stdout.log")).unwrap();
    let (run, ..) = bench.spawned(spec(&["sh", "-c", script])).await;
    content(&bench.home().join("stdout.log")).await;
    bench.terminate(run);
    bench.supervisor.kill(&id(), run);
    assert_eq!((bench.exited().await, alive(run)), (Exit::Signal(9), 0));
    // Leftovers go with their leader, also one that left the group.
    let (run, ..) = bench
        .spawned(spec(&["sh", "-c", "sleep 600 & setsid sleep 600 & exit 4"]))
        .await;
    assert_eq!((bench.exited().await, alive(run)), (Exit::Code(4), 0));
    // A signal for an earlier run does nothing.
    std::fs::remove_file(bench.home().join("stdout.log")).unwrap();
    let script = "echo up; while :; do sleep 600; done";
    let (now, ..) = bench.spawned(spec(&["sh", "-c", script])).await;
    // In the middle of its exec a process shows no environment.
    content(&bench.home().join("stdout.log")).await;
    bench.supervisor.kill(&id(), run);
    assert!(alive(now) > 0);
}

#[tokio::test]
async fn running_servers_are_adopted_and_watched() {
    let mut bench = Bench::new();
    let mut spec = spec(&["sleep", "600"]);
    spec.ports.insert("http".into(), 0);
    let (run, pid, ports) = bench.spawned(spec.clone()).await;
    let mut bench = bench.next_life();
    let running = bench.adopted.get(&id()).cloned();
    let spec = Arc::new(spec);
    assert_eq!(
        running,
        Some(Running {
            run,
            spec,
            pid,
            ports,
            tenure: None
        })
    );
    bench.terminate(run);
    // In this test the process is our own child, so the system tells how it ended.
    assert_eq!(bench.exited().await, Exit::Signal(15));
    assert!(bench.next_life().adopted.is_empty(), "what has ended is not adopted");
}

#[tokio::test]
async fn an_intent_without_a_pid_is_found_by_its_run() {
    let mut bench = Bench::new();
    let (run, pid, ports) = bench.spawned(spec(&["sh", "-c", "sleep 600 & wait"])).await;
    // The node was killed after it made the process and before it wrote the pid.
    let intent = Record::intent(run, Arc::new(spec(&["sleep", "600"])), ports);
    intent.write(&bench.home()).unwrap();
    let bench = bench.next_life();
    assert_eq!(
        bench.adopted.get(&id()).map(|running| (running.run, running.pid)),
        Some((run, pid))
    );
    let mark = Record::read(&bench.home()).unwrap().unwrap().process;
    assert_eq!(mark, find::mark(pid), "the pid is on disk now");
}

#[tokio::test]
async fn a_process_of_another_parent_is_watched_as_well() {
    let mut bench = Bench::new();
    let run = RunId::from_bits(u128::from(std::process::id()) << 64);
    bench.runs.push(run);
    // Its parent ends at once, as a killed node does.
    let parent = std::process::Command::new("sh")
        .args([
            "-c",
            "setsid sleep 600 & while [ $(ps -o pgid= -p $!) != $! ]; do :; done",
        ])
        .env("FLOE_RUN", run.to_string())
        .status();
    assert!(parent.unwrap().success());
    std::fs::create_dir_all(bench.home()).unwrap();
    let intent = Record::intent(run, Arc::new(spec(&["sleep", "600"])), Ports::new());
    intent.write(&bench.home()).unwrap();
    let mut bench = bench.next_life();
    assert_eq!(bench.adopted.len(), 1);
    bench.terminate(run);
    assert_eq!((bench.exited().await, alive(run)), (Exit::Unknown, 0));
}

#[tokio::test]
async fn a_stranger_with_the_same_pid_is_not_adopted_and_leftovers_are_ended() {
    let mut bench = Bench::new();
    let (run, ..) = bench.spawned(spec(&["sleep", "600"])).await;
    let record = Record::read(&bench.home()).unwrap().unwrap();
    for forge in [0, 1] {
        let mut forged = record.clone();
        forged.run = RunId::from_bits(7);
        // Its control group is of the server alone: whatever is in it is no stranger.
        forged.groups.clear();
        if let Some(mark) = &mut forged.process {
            match forge {
                0 => mark.start_ticks += 1,
                _ => mark.boot.push('x'),
            }
        }
        forged.write(&bench.home()).unwrap();
        bench = bench.next_life();
        assert!(bench.adopted.is_empty(), "forged: {forge}");
        assert_eq!(alive(run), 1, "and not touched");
    }
    // The leader is gone, a process of its run is not.
    let mut forged = record.clone();
    forged.process.as_mut().unwrap().start_ticks += 1;
    forged.write(&bench.home()).unwrap();
    bench = bench.next_life();
    assert_eq!((bench.adopted.len(), alive(run)), (0, 0));
}

#[tokio::test]
async fn a_damaged_record_keeps_its_server_from_starting_and_no_other() {
    let mut bench = Bench::new();
    std::fs::create_dir_all(bench.home()).unwrap();
    std::fs::write(bench.home().join("run"), "noise").unwrap();
    bench = bench.next_life();
    bench.spawn(spec(&["sleep", "600"]));
    let Event::SpawnFailed { reason, .. } = bench.event().await else {
        panic!("it must not start: another process of it may run");
    };
    assert!(
        reason.contains("see that no process of it runs, then delete the file"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_record_that_a_crash_of_the_machine_tore_says_nothing() {
    let mut bench = Bench::new();
    std::fs::create_dir_all(bench.home()).unwrap();
    std::fs::write(bench.home().join("run"), "").unwrap();
    let boot = bench.folder.path().join("servers/.boot");
    super::write_value(&boot, &"an earlier boot".to_owned()).unwrap();
    bench = bench.next_life();
    bench.spawned(spec(&["true"])).await;
    bench.exited().await;
}

#[tokio::test]
async fn ports_are_kept_while_they_are_free() {
    let mut bench = Bench::new();
    let mut spec = spec(&["true"]);
    spec.ports = BTreeMap::from([("a".into(), 0), ("b".into(), 0), ("c".into(), 7)]);
    spec.adapters.push(AdapterSpec {
        name: "a".into(),
        id: "s.a".parse().unwrap(),
        group: None,
        endpoint: "tcp://${node.host}:${port.a}".into(),
        priority: 0,
    });
    let (_, _, first) = bench.spawned(spec.clone()).await;
    assert_eq!(first["c"], 7);
    assert_ne!(first["a"], first["b"]);
    bench.exited().await;
    let (_, _, second) = bench.spawned(spec.clone()).await;
    assert_eq!(first, second);
    bench.exited().await;
    let _taken = std::net::TcpListener::bind(("127.0.0.1", first["a"])).unwrap();
    let (_, _, third) = bench.spawned(spec).await;
    assert_ne!(third["a"], first["a"]);
    assert_eq!(third["b"], first["b"]);
}

#[tokio::test]
async fn a_removed_server_leaves_no_directory() {
    let mut bench = Bench::new();
    bench.spawned(spec(&["true"])).await;
    bench.exited().await;
    bench.supervisor.delete(&id()).unwrap();
    assert!(!bench.home().exists());
    bench.supervisor.delete(&id()).unwrap();
    bench.spawned(spec(&["true"])).await;
    assert!(bench.home().exists(), "the name can be used again at once");
}
