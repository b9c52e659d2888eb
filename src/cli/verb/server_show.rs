//! `floe server show ID`: one server.

use crate::cli::rows::{reason_of, state_of};
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::ServerId;
use crate::pure::protocol::report::ServerReport;
use crate::pure::protocol::{Request, Response};

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
    output.value(&server, text_of)?;
    Ok(Exit::Done)
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
pub(super) fn lines_of(facts: &[(&'static str, String)]) -> String {
    let lines = facts
        .iter()
        .filter(|(_, fact)| !fact.is_empty())
        .map(|(name, fact)| format!("{name:<13}{fact}\n"));
    lines.collect()
}
