//! `floe lease explain RESOURCE`: why its holder was given it.

use crate::cli::{Ask, Exit, Failing, Output, decision};
use crate::pure::base::ObjectId;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe lease explain gpu-0
  floe lease explain gpu-0 --format json

A master keeps the last 1000 decisions of its own reign. `floe allocate --dry-run` tells what would be given now.";

/// Tell why a lease was given: what was wanted, by whom it was decided and why, among which candidates
///
/// Exits with 4 when nobody holds the resource, or when how it was given is not known any more.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The resource that is held
    resource: ObjectId,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let resource = args.resource.clone();
    match link.get(Request::ExplainLease { resource })? {
        Response::Decision(report) => decision::show(&report, output),
        _ => Err(Failing::other_answer()),
    }
}
