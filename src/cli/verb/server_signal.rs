//! `floe server signal ID SIGNAL`: sends a signal to a server's process.

use super::server_show::text_of;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::{ServerId, Signal};
use crate::pure::protocol::request::Verb;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe server signal web-1 SIGHUP
  floe server signal web-1 usr1
  floe server signal web-1 9

The signal goes to the server's process, not to what that has started; floe server stop ends all of it.";

/// Send a signal to a server's process; refused when it has none
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The server
    id: ServerId,
    /// The signal: its name with or without SIG, or its number
    signal: Signal,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let request = Request::Command {
        server: args.id.clone(),
        verb: Verb::Signal(args.signal),
    };
    let Response::Commanded(report) = link.get(request)? else {
        return Err(Failing::other_answer());
    };
    output.caution(link.caution());
    output.value(&*report, text_of)?;
    Ok(Exit::Done)
}
