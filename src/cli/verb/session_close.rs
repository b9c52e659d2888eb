//! `floe session close ID`: ends a session; what it holds is free.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::allocation::SessionId;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe session close 23d537452b6c304f";

/// End a session: what it holds is free, and goes to whoever waits
///
/// Its client hears of it when it renews or asks next. Exits with 4 when there is none of that id.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The id of the session
    id: SessionId,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let Response::Session(was) = link.get(Request::EndSession { id: args.id })? else {
        return Err(Failing::other_answer());
    };
    output.word(&format!(
        "session {} ({}) is over; it held {} and waited for {}",
        was.id, was.name, was.leases, was.waiting
    ));
    Ok(Exit::Done)
}
