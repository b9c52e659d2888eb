//! The columns that people see of each report. Programs get the reports whole.

use super::output::Row;
use crate::io::config::Shown;
use crate::pure::allocation::PluginReport;
use crate::pure::protocol::allocation::{LeaseReport, SessionReport};
use crate::pure::protocol::history::RevisionRow;
use crate::pure::protocol::locate::{AdapterRow, FoundRow, ObjectRow};
use crate::pure::protocol::node::Transition;
use crate::pure::protocol::report::{
    ApplicationReport, FollowerRow, Happening, NodeRow, PeerRow, RegistryRow, ServerReport, StandingRow,
};

impl Row for RegistryRow {
    const HEAD: &'static [&'static str] = &["REGISTRY", "ROLE", "STANDING", "VERSION", "BEHIND", "ADDRESS", "REASON"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            or_dash(&self.role),
            self.standing.clone(),
            or_dash(&self.version),
            self.behind.to_string(),
            self.address.clone(),
            self.reason.clone(),
        ]
    }
}

impl Row for SessionReport {
    const HEAD: &'static [&'static str] = &["SESSION", "NAME", "EXPIRES", "HOLDS", "WAITS", "OPENED", "BY"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.name.clone(),
            in_seconds(self.expires_in),
            self.leases.to_string(),
            self.waiting.to_string(),
            self.opened.to_string(),
            self.actor.clone(),
        ]
    }
}

impl Row for LeaseReport {
    const HEAD: &'static [&'static str] = &[
        "RESOURCE", "TYPE", "SESSION", "NAME", "TOKEN", "SINCE", "EXPIRES", "SERVER", "NODE",
    ];
    fn cells(&self) -> Vec<String> {
        vec![
            self.resource.clone(),
            or_dash(&self.kind),
            self.session.to_string(),
            self.session_name.clone(),
            self.token.clone(),
            self.since.to_string(),
            in_seconds(self.expires_in),
            self.server.clone(),
            or_dash(&self.node),
        ]
    }
}

impl Row for PluginReport {
    const HEAD: &'static [&'static str] = &[
        "PLUGIN",
        "POLICY",
        "STATE",
        "ISOLATION",
        "PID",
        "VERSION",
        "DIGEST",
        "ASKED",
        "FAULTS",
        "MEDIAN",
        "REASON",
    ];
    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            if self.policy { "yes" } else { "-" }.to_owned(),
            self.state.clone(),
            self.isolation.clone(),
            self.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            or_dash(&self.version),
            or_dash(&short(&self.digest)),
            self.asked.to_string(),
            self.faults.to_string(),
            self.median_us.map_or_else(|| "-".to_owned(), |us| format!("{us} us")),
            trouble_of(self),
        ]
    }
}

/// Why a plugin is not all that was configured, and what went wrong last although it may be.
fn trouble_of(plugin: &PluginReport) -> String {
    let mut parts = vec![shortfall_of(plugin)];
    if !plugin.last_fault.is_empty() && plugin.last_fault != plugin.reason {
        parts.push(format!("last fault: {}", plugin.last_fault));
    }
    if plugin.crashes > 0 {
        parts.push(format!("crashes: {}", plugin.crashes));
    }
    joined(parts)
}

/// Why a plugin is not active, or not the newest.
pub(super) fn shortfall_of(plugin: &PluginReport) -> String {
    let mut parts = vec![plugin.reason.clone()];
    if plugin.replacing {
        parts.push("it is being loaded anew, and answers meanwhile".to_owned());
    }
    if !plugin.not_loaded.is_empty() && plugin.not_loaded != plugin.reason {
        let (generation, failed) = (plugin.generation, &plugin.not_loaded);
        parts.push(format!(
            "generation {generation} goes on, what was to replace it failed: {failed}"
        ));
    }
    joined(parts)
}

fn joined(mut parts: Vec<String>) -> String {
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

/// As much of a digest as tells it from others.
pub(super) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// Only the master knows.
fn in_seconds(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), |seconds| format!("in {seconds}s"))
}

impl Row for NodeRow {
    const HEAD: &'static [&'static str] = &[
        "NODE", "STATE", "ADDRESS", "OBEYS", "APPLIED", "ACTIVE", "SERVERS", "LOAD",
    ];
    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            if self.drained {
                format!("{}, drained", self.state)
            } else {
                self.state.clone()
            },
            self.address.clone(),
            self.obeys_epoch.to_string(),
            or_dash(&self.applied),
            self.servers_active.to_string(),
            self.servers_total.to_string(),
            self.load.to_string(),
        ]
    }
}

impl Row for PeerRow {
    const HEAD: &'static [&'static str] = &["PEER", "KIND", "STATE", "ADDRESS", "HTTP", "VERSION"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.kind.to_string(),
            self.state.clone(),
            self.address.clone(),
            or_dash(&self.http),
            or_dash(&self.version),
        ]
    }
}

