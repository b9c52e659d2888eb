//! `floe object find TYPE`: where objects of a type are.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::locate::{Choose, FoundRow};
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe object find printer
  floe object find printer --all
  floe object find printer --least-loaded --format json";

/// Find an object by its type; starts an on-demand server where none of them runs
///
/// Exits with 4 when no object has the type.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The type
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Every object that runs or can be started; starts nothing
    #[arg(long, conflicts_with = "least_loaded")]
    all: bool,
    /// The one on the least loaded node
    #[arg(long)]
    least_loaded: bool,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let choose = match (args.all, args.least_loaded) {
        (true, _) => Choose::All,
        (_, true) => Choose::LeastLoaded,
        (false, false) => Choose::Any,
    };
    let rows = link.all(
        |last: Option<&FoundRow>| Request::Find {
            kind: args.kind.clone(),
            choose,
            after: last.map(|row| row.id.clone()),
            at_least: None,
        },
        |answer| match answer {
            Response::Found(found) => Some((found.objects, found.more)),
            _ => None,
        },
    )?;
    output.rows(&rows)?;
    Ok(Exit::Done)
}
