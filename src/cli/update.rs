//! What updates share: the flags for their conditions, the request, the wait for what comes of them, and the answer.

use super::args::Global;
use super::wait::{Ended, follow};
use super::{Ask, Exit, Failing, Output, plan};
use crate::io::clock;
use crate::pure::base::RequestId;
use crate::pure::protocol::report::AppliedReport;
use crate::pure::protocol::update::{Change, Conditions, Outcome, VersionText};
use crate::pure::protocol::{Request, Response};
use serde::Serialize;
use std::fmt::Write as _;

/// Flags of every update.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Flags {
    /// Only if the application is at this revision now; 0: only if it does not exist
    #[arg(long, value_name = "NUMBER")]
    pub(super) if_revision: Option<u64>,
    /// Only if nothing in the database was changed since this version, as `floe app diff` tells it
    #[arg(long, value_name = "VERSION")]
    pub(super) if_version: Option<VersionText>,
    /// Only if no server that runs would be restarted, moved or removed; what is not known counts as running
    #[arg(long)]
    pub(super) no_restart: bool,
    /// Wait until the servers are as wanted, a minute or --timeout, and say which are not
    #[arg(long)]
    pub(super) wait: bool,
    /// The id of an earlier try whose outcome is in doubt
    #[arg(long, value_name = "ID")]
    pub(super) request: Option<RequestId>,
}

/// What became of an update: the master's answer, and the nodes' where that was waited for.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    report: &'a AppliedReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rolled_back: Option<AppliedReport>,
}

/// Sends an update, waits where that is asked for, and prints what was done. `roll_back`: undo it when it does not work out.
pub(super) fn run(
    change: Change,
    flags: &Flags,
    roll_back: bool,
    (global, link): (&Global, &mut dyn Ask),
    output: &mut Output<'_>,
) -> Result<Exit, Failing> {
    let id = flags.request.unwrap_or_else(new_request);
    let removes = matches!(change, Change::Remove { .. });
    let report = send(request_of(change, flags, id), id, link, output)?;
    let done = match report.rolled_back_to {
        Some(revision) => format!("rolled back to revision {revision}:"),
        None if removes => "removed".to_owned(),
        None => "applied".to_owned(),
    };
    let mut answer = Answer {
        report: &report,
        outcome: None,
        rolled_back: None,
    };
    if !flags.wait && !roll_back {
        output.value(&answer, |answer| text_of(&done, answer))?;
        return Ok(Exit::Done);
    }
    let ended = follow(&report, removes, roll_back, global.wait(), link, output)?;
    answer.outcome = ended.outcome().cloned();
    let Some(mut failing) = ended.failing(&report) else {
        output.value(&answer, |answer| text_of(&done, answer))?;
        return Ok(Exit::Done);
    };
    if roll_back && !matches!(ended, Ended::Overtaken(_)) {
        match undo(&report, link, output) {
            Ok(undone) => {
                failing.exit = Exit::Failed;
                "rolled-back".clone_into(&mut failing.code);
                failing.message = format!("{}\n{}", failing.message, undone_text(&report, &undone));
                answer.rolled_back = Some(undone);
            }
            Err(refused) => {
                failing.exit = Exit::InPart;
                failing.message = format!("{}\nthe rollback failed: {}", failing.message, refused.message);
                failing.hint = refused.hint;
            }
        }
    }
    output.value(&answer, |answer| text_of(&done, answer))?;
    Err(failing)
}

/// The plainest request that says it: a master of an earlier build knows that one as well.
fn request_of(change: Change, flags: &Flags, request: RequestId) -> Request {
    let if_revision = flags.if_revision;
    let plain = flags.if_version.is_none() && !flags.no_restart;
    match change {
        Change::Put(application) if plain => Request::Apply {
            application: *application,
            if_revision,
            request,
        },
        Change::Rollback { name, to } if plain => Request::Rollback {
            name,
            to,
            if_revision,
            request,
        },
        Change::Remove { name } if plain => match if_revision {
            Some(revision) => Request::RemoveAt {
                name,
                revision,
                request,
            },
            None => Request::Remove { name, request },
        },
        change => Request::Update {
            change,
            conditions: Conditions {
                if_revision,
                if_version: flags.if_version,
                no_restart: flags.no_restart,
            },
            request,
        },
    }
}

/// Sends an update. While its outcome is not known the client sends it again, to whoever leads by then; a word says so.
fn send(
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

/// Puts back what was in force before, unless somebody has updated the application since.
fn undo(report: &AppliedReport, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<AppliedReport, Failing> {
    let Ok(name) = report.application.parse() else {
        return Err(Failing::other_answer());
    };
    let request = new_request();
    let undo = match report.replaces {
        Some(revision) => Request::Rollback {
            name,
            to: Some(revision),
            if_revision: Some(report.revision),
            request,
        },
        None => Request::RemoveAt {
            name,
            revision: report.revision,
            request,
        },
    };
    send(undo, request, link, output)
}

fn undone_text(report: &AppliedReport, undone: &AppliedReport) -> String {
    match report.replaces {
        Some(revision) => format!(
            "rolled back to revision {revision}: revision {}, version {}",
            undone.revision, undone.version
        ),
        None => format!("removed it again, as it was new: version {}", undone.version),
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
fn text_of(done: &str, answer: &Answer<'_>) -> String {
    let report = answer.report;
    let registries = if report.copies == 1 { "registry" } else { "registries" };
    let mut text = format!(
        "{done} {}: revision {}, version {}, on {} {registries}\n",
        report.application, report.revision, report.version, report.copies
    );
    if !report.behind.is_empty() {
        writeln!(text, "behind: {}", report.behind.join(", ")).expect("writing to memory cannot fail");
    }
    text.push_str(&plan::text_of(&report.plan, false));
    plan::add_affected(&mut text, "were running", &report.affected);
    if !report.absent.is_empty() {
        let nodes = report.absent.join(", ");
        write!(text, "\nnot in reach, and given their part when they return: {nodes}")
            .expect("writing to memory cannot fail");
    }
    if let Some(outcome) = &answer.outcome {
        let words = match outcome.servers {
            0 => "no server had to be waited for".to_owned(),
            servers => format!("as wanted: {} of {servers}", outcome.done),
        };
        write!(text, "\n{words}").expect("writing to memory cannot fail");
    }
    text
}

#[cfg(test)]
#[path = "update_test.rs"]
mod tests;
