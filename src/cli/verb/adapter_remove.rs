//! `floe adapter remove ID`: takes a registration back that a process made at run time.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::AdapterId;
use crate::pure::protocol::{ErrorCode, Failure, Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe adapter remove metrics-agent-7

A process that lives registers its adapter again at its next renewal: end it first. An adapter of a server goes with
its server: floe app apply FILE.";

/// Remove an adapter that a process has registered at run time, before its time to live ends
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The id of the adapter
    id: AdapterId,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let request = Request::Unregister {
        adapter: args.id.clone(),
        registrant: None,
    };
    match link.get(request)? {
        Response::Unregistered(true) => {
            output.value(&serde_json::json!({ "id": args.id, "removed": true }), |_| {
                format!("removed {}", args.id)
            })?;
            Ok(Exit::Done)
        }
        Response::Unregistered(false) => {
            let message = format!("no process has registered an adapter {}", args.id);
            let hint = "`floe adapter list` shows who registered what";
            Err(Failure::new(ErrorCode::NotFound, message, hint).into())
        }
        _ => Err(Failing::other_answer()),
    }
}
