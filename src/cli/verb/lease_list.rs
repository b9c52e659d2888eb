//! `floe lease list`: who holds what.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::allocation::LeaseReport;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe lease list
  floe lease list --format json";

/// List the leases: which resource is held by whom
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {}

pub(super) fn run(_args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    output.rows(&leases(link)?)?;
    Ok(Exit::Done)
}

/// All leases.
pub(super) fn leases(link: &mut dyn Ask) -> Result<Vec<LeaseReport>, Failing> {
    link.all(
        |last: Option<&LeaseReport>| Request::Leases {
            after: last.map(|row| row.resource.clone()),
        },
        |answer| match answer {
            Response::Leases(rows, more) => Some((rows, more)),
            _ => None,
        },
    )
}
