//! `floe app history NAME`: the revisions of an application.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::ApplicationName;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe app history shop
  floe app history shop --format json";

/// List the revisions of an application, newest first: when, by whom, what changed
///
/// The last 20 revisions are kept, also those of the 100 applications that were removed last.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The application
    name: ApplicationName,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let request = Request::History {
        name: args.name.clone(),
    };
    let Response::History(rows) = link.get(request)? else {
        return Err(Failing::other_answer());
    };
    output.rows(&rows)?;
    Ok(Exit::Done)
}
