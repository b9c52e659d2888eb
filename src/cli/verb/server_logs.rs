//! `floe server logs ID`: the end of a server's output.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::ServerId;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe server logs web-1
  floe server logs web-1 --stderr --lines 500";

/// Show the end of a server's output
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The server
    id: ServerId,
    /// Standard error instead of standard output
    #[arg(long)]
    stderr: bool,
    /// How many lines from the end
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    lines: u32,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let request = Request::Logs {
        server: args.id.clone(),
        stderr: args.stderr,
        lines: args.lines,
    };
    let Response::Logs(report) = link.get(request)? else {
        return Err(Failing::other_answer());
    };
    output.caution(link.caution());
    output.value(&report, |report| report.text.clone())?;
    Ok(Exit::Done)
}
