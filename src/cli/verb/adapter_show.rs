//! `floe adapter show ID`: one adapter, or the members of a group.

use crate::cli::{Ask, Exit, Failing, Output};

const EXAMPLES: &str = "\
Examples:
  floe adapter show web-1.http
  floe adapter show web

Of a replica group every member is shown, whatever its state.";

/// Show an adapter, or every member of a replica group
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The id of an adapter or of a replica group
    id: String,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let rows = super::adapter_list::all(Some(&args.id), link)?;
    output.rows(&rows)?;
    Ok(Exit::Done)
}
