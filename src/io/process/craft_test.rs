//! What a server's process is made to be: user, limits, groups, descriptors, signals, files, its end.

use super::process_test::{Bench, DEADLINE, alive, content, id, settings, spec};
use super::{files, find, output};
use crate::pure::base::{RunId, Signal};
use crate::pure::model::{Limits, Output, PropertyFile, ServerSpec, Stop};
use crate::pure::supervisor::{Event, Exit};
use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::sync::Arc;

fn shell(script: &str) -> ServerSpec {
    spec(&["sh", "-c", script])
}

/// Says why the test cannot be made here.
fn skipped(why: &str) {
    println!("skipped: {why}");
}

/// What the server printed, once it has ended.
async fn printed(bench: &mut Bench, spec: ServerSpec) -> String {
    std::fs::remove_file(bench.home().join("stdout.log")).unwrap_or(());
    bench.spawned(spec).await;
    let how = bench.exited().await;
    let read = |name| std::fs::read_to_string(bench.home().join(name)).unwrap();
    assert_eq!(how, Exit::Code(0), "{}", read("stderr.log"));
    read("stdout.log")
}

/// The signals in a line of `/proc/PID/status`, without the two that the C library keeps to itself.
fn mask(line: &str) -> u64 {
    let mask = line
        .split_whitespace()
        .nth(1)
        .and_then(|mask| u64::from_str_radix(mask, 16).ok());
    mask.unwrap_or(u64::MAX) & !0x1_8000_0000
}

async fn refused(bench: &mut Bench, spec: ServerSpec) -> String {
    let run = bench.spawn(spec);
    match bench.event().await {
        Event::SpawnFailed { run: told, reason } if told == run => reason,
        other => panic!("{other:?} instead of a refusal"),
    }
}

#[tokio::test]
async fn nothing_that_the_node_inherited_reaches_a_server() {
    let mut bench = Bench::new();
    // A descriptor without CLOEXEC, and a signal that is ignored: as a careless service manager leaves them.
    let file = std::fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let told = printed(
        &mut bench,
        shell("ls /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status; umask; readlink /proc/self/fd/0"),
    )
    .await;
    let lines: Vec<&str> = told.lines().collect();
    // `ls` has its own descriptor for the folder.
    assert_eq!(lines[0], "4", "{told} although {} is open here", file.as_raw_fd());
    assert_eq!((mask(lines[1]), mask(lines[2])), (0, 0), "{told}");
    assert_eq!(&lines[3..], ["0022", "/dev/null"], "{told}");
    // Under `nohup` a node ignores SIGHUP, its servers must not.
    let step = settings(bench.folder.path()).step;
    let plan = super::step::Step {
        directory: "/".into(),
        allow_root: true,
        ..Default::default()
    };
    let (answer, word) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let said = std::process::Command::new("sh")
        .args(["-c", "trap '' HUP PIPE USR1; exec \"$@\"", "sh"])
        .arg(&step)
        .args([
            super::step::VERB,
            &plan.argument(),
            "grep",
            "SigIgn",
            "/proc/self/status",
        ])
        .stdin(std::process::Stdio::from(word))
        .output()
        .unwrap();
    drop(answer);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(mask(&said), 0, "{said}");
}

#[tokio::test]
async fn limits_hold() {
    let mut bench = Bench::new();
    let mut limited = shell("ulimit -n; cat /proc/self/cgroup");
    limited.limits = Limits {
        files: Some(77),
        cpu_millis: Some(500),
        memory_bytes: Some(64 << 20),
        tasks: Some(50),
    };
    let told = printed(&mut bench, limited.clone()).await;
    assert_eq!(told.lines().next(), Some("77"));
    let means = bench.supervisor.settings.means.clone();
    if !means.bounds_memory() || !means.bounds_tasks() {
        return skipped("no control group limits memory and tasks on this machine");
    }
    for controller in [":memory:", ":pids:", ":cpu:"] {
        let line = told
            .lines()
            .find(|line| line.contains(controller) || line.starts_with("0::"));
        assert!(line.is_some_and(|line| line.ends_with("/s")), "{controller} in {told}");
    }
    // More memory than it may have: the kernel ends it.
    limited.run[2] = "exec tail /dev/zero".into();
    bench.spawned(limited.clone()).await;
    let how = bench.exited().await;
    assert!(matches!(how, Exit::Signal(9) | Exit::Code(1)), "{how}");
    // More tasks than it may have.
    limited.run[2] = "for i in $(seq 100); do sleep 600 & done; echo all of them".into();
    bench.spawned(limited).await;
    assert_ne!(bench.exited().await, Exit::Code(0), "a hundred tasks do not fit");
    let left = bench.supervisor.settings.means.make(&id(), &Limits::default()).unwrap();
    assert_eq!(left.pids().unwrap_or_default(), [0; 0], "nothing of it is left");
    left.remove();
}

