//! `floe app rollback NAME`: deploys an earlier revision again.

use super::app_apply::{new_request, text_of, update};
use crate::cli::plan;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::{ApplicationName, RequestId};
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe app rollback shop
  floe app rollback shop --to 3 --dry-run
  floe app rollback shop --to 3 --if-revision 7";

/// Deploy an earlier revision of an application again, as a new revision
///
/// Checked and planned like any update. A removed application comes back as it was last. Exits with 4 when there is no
/// such revision, else as floe app apply.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The application
    name: ApplicationName,
    /// The revision whose content is deployed. Default: the one before, or the last one of a removed application
    #[arg(long, value_name = "REVISION")]
    to: Option<u64>,
    /// Only if the application is at this revision now; 0: only if it does not exist
    #[arg(long, value_name = "NUMBER")]
    if_revision: Option<u64>,
    /// Change nothing: show what would change, as floe app diff does
    #[arg(long)]
    dry_run: bool,
    /// The id of an earlier try whose outcome is in doubt
    #[arg(long, value_name = "ID")]
    request: Option<RequestId>,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let (name, to) = (args.name.clone(), args.to);
    if args.dry_run {
        let Response::Plan(plan) = link.get(Request::PlanRollback { name, to })? else {
            return Err(Failing::other_answer());
        };
        output.value(&*plan, |plan| plan::text_of(plan, true))?;
        return Ok(Exit::Done);
    }
    let id = args.request.unwrap_or_else(new_request);
    let request = Request::Rollback {
        name,
        to,
        if_revision: args.if_revision,
        request: id,
    };
    let report = update(request, id, link, output)?;
    let done = report.rolled_back_to.map_or_else(
        || "rolled back".to_owned(),
        |revision| format!("rolled back to revision {revision}:"),
    );
    output.value(&report, |report| text_of(&done, report))?;
    Ok(Exit::Done)
}
