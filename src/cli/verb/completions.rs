//! `floe completions SHELL`: the script that completes verbs and flags.

use crate::cli::{Exit, Failing, Output, command};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  floe completions bash > /etc/bash_completion.d/floe
  floe completions zsh > ~/.zfunc/_floe";

/// Print a script that completes verbs and flags in a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "floe", &mut script);
    output.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
