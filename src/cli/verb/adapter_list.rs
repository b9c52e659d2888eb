//! `floe adapter list`: all adapters.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::locate::AdapterRow;
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
    let rows = all(None, link)?;
    output.caution(link.caution());
    output.rows(&rows)?;
    Ok(Exit::Done)
}

/// All adapters, one, or the members of a group: asked for in parts.
pub(super) fn all(id: Option<&str>, link: &mut dyn Ask) -> Result<Vec<AdapterRow>, Failing> {
    link.all(
        |last: Option<&AdapterRow>| Request::Adapters {
            id: id.map(str::to_owned),
            after: last.map(|row| row.id.clone()),
        },
        |answer| match answer {
            Response::Adapters(rows, more) => Some((rows, more)),
            _ => None,
        },
    )
}
