//! `floe app apply FILE`: deploys an application.

use super::app_apply_surplus;
use crate::cli::application_file::{self, Choice};
use crate::cli::plan;
use crate::cli::surplus_file;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::io::clock;
use crate::pure::base::RequestId;
use crate::pure::protocol::report::AppliedReport;
use crate::pure::protocol::{Request, Response};
use std::fmt::Write as _;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe app apply shop.toml
  floe app apply shop.toml --if-revision 3
  floe app apply shop.toml --target production --set version=7
  floe app apply - --format json
  floe app apply surplus-4.93-20261123T043626Z.json";

/// Deploy an application, new or changed
///
/// Returns when the update is on as many disks as the master's configuration asks for. While the outcome is in doubt,
/// because copies are missing or the master is gone, it asks again, until --timeout and wherever the master is by then:
/// the same request is applied once. Exits with 5 when the application is not at the revision named, with 8 when the
/// outcome is still in doubt: then run it again with the --request that the message names.
///
/// The file may be the surplus that a registry's initialisation left: its updates are applied again in order, each once
/// however often this is run. Exits with 8 when some of them conflict with what was done meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The application, TOML or JSON, or a surplus; - for standard input
    file: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// Only if the application is at this revision now; 0: only if it does not exist
    #[arg(long, value_name = "NUMBER")]
    if_revision: Option<u64>,
    /// The id of an earlier try whose outcome is in doubt
    #[arg(long, value_name = "ID")]
    request: Option<RequestId>,
}

pub(super) fn run(
    args: &Args,
    open: &mut dyn FnMut() -> Result<Box<dyn Ask>, Failing>,
    output: &mut Output<'_>,
) -> Result<Exit, Failing> {
    if let Some(surplus) = surplus_file::read(&args.file)? {
        if args.if_revision.is_some() || args.request.is_some() || !args.choice.is_empty() {
            let message = "a surplus brings its own content, revisions and request ids: leave --if-revision, --request, \
                           --target and --set out";
            return Err(Failing::usage(message));
        }
        return app_apply_surplus::run(surplus, &args.file, &mut *open()?, output);
    }
    let application = application_file::read(&args.file, &args.choice)?;
    let id = args.request.unwrap_or_else(new_request);
    let request = Request::Apply {
        application,
        if_revision: args.if_revision,
        request: id,
    };
    let report = update(request, id, &mut *open()?, output)?;
    output.value(&report, |report| text_of("applied", report))?;
    Ok(Exit::Done)
}

/// Sends an update. While its outcome is not known the client sends it again, to whoever leads by then; a word says so.
pub(super) fn update(
    request: Request,
    id: RequestId,
    link: &mut dyn Ask,
    output: &mut Output<'_>,
) -> Result<AppliedReport, Failing> {
    let response = link.get(request);
    output.caution(link.caution());
    match response.map_err(|failing| retry_hint(failing, id))? {
        Response::Applied(report) => Ok(*report),
        _ => Err(Failing::other_answer()),
    }
}

/// A fresh id for one update.
pub(super) fn new_request() -> RequestId {
    RequestId::from_bits(clock::dice())
}

/// An update without an answer may have been stored: only the same id makes a second try safe.
pub(super) fn retry_hint(mut failing: Failing, id: RequestId) -> Failing {
    if matches!(failing.exit, Exit::InPart | Exit::TimedOut) {
        let before = if failing.hint.is_empty() { "" } else { "; " };
        failing.hint = format!(
            "{}{before}run it again with --request {id}: it is applied once",
            failing.hint
        );
    }
    failing
}

/// What an update did, for people.
pub(super) fn text_of(done: &str, report: &AppliedReport) -> String {
    let registries = if report.copies == 1 { "registry" } else { "registries" };
    let mut text = format!(
        "{done} {}: revision {}, version {}, on {} {registries}\n",
        report.application, report.revision, report.version, report.copies
    );
    if !report.behind.is_empty() {
        writeln!(text, "behind: {}", report.behind.join(", ")).expect("writing to memory cannot fail");
    }
    text.push_str(&plan::text_of(&report.plan, false));
    text
}
