//! `floe config show FILE`: what each key stands at, and where that was written.

use crate::cli::{Exit, Failing, Output};
use crate::io::config::{self, Environment, Overrides};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe config show /etc/floe/registry.toml
  floe config show node.toml --format json";

/// Show what each key stands at, and where that was written: file, environment or default
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The configuration
    #[arg(value_name = "FILE", env = "FLOE_CONFIG", hide_env_values = true)]
    file: PathBuf,
}

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let reading = config::read(&args.file, &Environment::of_process(), &Overrides::default());
    output.rows(&reading.shown)?;
    // What is wrong is told as well: the table alone would look like a configuration that works.
    reading.outcome?;
    Ok(Exit::Done)
}
