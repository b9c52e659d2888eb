//! `floe session list`: who holds something, or waits.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::allocation::SessionReport;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe session list
  floe session list --format json";

/// List the sessions: clients that hold resources or wait for them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {}

pub(super) fn run(_args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    output.rows(&sessions(link)?)?;
    Ok(Exit::Done)
}

/// All sessions.
pub(super) fn sessions(link: &mut dyn Ask) -> Result<Vec<SessionReport>, Failing> {
    link.all(
        |last: Option<&SessionReport>| Request::Sessions {
            after: last.map(|row| row.id),
        },
        |answer| match answer {
            Response::Sessions(rows, more) => Some((rows, more)),
            _ => None,
        },
    )
}
