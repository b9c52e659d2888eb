//! `floe app apply SURPLUS`: applies again what only a replaced database held, in order, each update with its own request
//! id, so that it is applied once however often this runs.
//!
//! An application that moved on meanwhile is a conflict, told with what to do; nothing after it is done to that application.

use crate::cli::output::Row;
use crate::cli::update::retry_hint;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::{Request, Response, SurplusFile, SurplusKind, SurplusUpdate};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// What became of one update.
#[derive(Clone, Debug, Serialize)]
struct Applied {
    serial: u64,
    kind: SurplusKind,
    name: String,
    /// `applied`, `conflict` or `skipped`.
    outcome: &'static str,
    reason: String,
}

impl Row for Applied {
    const HEAD: &'static [&'static str] = &["SERIAL", "UPDATE", "NAME", "OUTCOME", "REASON"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.serial.to_string(),
            self.kind.to_string(),
            self.name.clone(),
            self.outcome.to_owned(),
            self.reason.clone(),
        ]
    }
}

pub(super) fn run(
    surplus: SurplusFile,
    path: &Path,
    link: &mut dyn Ask,
    output: &mut Output<'_>,
) -> Result<Exit, Failing> {
    output.word(&format!(
        "{} updates that {} held up to {} and {} did not; {}",
        surplus.updates.len(),
        surplus.registry,
        surplus.held,
        surplus.source,
        surplus.note
    ));
    let mut stuck = BTreeSet::new();
    let mut rows = Vec::new();
    for update in surplus.updates {
        rows.push(apply(update, path, &mut stuck, link)?);
    }
    output.rows(&rows)?;
    let all = rows.iter().all(|row| row.outcome != "conflict");
    Ok(if all { Exit::Done } else { Exit::InPart })
}

fn apply(
    update: SurplusUpdate,
    path: &Path,
    stuck: &mut BTreeSet<String>,
    link: &mut dyn Ask,
) -> Result<Applied, Failing> {
    let mut row = Applied {
        serial: update.serial,
        kind: update.kind,
        name: update.name.clone(),
        outcome: "skipped",
        reason: String::new(),
    };
    let Some(request) = request_of(&update) else {
        row.reason = match update.kind {
            SurplusKind::PutRegistry | SurplusKind::ForgetRegistry => {
                "registries are recorded as they attach".to_owned()
            }
            SurplusKind::PutApplication | SurplusKind::RemoveApplication => {
                row.outcome = "conflict";
                stuck.insert(update.name.clone());
                format!("{} moved on meanwhile; {}", update.name, advice(&update, path))
            }
            SurplusKind::PutObject | SurplusKind::RemoveObject => {
                row.outcome = "conflict";
                "objects by themselves cannot be applied from a file".to_owned()
            }
        };
        return Ok(row);
    };
    if stuck.contains(&update.name) {
        row.outcome = "conflict";
        row.reason = format!("follows an update of {} that was not applied", update.name);
        return Ok(row);
    }
    match link.get(request) {
        Ok(Response::Applied(report)) => {
            row.outcome = "applied";
            row.reason = format!("version {}", report.version);
        }
        Ok(_) => return Err(Failing::other_answer()),
        Err(failing) if failing.code == "not-found" && update.kind == SurplusKind::RemoveApplication => {
            row.outcome = "applied";
            "it is gone already".clone_into(&mut row.reason);
        }
        Err(failing) if matches!(failing.code.as_str(), "precondition" | "invalid") => {
            stuck.insert(update.name.clone());
            row.outcome = "conflict";
            row.reason = format!("{}; {}", failing.message, advice(&update, path));
        }
        Err(failing) => return Err(retry_hint(failing, update.request)),
    }
    Ok(row)
}

/// `None`: it cannot be applied.
fn request_of(update: &SurplusUpdate) -> Option<Request> {
    match update.kind {
        SurplusKind::PutApplication => Some(Request::Apply {
            application: update.application.clone()?,
            if_revision: Some(update.after_revision?),
            request: update.request,
        }),
        SurplusKind::RemoveApplication => Some(Request::RemoveAt {
            name: update.name.parse().ok()?,
            revision: update.after_revision?,
            request: update.request,
        }),
        SurplusKind::PutObject | SurplusKind::RemoveObject | SurplusKind::PutRegistry | SurplusKind::ForgetRegistry => {
            None
        }
    }
}

fn advice(update: &SurplusUpdate, path: &Path) -> String {
    let name = &update.name;
    match update.kind {
        SurplusKind::RemoveApplication => format!("floe app remove {name}, if it is still to go"),
        _ => format!(
            "compare `floe app show {name}` with entry {} in {} and apply what is wanted",
            update.serial,
            path.display()
        ),
    }
}
