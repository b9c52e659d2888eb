//! `floe adapter list`: all adapters.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe adapter list
  floe adapter list --format json";

/// List adapters, those of servers and those that processes have registered at run time
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {}

pub(super) fn run(_: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let Response::Adapters(rows) = link.get(Request::Adapters { id: None })? else {
        return Err(Failing::other_answer());
    };
    output.caution(link.caution());
    output.rows(&rows)?;
    Ok(Exit::Done)
}
