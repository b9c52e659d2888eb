//! What servers use: looked at when somebody asks, never by a timer, so a node whose servers nobody watches does nothing.
//!
//! All processes of a run count: those in its control group, else those in its process group. With a control group the
//! processor time holds what ended processes have used.

use super::child::Child;
use super::supervisor::{Children, lock};
use crate::io::clock;
use crate::io::telemetry::metrics::{NodeUsage, ServerUsage};
use crate::pure::base::{RunId, ServerId, Time, WallTime};
use crate::pure::protocol::report::UsageReport;
use procfs::process::{Process, all_processes};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Servers that metrics tell of one by one; the sums hold all.
const SERVERS_MAX: usize = 1000;
/// Metrics that were looked at within this are told again: many who scrape cost no more than one.
const FRESH: Duration = Duration::from_secs(1);
/// Shorter than this is no span to take a share of.
const SPAN_MIN: Duration = Duration::from_millis(100);

/// Looks at the processes of a node. Cheap to clone; blocks while it looks.
#[derive(Clone, Debug)]
pub struct Meter {
    children: Children,
    seen: Arc<Mutex<Seen>>,
}

/// Earlier looks.
#[derive(Debug, Default)]
struct Seen {
    /// By run: when, and the processor time in microseconds until then.
    cpu: BTreeMap<RunId, (Time, u64)>,
    /// Processor time of all runs that were ever seen, in microseconds.
    total: u64,
    told: Option<(Time, NodeUsage)>,
}

/// One look at one run.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    cpu_micros: u64,
    memory_bytes: u64,
    descriptors: u64,
    processes: u64,
    tasks: u64,
    /// When its leader started, in milliseconds since 1970.
    started_ms: u64,
}

impl Meter {
    pub(super) fn new(children: Children) -> Self {
        Self {
            children,
            seen: Arc::default(),
        }
    }

    /// What one server uses now.
    ///
    /// # Errors
    /// A text for people: it does not run.
    pub fn server(&self, id: &ServerId) -> Result<UsageReport, String> {
        let child = lock(&self.children).get(id).cloned();
        let child = child.ok_or_else(|| format!("server {id} does not run"))?;
        let look = look_at(&child, &mut None);
        let now = clock::moment();
        let seen = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(child.run(), &look, now.now);
        let (span, used) = seen.unwrap_or_else(|| {
            let since = u64::try_from(now.wall.0).unwrap_or(0).saturating_sub(look.started_ms);
            (Duration::from_millis(since), look.cpu_micros)
        });
        Ok(UsageReport {
            id: id.clone(),
            pid: child.pid(),
            started: WallTime(i64::try_from(look.started_ms).unwrap_or(i64::MAX)),
            cpu_seconds: seconds(look.cpu_micros),
            cpu_percent: (span >= SPAN_MIN).then(|| percent(used, span)),
            memory_bytes: look.memory_bytes,
            descriptors: look.descriptors,
            processes: look.processes,
            tasks: look.tasks,
        })
    }

    /// What all servers use, for metrics.
    pub fn node(&self) -> NodeUsage {
        let now = clock::now();
        {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((at, told)) = &seen.told
                && now.since(*at) < FRESH
            {
                return told.clone();
            }
        }
        let children: Vec<(ServerId, Arc<Child>)> = {
            let children = lock(&self.children);
            children.iter().map(|(id, child)| (id.clone(), child.clone())).collect()
        };
        let mut groups = None;
        let looks: Vec<(ServerId, RunId, Look)> = children
            .iter()
            .map(|(id, child)| (id.clone(), child.run(), look_at(child, &mut groups)))
            .collect();
        let mut usage = NodeUsage::default();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, run, look) in &looks {
            seen.take(*run, look, now);
            usage.memory_bytes += look.memory_bytes;
            usage.descriptors += look.descriptors;
            usage.tasks += look.tasks;
            if usage.servers.len() < SERVERS_MAX {
                let server = ServerUsage {
                    cpu_seconds: seconds(look.cpu_micros),
                    memory_bytes: look.memory_bytes,
                    descriptors: look.descriptors,
                    tasks: look.tasks,
                    started_seconds: look.started_ms / 1000,
                };
                usage.servers.push((id.to_string(), server));
            }
        }
        usage.cpu_seconds = seconds(seen.total);
        seen.cpu.retain(|run, _| looks.iter().any(|(_, seen, _)| seen == run));
        seen.told = Some((now, usage.clone()));
        usage
    }
}

impl Seen {
    /// Notes a look; gives the span since the one before, and the microseconds used in it.
    fn take(&mut self, run: RunId, look: &Look, now: Time) -> Option<(Duration, u64)> {
        let before = self.cpu.get(&run).copied();
        let (at, micros) = before.unwrap_or((Time::ZERO, 0));
        let used = look.cpu_micros.saturating_sub(micros);
        self.total = self.total.saturating_add(used);
        self.cpu.insert(run, (now, look.cpu_micros.max(micros)));
        before.map(|_| (now.since(at), used))
    }
}

/// The processes of each process group.
type Groups = BTreeMap<u32, Vec<u32>>;

fn look_at(child: &Child, groups: &mut Option<Groups>) -> Look {
    let counted = child.group().pids();
    let pids = counted.unwrap_or_else(|| {
        let groups = groups.get_or_insert_with(all_groups);
        groups.get(&child.pid()).cloned().unwrap_or_default()
    });
    let mut look = Look::default();
    let mut ticks = 0;
    for pid in pids {
        let process = i32::try_from(pid).ok().and_then(|pid| Process::new(pid).ok());
        let Some(process) = process else { continue };
        let Ok(stat) = process.stat() else { continue };
        ticks += stat.utime + stat.stime;
        ticks += u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
        look.memory_bytes += stat.rss * procfs::page_size();
        look.descriptors += u64::try_from(process.fd_count().unwrap_or(0)).unwrap_or(0);
        look.processes += 1;
        look.tasks += u64::try_from(stat.num_threads).unwrap_or(1);
        if pid == child.pid() {
            let boot = procfs::boot_time_secs().unwrap_or(0);
            look.started_ms = boot * 1000 + stat.starttime * 1000 / procfs::ticks_per_second().max(1);
        }
    }
    let by_processes = ticks * 1_000_000 / procfs::ticks_per_second().max(1);
    look.cpu_micros = child.group().cpu_micros().unwrap_or(by_processes);
    look
}

fn all_groups() -> Groups {
    let mut groups = Groups::new();
    for process in all_processes().into_iter().flatten().flatten() {
        if let Ok(stat) = process.stat()
            && let (Ok(group), Ok(pid)) = (u32::try_from(stat.pgrp), u32::try_from(stat.pid))
        {
            groups.entry(group).or_default().push(pid);
        }
    }
    groups
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 microseconds, 285 years")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn percent(micros: u64, span: Duration) -> f64 {
    let share = seconds(micros) / span.as_secs_f64() * 100.0;
    // More than a tenth nobody can measure.
    (share * 10.0).round() / 10.0
}