#[tokio::test]
async fn a_control_group_knows_what_is_left_of_a_run() {
    let mut bench = Bench::new();
    if bench.supervisor.settings.means == super::group::Means::default() {
        return skipped("no control groups on this machine");
    }
    // It leaves its group, its session and its environment behind.
    let script = "setsid env -i /bin/sleep 600 & echo up; sleep 600";
    let (run, ..) = bench.spawned(shell(script)).await;
    content(&bench.home().join("stdout.log")).await;
    let group = bench.supervisor.child(&id(), run).unwrap().group().clone();
    let Some(folder) = group.unified().map(std::path::Path::to_owned) else {
        return skipped("no control groups of version 2 on this machine");
    };
    assert!(group.cpu_micros().is_some());
    assert!(group.pids().unwrap().len() >= 2);
    // Also for a node that has only just found it.
    let mut bench = bench.next_life();
    assert_eq!(bench.adopted.len(), 1);
    bench.terminate(run);
    bench.exited().await;
    assert!(!folder.exists(), "the group went with its run");
}

#[tokio::test]
async fn a_server_runs_as_its_user() {
    if !super::user::is_root() {
        return skipped("only root can run servers as others");
    }
    let mut bench = Bench::new();
    let top = bench.folder.path().to_owned();
    let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    std::fs::set_permissions(&top, open).unwrap();
    let mut spec = shell("id -un; id -G; touch here; echo $$HOME $$USER; cat ${server.config}/a.properties");
    spec.user = Some("nobody".into());
    spec.files.push(PropertyFile {
        name: "a.properties".into(),
        properties: BTreeMap::from([("key".into(), "value".into())]),
    });
    let told = printed(&mut bench, spec.clone()).await;
    let nobody = super::user::look_up("nobody").unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!((lines[0], lines[3]), ("nobody", "key=value"), "{told}");
    assert!(
        !lines[1].split(' ').any(|group| group == "0"),
        "root's groups are gone: {told}"
    );
    assert!(lines[2].ends_with(" nobody"), "{told}");
    drop(nobody);
    // By number as well; and what goes wrong says so.
    spec.user = Some("65534".into());
    printed(&mut bench, spec.clone()).await;
    spec.user = Some("no-such-user".into());
    assert_eq!(
        refused(&mut bench, spec.clone()).await,
        "there is no user no-such-user on this host"
    );
    let secret = top.join("secret");
    std::fs::create_dir(&secret).unwrap();
    let closed = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o700);
    std::fs::set_permissions(&secret, closed).unwrap();
    spec.user = Some("nobody".into());
    spec.directory = Some(secret.display().to_string());
    assert_eq!(
        refused(&mut bench, spec.clone()).await,
        format!("user nobody may not enter the working directory {}", secret.display())
    );
    spec.directory = None;
    std::fs::copy("/bin/sh", secret.join("sh")).unwrap();
    spec.run = vec![secret.join("sh").display().to_string()];
    let reason = refused(&mut bench, spec).await;
    assert!(
        reason.ends_with("cannot be run by user nobody: permission denied"),
        "{reason}"
    );
}

#[tokio::test]
async fn root_is_given_away_only_where_the_configuration_says_so() {
    if !super::user::is_root() {
        return skipped("only root can give it away");
    }
    let folder = tempfile::tempdir().unwrap();
    let (sender, mut events) = tokio::sync::mpsc::channel(8);
    let mut settings = settings(folder.path());
    settings.allow_root = false;
    let (mut supervisor, _) = super::Supervisor::open(settings, sender).unwrap();
    supervisor.spawn(
        id(),
        RunId::from_bits(99),
        Arc::new(shell("exit 0")),
        String::new(),
        None,
    );
    let Some((_, Event::SpawnFailed { reason, .. })) = events.recv().await else {
        panic!("it must not start");
    };
    assert!(reason.contains("allow_root = true"), "{reason}");
}

