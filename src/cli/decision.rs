//! How a request for a resource was decided, or would be, as a page for people.

use super::output::{Output, Row};
use super::rows::or_dash;
use super::verb::server_show::lines_of;
use super::{Exit, Failing};
use crate::pure::protocol::allocation::{DecisionReport, RankedReport};

impl Row for RankedReport {
    const HEAD: &'static [&'static str] = &["RESOURCE", "NODE", "SCORE"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.resource.clone(),
            or_dash(&self.node),
            self.score.map_or_else(|| "-".to_owned(), |score| score.to_string()),
        ]
    }
}

/// Shows a decision.
pub(super) fn show(report: &DecisionReport, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let best = output.table_of(&report.best);
    output.value(report, |report| text_of(report, &best))?;
    Ok(Exit::Done)
}

fn text_of(report: &DecisionReport, best: &str) -> String {
    let text_or_nothing = |text: Option<String>| text.unwrap_or_default();
    let mut facts = vec![
        ("wanted", report.wish.clone()),
        ("given", given(report)),
        (
            "session",
            text_or_nothing(report.session.map(|session| session.to_string())),
        ),
        ("token", text_or_nothing(report.token.clone())),
        ("at", text_or_nothing(report.at.map(|at| at.to_string()))),
        ("decided by", decided_by(report)),
        ("because", report.instead.clone()),
        ("reason", report.reason.clone()),
        ("candidates", report.candidates.to_string()),
        ("others", format!("{}, held or out of service", report.others)),
    ];
    let rejected = report.rejected.iter();
    facts.extend(rejected.map(|(reason, count)| ("rejected", format!("{count}: {reason}"))));
    facts.push(("seed", report.seed.clone()));
    let mut text = lines_of(&facts);
    if !report.best.is_empty() {
        let chosen = if report.resource.is_some() {
            ", the chosen one first"
        } else {
            ""
        };
        text.extend(["\nthe best candidates", chosen, ":\n", best, "\n"]);
    }
    if !report.instead.is_empty() {
        text.push_str("\n`floe plugin list` of the master shows what became of the configured allocator\n");
    }
    text
}

/// A request that was only thought of has no session.
fn given(report: &DecisionReport) -> String {
    match (&report.resource, report.session) {
        (Some(resource), Some(_)) => resource.clone(),
        (Some(resource), None) => format!("nothing; it would be {resource}"),
        (None, Some(_)) => "nothing".to_owned(),
        (None, None) => "nothing; it would wait".to_owned(),
    }
}

fn decided_by(report: &DecisionReport) -> String {
    if report.instead.is_empty() {
        return report.by.clone();
    }
    format!("{}, in place of the configured allocator", report.by)
}
