//! Objects of a type: any one, all, or the one on the least loaded node.

use super::load::Load;
use super::members::{Member, Members};
use super::resolve::{Named, Resolution, ServerPlace, Sight, Wish, named, resolve};
use super::stand::{Stand, stand};
use crate::pure::base::{ObjectId, ServerId};
use crate::pure::model::Deployment;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding<'a> {
    /// Objects with their endpoints; an empty list of endpoints: it must be started first.
    Found(Vec<(&'a ObjectId, Vec<&'a str>)>),
    /// This object is the one, and these servers must be active first.
    Start(&'a ObjectId, Vec<ServerPlace>),
    /// There are objects of the type, and none can be had; the reason of one of them.
    Unavailable(&'a ObjectId, String, String),
    /// No object has the type.
    NotFound,
}

/// Any object of the type: the first from the `turn`-th on that is active, else one that can be started.
pub fn any<'a>(
    deployment: &'a Deployment,
    sight: &'a dyn Sight,
    kind: &str,
    turn: u64,
    failed: &[ServerId],
) -> Finding<'a> {
    let Some(objects) = deployment.types.get(kind) else {
        return Finding::NotFound;
    };
    let count = u64::try_from(objects.len()).unwrap_or(u64::MAX);
    let first = usize::try_from(turn.checked_rem(count).unwrap_or(0)).unwrap_or(0);
    let rotated = objects.iter().skip(first).chain(objects.iter().take(first));
    let (mut start, mut out) = (None, None);
    for id in rotated {
        let wish = Wish {
            turn,
            free: turn,
            failed,
            ..Wish::default()
        };
        match resolve(deployment, sight, id.as_str(), wish) {
            Resolution::Found { endpoints, .. } => return Finding::Found(vec![(id, endpoints)]),
            Resolution::Start { servers, .. } => {
                start.get_or_insert((id, servers));
            }
            Resolution::Unavailable { reason, hint, .. } if out.is_none() => out = Some((id, reason, hint)),
            Resolution::Unavailable { .. } | Resolution::NotFound => {}
        }
    }
    match (start, out) {
        (Some((id, servers)), _) => Finding::Start(id, servers),
        (None, Some((id, reason, hint))) => Finding::Unavailable(id, reason, hint),
        (None, None) => Finding::NotFound,
    }
}

/// Every object of the type after `after` that is active or can be started, in order of ids, at most `rows`; and whether
/// there are more.
pub fn all<'a>(
    deployment: &'a Deployment,
    sight: &'a dyn Sight,
    kind: &str,
    after: Option<&'a str>,
    rows: usize,
) -> (Finding<'a>, bool) {
    let Some(objects) = deployment.types.get(kind) else {
        return (Finding::NotFound, false);
    };
    let mut found = Vec::new();
    for id in objects.after(after) {
        let endpoints = match resolve(deployment, sight, id.as_str(), Wish::default()) {
            Resolution::Found { endpoints, .. } => endpoints,
            Resolution::Start { meanwhile, .. } => meanwhile,
            Resolution::Unavailable { .. } | Resolution::NotFound => continue,
        };
        if found.len() == rows {
            return (Finding::Found(found), true);
        }
        found.push((id, endpoints));
    }
    (Finding::Found(found), false)
}

/// The object on the least loaded node (of a group, on that of its least loaded member; its own policy chooses there), from
/// the `turn`-th on among equals; one that is active before one that is not.
pub fn least_loaded<'a>(
    deployment: &'a Deployment,
    sight: &'a dyn Sight,
    kind: &str,
    turn: u64,
    failed: &[ServerId],
) -> Finding<'a> {
    let Some(objects) = deployment.types.get(kind) else {
        return Finding::NotFound;
    };
    let loads: Vec<((bool, Load), &ObjectId)> = objects
        .iter()
        .filter_map(|id| Some((load_of(deployment, sight, id, failed)?, id)))
        .collect();
    let Some(least) = loads.iter().map(|(load, _)| *load).min() else {
        return any(deployment, sight, kind, turn, failed);
    };
    let equals: Vec<&ObjectId> = loads
        .into_iter()
        .filter(|(load, _)| *load == least)
        .map(|(_, id)| id)
        .collect();
    let count = u64::try_from(equals.len()).unwrap_or(u64::MAX);
    let place = usize::try_from(turn.checked_rem(count).unwrap_or(0)).unwrap_or(0);
    let Some(id) = equals.get(place).copied() else {
        return Finding::NotFound;
    };
    let wish = Wish {
        turn,
        free: turn,
        failed,
        ..Wish::default()
    };
    match resolve(deployment, sight, id.as_str(), wish) {
        Resolution::Found { endpoints, .. } => Finding::Found(vec![(id, endpoints)]),
        Resolution::Start { servers, .. } => Finding::Start(id, servers),
        Resolution::Unavailable { reason, hint, .. } => Finding::Unavailable(id, reason, hint),
        Resolution::NotFound => Finding::NotFound,
    }
}

/// Must it be started first, and the least load among its homes; `None` for one that cannot be had.
fn load_of(deployment: &Deployment, sight: &dyn Sight, id: &ObjectId, failed: &[ServerId]) -> Option<(bool, Load)> {
    match named(deployment, sight, id.as_str())? {
        Named::Adapter(_, adapter, placed) => match stand(sight, placed, adapter) {
            Stand::Active { load, .. } => Some((false, load)),
            Stand::Startable { .. } if failed.contains(&placed.spec.id) => None,
            Stand::Startable { load, .. } | Stand::Coming { load } => Some((true, load)),
            Stand::Out => None,
        },
        Named::Group(_, _, ids) => {
            let members = Members::deployed(
                deployment,
                sight,
                ids,
                Wish {
                    failed,
                    ..Wish::default()
                },
            );
            let offered = members.offered.iter();
            let loads = offered.map(|member| (matches!(member.item, Member::Startable(_)), member.load));
            loads.min()
        }
        Named::Homeless(_) | Named::Registered(_) | Named::RegisteredGroup(_) => None,
    }
}
