//! What a node's servers use, as Prometheus text, looked at anew at each scrape.
//!
//! The one place where a label comes from an id: `server` names processes that operators must tell apart. It is bounded by
//! whoever fills [`NodeUsage`], and the sums beside it hold all.

use super::process::write_family;

/// What all servers of a node use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeUsage {
    /// Processor time of every server that was seen, also of those that have ended.
    pub cpu_seconds: f64,
    /// Memory in RAM.
    pub memory_bytes: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Threads.
    pub tasks: u64,
    /// One by one, by id; bounded.
    pub servers: Vec<(String, ServerUsage)>,
}

/// What one server uses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerUsage {
    /// Processor time since its start.
    pub cpu_seconds: f64,
    /// Memory in RAM.
    pub memory_bytes: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Threads.
    pub tasks: u64,
    /// When it started, in seconds since 1970.
    pub started_seconds: u64,
}

/// Where it comes from.
pub type UsageSource = Box<dyn Fn() -> NodeUsage + Send + Sync>;

/// One figure of a server.
type Read = fn(&ServerUsage) -> f64;

/// Appends the sums and what is known one by one.
pub(super) fn render(text: &mut String, usage: &NodeUsage) {
    let sums = [
        ("floe_node_servers_cpu_seconds_total", usage.cpu_seconds),
        ("floe_node_servers_memory_bytes", exact(usage.memory_bytes)),
        ("floe_node_servers_open_fds", exact(usage.descriptors)),
        ("floe_node_servers_tasks", exact(usage.tasks)),
    ];
    for (name, value) in sums {
        write_family(text, name, [(String::new(), value)]);
    }
    if usage.servers.is_empty() {
        return;
    }
    let singles: [(&str, Read); 5] = [
        ("floe_server_cpu_seconds_total", |server| server.cpu_seconds),
        ("floe_server_memory_bytes", |server| exact(server.memory_bytes)),
        ("floe_server_open_fds", |server| exact(server.descriptors)),
        ("floe_server_tasks", |server| exact(server.tasks)),
        ("floe_server_start_time_seconds", |server| exact(server.started_seconds)),
    ];
    for (name, read) in singles {
        // Ids hold letters, digits and `._-` only: nothing to escape.
        let servers = usage.servers.iter();
        write_family(
            text,
            name,
            servers.map(|(id, server)| (format!("{{server=\"{id}\"}}"), read(server))),
        );
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53: bytes and counts stay below"
)]
fn exact(number: u64) -> f64 {
    number as f64
}
