//! The step between the node and a server's program: `floe exec-server`, a process of our own binary that makes itself
//! what the server's definition asks for and then becomes the program, with the same pid, group and environment.
//!
//! So the node forks without doing anything between fork and exec, and everything here is plain code in a process of one
//! thread: control groups, limits, user, descriptors, signals, working directory. What fails comes back in words through a
//! pipe, which the node hands in as standard input: it closes without a word when the program runs.

use super::find;
use super::user::{self, Identity};
use nix::unistd::execve;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::ffi::{CString, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// The hidden verb.
pub const VERB: &str = "exec-server";
/// As shells say that a command could not be run.
const NOT_RUN: u8 = 127;
/// Where programs are looked for when the environment does not say.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";

/// What to become; the program and its arguments come after it on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Step {
    /// The working directory.
    pub(super) directory: PathBuf,
    /// By name or number; `None`: whoever the node is.
    pub(super) user: Option<String>,
    /// May it be root?
    pub(super) allow_root: bool,
    /// Folders that are to be the user's.
    pub(super) own: Vec<PathBuf>,
    /// Control groups to join.
    pub(super) groups: Vec<PathBuf>,
    /// Open descriptors.
    pub(super) files: Option<u64>,
    /// Bytes of address space, where no control group counts memory.
    pub(super) memory_bytes: Option<u64>,
    /// Processes of the user, where no control group counts them.
    pub(super) tasks: Option<u64>,
}

impl Step {
    /// As the first argument after the verb.
    pub(super) fn argument(&self) -> String {
        serde_json::to_string(self).expect("paths, numbers and texts are JSON")
    }
}

/// Runs the verb: `arguments` begin after it. Returns only when the program does not run.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let words = match prepare_pipe() {
        Ok(pipe) => {
            let words = become_program(arguments, &pipe);
            // The node may be gone; then nobody is there to be told.
            rustix::io::write(&pipe, words.as_bytes()).map_or_else(drop, |_| ());
            words
        }
        Err(words) => words,
    };
    debug_assert!(!words.is_empty(), "a failure has words");
    ExitCode::from(NOT_RUN)
}

/// The way back to the node, out of the program's way.
fn prepare_pipe() -> Result<OwnedFd, String> {
    rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3).map_err(|error| format!("keep the way back: {error}"))
}

/// Everything in order; what needs root's rights stands before the user is taken on. Returns why it did not work.
fn become_program(arguments: Vec<OsString>, pipe: &OwnedFd) -> String {
    let mut arguments = arguments.into_iter();
    let step = arguments.next().and_then(|step| step.into_string().ok());
    let Some(step) = step.and_then(|step| serde_json::from_str::<Step>(&step).ok()) else {
        return format!("{VERB} is called by nodes only");
    };
    let Some(program) = arguments.next() else {
        return format!("{VERB} was told no program");
    };
    match prepare(&step, pipe) {
        Ok(identity) => execute(&step, program, arguments.collect(), identity.as_ref()),
        Err(words) => words,
    }
}

fn prepare(step: &Step, pipe: &OwnedFd) -> Result<Option<Identity>, String> {
    close_inherited(pipe)?;
    reset_signals()?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let null = std::fs::File::open("/dev/null").map_err(|error| format!("open /dev/null: {error}"))?;
    rustix::stdio::dup2_stdin(&null).map_err(|error| format!("read from /dev/null: {error}"))?;
    for group in &step.groups {
        let file = group.join("cgroup.procs");
        std::fs::write(&file, "0").map_err(|error| format!("join control group {}: {error}", group.display()))?;
    }
    limit("open descriptors", Resource::Nofile, step.files)?;
    limit("memory", Resource::As, step.memory_bytes)?;
    let identity = match &step.user {
        Some(name) => Some(user::look_up(name)?),
        None => None,
    };
    user::check_root(identity.as_ref(), step.allow_root)?;
    // Counted by user: set before the change of user, or root's processes would be meant.
    limit("tasks", Resource::Nproc, step.tasks)?;
    if let Some(identity) = &identity {
        identity.take_over(&step.own)?;
        identity.become_it()?;
    }
    std::env::set_current_dir(&step.directory).map_err(|error| enter_fault(&step.directory, &error))?;
    Ok(identity)
}

fn enter_fault(directory: &Path, error: &std::io::Error) -> String {
    let directory = directory.display();
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("the working directory {directory} does not exist"),
        std::io::ErrorKind::NotADirectory => format!("the working directory {directory} is no directory"),
        std::io::ErrorKind::PermissionDenied => {
            format!("{} may not enter the working directory {directory}", user::current())
        }
        _ => format!("enter the working directory {directory}: {error}"),
    }
}

