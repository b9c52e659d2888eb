//! `floe app remove NAME`: takes an application away.

use crate::cli::args::Global;
use crate::cli::plan;
use crate::cli::update::{self, Flags};
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::ApplicationName;
use crate::pure::protocol::update::Change;

const EXAMPLES: &str = "\
Examples:
  floe app remove shop
  floe app remove shop --dry-run
  floe app remove shop --no-restart
  floe app remove shop --wait --format json";

/// Remove an application: its servers are stopped, then deleted with their directories
///
/// Exits with 4 when there is no such application, else as floe app apply. With --no-restart it is removed only when none
/// of its servers runs; with --wait the command returns when the nodes have got rid of them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The application
    name: ApplicationName,
    /// Change nothing: show what would go, and what of it runs
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(args: &Args, global: &Global, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let name = args.name.clone();
    let change = Change::Remove { name };
    if args.dry_run {
        plan::forecast(change, link, output)?;
        return Ok(Exit::Done);
    }
    update::run(change, &args.flags, false, (global, link), output)
}
