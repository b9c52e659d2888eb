//! An adapter, group or object id to endpoints, to servers that are to be started for it, or to the reason why not.
//!
//! A single adapter is given while its server is active, even if that is disabled: disabling keeps from starting. A
//! group leaves disabled members and those on drained nodes out, so an operator can take one out of rotation while it runs.
//! The policy chooses among members that are active and those that can be started alike, so that `round-robin` and `ordered`
//! mean the same whatever runs; who is chosen and does not run is started first.

use super::load::Load;
use super::members::{Member, Members, server_place};
use super::registrations::{Entry, Registered};
use super::stand::{Stand, stand, words};
use crate::pure::allocation::Tenures;
use crate::pure::base::{AdapterId, GroupId, PeerName, ServerId};
use crate::pure::model::deployment::Placed;
use crate::pure::model::descriptor::Group;
use crate::pure::model::{Balance, Deployment, ObjectHome};
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
    /// The last word of its node about a server; `None` when it has said nothing.
    fn server(&self, placed: &Placed) -> Option<&ServerReport>;
    /// The node's load; `None` when the node is out of reach.
    fn node(&self, name: &PeerName) -> Option<Load>;
    /// Does the node start nothing?
    fn drained(&self, _name: &PeerName) -> bool {
        false
    }
    /// Which sessions have servers, as far as the answering registry knows.
    fn tenures(&self) -> Option<&Tenures> {
        None
    }
    /// What processes have registered.
    fn registered(&self) -> Option<&Registered> {
        None
    }
}

/// How an id is to be resolved.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// Counts the resolves of the group, so that each member has its turn.
    pub turn: u64,
    /// Any number, for choices that are free.
    pub free: u64,
    /// How many endpoints, instead of as the group says; 0 = all. It starts no more servers than the group's own number.
    pub count: Option<u32>,
    /// Servers that were tried for this resolve already and failed.
    pub failed: &'a [ServerId],
    /// Servers that this resolve waits for. Those that others have started are waited for only where none is active.
    pub waiting: &'a [ServerId],
}

/// A server that a resolve waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPlace {
    /// Its node.
    pub node: PeerName,
    /// The server.
    pub server: ServerId,
    /// The node is to be asked to start it; else it is on its way already.
    pub ask: bool,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution<'a> {
    /// Here it is.
    Found {
        /// What the id names.
        kind: ResolvedKind,
        /// Best first; never empty.
        endpoints: Vec<&'a str>,
    },
    /// All of these must be active first: start them, wait, then resolve again.
    Start {
        /// What the id names.
        kind: ResolvedKind,
        /// Never empty.
        servers: Vec<ServerPlace>,
        /// What is active among those that were chosen, best first: an answer where the time is up. May be empty.
        meanwhile: Vec<&'a str>,
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

/// Where `id` is.
pub fn resolve<'a>(deployment: &'a Deployment, sight: &'a dyn Sight, id: &str, wish: Wish<'_>) -> Resolution<'a> {
    let look = Look {
        deployment,
        sight,
        wish,
    };
    match named(deployment, sight, id) {
        Some(Named::Adapter(kind, adapter, placed)) => look.adapter(kind, adapter, placed),
        Some(Named::Group(kind, group, members)) => look.group(kind, group, members),
        Some(Named::Homeless(home)) => homeless(home),
        Some(Named::Registered(entry)) => Resolution::Found {
            kind: ResolvedKind::Adapter,
            endpoints: entry.registration.endpoints.iter().map(String::as_str).collect(),
        },
        Some(Named::RegisteredGroup(endpoints)) => look.registered(endpoints),
        None => Resolution::NotFound,
    }
}

/// What an id names, and where that lives.
pub(super) enum Named<'a> {
    Adapter(ResolvedKind, &'a AdapterId, &'a Placed),
    Group(ResolvedKind, &'a Group, &'a [AdapterId]),
    /// An object whose home is not deployed.
    Homeless(&'a ObjectHome),
    Registered(&'a Entry),
    RegisteredGroup(Vec<&'a str>),
}

/// The deployed group whose members have their turn when an id is resolved.
pub fn group_of<'a>(deployment: &'a Deployment, id: &str) -> Option<&'a GroupId> {
    if deployment.adapters.contains_key(id) {
        return None;
    }
    let found = deployment
        .groups
        .get(id)
        .or_else(|| match &deployment.all_objects.get(id)?.home {
            ObjectHome::Adapter(_) => None,
            ObjectHome::Group(id) => deployment.groups.get(id),
        });
    let (group, _) = found?;
    matches!(group.balance, Balance::RoundRobin | Balance::Adaptive).then_some(&group.id)
}

/// Deployed names come first: a registration cannot take one over.
pub(super) fn named<'a>(deployment: &'a Deployment, sight: &'a dyn Sight, id: &str) -> Option<Named<'a>> {
    if let Some(found) = named_at_home(deployment, id) {
        return Some(found);
    }
    let registered = sight.registered()?;
    if let Some(entry) = registered.entries.get(id) {
        return Some(Named::Registered(entry));
    }
    let members = registered.groups.get(id)?;
    let entries = members.iter().filter_map(|member| registered.entries.get(member));
    let endpoints = entries.flat_map(|entry| &entry.registration.endpoints);
    Some(Named::RegisteredGroup(endpoints.map(String::as_str).collect()))
}

