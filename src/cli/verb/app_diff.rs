//! `floe app diff FILE`: what `apply` would do.

use crate::cli::application_file::{self, Choice};
use crate::cli::plan;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::update::Change;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe app diff shop.toml
  floe app diff shop.toml --exit-code
  floe app diff shop.toml --target production
  floe app diff shop.toml --format json";

/// Show what applying a file would change: added, removed, restarted, changed live, untouched
///
/// The plan is what the update means; which of the servers run now, and so would really be restarted, moved or stopped, is
/// told behind it. The version that it was made against is what --if-version of floe app apply takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The application, TOML or JSON; - for standard input
    file: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// Exit with 3 when there are differences
    #[arg(long)]
    exit_code: bool,
}

pub(super) fn run(
    args: &Args,
    open: &mut dyn FnMut() -> Result<Box<dyn Ask>, Failing>,
    output: &mut Output<'_>,
) -> Result<Exit, Failing> {
    let application = application_file::read(&args.file, &args.choice)?;
    let change = Change::Put(Box::new(application));
    let differs = plan::forecast(change, &mut *open()?, output)?;
    Ok(if args.exit_code && differs {
        Exit::Differences
    } else {
        Exit::Done
    })
}
