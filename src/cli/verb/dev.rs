//! `floe dev`: a whole grid in one command.

use crate::cli::{Exit, Failing};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe dev
  floe dev --story
  floe dev --folder ./grid";

/// Run a whole grid on this machine: three registries, two nodes, a sample application
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Play a story: the master is lost, a replica takes over, nothing is lost
    #[arg(long)]
    story: bool,
    /// Keep the grid's data here; without it, a folder that is removed at the end
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failing> {
    Err(Failing::internal(format!(
        "this build cannot run a grid by itself: {args:?}"
    )))
}
