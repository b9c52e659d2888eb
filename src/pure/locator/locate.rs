//! How an id that a client follows stands: everything that it needs to choose by itself. Starts nothing.

use super::load::Load;
use super::members::{Member, Members};
use super::resolve::{Named, ResolvedKind, Sight, Wish, homeless_words, named};
use super::stand::{Stand, stand, words};
use crate::pure::model::{Balance, Deployment};
use serde::{Deserialize, Serialize};

/// How an id that is followed stands: everything that a client needs to choose by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The id.
    pub id: String,
    /// What it is; `None` for one that nobody knows.
    pub kind: Option<ResolvedKind>,
    /// How one is chosen among several.
    pub balance: Balance,
    /// How many an answer holds; 0 = all.
    pub count: u32,
    /// What is active and in rotation, in order of declaration.
    pub places: Vec<Place>,
    /// Nothing is active, but a resolve starts something.
    pub startable: bool,
    /// Why there is nothing, for people; empty where there is.
    pub reason: String,
    /// The version of the database that answered.
    pub version: String,
}

/// One active member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Where.
    pub endpoint: String,
    /// For `ordered`: smaller first.
    pub priority: i32,
    /// The load of its node.
    pub load: Load,
}

/// Most places of one id: what an answer holds. Who has more members is told of the first ones.
pub const PLACES_MAX: usize = 1000;

/// How `id` stands; `version` is what the answer carries.
pub fn locate(deployment: &Deployment, sight: &dyn Sight, id: &str, version: &str) -> Location {
    let mut location = Location {
        id: id.to_owned(),
        kind: None,
        balance: Balance::default(),
        count: 1,
        places: Vec::new(),
        startable: false,
        reason: String::new(),
        version: version.to_owned(),
    };
    let place = |endpoint: &str, priority, load| Place {
        endpoint: endpoint.to_owned(),
        priority,
        load,
    };
    match named(deployment, sight, id) {
        Some(Named::Adapter(kind, adapter, placed)) => {
            location.kind = Some(kind);
            match stand(sight, placed, adapter) {
                Stand::Active { endpoint, load, .. } => location.places.push(place(endpoint, 0, load)),
                // A resolve waits for what is coming, too.
                Stand::Startable { .. } | Stand::Coming { .. } => location.startable = true,
                Stand::Out => location.reason = words(sight, placed).0,
            }
        }
        Some(Named::Group(kind, group, ids)) => {
            (location.kind, location.balance, location.count) = (Some(kind), group.balance, group.count);
            let members = Members::deployed(deployment, sight, ids, Wish::default());
            location.startable = !members.coming().is_empty();
            for offered in &members.offered {
                match offered.item {
                    Member::Active(endpoint) => location.places.push(place(endpoint, offered.priority, offered.load)),
                    Member::Startable(_) => location.startable = true,
                }
            }
            if location.places.is_empty() && !location.startable {
                let reason = members.reason(sight).map(|(reason, _)| reason);
                location.reason = reason.unwrap_or_else(|| format!("group {} has no members", group.id));
            }
        }
        Some(Named::Homeless(home)) => {
            (location.kind, location.reason) = (Some(ResolvedKind::Object), homeless_words(home));
        }
        Some(Named::Registered(entry)) => {
            (location.kind, location.count) = (Some(ResolvedKind::Adapter), 0);
            let endpoints = entry.registration.endpoints.iter();
            location.places = endpoints.map(|endpoint| place(endpoint, 0, Load::default())).collect();
        }
        Some(Named::RegisteredGroup(endpoints)) => {
            (location.kind, location.count) = (Some(ResolvedKind::Group), 0);
            let endpoints = endpoints.into_iter();
            location.places = endpoints.map(|endpoint| place(endpoint, 0, Load::default())).collect();
        }
        None => location
            .reason
            .push_str("there is no adapter, group or object of this id"),
    }
    location.places.truncate(PLACES_MAX);
    location
}
