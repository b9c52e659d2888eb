//! Who waits for what.

use super::session::SessionId;
use crate::pure::base::{ObjectId, RequestId, WallTime};
use crate::pure::model::AllocatableRecord;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Most requests that wait, over all sessions.
pub const WAITING_MAX: usize = 10_000;
/// Most requests of one session that wait, and most leases that it holds: one client must not take all the room.
pub const PER_SESSION_MAX: usize = 1000;
/// Most attributes that one request may name.
pub const ATTRIBUTES_MAX: usize = 16;

/// What a session wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// This very resource.
    Id(ObjectId),
    /// Any of this type that it does not hold yet.
    Type {
        /// The type.
        kind: String,
        /// Only those that have all these attributes.
        attributes: BTreeMap<String, String>,
    },
}

impl Wish {
    /// Would this do, whoever holds it?
    pub fn takes(&self, record: &AllocatableRecord) -> bool {
        match self {
            Self::Id(id) => *id == record.id,
            Self::Type { kind, attributes } => {
                let mut wanted = attributes.iter();
                *kind == record.kind && wanted.all(|(name, value)| record.attributes.get(name) == Some(value))
            }
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Type { kind, attributes } => {
                write!(f, "one of type {kind}")?;
                for (number, (name, value)) in attributes.iter().enumerate() {
                    let word = if number == 0 { " with" } else { " and" };
                    write!(f, "{word} {name} = {value}")?;
                }
                Ok(())
            }
        }
    }
}

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its place in the one queue of the grid: lower ones came earlier.
    pub place: u64,
    /// Whose it is.
    pub session: SessionId,
    /// The request: asked again, it keeps its place.
    pub request: RequestId,
    /// What it wants.
    pub wish: Wish,
    /// Since when, for people.
    pub since: WallTime,
}
