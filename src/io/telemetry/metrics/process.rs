//! What the kernel tells about this process, as Prometheus text, read anew at each scrape.
//!
//! Written by hand because the processor time is a counter with fractions, which the recorder has not.

use super::catalogue::{CATALOGUE, Kind};
use procfs::process::Process;
use std::fmt::Write;

/// Appends the `process_*` metrics. What the kernel does not tell is left out.
pub fn render(text: &mut String) {
    let Ok(process) = Process::myself() else { return };
    if let Ok(stat) = process.stat() {
        let ticks = per_second(procfs::ticks_per_second());
        let cpu = exact(stat.utime.saturating_add(stat.stime)) / ticks;
        write_metric(text, "process_cpu_seconds_total", cpu);
        let resident = stat.rss.saturating_mul(procfs::page_size());
        write_metric(text, "process_resident_memory_bytes", exact(resident));
        if let Ok(boot) = procfs::boot_time_secs() {
            let start = exact(boot) + exact(stat.starttime) / ticks;
            write_metric(text, "process_start_time_seconds", start);
        }
    }
    if let Ok(count) = process.fd_count() {
        write_metric(text, "process_open_fds", exact(u64::try_from(count).unwrap_or(0)));
    }
}

fn write_metric(text: &mut String, name: &str, value: f64) {
    write_family(text, name, [(String::new(), value)]);
}

/// One metric of the catalogue with its series: labels in braces, or nothing, and the value.
pub(super) fn write_family(text: &mut String, name: &str, series: impl IntoIterator<Item = (String, f64)>) {
    let Some(metric) = CATALOGUE.iter().find(|metric| metric.name == name) else {
        return;
    };
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    let help = metric.help;
    // Writing to a string cannot fail.
    let mut written = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    for (labels, value) in series {
        written = written.and_then(|()| writeln!(text, "{name}{labels} {value}"));
    }
    text.push('\n');
    debug_assert!(written.is_ok());
}

/// A number without its unit, as Prometheus counts.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53: seconds, bytes and counts stay below"
)]
fn exact(number: u64) -> f64 {
    number as f64
}

fn per_second(ticks: u64) -> f64 {
    exact(ticks.max(1))
}
