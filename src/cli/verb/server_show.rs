//! `floe server show ID`: one server.

use crate::cli::rows::{reason_of, state_of};
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::ServerId;
use crate::pure::protocol::report::{ServerReport, UsageReport};
use crate::pure::protocol::{Request, Response};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  floe server show web-1
  floe server show web-1 --format json";

/// Show one server: state, reason, process, endpoints
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The server
    id: ServerId,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let Response::Servers(rows) = link.get(Request::Server { id: args.id.clone() })? else {
        return Err(Failing::other_answer());
    };
    output.caution(link.caution());
    let Some(server) = rows.into_iter().find(|server| server.id == args.id) else {
        let message = format!("there is no server {}", args.id);
        return Err(Failing::not_found(message, "floe server list shows all"));
    };
    // What it uses now only its node knows; a node that does not answer is no reason to show nothing.
    let usage = match server.pid {
        Some(_) => link
            .get(Request::Usage {
                server: args.id.clone(),
            })
            .ok(),
        None => None,
    };
    let usage = match usage {
        Some(Response::Usage(usage)) => Some(*usage),
        _ => None,
    };
    let shown = Shown { server, usage };
    output.value(&shown, |shown| {
        let usage = shown.usage.as_ref().map(usage_text).unwrap_or_default();
        format!("{}{usage}", text_of(&shown.server))
    })?;
    Ok(Exit::Done)
}

/// A server as it stands, and what it uses.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    server: ServerReport,
    usage: Option<UsageReport>,
}

fn usage_text(usage: &UsageReport) -> String {
    let cpu = match usage.cpu_percent {
        Some(percent) => format!("{:.2} s, {percent} % of a processor", usage.cpu_seconds),
        None => format!("{:.2} s", usage.cpu_seconds),
    };
    let mib = usage.memory_bytes / 1024 / 1024;
    let facts = [
        ("started", usage.started.to_string()),
        ("cpu", cpu),
        ("memory", format!("{mib} MiB")),
        ("descriptors", usage.descriptors.to_string()),
        ("tasks", format!("{} in {} processes", usage.tasks, usage.processes)),
    ];
    let lines = facts.iter().map(|(name, fact)| format!("{name:<13}{fact}\n"));
    lines.collect()
}

/// One server, a line a fact; also what a command on a server prints.
pub(super) fn text_of(server: &ServerReport) -> String {
    lines_of(&facts_of(server))
}

/// What there is to tell of a server; empty facts are left out when they are printed.
pub(super) fn facts_of(server: &ServerReport) -> Vec<(&'static str, String)> {
    let pid = server.pid.map_or_else(String::new, |pid| pid.to_string());
    let mut facts = vec![
        ("server", server.id.to_string()),
        ("application", server.application.to_string()),
        ("node", server.node.to_string()),
        ("state", state_of(server)),
        ("reason", reason_of(server)),
        (
            "session",
            server.tenure.map_or_else(String::new, |tenure| tenure.to_string()),
        ),
        ("pid", pid),
        ("restarts", server.restarts.to_string()),
    ];
    let endpoints = server
        .endpoints
        .iter()
        .map(|(adapter, endpoint)| ("endpoint", format!("{adapter} {endpoint}")));
    facts.extend(endpoints);
    facts
}

/// A line a fact.
pub(in crate::cli) fn lines_of(facts: &[(&'static str, String)]) -> String {
    let lines = facts
        .iter()
        .filter(|(_, fact)| !fact.is_empty())
        .map(|(name, fact)| format!("{name:<13}{fact}\n"));
    lines.collect()
}
