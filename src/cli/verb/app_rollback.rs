//! `floe app rollback NAME`: deploys an earlier revision again.

use crate::cli::args::Global;
use crate::cli::plan;
use crate::cli::update::{self, Flags};
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::ApplicationName;
use crate::pure::protocol::update::Change;

const EXAMPLES: &str = "\
Examples:
  floe app rollback shop
  floe app rollback shop --to 3 --dry-run
  floe app rollback shop --to 3 --if-revision 7 --wait";

/// Deploy an earlier revision of an application again, as a new revision
///
/// Checked and planned like any update. A removed application comes back as it was last. Exits with 4 when there is no
/// such revision, else as floe app apply.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The application
    name: ApplicationName,
    /// The revision whose content is deployed. Default: the one before, or the last one of a removed application
    #[arg(long, value_name = "REVISION")]
    to: Option<u64>,
    /// Change nothing: show what would change, as floe app diff does
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    flags: Flags,
    /// Undo the rollback when a server fails or the time is over; waits as --wait does
    #[arg(long)]
    rollback_on_failure: bool,
}

pub(super) fn run(args: &Args, global: &Global, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let (name, to) = (args.name.clone(), args.to);
    let change = Change::Rollback { name, to };
    if args.dry_run {
        plan::forecast(change, link, output)?;
        return Ok(Exit::Done);
    }
    update::run(change, &args.flags, args.rollback_on_failure, (global, link), output)
}
