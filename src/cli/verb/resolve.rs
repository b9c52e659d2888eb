//! `floe resolve ID`: where something is.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::update::VersionText;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe resolve web
  floe resolve web-1.http --format json
  floe resolve web --count 0
  floe resolve web --at-least 4.93
  floe resolve gpu-0-info --timeout 30s";

/// Tell where an adapter, a replica group or an object is; starts on-demand servers
///
/// Prints one endpoint a line, best first. Exits with 4 when nobody knows the id.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The id of an adapter, a replica group or an object
    id: String,
    /// How many endpoints of a group, instead of as it says; 0: all that are active
    #[arg(long, value_name = "NUMBER")]
    count: Option<u32>,
    /// Only from a database that holds this version, as updates tell it; waits for it
    #[arg(long, value_name = "VERSION")]
    at_least: Option<VersionText>,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let request = Request::Resolve {
        id: args.id.clone(),
        at_least: args.at_least,
        count: args.count,
    };
    let Response::Resolved(resolved) = link.get(request)? else {
        return Err(Failing::other_answer());
    };
    output.value(&resolved, |resolved| resolved.endpoints.join("\n"))?;
    Ok(Exit::Done)
}