impl Row for StandingRow {
    const HEAD: &'static [&'static str] = &["REGISTRY", "ANSWERS", "STANDING", "VERSION", "PROMISED", "DATABASE"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            if self.answers { "yes" } else { "no" }.to_owned(),
            or_dash(&self.standing),
            or_dash(&self.version),
            self.promise.to_string(),
            self.relation.clone(),
        ]
    }
}

impl Row for FollowerRow {
    const HEAD: &'static [&'static str] = &["FOLLOWER", "VERSION", "BEHIND"];
    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), or_dash(&self.version), self.behind.to_string()]
    }
}

impl Row for ApplicationReport {
    const HEAD: &'static [&'static str] = &["APPLICATION", "REVISION", "SERVERS", "VERSION", "TIME", "BY"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.revision.to_string(),
            self.servers.to_string(),
            self.version.clone(),
            self.time.to_string(),
            self.actor.clone(),
        ]
    }
}

impl Row for RevisionRow {
    const HEAD: &'static [&'static str] = &["REVISION", "STATE", "ACTION", "VERSION", "TIME", "BY", "CHANGES"];
    fn cells(&self) -> Vec<String> {
        let action = match self.rolled_back_to {
            Some(revision) => format!("{} to {revision}", self.action),
            None => self.action.clone(),
        };
        let changes = self.changes.map(|changes| changes.to_string()).unwrap_or_default();
        vec![
            self.revision.to_string(),
            if self.current { "in force" } else { "-" }.to_owned(),
            action,
            self.version.clone(),
            self.time.to_string(),
            self.actor.clone(),
            or_dash(&changes),
        ]
    }
}

impl Row for ServerReport {
    const HEAD: &'static [&'static str] = &["SERVER", "APPLICATION", "NODE", "STATE", "PID", "RESTARTS", "REASON"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.application.to_string(),
            self.node.to_string(),
            state_of(self),
            self.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            self.restarts.to_string(),
            reason_of(self),
        ]
    }
}

impl Row for AdapterRow {
    const HEAD: &'static [&'static str] = &[
        "ADAPTER",
        "SERVER",
        "NODE",
        "GROUP",
        "STATE",
        "ENDPOINTS",
        "REGISTERED BY",
    ];
    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            or_dash(&self.server),
            or_dash(&self.node),
            or_dash(&self.group),
            self.state.to_string(),
            or_dash(&self.endpoints.join(" ")),
            self.registered_by.clone(),
        ]
    }
}

impl Row for ObjectRow {
    const HEAD: &'static [&'static str] = &["OBJECT", "TYPE", "HOME", "APPLICATION"];
    fn cells(&self) -> Vec<String> {
        let home = match self.group.as_str() {
            "" => format!("adapter {}", self.adapter),
            group => format!("group {group}"),
        };
        vec![self.id.clone(), or_dash(&self.kind), home, or_dash(&self.application)]
    }
}

impl Row for FoundRow {
    const HEAD: &'static [&'static str] = &["OBJECT", "ENDPOINTS"];
    fn cells(&self) -> Vec<String> {
        let endpoints = match self.endpoints.join(" ").as_str() {
            "" => "- (resolving it starts it)".to_owned(),
            endpoints => endpoints.to_owned(),
        };
        vec![self.id.clone(), endpoints]
    }
}

impl Row for Transition {
    const HEAD: &'static [&'static str] = &["TIME", "STATE", "PID", "REASON"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.time.to_string(),
            self.state.clone(),
            self.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            self.reason.clone(),
        ]
    }
}

impl Row for Happening {
    const HEAD: &'static [&'static str] = &["TIME", "STATE", "REASON"];
    fn cells(&self) -> Vec<String> {
        vec![self.time.to_string(), self.state.clone(), self.reason.clone()]
    }
}

impl Row for Shown {
    const HEAD: &'static [&'static str] = &["KEY", "VALUE", "ORIGIN"];
    fn cells(&self) -> Vec<String> {
        vec![self.key.to_owned(), or_dash(&self.value), self.origin.clone()]
    }
}

/// `inactive`, or `inactive, disabled`.
pub(super) fn state_of(server: &ServerReport) -> String {
    let disabled = if server.enabled { "" } else { ", disabled" };
    format!("{}{disabled}", server.state)
}

/// Why, and when the next start is tried.
pub(super) fn reason_of(server: &ServerReport) -> String {
    match server.next_try {
        Some(time) if server.reason.is_empty() => format!("next try {time}"),
        Some(time) => format!("{}; next try {time}", server.reason),
        None => server.reason.clone(),
    }
}

pub(super) fn or_dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.to_owned()
    }
}