/// Whatever the node, or who started it, left open for every program.
fn close_inherited(pipe: &OwnedFd) -> Result<(), String> {
    let listed = std::fs::read_dir("/proc/self/fd").map_err(|error| format!("list open descriptors: {error}"))?;
    let open: Vec<i32> = listed
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for fd in open {
        if fd > 2 && fd != pipe.as_raw_fd() {
            // One of them was the listing's own and is closed already.
            nix::unistd::close(fd).unwrap_or(());
        }
    }
    Ok(())
}

/// Signals that somebody above us ignores would be ignored by the program as well. A handler goes with the exec, and leaves
/// the default.
fn reset_signals() -> Result<(), String> {
    let fault = |error: std::io::Error| format!("reset signals: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(fault)?;
    let _entered = runtime.enter();
    for number in find::ignored_signals() {
        match signal(SignalKind::from_raw(number)) {
            Ok(_) => (),
            // The two that nobody can ignore, and those that the system sends for faults: they end the process anyway.
            Err(_) if [4, 8, 9, 11, 19].contains(&number) => (),
            // The C library keeps the first real-time signals to itself.
            Err(_) if number > 31 => (),
            Err(error) => return Err(fault(error)),
        }
    }
    Ok(())
}

fn limit(what: &str, resource: Resource, most: Option<u64>) -> Result<(), String> {
    let Some(most) = most else { return Ok(()) };
    let limits = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(resource, limits).map_err(|error| {
        let who = user::current();
        format!("limit {what} to {most}: {error}; {who} may not raise what the node itself is limited to")
    })
}

fn execute(step: &Step, program: OsString, arguments: Vec<OsString>, identity: Option<&Identity>) -> String {
    let name = program.to_string_lossy().into_owned();
    let text = |bytes: Vec<u8>| CString::new(bytes).map_err(|_zero| format!("{name}: an argument holds a zero byte"));
    let mut words = vec![program.clone()];
    words.extend(arguments);
    let mut environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    if let Some(identity) = identity {
        identity.describe(&mut environment);
    }
    let path = environment.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or_else(|| OsString::from(PATH_DEFAULT), |(_, path)| path.clone());
    let words = words
        .into_iter()
        .map(|word| text(word.into_vec()))
        .collect::<Result<Vec<_>, _>>();
    let variables = environment.into_iter().map(|(name, value)| {
        let mut line = name.into_vec();
        line.push(b'=');
        line.extend(value.into_vec());
        text(line)
    });
    let variables = variables.collect::<Result<Vec<_>, _>>();
    let (words, variables) = match (words, variables) {
        (Ok(words), Ok(variables)) => (words, variables),
        (Err(fault), _) | (_, Err(fault)) => return fault,
    };
    let mut fault = (None, nix::errno::Errno::ENOENT);
    for file in candidates(&program, &path, &step.directory) {
        let Ok(c_file) = text(file.as_os_str().as_bytes().to_vec()) else {
            continue;
        };
        let Err(error) = execve(&c_file, &words, &variables);
        match error {
            // As shells do: a file that may not be executed is only the answer when no other is found.
            nix::errno::Errno::ENOENT | nix::errno::Errno::ENOTDIR if !file.exists() => (),
            error => fault = (Some(file), error),
        }
        if fault.0.is_some() && fault.1 != nix::errno::Errno::EACCES {
            break;
        }
    }
    why_not(&name, fault.0.as_deref(), fault.1)
}

/// The files that a program's name may mean.
fn candidates(program: &OsString, path: &OsString, directory: &Path) -> Vec<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return vec![directory.join(program)];
    }
    std::env::split_paths(path)
        .map(|folder| directory.join(folder).join(program))
        .collect()
}

/// The system says only "not found" and the like; an operator wants to know what.
fn why_not(program: &str, file: Option<&Path>, error: nix::errno::Errno) -> String {
    use nix::errno::Errno;
    match (file, error) {
        (Some(_), Errno::ENOENT) => format!("{program} names an interpreter that does not exist"),
        (None, _) => format!("command not found: {program}"),
        (Some(file), Errno::EACCES) if file.is_dir() => format!("{program} is a directory"),
        (Some(file), Errno::EACCES) if is_executable(file) => {
            format!("{program} cannot be run by {}: permission denied", user::current())
        }
        (Some(_), Errno::EACCES) => format!("{program} is not executable"),
        (Some(_), Errno::ENOEXEC) => format!("{program} is no program (exec format error)"),
        (Some(_), Errno::EAGAIN) => format!("run {program}: {} has as many tasks as its limit", user::current()),
        (Some(_), error) => format!("run {program}: {}", error.desc()),
    }
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    // What cannot be looked at lies in a folder that may not be entered.
    std::fs::metadata(file).map_or(true, |metadata| metadata.permissions().mode() & 0o111 != 0)
}