/// The same among what is deployed.
pub(super) fn named_at_home<'a>(deployment: &'a Deployment, id: &str) -> Option<Named<'a>> {
    if let Some(found) = adapter(deployment, ResolvedKind::Adapter, id) {
        return Some(found);
    }
    if let Some((group, members)) = deployment.groups.get(id) {
        return Some(Named::Group(ResolvedKind::Group, group, members));
    }
    let object = deployment.all_objects.get(id)?;
    let kind = ResolvedKind::Object;
    let home = match &object.home {
        ObjectHome::Adapter(id) => adapter(deployment, kind, id.as_str()),
        ObjectHome::Group(id) => {
            let group = deployment.groups.get(id);
            group.map(|(group, members)| Named::Group(kind, group, members))
        }
    };
    Some(home.unwrap_or(Named::Homeless(&object.home)))
}

fn adapter<'a>(deployment: &'a Deployment, kind: ResolvedKind, id: &str) -> Option<Named<'a>> {
    let (adapter, server) = deployment.adapters.get_key_value(id)?;
    let placed = deployment.servers.get(server)?;
    Some(Named::Adapter(kind, adapter, placed))
}

struct Look<'a, 'w> {
    deployment: &'a Deployment,
    sight: &'a dyn Sight,
    wish: Wish<'w>,
}

impl<'a> Look<'a, '_> {
    fn adapter(&self, kind: ResolvedKind, adapter: &AdapterId, placed: &'a Placed) -> Resolution<'a> {
        let ask = match stand(self.sight, placed, adapter) {
            Stand::Active { endpoint, .. } => {
                let endpoints = vec![endpoint];
                return Resolution::Found { kind, endpoints };
            }
            Stand::Startable { .. } if !self.wish.failed.contains(&placed.spec.id) => true,
            Stand::Coming { .. } => false,
            Stand::Startable { .. } | Stand::Out => {
                let (reason, hint) = words(self.sight, placed);
                return Resolution::Unavailable { kind, reason, hint };
            }
        };
        Resolution::Start {
            kind,
            servers: vec![server_place(placed, ask)],
            meanwhile: Vec::new(),
        }
    }

    fn group(&self, kind: ResolvedKind, group: &'a Group, ids: &'a [AdapterId]) -> Resolution<'a> {
        let members = Members::deployed(self.deployment, self.sight, ids, self.wish);
        if members.offered.is_empty() {
            let servers = members.coming();
            if servers.is_empty() {
                return none_of_group(kind, &group.id, members.reason(self.sight));
            }
            return Resolution::Start {
                kind,
                servers,
                meanwhile: Vec::new(),
            };
        }
        let count = self.wish.count.unwrap_or(group.count);
        let turn = match group.balance {
            Balance::Random => self.wish.free,
            Balance::RoundRobin | Balance::Ordered | Balance::Adaptive => self.wish.turn,
        };
        let chosen = members.choose(group.balance, count, turn);
        let (mut servers, mut endpoints) = (Vec::new(), Vec::new());
        for (place, member) in chosen.into_iter().enumerate() {
            let within = group.count == 0 || u32::try_from(place).is_ok_and(|place| place < group.count);
            match member {
                Member::Active(endpoint) => endpoints.push(endpoint),
                Member::Startable(placed) if within => servers.push(server_place(placed, true)),
                Member::Startable(_) => {}
            }
        }
        if servers.is_empty() {
            return Resolution::Found { kind, endpoints };
        }
        Resolution::Start {
            kind,
            servers,
            meanwhile: endpoints,
        }
    }

    /// A group that registrations make has no policy of its own: all members, in any order.
    fn registered(&self, endpoints: Vec<&'a str>) -> Resolution<'a> {
        let members = Members::registered(endpoints.into_iter());
        let chosen = members.choose(Balance::Random, self.wish.count.unwrap_or(0), self.wish.free);
        let endpoints = chosen.into_iter().filter_map(|member| match member {
            Member::Active(endpoint) => Some(endpoint),
            Member::Startable(_) => None,
        });
        Resolution::Found {
            kind: ResolvedKind::Group,
            endpoints: endpoints.collect(),
        }
    }
}

pub(super) fn homeless_words(home: &ObjectHome) -> String {
    let home = match home {
        ObjectHome::Adapter(id) => format!("adapter {id}"),
        ObjectHome::Group(id) => format!("group {id}"),
    };
    format!("the object's home, {home}, is no longer deployed")
}

fn homeless(home: &ObjectHome) -> Resolution<'static> {
    Resolution::Unavailable {
        kind: ResolvedKind::Object,
        reason: homeless_words(home),
        hint: "deploy the application that holds it: floe app apply FILE".to_owned(),
    }
}

fn none_of_group(kind: ResolvedKind, group: &GroupId, out: Option<(String, String)>) -> Resolution<'static> {
    let (reason, hint) = match out {
        Some((reason, hint)) => (format!("no member of group {group} can be had: {reason}"), hint),
        None => (
            format!("group {group} has no members"),
            format!("give adapters group = \"{group}\", then: floe app apply FILE"),
        ),
    };
    Resolution::Unavailable { kind, reason, hint }
}

#[cfg(test)]
#[path = "resolve_test.rs"]
mod tests;
