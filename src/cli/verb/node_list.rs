//! `floe node list`: all nodes.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe node list
  floe node list --format json";

/// List all nodes: state, the epoch that each obeys, the version that it runs, servers and load
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {}

pub(super) fn run(_: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let Response::Nodes(rows) = link.get(Request::Nodes)? else {
        return Err(Failing::other_answer());
    };
    output.rows(&rows)?;
    Ok(Exit::Done)
}
