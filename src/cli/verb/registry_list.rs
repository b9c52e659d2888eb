//! `floe registry list`: all registries.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe registry list
  floe registry list --format json";

/// List all registries: role, standing, how far behind, and why
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {}

pub(super) fn run(_: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let Response::Status(report) = link.get(Request::Status)? else {
        return Err(Failing::other_answer());
    };
    output.rows(&report.registries)?;
    Ok(Exit::Done)
}
