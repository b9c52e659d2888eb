//! What this node can make of control groups, found out once at its start by trying.

use super::Group;
use super::mounts::Own;
use crate::pure::base::{PeerName, ServerId};
use crate::pure::model::spec::Limits;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The period over which processor time is counted, in microseconds: the kernel's default.
const PERIOD_MICROS: u64 = 100_000;
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// Where the node's servers get their groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::io::process) struct Means {
    /// The node's folder in version 2.
    unified: Option<PathBuf>,
    /// Controllers that work there.
    controllers: BTreeSet<&'static str>,
    /// The node's folders in version 1, by controller.
    legacy: BTreeMap<&'static str, PathBuf>,
}

impl Means {
    /// Tries what can be made; leaves only empty groups behind, to be used later.
    pub(in crate::io::process) fn find(node: &PeerName, data: &Path) -> Self {
        let hash = blake3::hash(data.as_os_str().as_encoded_bytes());
        let name = format!("floe.{node}.{}", &hash.to_hex()[..8]);
        let own = Own::read();
        let mut means = Self::default();
        if let Some(parent) = &own.unified
            && let Some(folder) = made(&parent.join(&name))
            && folder.join("cgroup.kill").exists()
        {
            means.controllers = enable(parent, &folder, &name);
            means.unified = Some(folder);
        }
        for controller in CONTROLLERS {
            if means.controllers.contains(controller) {
                continue;
            }
            let folder = own.legacy.get(controller).and_then(|parent| made(&parent.join(&name)));
            means.legacy.extend(folder.map(|folder| (controller, folder)));
        }
        means
    }

    /// In one line, for people.
    pub(in crate::io::process) fn words(&self) -> String {
        let by = |controller: &str, else_by: &str| {
            if self.controllers.contains(controller) {
                "control groups (v2)".to_owned()
            } else if self.legacy.contains_key(controller) {
                "control groups (v1)".to_owned()
            } else {
                else_by.to_owned()
            }
        };
        let left = if self.unified.is_some() {
            "control groups (v2)"
        } else {
            "/proc"
        };
        format!(
            "limits: cpu by {}, memory by {}, tasks by {}; leftovers found by {left}",
            by("cpu", "nothing: a limit does not hold here"),
            by("memory", "address space of each process"),
            by("pids", "tasks of the user"),
        )
    }
    pub(in crate::io::process) fn bounds_memory(&self) -> bool {
        self.controllers.contains("memory") || self.legacy.contains_key("memory")
    }
    pub(in crate::io::process) fn bounds_tasks(&self) -> bool {
        self.controllers.contains("pids") || self.legacy.contains_key("pids")
    }

    /// The group of a server, new or as an earlier run left it, with its limits set. What still runs in it is ended.
    pub(in crate::io::process) fn make(&self, server: &ServerId, limits: &Limits) -> Result<Group, String> {
        let mut folders = Vec::new();
        let fault = |folder: &Path, error: std::io::Error| format!("control group {}: {error}", folder.display());
        if let Some(parent) = &self.unified {
            let folder = parent.join(server.as_str());
            make_folder(&folder).map_err(|error| fault(&folder, error))?;
            for (controller, file, value) in unified_values(limits) {
                if self.controllers.contains(controller) {
                    set(&folder, file, &value)?;
                }
            }
            let group = Group::of(vec![folder.clone()]);
            if group.pids().is_some_and(|pids| !pids.is_empty()) {
                // Of a run that nobody recorded: a data folder that was put back, for instance.
                if !group.end() {
                    return Err(format!(
                        "processes of an earlier run outlive SIGKILL in {}",
                        folder.display()
                    ));
                }
                make_folder(&folder).map_err(|error| fault(&folder, error))?;
            }
            folders.push(folder);
        }
        for (controller, settings) in legacy_values(limits) {
            if let Some(parent) = self.legacy.get(controller) {
                let folder = parent.join(server.as_str());
                make_folder(&folder).map_err(|error| fault(&folder, error))?;
                for (file, value) in settings {
                    set(&folder, file, &value)?;
                }
                folders.push(folder);
            }
        }
        Ok(Group::of(folders))
    }

    /// Removes groups in which nothing runs: of servers that ended while no node was there.
    pub(in crate::io::process) fn tidy(&self) {
        for folder in self.unified.iter().chain(self.legacy.values()) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    Group::of(vec![entry.path()]).remove();
                }
            }
        }
    }
    /// The same, and the node's own folders when no server is in them.
    pub(in crate::io::process) fn close(&self) {
        self.tidy();
        for folder in self.unified.iter().chain(self.legacy.values()) {
            // Not empty while servers run on.
            std::fs::remove_dir(folder).unwrap_or(());
        }
    }
}

