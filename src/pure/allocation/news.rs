//! What an allocator that learns is told.

use super::lease::Lease;
use super::market::{Market, Offer};
use super::queue::{Waiting, Wish};
use super::session::SessionId;
use super::state::Allocations;
use crate::pure::base::{Time, WallTime};

/// Something that happened, told after the fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// What.
    pub kind: NewsKind,
    /// When.
    pub at: Time,
    /// To what, and whose it is. Of a request that waits, only who and which type.
    pub about: Held,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewsKind {
    /// A lease was granted.
    Granted,
    /// A lease is over.
    Released,
    /// A request began to wait.
    Queued,
    /// A request waits no more.
    Left,
}

/// A lease as an allocator sees it: by names, which mean the same on each registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The number of its token; 0 for a request that waits.
    pub lease: u64,
    /// The resource; empty for a request that waits.
    pub resource: String,
    /// Whose it is.
    pub session: Option<SessionId>,
    /// Who opened that session.
    pub actor: String,
    /// Its type; empty where it is not deployed any more.
    pub kind: String,
    /// Its zone; empty without one.
    pub zone: String,
    /// Its node; empty where it is not deployed any more.
    pub node: String,
    /// Since when, for people.
    pub since: WallTime,
}

impl Held {
    /// One lease.
    pub fn of(lease: &Lease, allocations: &Allocations, market: &dyn Market) -> Self {
        let offer = market.offer(&lease.resource);
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            lease: lease.token.number,
            resource: lease.resource.to_string(),
            session: Some(lease.session),
            actor: actor(lease.session, allocations),
            kind: text(offer.as_ref().map(|offer| offer.record.kind.as_str())),
            zone: text(offer.as_ref().map(Offer::zone)),
            node: text(offer.as_ref().map(|offer| offer.node.as_str())),
            since: lease.since,
        }
    }
    /// A request that waits.
    pub fn waiting(waiting: &Waiting, allocations: &Allocations) -> Self {
        let kind = match &waiting.wish {
            Wish::Id(_) => String::new(),
            Wish::Type { kind, .. } => kind.clone(),
        };
        Self {
            session: Some(waiting.session),
            actor: actor(waiting.session, allocations),
            kind,
            since: waiting.since,
            ..Self::default()
        }
    }
}

fn actor(session: SessionId, allocations: &Allocations) -> String {
    let session = allocations.session(session);
    session.map(|session| session.actor.clone()).unwrap_or_default()
}
