//! `floe events`: what happens, with reasons.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::report::Happening;

const EXAMPLES: &str = "\
Examples:
  floe events
  floe events --format json";

/// Show what happens and why, one a line, until interrupted; `floe watch` shows how things stand
///
/// A registry that goes away is replaced by the next one; while none is in reach, that is said on stderr.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {}

pub(super) fn run(_: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    // Nobody in reach at the start is the operator's slip; later it is an outage, which is what one watches for.
    let mut next = link.happening()?;
    loop {
        output.line(&next, line)?;
        next = loop {
            if output.is_closed() {
                return Ok(Exit::Done);
            }
            match link.happening() {
                Ok(happening) => break happening,
                Err(failing) if matches!(failing.exit, Exit::Unreachable | Exit::TimedOut) => {
                    output.word(&format!("floe: {}; trying again", failing.message));
                }
                Err(failing) => return Err(failing),
            }
        };
    }
}

fn line(happening: &Happening) -> String {
    let mut line = format!(
        "{} {} {} {}",
        happening.time, happening.subject, happening.name, happening.state
    );
    for part in [happening.version.as_deref().unwrap_or_default(), &happening.reason] {
        if !part.is_empty() {
            line.push_str(", ");
            line.push_str(part);
        }
    }
    line
}
