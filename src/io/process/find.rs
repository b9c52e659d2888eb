//! Looks processes up in `/proc`: by what cannot be mistaken, never by a pid alone.

use super::journal::Mark;
use crate::pure::base::RunId;
use procfs::process::Process;
use procfs::{Current, Uptime};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::time::Duration;

/// No environment is larger: the kernel bounds arguments and environment together by a quarter of the stack.
const ENVIRONMENT_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A process that carries a run id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) pid: u32,
    /// It leads a process group, as every server does.
    pub(super) leads: bool,
    start_ticks: u64,
}

/// This boot of the machine; empty where the kernel does not tell.
pub(super) fn boot() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

/// What tells this process apart from every other; `None` when it is gone or only waits to be reaped.
pub(super) fn mark(pid: u32) -> Option<Mark> {
    let stat = Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()?;
    let lives = !matches!(stat.state, 'Z' | 'X');
    lives.then(|| Mark {
        pid,
        start_ticks: stat.starttime,
        boot: boot(),
    })
}

/// Does the very process that the mark was taken of still run?
pub(super) fn lives(wanted: &Mark) -> bool {
    mark(wanted.pid).is_some_and(|found| found == *wanted)
}

/// The process group of a process, and whether it lives; `None` when there is no such process. One that is ending has given
/// its memory back, and with it its environment, a moment before it shows as ended.
pub(super) fn group_and_life(pid: u32) -> Option<(u32, bool)> {
    let stat = Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()?;
    let lives = !matches!(stat.state, 'Z' | 'X') && stat.vsize > 0;
    Some((u32::try_from(stat.pgrp).ok()?, lives))
}

/// The user that a process runs as.
pub(super) fn user(pid: u32) -> Option<u32> {
    Process::new(i32::try_from(pid).ok()?).ok()?.uid().ok()
}

/// How long the process of a mark has run.
pub(super) fn age(mark: &Mark) -> Duration {
    let up = Uptime::current().map_or(0.0, |uptime| uptime.uptime);
    let ticks = procfs::ticks_per_second();
    let started = Duration::from_millis(mark.start_ticks.saturating_mul(1000).checked_div(ticks).unwrap_or(0));
    Duration::try_from_secs_f64(up)
        .unwrap_or_default()
        .saturating_sub(started)
}

/// Signals that this process ignores, by number.
pub(super) fn ignored_signals() -> Vec<i32> {
    let Ok(status) = Process::myself().and_then(|process| process.status()) else {
        return Vec::new();
    };
    (1..=64)
        .filter(|number| status.sigign >> (number - 1) & 1 == 1)
        .collect()
}

/// The run that a process was started for, from the environment of its start.
pub(super) fn run_of(pid: u32) -> Option<RunId> {
    variable_of(pid, "FLOE_RUN")?.parse().ok()
}

/// One variable of a process, from the environment of its start.
pub(super) fn variable_of(pid: u32, name: &str) -> Option<String> {
    let file = File::open(format!("/proc/{pid}/environ")).ok()?;
    // Room for a usual one: it is read at once then.
    let mut bytes = Vec::with_capacity(8 * 1024);
    file.take(ENVIRONMENT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let value = bytes
        .split(|byte| *byte == 0)
        .find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    String::from_utf8(value.to_vec()).ok()
}

/// Every process there is. One look serves each end of a server, so it does no more than it must: what is asked of a process
/// beside its environment is asked only of ours.
fn pids() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Every process that carries a run id, by that id, oldest first.
pub(super) fn all_runs() -> BTreeMap<RunId, Vec<Found>> {
    let mut runs: BTreeMap<RunId, Vec<Found>> = BTreeMap::new();
    for pid in pids() {
        let Some(run) = run_of(pid) else {
            continue;
        };
        let process = i32::try_from(pid).ok().and_then(|pid| Process::new(pid).ok());
        if let Some(Ok(stat)) = process.map(|process| process.stat())
            && !matches!(stat.state, 'Z' | 'X')
        {
            let found = Found {
                pid,
                leads: u32::try_from(stat.pgrp) == Ok(pid),
                start_ticks: stat.starttime,
            };
            runs.entry(run).or_default().push(found);
        }
    }
    for found in runs.values_mut() {
        found.sort_by_key(|found| (found.start_ticks, found.pid));
    }
    runs
}
