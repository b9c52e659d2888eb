//! An adapter, group or object id to endpoints, to servers that could be started for it, or to the reason why not.
//!
//! A single adapter is given while its server is active, even if that is disabled: disabling keeps from starting. A
//! group leaves disabled members out, so an operator can take one out of rotation while it runs.

use super::balance::{Candidate, arrange};
use super::load::Load;
use crate::pure::base::{AdapterId, GroupId, PeerName, ServerId};
use crate::pure::model::deployment::Placed;
use crate::pure::model::descriptor::{Group, ObjectHome};
use crate::pure::model::{Activation, Deployment};
use crate::pure::supervisor::report::{ServerReport, ServerState};
use serde::{Deserialize, Serialize};

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ResolvedKind {
    Adapter,
    Group,
    Object,
}

/// What the answering registry knows of the world.
pub trait Sight {
    /// The node's last word about a server; `None` when it has said nothing.
    fn server(&self, id: &ServerId) -> Option<&ServerReport>;
    /// The node's load; `None` when the node is out of reach.
    fn node(&self, name: &PeerName) -> Option<Load>;
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Here it is.
    Found {
        /// What the id names.
        kind: ResolvedKind,
        /// Best first; never empty.
        endpoints: Vec<String>,
    },
    /// Nothing is active, but one of these can be started on demand, or is starting: activate the first that can be,
    /// wait for it, then resolve again.
    Start {
        /// What the id names.
        kind: ResolvedKind,
        /// Best first; never empty.
        servers: Vec<(PeerName, ServerId)>,
    },
    /// Known, but not to be had now.
    Unavailable {
        /// What the id names.
        kind: ResolvedKind,
        /// Why, for people.
        reason: String,
        /// What to do next: a complete command.
        hint: String,
    },
    /// No such adapter, group or object.
    NotFound,
}

/// Where `id` is. `turn` counts the resolves of the same id (any number will do where no group is round-robin).
pub fn resolve(deployment: &Deployment, sight: &dyn Sight, id: &str, turn: u64) -> Resolution {
    let look = Look {
        deployment,
        sight,
        turn,
    };
    if let Some((adapter, server)) = deployment.adapters.get_key_value(id) {
        return look.adapter(ResolvedKind::Adapter, adapter, server);
    }
    if let Some((group, members)) = deployment.groups.get(id) {
        return look.group(ResolvedKind::Group, group, members);
    }
    let Some(object) = deployment.all_objects.get(id) else {
        return Resolution::NotFound;
    };
    look.home(&object.home)
}

/// How one member stands.
enum Stand {
    Active {
        endpoint: String,
        load: Load,
        enabled: bool,
    },
    /// `eager`: it is on its way already.
    Startable {
        load: Load,
        eager: bool,
    },
    Out {
        reason: String,
        hint: String,
    },
}

struct Look<'a> {
    deployment: &'a Deployment,
    sight: &'a dyn Sight,
    turn: u64,
}

