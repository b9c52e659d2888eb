//! Makes a process for a server by the step in our own binary (`step`), and hears from it whether the program runs.

use super::group::Means;
use super::launch;
use super::step::{self, Step};
use super::supervisor::Settings;
use super::user;
use crate::pure::model::ServerSpec;
use crate::pure::supervisor::Launch;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How long until a program must run: users may come from a directory service, programs from a network.
const VERDICT_WITHIN: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };
/// Most bytes of a reason.
const WORDS_BYTES_MAX: u64 = 4096;

/// A process that is about to become a program.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) child: Child,
    verdict: OwnedFd,
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

/// What a server's processes become, with everything but the program filled in.
pub(super) fn step_of(settings: &Settings, spec: &ServerSpec, launch: &Launch, groups: &[PathBuf]) -> Step {
    let means: &Means = &settings.means;
    let home = settings.home(&spec.id);
    Step {
        directory: PathBuf::from(&launch.directory),
        user: spec.user.clone().or_else(|| settings.user.clone()),
        allow_root: settings.allow_root,
        own: vec![home.join("data"), home.join("config")],
        groups: groups.to_vec(),
        files: spec.limits.files,
        memory_bytes: spec.limits.memory_bytes.filter(|_| !means.bounds_memory()),
        tasks: spec.limits.tasks.filter(|_| !means.bounds_tasks()),
    }
}

/// Makes the process. That it is there does not say that the program runs: see [`Made::verdict`].
pub(super) fn make(settings: &Settings, step: &Step, launch: &Launch, home: &Path) -> Result<Made, String> {
    let output = |name: &str| {
        let path = home.join(name);
        let file = File::options().append(true).create(true).mode(0o600).open(&path);
        file.map_err(|error| format!("open {}: {error}", path.display()))
    };
    let (verdict, word) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| format!("make a pipe: {error}"))?;
    let mut command = Command::new(&settings.step);
    command
        .arg(step::VERB)
        .arg(step.argument())
        .arg(&launch.program)
        .args(&launch.arguments)
        .stdin(Stdio::from(word))
        .stdout(output("stdout.log")?)
        .stderr(output("stderr.log")?)
        .process_group(0);
    for (name, _) in std::env::vars_os() {
        let personal = step.user.is_some() && (name == "HOME" || name == "USER" || name == "LOGNAME");
        if personal || name.to_str().is_some_and(is_private) {
            command.env_remove(name);
        }
    }
    command.envs(&launch.environment);
    let child = command.spawn().map_err(|error| {
        let step = settings.step.display();
        match error.raw_os_error() {
            // One text may be as long as 128 KiB, all of them together a quarter of the stack.
            Some(7) => format!("run {}: its arguments and environment are too long", launch.program),
            _ => format!("run {step} for {}: {error}", launch.program),
        }
    })?;
    Ok(Made { child, verdict })
}

impl Made {
    /// Waits until the program runs. Else why it does not; the process has ended then, or is to be ended.
    pub(super) fn verdict(&self) -> Result<(), String> {
        let mut waits = [PollFd::new(&self.verdict, PollFlags::IN)];
        let ready = launch::retried(|| poll(&mut waits, Some(&VERDICT_WITHIN)));
        match ready {
            Ok(0) => return Err(format!("the start hangs for {} s", VERDICT_WITHIN.tv_sec)),
            Ok(_) => (),
            Err(error) => return Err(format!("wait for the start: {error}")),
        }
        let file = self.verdict.try_clone().map(File::from);
        let mut words = Vec::new();
        let read = file.and_then(|file| file.take(WORDS_BYTES_MAX).read_to_end(&mut words));
        match read {
            Ok(0) => Ok(()),
            Ok(_) => Err(String::from_utf8_lossy(&words).into_owned()),
            Err(error) => Err(format!("hear of the start: {error}")),
        }
    }
}

/// The user that servers get whose definition names none.
pub(super) fn default_user(configured: Option<String>) -> Option<String> {
    configured.or_else(|| user::is_root().then(|| user::NOBODY.to_owned()))
}
