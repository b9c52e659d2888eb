//! `floe app diff FILE`: what `apply` would do.

use crate::cli::application_file::{self, Choice};
use crate::cli::plan;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::{Request, Response};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe app diff shop.toml
  floe app diff shop.toml --exit-code
  floe app diff shop.toml --target production
  floe app diff shop.toml --format json";

/// Show what applying a file would change: added, removed, restarted, changed live, untouched
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
    let Response::Plan(plan) = open()?.get(Request::Plan { application })? else {
        return Err(Failing::other_answer());
    };
    output.value(&*plan, |plan| plan::text_of(plan, true))?;
    Ok(if args.exit_code && plan::has_differences(&plan) {
        Exit::Differences
    } else {
        Exit::Done
    })
}