impl Look<'_> {
    fn home(&self, home: &ObjectHome) -> Resolution {
        let kind = ResolvedKind::Object;
        let found = match home {
            ObjectHome::Adapter(id) => self
                .deployment
                .adapters
                .get(id)
                .map(|server| self.adapter(kind, id, server)),
            ObjectHome::Group(id) => self
                .deployment
                .groups
                .get(id)
                .map(|(group, members)| self.group(kind, group, members)),
        };
        found.unwrap_or_else(|| self.homeless(home))
    }

    fn homeless(&self, home: &ObjectHome) -> Resolution {
        let home = match home {
            ObjectHome::Adapter(id) => format!("adapter {id}"),
            ObjectHome::Group(id) => format!("group {id}"),
        };
        Resolution::Unavailable {
            kind: ResolvedKind::Object,
            reason: format!("the object's home, {home}, is no longer deployed"),
            hint: "deploy the application that holds it: floe app apply FILE".to_owned(),
        }
    }

    fn adapter(&self, kind: ResolvedKind, adapter: &AdapterId, server: &ServerId) -> Resolution {
        let Some(placed) = self.deployment.servers.get(server) else {
            return Resolution::NotFound;
        };
        match self.stand(placed, adapter) {
            Stand::Active { endpoint, .. } => Resolution::Found {
                kind,
                endpoints: vec![endpoint],
            },
            Stand::Startable { .. } => Resolution::Start {
                kind,
                servers: vec![(placed.node.clone(), server.clone())],
            },
            Stand::Out { reason, hint } => Resolution::Unavailable { kind, reason, hint },
        }
    }

    fn group(&self, kind: ResolvedKind, group: &Group, members: &[AdapterId]) -> Resolution {
        let mut active = Vec::new();
        let mut startable = Vec::new();
        let mut out = Vec::new();
        for adapter in members {
            let server = self.deployment.adapters.get(adapter);
            let Some(placed) = server.and_then(|server| self.deployment.servers.get(server)) else {
                continue;
            };
            let priority = priority_of(placed, adapter);
            match self.stand(placed, adapter) {
                Stand::Active {
                    endpoint: item,
                    load,
                    enabled: true,
                } => active.push(Candidate { item, priority, load }),
                Stand::Active { enabled: false, .. } => out.push(disabled(placed)),
                Stand::Startable { load, eager } => startable.push(Candidate {
                    item: (!eager, placed),
                    priority,
                    load,
                }),
                Stand::Out { reason, hint } => out.push((reason, hint)),
            }
        }
        if !active.is_empty() {
            let mut endpoints = arrange(group.balance, active, self.turn);
            if group.count > 0 {
                endpoints.truncate(usize::try_from(group.count).unwrap_or(usize::MAX));
            }
            return Resolution::Found { kind, endpoints };
        }
        if !startable.is_empty() {
            let mut servers = arrange(group.balance, startable, self.turn);
            // One that is starting already is waited for before another is started.
            servers.sort_by_key(|(idle, _)| *idle);
            let servers = servers
                .into_iter()
                .map(|(_, placed)| (placed.node.clone(), placed.spec.id.clone()));
            return Resolution::Start {
                kind,
                servers: servers.collect(),
            };
        }
        none_of_group(kind, &group.id, &out)
    }

    fn stand(&self, placed: &Placed, adapter: &AdapterId) -> Stand {
        let Placed { node, spec, .. } = placed;
        let id = &spec.id;
        let Some(load) = self.sight.node(node) else {
            return Stand::Out {
                reason: format!("server {id} runs on node {node}, which is out of reach"),
                hint: "floe node list".to_owned(),
            };
        };
        let report = self.sight.server(id).filter(|report| report.node == *node);
        let state = report.map_or(ServerState::Unknown, |report| report.state);
        let enabled = report.is_none_or(|report| report.enabled);
        let endpoint = report.and_then(|report| report.endpoints.get(adapter.as_str()));
        if let (ServerState::Active, Some(endpoint)) = (state, endpoint) {
            return Stand::Active {
                endpoint: endpoint.clone(),
                load,
                enabled,
            };
        }
        if !enabled {
            let (reason, hint) = disabled(placed);
            return Stand::Out { reason, hint };
        }
        let (on_demand, eager) = match state {
            // What the node has not reported yet may be too new to it: it will say so if it cannot start it.
            ServerState::Inactive | ServerState::Unknown | ServerState::Deactivating => (true, false),
            ServerState::Activating => (true, true),
            ServerState::Active | ServerState::ActivationTimedOut | ServerState::BackingOff => (false, false),
        };
        if on_demand && spec.activation == Activation::OnDemand {
            return Stand::Startable { load, eager };
        }
        let (reason, hint) = not_active(placed, state, report);
        Stand::Out { reason, hint }
    }
}

fn priority_of(placed: &Placed, adapter: &AdapterId) -> i32 {
    let found = placed.spec.adapters.iter().find(|candidate| candidate.id == *adapter);
    found.map_or(0, |candidate| candidate.priority)
}

fn disabled(placed: &Placed) -> (String, String) {
    let id = &placed.spec.id;
    let reason = format!("server {id} on node {} is disabled", placed.node);
    (reason, format!("floe server enable {id}"))
}

fn not_active(placed: &Placed, state: ServerState, report: Option<&ServerReport>) -> (String, String) {
    let Placed { node, spec, .. } = placed;
    let id = &spec.id;
    let own = report
        .map(|report| report.reason.as_str())
        .filter(|reason| !reason.is_empty());
    let own = own.map_or_else(String::new, |reason| format!(": {reason}"));
    let next = report.and_then(|report| report.next_try);
    let next = next.map_or_else(String::new, |time| format!("; next try {time}"));
    let who = match spec.activation {
        Activation::Manual => ", and only an operator starts it",
        Activation::OnDemand | Activation::Always => "",
    };
    let known = match state {
        ServerState::Unknown => "has not been reported by its node yet".to_owned(),
        ServerState::Active => "is active, but its node reports no endpoint of the adapter".to_owned(),
        ServerState::Inactive => format!("is inactive{who}"),
        ServerState::Activating
        | ServerState::ActivationTimedOut
        | ServerState::Deactivating
        | ServerState::BackingOff => format!("is {state}"),
    };
    let hint = match state {
        ServerState::Inactive | ServerState::Deactivating | ServerState::BackingOff => {
            format!("floe server start {id}")
        }
        ServerState::ActivationTimedOut => format!("floe server logs {id}"),
        ServerState::Unknown | ServerState::Active | ServerState::Activating => format!("floe server show {id}"),
    };
    (format!("server {id} on node {node} {known}{own}{next}"), hint)
}

/// The reasons of the first three members, and the first one's hint.
fn none_of_group(kind: ResolvedKind, group: &GroupId, out: &[(String, String)]) -> Resolution {
    let Some((_, hint)) = out.first() else {
        return Resolution::Unavailable {
            kind,
            reason: format!("group {group} has no members"),
            hint: format!("give adapters group = \"{group}\", then: floe app apply FILE"),
        };
    };
    let shown: Vec<&str> = out.iter().take(3).map(|(reason, _)| reason.as_str()).collect();
    let more = match out.len().saturating_sub(3) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Resolution::Unavailable {
        kind,
        reason: format!("no member of group {group} can be had: {}{more}", shown.join("; ")),
        hint: hint.clone(),
    }
}

#[cfg(test)]
#[path = "resolve_test.rs"]
mod tests;
