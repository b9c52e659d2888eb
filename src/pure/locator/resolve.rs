//! An adapter, group or object id to endpoints, to servers that could be started for it, or to the reason why not.
//!
//! A single adapter is given while its server is active, even if that is disabled: disabling keeps from starting. A
//! group leaves disabled members and those on drained nodes out, so an operator can take one out of rotation while it runs.

use super::balance::{Candidate, arrange};
use super::load::Load;
use super::stand::{Stand, stand};
use crate::pure::base::{AdapterId, GroupId, PeerName, ServerId};
use crate::pure::model::Deployment;
use crate::pure::model::deployment::Placed;
use crate::pure::model::descriptor::{Group, ObjectHome};
use crate::pure::supervisor::report::ServerReport;
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
    /// Does the node start nothing?
    fn drained(&self, _name: &PeerName) -> bool {
        false
    }
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
        found.unwrap_or_else(|| homeless(home))
    }

    fn adapter(&self, kind: ResolvedKind, adapter: &AdapterId, server: &ServerId) -> Resolution {
        let Some(placed) = self.deployment.servers.get(server) else {
            return Resolution::NotFound;
        };
        match stand(self.sight, placed, adapter) {
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
            match stand(self.sight, placed, adapter) {
                Stand::Active {
                    endpoint: item,
                    load,
                    leaves: None,
                } => active.push(Candidate { item, priority, load }),
                Stand::Active {
                    leaves: Some(reason), ..
                } => out.push(reason),
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
}

fn priority_of(placed: &Placed, adapter: &AdapterId) -> i32 {
    let found = placed.spec.adapters.iter().find(|candidate| candidate.id == *adapter);
    found.map_or(0, |candidate| candidate.priority)
}

fn homeless(home: &ObjectHome) -> Resolution {
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
