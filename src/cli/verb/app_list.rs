//! `floe app list`: all applications.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe app list
  floe app list --format json";

/// List all applications with their revisions
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {}

pub(super) fn run(_: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let Response::Applications(rows) = link.get(Request::Applications)? else {
        return Err(Failing::other_answer());
    };
    output.rows(&rows)?;
    Ok(Exit::Done)
}
