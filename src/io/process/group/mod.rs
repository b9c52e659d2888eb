//! Control groups: one a server, where the node may make them. They bound what a run uses, and they know what is of it,
//! also what left the process group: a group is killed as a whole, and empty when nothing of the run is left.
//!
//! ```text
//! <mount><own group>/floe.NODE.HASH/SERVER      HASH: of the data folder, two nodes may have one name
//! ```
//! Version 2 is used for killing and counting wherever it is mounted, with or without controllers. Limits are set by the
//! controllers of version 2, else by those of version 1, else by the limits of processes (`setrlimit`).

mod means;
mod mounts;

pub(super) use means::Means;
pub use means::forget_groups;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Looks before a group that does not empty is given up: its processes hang in the kernel.
const EMPTY_WITHIN: Duration = Duration::from_secs(1);
/// Most pids of one group that are listed.
const PIDS_MAX: usize = 4096;

/// The control groups of one run; may be none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    /// One a hierarchy. A group of version 2 stands first.
    folders: Vec<PathBuf>,
}

impl Group {
    /// These folders, made or recorded by a node.
    pub(super) fn of(folders: Vec<PathBuf>) -> Self {
        Self { folders }
    }
    /// Folders that the server's first process has to join.
    pub(super) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }
    /// The one that kills and counts.
    pub(super) fn unified(&self) -> Option<&Path> {
        let first = self.folders.first()?;
        first.join("cgroup.kill").exists().then_some(first)
    }
    /// SIGKILL to all that is in it, whatever it forks meanwhile. False when there is no such group.
    pub(super) fn kill(&self) -> bool {
        let Some(folder) = self.unified() else { return false };
        match std::fs::write(folder.join("cgroup.kill"), "1") {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(path = %folder.display(), %error, "control group not killed");
                false
            }
        }
    }
    /// Kills what is in it and removes it. True when nothing of the run is left, for certain. Blocks, at most about a second.
    pub(super) fn end(&self) -> bool {
        if !self.kill() {
            return false;
        }
        let start = Instant::now();
        let mut pause = Duration::from_micros(500);
        while self.is_populated() {
            if start.elapsed() > EMPTY_WITHIN {
                return false;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        self.remove();
        true
    }
    /// Removes the folders, with groups that the server made in them. Only empty ones go.
    pub(super) fn remove(&self) {
        for folder in &self.folders {
            remove_tree(folder, 0);
        }
    }
    /// The processes in it, at most 4096; `None` where no group tells.
    pub(super) fn pids(&self) -> Option<Vec<u32>> {
        let mut pids = Vec::new();
        collect(self.unified()?, &mut pids, 0);
        Some(pids)
    }
    /// Processor time in microseconds that all of it has used, ended processes included.
    pub(super) fn cpu_micros(&self) -> Option<u64> {
        let text = std::fs::read_to_string(self.unified()?.join("cpu.stat")).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
        value.trim().parse().ok()
    }

    fn is_populated(&self) -> bool {
        let Some(folder) = self.unified() else { return false };
        let events = std::fs::read_to_string(folder.join("cgroup.events")).unwrap_or_default();
        events.lines().any(|line| line == "populated 1")
    }
}

/// Servers may make groups of their own; deeper ones than these are left.
const DEPTH_MAX: u32 = 8;

fn remove_tree(folder: &Path, depth: u32) {
    if depth < DEPTH_MAX {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                remove_tree(&entry.path(), depth + 1);
            }
        }
    }
    match std::fs::remove_dir(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::debug!(path = %folder.display(), %error, "control group stays");
        }
        _ => (),
    }
}

fn collect(folder: &Path, pids: &mut Vec<u32>, depth: u32) {
    let text = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    let room = PIDS_MAX.saturating_sub(pids.len());
    pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()).take(room));
    if depth < DEPTH_MAX {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                collect(&entry.path(), pids, depth + 1);
            }
        }
    }
}
