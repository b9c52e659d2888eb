//! `floe object list`: all well-known objects.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::locate::ObjectRow;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe object list
  floe object list --type printer --format json";

/// List well-known objects: of applications, and those that were added alone
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Only those of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let rows = link.all(
        |last: Option<&ObjectRow>| Request::Objects {
            kind: args.kind.clone(),
            after: last.map(|row| row.id.clone()),
        },
        |answer| match answer {
            Response::Objects(rows, more) => Some((rows, more)),
            _ => None,
        },
    )?;
    output.rows(&rows)?;
    Ok(Exit::Done)
}
