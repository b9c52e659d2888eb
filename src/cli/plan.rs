//! A plan for people, as `app apply`, `app diff` and `app remove` show it.

use super::{Ask, Failing, Output};
use crate::pure::base::ServerId;
use crate::pure::model::Plan;
use crate::pure::protocol::update::{Affected, Change, Forecast};
use crate::pure::protocol::{Request, Response};
use serde::Serialize;
use std::fmt::Write as _;

/// True when the plan changes anything: a server, or what stands in details only (groups, objects, variables).
pub(super) fn has_differences(plan: &Plan) -> bool {
    let servers = [&plan.added, &plan.removed, &plan.restarted, &plan.changed];
    !plan.details.is_empty() || servers.iter().any(|servers| !servers.is_empty())
}

/// What `app diff` tells: for programs the plan, with what it was made against and what runs.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    application: &'a str,
    revision: u64,
    version: &'a str,
    affected: &'a Affected,
}

/// Asks what an update would do, and prints it. Tells whether it would do anything.
pub(super) fn forecast(change: Change, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<bool, Failing> {
    let Response::Forecast(forecast) = link.get(Request::Forecast { change })? else {
        return Err(Failing::other_answer());
    };
    let Forecast {
        application,
        revision,
        version,
        plan,
        affected,
    } = &*forecast;
    let told = Told {
        plan,
        application,
        revision: *revision,
        version,
        affected,
    };
    output.value(&told, |told| {
        let mut text = match told.revision {
            0 => format!("{} is new; database version {}\n", told.application, told.version),
            revision => format!(
                "{} against revision {revision}, database version {}\n",
                told.application, told.version
            ),
        };
        text.push_str(&text_of(told.plan, true));
        add_affected(&mut text, "running now", told.affected);
        text
    })?;
    Ok(has_differences(plan))
}

/// A line of counts, then a line for each server that does not stay as it is, then the details.
pub(super) fn text_of(plan: &Plan, details: bool) -> String {
    let mut text = format!(
        "{} added, {} removed, {} restarted{}, {} changed live, {} untouched",
        plan.added.len(),
        plan.removed.len(),
        plan.restarted.len(),
        match plan.moved.len() {
            0 => String::new(),
            moved => format!(" ({moved} of them moved)"),
        },
        plan.changed.len(),
        plan.unchanged.len()
    );
    let stays = |id: &&ServerId| plan.moved.binary_search(id).is_err();
    let restarted: Vec<ServerId> = plan.restarted.iter().filter(stays).cloned().collect();
    for (what, servers) in [
        ("add", &plan.added),
        ("remove", &plan.removed),
        ("restart", &restarted),
        ("move", &plan.moved),
        ("change", &plan.changed),
    ] {
        add_servers(&mut text, what, servers);
    }
    for detail in plan.details.iter().filter(|_| details) {
        write!(text, "\n  {detail}").expect("writing to memory cannot fail");
    }
    text
}

/// The servers that run and are not left alone, a line each. `what`: `running now`.
pub(super) fn add_affected(text: &mut String, what: &str, affected: &Affected) {
    if affected.servers.is_empty() {
        return;
    }
    write!(text, "\n{what}, and not left alone:").expect("writing to memory cannot fail");
    for server in &affected.servers {
        write!(text, "\n  {server}").expect("writing to memory cannot fail");
    }
    if affected.more > 0 {
        write!(text, "\n  and {} more", affected.more).expect("writing to memory cannot fail");
    }
}

fn add_servers(text: &mut String, what: &str, servers: &[ServerId]) {
    for server in servers {
        write!(text, "\n  {what:<8}{server}").expect("writing to memory cannot fail");
    }
}
