//! Processes of a grid, found by a variable in their environment that daemons hand down to their servers.

use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;

/// The variable; its value is the folder of the grid.
pub(super) const MARK: &str = "GRID_UNDER_TEST";

/// Sends a signal to one process. False when there is no such process.
pub(super) fn signal(pid: u32, signal: Signal) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| kill_process(pid, signal).is_ok())
}

/// The letter that the system has for what it does; `None` when there is no such process.
pub(super) fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// Does it run, other than as a zombie?
pub(super) fn runs(pid: u32) -> bool {
    state(pid).is_some_and(|state| state != 'Z' && state != 'X')
}

/// Every process whose environment holds this variable with this value.
pub(super) fn with_variable(name: &str, value: &str) -> Vec<u32> {
    let wanted = format!("{name}={value}");
    let all = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes())
    };
    pids.filter(|pid| *pid != std::process::id() && has(pid) && runs(*pid))
        .collect()
}

/// Every process of the grid in this folder: daemons and servers.
pub(super) fn of_grid(folder: &Path) -> Vec<u32> {
    with_variable(MARK, &folder.display().to_string())
}
