//! `floe dev`: a whole grid in one command.

use crate::cli::dev::{self, Wish};
use crate::cli::{Exit, Failing, Output};
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

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failing::internal(format!("failed to start the runtime: {error}")))?;
    let wish = Wish {
        story: args.story,
        folder: args.folder.clone(),
    };
    let mut printed = Ok(());
    let mut say = |line: &str| {
        let text = if line.is_empty() { "\n" } else { line };
        if printed.is_ok() {
            printed = output.text(text);
        }
    };
    let ran = runtime.block_on(dev::run(wish, &mut say));
    printed?;
    ran.map(|()| Exit::Done)
        .map_err(|error| Failing::new(Exit::Failed, "dev", error.to_string(), ""))
}
