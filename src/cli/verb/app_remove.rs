//! `floe app remove NAME`: takes an application away.

use super::app_apply::{new_request, text_of, update};
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::{ApplicationName, RequestId};
use crate::pure::protocol::Request;

const EXAMPLES: &str = "\
Examples:
  floe app remove shop
  floe app remove shop --format json";

/// Remove an application: its servers are stopped, then deleted with their directories
///
/// Exits with 4 when there is no such application, with 8 when the outcome is in doubt (as floe app apply).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The application
    name: ApplicationName,
    /// The id of an earlier try whose outcome is in doubt
    #[arg(long, value_name = "ID")]
    request: Option<RequestId>,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let id = args.request.unwrap_or_else(new_request);
    let request = Request::Remove {
        name: args.name.clone(),
        request: id,
    };
    let report = update(request, id, link, output)?;
    output.value(&report, |report| text_of("removed", report))?;
    Ok(Exit::Done)
}
