//! `floe object add ID` and `floe object remove ID`: well-known objects that no application holds.

use crate::cli::update::{new_request, retry_hint};
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::{AdapterId, GroupId, ObjectId, RequestId};
use crate::pure::model::{ObjectHome, ObjectRecord};
use crate::pure::protocol::locate::ObjectReport;
use crate::pure::protocol::{Request, Response};

const ADD_EXAMPLES: &str = "\
Examples:
  floe object add printer-3 --adapter web-1.http --type printer
  floe object add front --group web

The same id again changes its type and its home. Objects of applications are changed by floe app apply.";
const REMOVE_EXAMPLES: &str = "\
Examples:
  floe object remove printer-3";

/// Add a well-known object outside all applications, or change it
#[derive(Debug, clap::Args)]
#[command(after_help = ADD_EXAMPLES)]
pub(in crate::cli) struct Add {
    /// Its id, unique in the grid
    id: ObjectId,
    /// The adapter whose endpoint it has
    #[arg(long, value_name = "ID", required_unless_present = "group", conflicts_with = "group")]
    adapter: Option<AdapterId>,
    /// The replica group whose endpoints it has
    #[arg(long, value_name = "ID")]
    group: Option<GroupId>,
    /// Its type, for floe object find
    #[arg(long = "type", value_name = "TYPE", default_value = "")]
    kind: String,
    /// The id of an earlier try whose outcome is in doubt
    #[arg(long, value_name = "ID")]
    request: Option<RequestId>,
}

/// Remove a well-known object that was added outside all applications
#[derive(Debug, clap::Args)]
#[command(after_help = REMOVE_EXAMPLES)]
pub(in crate::cli) struct Remove {
    /// Its id
    id: ObjectId,
    /// The id of an earlier try whose outcome is in doubt
    #[arg(long, value_name = "ID")]
    request: Option<RequestId>,
}

pub(super) fn add(args: &Add, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let home = match (&args.adapter, &args.group) {
        (Some(adapter), _) => ObjectHome::Adapter(adapter.clone()),
        (None, Some(group)) => ObjectHome::Group(group.clone()),
        (None, None) => return Err(Failing::usage("an object wants --adapter or --group")),
    };
    let object = ObjectRecord {
        id: args.id.clone(),
        kind: args.kind.clone(),
        home,
    };
    let request = args.request.unwrap_or_else(new_request);
    store(Request::PutObject { object, request }, request, link, output)
}

pub(super) fn remove(args: &Remove, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let request = args.request.unwrap_or_else(new_request);
    let id = args.id.clone();
    store(Request::RemoveObject { id, request }, request, link, output)
}

fn store(request: Request, id: RequestId, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let response = link.get(request);
    output.caution(link.caution());
    let Response::ObjectStored(report) = response.map_err(|failing| retry_hint(failing, id))? else {
        return Err(Failing::other_answer());
    };
    output.value(&report, text_of)?;
    Ok(Exit::Done)
}

fn text_of(report: &ObjectReport) -> String {
    let done = if report.removed { "removed" } else { "stored" };
    let registries = if report.copies == 1 { "registry" } else { "registries" };
    let behind = match report.behind.join(", ").as_str() {
        "" => String::new(),
        names => format!("\nbehind: {names}"),
    };
    format!(
        "{done} object {}: version {}, on {} {registries}{behind}",
        report.id, report.version, report.copies
    )
}