fn text_or_max(value: Option<u64>) -> String {
    value.map_or_else(|| "max".to_owned(), |value| value.to_string())
}

/// Every setting, also of what is not limited: the group may be an earlier run's.
fn unified_values(limits: &Limits) -> [(&'static str, &'static str, String); 3] {
    let quota = limits
        .cpu_millis
        .map(|millis| millis.saturating_mul(PERIOD_MICROS / 1000));
    [
        ("cpu", "cpu.max", format!("{} {PERIOD_MICROS}", text_or_max(quota))),
        ("memory", "memory.max", text_or_max(limits.memory_bytes)),
        ("pids", "pids.max", text_or_max(limits.tasks)),
    ]
}

/// Only for what is limited: a group in each of many hierarchies is not free.
fn legacy_values(limits: &Limits) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let mut values = Vec::new();
    if let Some(millis) = limits.cpu_millis {
        let quota = millis.saturating_mul(PERIOD_MICROS / 1000);
        values.push((
            "cpu",
            vec![
                ("cpu.cfs_period_us", PERIOD_MICROS.to_string()),
                ("cpu.cfs_quota_us", quota.to_string()),
            ],
        ));
    }
    if let Some(bytes) = limits.memory_bytes {
        values.push(("memory", vec![("memory.limit_in_bytes", bytes.to_string())]));
    }
    if let Some(tasks) = limits.tasks {
        values.push(("pids", vec![("pids.max", tasks.to_string())]));
    }
    values
}

fn set(folder: &Path, file: &str, value: &str) -> Result<(), String> {
    let path = folder.join(file);
    std::fs::write(&path, value).map_err(|error| format!("set {} to {value}: {error}", path.display()))
}

/// Also where the node's own folder is gone: whoever tidies up removes what is empty.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// The folder, if it could be made.
fn made(folder: &Path) -> Option<PathBuf> {
    match make_folder(folder) {
        Ok(()) => Some(folder.to_owned()),
        Err(error) => {
            tracing::debug!(path = %folder.display(), %error, "no control group here");
            None
        }
    }
}

/// Hands the controllers that are there down to the servers' groups. A group whose processes stand in itself may not do so
/// (version 2): where the node is alone in its own, it moves into one beside its servers.
fn enable(parent: &Path, folder: &Path, name: &str) -> BTreeSet<&'static str> {
    let offered = std::fs::read_to_string(parent.join("cgroup.controllers")).unwrap_or_default();
    let wanted = CONTROLLERS
        .into_iter()
        .filter(|name| offered.split_whitespace().any(|offer| offer == *name));
    let wanted: Vec<&'static str> = wanted.collect();
    if wanted.is_empty() {
        return BTreeSet::new();
    }
    let line = wanted
        .iter()
        .map(|name| format!("+{name}"))
        .collect::<Vec<_>>()
        .join(" ");
    let hand_down = |folder: &Path| std::fs::write(folder.join("cgroup.subtree_control"), &line);
    let done = hand_down(parent).or_else(|error| {
        let procs = std::fs::read_to_string(parent.join("cgroup.procs"))?;
        if procs.trim() != std::process::id().to_string() {
            return Err(error);
        }
        let aside = parent.join(format!("{name}.node"));
        make_folder(&aside)?;
        std::fs::write(aside.join("cgroup.procs"), "0")?;
        hand_down(parent)
    });
    match done.and_then(|()| hand_down(folder)) {
        Ok(()) => wanted.into_iter().collect(),
        Err(error) => {
            tracing::debug!(path = %parent.display(), %error, "controllers are not handed down");
            BTreeSet::new()
        }
    }
}

/// Removes what a node left of control groups, for whoever has ended it and its servers by SIGKILL.
pub fn forget_groups(node: &PeerName, data: &Path) {
    Means::find(node, data).close();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_as_each_version_reads_them() {
        let limits = Limits {
            cpu_millis: Some(1500),
            memory_bytes: Some(1 << 20),
            files: None,
            tasks: None,
        };
        let unified = unified_values(&limits).map(|(_, file, value)| format!("{file} {value}"));
        assert_eq!(unified, ["cpu.max 150000 100000", "memory.max 1048576", "pids.max max"]);
        let legacy: Vec<&str> = legacy_values(&limits).into_iter().map(|(name, _)| name).collect();
        assert_eq!(legacy, ["cpu", "memory"]);
        assert!(Means::default().words().contains("leftovers found by /proc"));
    }
}
