//! `floe server explain ID`: why a server stands as it does.

use super::server_show::facts_of;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::ServerId;
use crate::pure::protocol::node::ExplainReport;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe server explain web-1
  floe server explain web-1 --lines 50
  floe server explain web-1 --format json";

/// Tell why a server stands as it does: its last transitions with reasons, who stopped or disabled it, its last words
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The server
    id: ServerId,
    /// How many lines of its standard error
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    lines: u32,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let request = Request::Explain {
        server: args.id.clone(),
        lines: args.lines,
    };
    let Response::Explained(report) = link.get(request)? else {
        return Err(Failing::other_answer());
    };
    output.caution(link.caution());
    let transitions = output.table_of(&report.transitions);
    output.value(&*report, |report| text_of(report, &transitions))?;
    Ok(Exit::Done)
}

fn text_of(report: &ExplainReport, transitions: &str) -> String {
    let mut facts = facts_of(&report.server);
    facts.extend([
        ("activation", report.activation.clone()),
        ("disabled", report.disabled.clone()),
        ("stopped", report.stopped.clone()),
        ("held", report.held.clone()),
        ("command", report.command.join(" ")),
        ("outdated", report.outdated.clone()),
    ]);
    let mut text = super::server_show::lines_of(&facts);
    if !report.transitions.is_empty() {
        text.push_str("\nits last transitions:\n");
        text.push_str(transitions);
        text.push('\n');
    }
    if !report.stderr.is_empty() {
        text.push_str("\nits last words on standard error:\n");
        text.push_str(&report.stderr);
    }
    text
}
