//! Makes one process: directories, ports, intent on disk, the process itself, its mark on disk. Blocks; failures in words.

use super::journal::{Mark, Record};
use super::notify::{self, Ear};
use super::ports::PortPool;
use super::supervisor::Settings;
use super::{find, signal};
use crate::pure::base::{RunId, ServerId};
use crate::pure::model::ServerSpec;
use crate::pure::supervisor::launch::prepare;
use crate::pure::supervisor::{Launch, Place, Ports};
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// A start that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) server: ServerId,
    pub(super) run: RunId,
    pub(super) spec: Arc<ServerSpec>,
    pub(super) peers: String,
}

/// A process that was made and is on disk.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) mark: Mark,
    pub(super) fd: OwnedFd,
    pub(super) ports: Ports,
    /// Where it says how it stands.
    pub(super) ear: Option<Ear>,
}

/// Variables of the node that no server inherits: the node's own settings, and what systemd said to the node alone.
fn is_private(name: &str) -> bool {
    let systemd = [
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
    ];
    name.starts_with("FLOE_") || name.starts_with("LISTEN_") || systemd.contains(&name)
}

/// All of it. On failure there is no process.
pub(super) fn start(settings: &Settings, pool: &PortPool, start: &Start) -> Result<Started, String> {
    let home = settings.home(&start.server);
    let data = home.join("data");
    std::fs::create_dir_all(&data).map_err(|error| format!("create {}: {error}", data.display()))?;
    // Without the record of the last start, this one could be the second of two.
    let previous = Record::read(&home).map_err(|error| {
        format!(
            "{}; see that no process of it runs, then delete the file",
            chain(&error)
        )
    })?;
    let previous = previous.map(|record| record.ports).unwrap_or_default();
    let ports = pool.choose(start.run, &settings.host, &start.spec.ports, &previous)?;
    let launch = prepare(
        &start.spec,
        &Place {
            node: &settings.node,
            host: &settings.host,
            data: &data.display().to_string(),
            peers: &start.peers,
            run: start.run,
            ports: &ports,
        },
    )
    .map_err(|error| error.to_string())?;
    let mut command = command(&launch, &home)?;
    let ear = Ear::open(start.run, &start.spec, &home);
    let ear = ear.map_err(|error| format!("listen to what the server says of itself: {error}"))?;
    if ear.is_some() {
        command.env("NOTIFY_SOCKET", notify::variable(start.run));
    }
    let mut record = Record::intent(start.run, start.spec.clone(), ports.clone());
    record.write(&home).map_err(|error| chain(&error))?;
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            // The intent is void. Left behind, it would only cost the next start of the node a second look.
            std::fs::remove_file(home.join("run")).unwrap_or(());
            return Err(why_not(&launch, &error));
        }
    };
    match watchable(&child, &mut record, &home) {
        Ok((mark, fd)) => Ok(Started { mark, fd, ports, ear }),
        Err(fault) => {
            // What cannot be watched must not run. The pid is ours until `wait`, so the group is as well.
            super::sweep::end_all(&[start.run]);
            let ended = child.kill().and_then(|()| child.wait());
            ended.map_err(|error| format!("{fault}; end it again: {error}"))?;
            Err(fault)
        }
    }
}

fn watchable(child: &Child, record: &mut Record, home: &Path) -> Result<(Mark, OwnedFd), String> {
    let fd = signal::pidfd(child.id()).map_err(|error| format!("watch process {}: {error}", child.id()))?;
    // A process that has ended already is a zombie until we reap it, so its mark is missing; any mark will do then.
    let mark = find::mark(child.id()).unwrap_or(Mark {
        pid: child.id(),
        start_ticks: 0,
        boot: find::boot(),
    });
    record.process = Some(mark.clone());
    record.write(home).map_err(|error| chain(&error))?;
    Ok((mark, fd))
}

fn command(launch: &Launch, home: &Path) -> Result<Command, String> {
    let output = |name: &str| {
        let path = home.join(name);
        let file = File::options().append(true).create(true).mode(0o600).open(&path);
        file.map_err(|error| format!("open {}: {error}", path.display()))
    };
    let program = if launch.program.contains('/') {
        // Whether a relative program is looked for before or after the change of directory depends on the system.
        Path::new(&launch.directory).join(&launch.program)
    } else {
        launch.program.clone().into()
    };
    let mut command = Command::new(program);
    command
        .args(&launch.arguments)
        .current_dir(&launch.directory)
        .stdin(Stdio::null())
        .stdout(output("stdout.log")?)
        .stderr(output("stderr.log")?)
        .process_group(0);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_private) {
            command.env_remove(name);
        }
    }
    command.envs(&launch.environment);
    Ok(command)
}

/// The system says only "not found" and the like; an operator wants to know what.
fn why_not(launch: &Launch, error: &std::io::Error) -> String {
    let program = &launch.program;
    let directory = Path::new(&launch.directory);
    if !directory.is_dir() {
        return format!("the working directory {} does not exist", directory.display());
    }
    match error.kind() {
        ErrorKind::NotFound if program.contains('/') && directory.join(program).exists() => {
            format!("{program} names an interpreter that does not exist")
        }
        ErrorKind::NotFound => format!("command not found: {program}"),
        ErrorKind::PermissionDenied => format!("{program} is not executable"),
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            format!("{program} is no program (exec format error)")
        }
        _ => format!("run {program}: {error}"),
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
