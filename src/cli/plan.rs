//! A plan for people, as `app apply`, `app diff` and `app remove` show it.

use crate::pure::base::ServerId;
use crate::pure::model::Plan;
use std::fmt::Write as _;

/// True when the plan changes anything: a server, or what stands in details only (groups, objects, variables).
pub(super) fn has_differences(plan: &Plan) -> bool {
    let servers = [&plan.added, &plan.removed, &plan.restarted, &plan.changed];
    !plan.details.is_empty() || servers.iter().any(|servers| !servers.is_empty())
}

/// A line of counts, then a line for each server that does not stay as it is, then the details.
pub(super) fn text_of(plan: &Plan, details: bool) -> String {
    let mut text = format!(
        "{} added, {} removed, {} restarted, {} changed live, {} untouched",
        plan.added.len(),
        plan.removed.len(),
        plan.restarted.len(),
        plan.changed.len(),
        plan.unchanged.len()
    );
    for (what, servers) in [
        ("add", &plan.added),
        ("remove", &plan.removed),
        ("restart", &plan.restarted),
        ("change", &plan.changed),
    ] {
        add_servers(&mut text, what, servers);
    }
    for detail in plan.details.iter().filter(|_| details) {
        write!(text, "\n  {detail}").expect("writing to memory cannot fail");
    }
    text
}

fn add_servers(text: &mut String, what: &str, servers: &[ServerId]) {
    for server in servers {
        write!(text, "\n  {what:<8}{server}").expect("writing to memory cannot fail");
    }
}