#[tokio::test]
async fn files_reach_a_running_server_with_its_signal_and_no_restart() {
    let mut bench = Bench::new();
    let script = "trap 'cat ${server.config}/a' HUP; cat ${server.config}/a; while :; do sleep 0.02; done";
    let mut spec = shell(script);
    let file = |value: &str| PropertyFile {
        name: "a".into(),
        properties: BTreeMap::from([("k".into(), value.to_owned())]),
    };
    spec.files = vec![file("one")];
    spec.reload = Some(Signal::from(1));
    let (run, pid, _) = bench.spawned(spec.clone()).await;
    assert_eq!(content(&bench.home().join("stdout.log")).await, "k=one\n");
    spec.files = vec![file("two")];
    bench.supervisor.refresh(&id(), run, Arc::new(spec.clone()));
    let wait = async {
        while content(&bench.home().join("stdout.log")).await != "k=one\nk=two\n" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("it saw its new file");
    assert_eq!(find::mark(pid).map(|mark| mark.pid), Some(pid), "the same process");
    // What does not change the file says nothing to the process.
    bench.supervisor.refresh(&id(), run, Arc::new(spec.clone()));
    spec.files.clear();
    bench.supervisor.refresh(&id(), run, Arc::new(spec));
    let gone = async {
        while bench.home().join("config/a").exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, gone)
        .await
        .expect("the file went with its definition");
    drop(files::one_at_a_time());
}

#[tokio::test]
async fn servers_are_stopped_as_they_ask_for() {
    let mut bench = Bench::new();
    let started = async |bench: &mut Bench, spec: &ServerSpec| {
        std::fs::remove_file(bench.home().join("stdout.log")).unwrap_or(());
        let (run, ..) = bench.spawned(spec.clone()).await;
        content(&bench.home().join("stdout.log")).await;
        run
    };
    // By a signal.
    let mut spec = shell("trap 'exit 42' INT; trap 'exit 43' USR1; echo up; while :; do sleep 0.02; done");
    spec.stop.signal = Some(Signal::from(10));
    let run = started(&mut bench, &spec).await;
    bench.terminate(run);
    assert_eq!(bench.exited().await, Exit::Code(43));
    // By a command, which knows the process.
    spec.environment.insert("WORD".into(), "INT".into());
    spec.stop.command = ["sh", "-c", "echo bye; kill -$$WORD $$FLOE_PID"]
        .map(str::to_owned)
        .to_vec();
    let run = started(&mut bench, &spec).await;
    bench.terminate(run);
    assert_eq!(bench.exited().await, Exit::Code(42));
    let said = std::fs::read_to_string(bench.home().join("stdout.log")).unwrap();
    assert!(said.contains("bye"), "{said}");
    // A command that fails or cannot be run: the signal, and the reason.
    for (command, words) in [("exit 3", "exit status: 3"), ("", "command not found: no-such-command")] {
        spec.stop = Stop {
            command: match command {
                "" => vec!["no-such-command".into()],
                script => vec!["sh".into(), "-c".into(), script.into()],
            },
            signal: Some(Signal::from(10)),
        };
        let run = started(&mut bench, &spec).await;
        bench.terminate(run);
        let Event::Noted { run: told, reason } = bench.event().await else {
            panic!("a note was to come first");
        };
        assert_eq!(told, run);
        assert!(reason.contains(words) && reason.contains("SIGUSR1"), "{reason}");
        assert_eq!(bench.exited().await, Exit::Code(43));
    }
    // One that hangs goes with its server.
    spec.stop.command = vec!["sleep".into(), "600".into()];
    let run = started(&mut bench, &spec).await;
    bench.terminate(run);
    bench.supervisor.kill(&id(), run);
    assert_eq!(bench.exited().await, Exit::Signal(9));
    let gone = async {
        while alive(run) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, gone)
        .await
        .expect("nothing of it is left");
}

#[tokio::test]
async fn a_flood_stays_within_its_bounds_and_the_node_goes_on() {
    let mut bench = Bench::new();
    let mut spec = shell("yes no-line-end | tr -d '\\n' >&2");
    spec.output = Output {
        rotate_bytes: 256 * 1024,
        keep: 2,
    };
    let (run, ..) = bench.spawned(spec).await;
    let log = bench.home().join("stderr.log");
    // While a file is rotated the first number is missing for a moment.
    let both = || [1, 2].iter().all(|number| output::numbered(&log, *number).exists());
    let rotated = async || {
        let looks = async {
            while !both() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, looks)
            .await
            .expect("its output is rotated");
    };
    rotated().await;
    bench.supervisor.kill(&id(), run);
    bench.exited().await;
    rotated().await;
    for number in [1, 2] {
        let length = std::fs::metadata(output::numbered(&log, number)).unwrap().len();
        assert!(length <= 256 * 1024, "{length}");
    }
    assert!(!output::numbered(&log, 3).exists());
}

/// A process that a node of the first release started and recorded: bytes as that release wrote them.
#[tokio::test]
async fn records_of_the_first_release_are_read_and_their_processes_adopted() {
    use super::journal::{Mark, Record};
    let mut bench = Bench::new();
    std::fs::create_dir_all(bench.home()).unwrap();
    std::fs::write(bench.home().join("run"), include_bytes!("golden/run-format-1.cbor")).unwrap();
    let mut record = Record::read(&bench.home()).unwrap().unwrap();
    assert_eq!(record.spec.id.as_str(), "web-1");
    assert_eq!(record.spec.run.get(1).map(String::as_str), Some("dev-web"));
    assert_eq!((record.spec.output, record.groups.len()), (Output::default(), 0));
    let mark = record.process.clone().unwrap();
    assert_eq!(mark.boot.len(), 36);
    // Nothing is added to it, so that release could read it again.
    record.write(&bench.home()).unwrap();
    let written = std::fs::read(bench.home().join("run")).unwrap();
    assert_eq!(written, include_bytes!("golden/run-format-1.cbor"));
    // The same with a process that lives.
    let mut child = std::process::Command::new("sleep")
        .arg("600")
        .env("FLOE_RUN", record.run.to_string())
        .spawn()
        .unwrap();
    let found = find::mark(child.id()).unwrap();
    record.process = Some(Mark { ..found });
    record.write(&bench.home()).unwrap();
    bench.runs.push(record.run);
    let bench = bench.next_life();
    assert_eq!(bench.adopted.get(&id()).map(|running| running.pid), Some(child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
}
