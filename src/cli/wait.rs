//! Follows an update until the nodes have done their part: `--wait`.

use super::progress::Progress;
use super::{Ask, Exit, Failing, Output};
use crate::io::clock;
use crate::pure::protocol::report::{AppliedReport, ServerState};
use crate::pure::protocol::update::{Deed, Outcome, OutcomeRow, VersionText};
use crate::pure::protocol::{Request, Response};
use std::time::Duration;

/// The first pause between two looks, and the longest: most updates are done in a fraction of a second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));
/// What runs must be seen running this often, so long apart: a server that is not asked whether it is ready counts as
/// active as soon as it has a process, and many a wrong command ends a moment later.
const STEADY: (u32, Duration) = (5, Duration::from_millis(100));
/// Servers that are named one by one.
const NAMED_MAX: usize = 20;

/// How the wait ended.
#[derive(Debug)]
pub(super) enum Ended {
    AsWanted(Outcome),
    /// Some are not as wanted, and time does not mend it.
    Failed(Outcome),
    /// With what was seen last, and what stood against seeing more.
    TimedOut(Option<Outcome>, String),
    /// Somebody else has updated or removed the application.
    Overtaken(Outcome),
}

/// Looks until every server of the update is as wanted, or the time is over. `hasty`: the first failure ends it.
pub(super) fn follow(
    report: &AppliedReport,
    removes: bool,
    hasty: bool,
    time: Duration,
    link: &mut dyn Ask,
    output: &mut Output<'_>,
) -> Result<Ended, Failing> {
    let (Ok(version), Ok(application)) = (report.version.parse::<VersionText>(), report.application.parse()) else {
        return Err(Failing::other_answer());
    };
    let request = Request::Outcome {
        application,
        serial: version.serial,
        running: ran(report),
    };
    let wanted = (!removes).then_some(report.revision);
    let until = clock::now().after(time);
    let (mut pause, mut last, mut trouble, mut said) = (PAUSES.0, None, String::new(), String::new());
    let mut steady = if starts_something(report) { STEADY.0 } else { 0 };
    let mut progress = Progress::new();
    let ended = loop {
        match link.get(request.clone()) {
            Ok(Response::Outcome(outcome)) => {
                let line = line_of(&outcome);
                if said != line && !progress.show(&line) && outcome.done < outcome.servers {
                    output.word(&line);
                }
                said = line;
                if outcome.revision != wanted {
                    break Ended::Overtaken(*outcome);
                }
                let as_wanted = outcome.done == outcome.servers;
                if as_wanted && steady == 0 {
                    break Ended::AsWanted(*outcome);
                }
                if outcome.failed > 0 && (hasty || outcome.waiting == 0) {
                    break Ended::Failed(*outcome);
                }
                last = Some(*outcome);
                trouble.clear();
                if as_wanted {
                    steady -= 1;
                    link.pause(STEADY.1);
                    continue;
                }
            }
            Ok(_) => break Ended::TimedOut(last, Failing::other_answer().message),
            // A registry that goes down, or is not as far yet: another may answer, or this one later.
            Err(failing) => trouble = failing.message,
        }
        if clock::now() >= until {
            break Ended::TimedOut(last, trouble);
        }
        link.pause(pause);
        pause = (pause * 3 / 2).min(PAUSES.1);
    };
    progress.end();
    Ok(ended)
}

/// An update that only takes away has nothing to watch. Of an earlier try the plan is not told any more.
fn starts_something(report: &AppliedReport) -> bool {
    let plan = &report.plan;
    let takes_only = plan.added.is_empty() && plan.restarted.is_empty() && plan.changed.is_empty();
    !takes_only || (plan.removed.is_empty() && plan.unchanged.is_empty())
}

/// Servers that ran where they still are, and are to run again.
fn ran(report: &AppliedReport) -> Vec<crate::pure::base::ServerId> {
    let runs = |state| {
        matches!(
            state,
            ServerState::Active | ServerState::Activating | ServerState::ActivationTimedOut
        )
    };
    let affected = report.affected.servers.iter();
    let ran = affected.filter(|one| one.deed == Deed::Restart && runs(one.state));
    ran.map(|one| one.server.clone()).collect()
}

impl Ended {
    pub(super) fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::AsWanted(outcome) | Self::Failed(outcome) | Self::Overtaken(outcome) => Some(outcome),
            Self::TimedOut(outcome, _) => outcome.as_ref(),
        }
    }

    /// The command's failure; `None` when all is as wanted.
    pub(super) fn failing(&self, report: &AppliedReport) -> Option<Failing> {
        let name = &report.application;
        let hint =
            format!("`floe server show ID` and `floe server logs ID` tell more; floe app rollback {name} undoes it");
        Some(match self {
            Self::AsWanted(_) => return None,
            Self::Failed(outcome) => Failing::new(Exit::InPart, "in-part", not_as_wanted(outcome, ""), hint),
            Self::TimedOut(outcome, trouble) => {
                let message = match outcome {
                    Some(outcome) => not_as_wanted(outcome, " in time"),
                    None => format!("nothing is known of the servers of {name} in time"),
                };
                let trouble = if trouble.is_empty() {
                    String::new()
                } else {
                    format!("\nthe registry does not answer: {trouble}")
                };
                Failing::new(Exit::TimedOut, "timed-out", format!("{message}{trouble}"), hint)
            }
            Self::Overtaken(outcome) => {
                let now = match outcome.revision {
                    Some(revision) => format!("is at revision {revision} now"),
                    None => "was removed".to_owned(),
                };
                let message = format!(
                    "somebody else changed application {name} meanwhile: it {now}, and revision {} is not followed any more",
                    report.revision
                );
                Failing::new(Exit::InPart, "overtaken", message, format!("floe app history {name}"))
            }
        })
    }
}

fn not_as_wanted(outcome: &Outcome, when: &str) -> String {
    let mut lines = vec![format!(
        "{} of {} servers are not as wanted{when}:",
        outcome.servers - outcome.done,
        outcome.servers
    )];
    lines.extend(
        outcome
            .rows
            .iter()
            .take(NAMED_MAX)
            .map(|row| format!("  {}", row_text(row))),
    );
    let named = u64::try_from(outcome.rows.len().min(NAMED_MAX)).unwrap_or(u64::MAX);
    let more = (outcome.waiting + outcome.failed).saturating_sub(named);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}

fn row_text(row: &OutcomeRow) -> String {
    let reason = if row.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", row.reason)
    };
    format!("{} on {}: {}{reason}", row.server, row.node, row.state)
}

fn line_of(outcome: &Outcome) -> String {
    let first = outcome.rows.first();
    let waits = first.map_or_else(String::new, |row| format!("; {}", row_text(row)));
    format!("{} of {} servers as wanted{waits}", outcome.done, outcome.servers)
}
