//! The outcome of a comparison in a sentence, and the next step as complete commands for either choice.

use super::{Side, SideReport, Source, fork};
use crate::pure::lineage::{Relation, Surplus};
use crate::pure::membership::Standing;
use serde::Serialize;

/// One choice and how to make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What it is for.
    pub goal: String,
    /// Commands in order, or `or: ` and another way.
    pub commands: Vec<String>,
}

/// How the first stands to the second, in one line.
pub fn verdict(relation: Relation, [one, other]: &[SideReport; 2]) -> String {
    let (a, b) = (&one.name, &other.name);
    match relation {
        Relation::Same => format!("SAME: {a} and {b} both end at {}", one.version),
        Relation::Older(ours) => format!(
            "AHEAD after entry {}: {a} has {} that {b} lacks, {b} has none",
            ours.fork,
            updates(ours)
        ),
        Relation::Newer(theirs) => format!(
            "BEHIND after entry {}: {b} has {} that {a} lacks, {a} has none",
            theirs.fork,
            updates(theirs)
        ),
        Relation::Diverged { ours, theirs } => format!(
            "DIVERGED after entry {}: {a} has {} that {b} lacks, {b} has {}",
            ours.fork,
            updates(ours),
            theirs.updates
        ),
        Relation::Foreign if one.database == other.database => {
            format!(
                "FOREIGN: {a} and {b} hold database {} without an entry in common",
                short(&one.database)
            )
        }
        Relation::Foreign => format!(
            "FOREIGN: {a} holds database {}, {b} holds database {}",
            short(&one.database),
            short(&other.database)
        ),
        Relation::Corrupt { at } => format!(
            "CORRUPT: {a} and {b} have other bytes at or before entry {at} of the same log; one of the two is damaged"
        ),
    }
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or("none")
}

fn updates(surplus: Surplus) -> String {
    let reigns = surplus.end.saturating_sub(surplus.fork).saturating_sub(surplus.updates);
    match (surplus.updates, reigns) {
        (0, _) => "no update (only the opening of a reign)".to_owned(),
        (1, _) => "1 update".to_owned(),
        (count, _) => format!("{count} updates"),
    }
}

/// What to do next.
pub(super) fn next(relation: Relation, one: &Side, other: &Side) -> Vec<Step> {
    let choices = match relation {
        Relation::Same => return Vec::new(),
        Relation::Older(ours) if ours.is_empty() => [Some(nothing(other, one)), None],
        Relation::Newer(theirs) if theirs.is_empty() => [Some(nothing(one, other)), None],
        Relation::Older(_) => [feed(one, other), keep(other, one)],
        Relation::Newer(_) => [feed(other, one), keep(one, other)],
        Relation::Diverged { .. } | Relation::Foreign => [keep(one, other), keep(other, one)],
        Relation::Corrupt { .. } => [Some(examine(one, other)), None],
    };
    let mut steps: Vec<Step> = choices.into_iter().flatten().collect();
    let has = |mine: Option<Surplus>| mine.is_some_and(|surplus| !surplus.is_empty());
    let (ours, theirs) = super::surplus(relation);
    let apart = fork(relation).is_none();
    for (side, wanted) in [(one, has(ours) || apart), (other, has(theirs) || apart)] {
        if let (Source::File(path), true) = (&side.source, wanted) {
            steps.push(salvage(path));
        }
    }
    steps
}

/// Entries that only open a reign were promised to nobody.
fn nothing(shorter: &Side, longer: &Side) -> Step {
    let (shorter, longer) = (shorter.source.name(), longer.source.name());
    Step {
        goal: format!("nothing is to be chosen: {shorter} has every update that {longer} has"),
        commands: Vec::new(),
    }
}

/// The shorter one is a prefix of the longer: it catches up where that leads.
fn feed(longer: &Side, shorter: &Side) -> Option<Step> {
    let (Source::Registry(from), Source::Registry(to)) = (&longer.source, &shorter.source) else {
        return None;
    };
    Some(if leads(longer) {
        Step {
            goal: format!(
                "to bring {to} up to date: it takes what it lacks from {from}, which leads; if it does not, it says why"
            ),
            commands: vec![format!("floe registry show {to}")],
        }
    } else {
        Step {
            goal: format!("to keep what {from} holds: once it leads, {to} takes what it lacks from it"),
            commands: vec![format!("floe registry promote {from}")],
        }
    })
}

/// Keeps one side's data on both.
fn keep(kept: &Side, lost: &Side) -> Option<Step> {
    let (Source::Registry(keeps), Source::Registry(loses)) = (&kept.source, &lost.source) else {
        return None;
    };
    let promote = (!leads(kept)).then(|| format!("floe registry promote {keeps}"));
    let initialise = [
        format!("floe registry init {loses} --from {keeps}"),
        format!("or: restart {loses} with --initdb-from-replica {keeps}"),
    ];
    Some(Step {
        goal: format!("to keep what {keeps} holds: {loses} exports what only it has and starts again from {keeps}"),
        commands: promote.into_iter().chain(initialise).collect(),
    })
}

/// Damage is found where the data is, and by nobody else.
fn examine(one: &Side, other: &Side) -> Step {
    let command = |side: &Side| match &side.source {
        Source::File(path) => format!("floe db verify {path}"),
        Source::Registry(name) => format!("stop {name}, then: floe db verify FOLDER, with its data folder"),
    };
    Step {
        goal: "to find the damaged one, look at both; then promote the intact one and initialise the other from it"
            .to_owned(),
        commands: vec![command(one), command(other)],
    }
}

/// A file follows nobody: what only it has is applied again by hand.
fn salvage(path: &str) -> Step {
    Step {
        goal: format!("to bring back what only {path} holds: its applications as written, to be applied again"),
        commands: vec![
            format!("floe db dump {path} --output dump.json"),
            "jq '.applications[].record.descriptor | select(.application == \"NAME\")' dump.json > NAME.json"
                .to_owned(),
            "floe app apply NAME.json".to_owned(),
        ],
    }
}

fn leads(side: &Side) -> bool {
    side.log.standing == Some(Standing::Leading)
}
