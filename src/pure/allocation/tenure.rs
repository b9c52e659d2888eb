//! Who has a server that belongs to one session at a time, and how a node tells a late word from a new one.
//!
//! A session takes such a server with its first lease on it and has it until its last one is over: that time is a tenure, told
//! by the token of its first lease. Nodes keep the highest token they were told, and whether that tenure is over; both only
//! go forward, so nothing old starts or stops a process.

use super::lease::Token;
use super::session::SessionId;
use crate::pure::base::ServerId;
use crate::pure::base::shared_map::SharedMap;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One session has a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenure {
    /// Whose it is.
    pub session: SessionId,
    /// The token of the lease by which the session took it.
    pub token: Token,
}
impl fmt::Display for Tenure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {} (token {})", self.session, self.token)
    }
}

/// A master's word about one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenureWord {
    /// Which.
    pub server: ServerId,
    /// All grants up to this one are known to the master: what it does not name is over.
    pub as_of: Token,
    /// Who has it.
    pub held: Option<Tenure>,
}

/// What a node knows of a server's tenures; on disk before anything of it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The highest token that it was told.
    pub token: Token,
    /// The session that has the server by that token; `None`: that tenure is over.
    pub session: Option<SessionId>,
}

impl Known {
    /// Who has the server.
    pub fn holder(self) -> Option<Tenure> {
        let token = self.token;
        self.session.map(|session| Tenure { session, token })
    }

    /// What is known after a master's word; `known` is what was before. The master was judged by its epoch.
    pub fn after(known: Option<Self>, word: &TenureWord) -> Option<Self> {
        let newest = known.map(|known| known.token);
        // The word was said before the master granted what is known here.
        if newest.is_some_and(|newest| word.as_of < newest) {
            return known;
        }
        match word.held {
            Some(held) if newest.is_none_or(|newest| newest < held.token) => Some(Self::of(held)),
            Some(held) if newest == Some(held.token) => known,
            // A lease that is older than what ran here is never served again; what ran here is over as well.
            Some(_) | None => Some(Self {
                token: newest.map_or(word.as_of, |newest| newest.max(word.as_of)),
                session: None,
            }),
        }
    }

    /// What is known after a registry asked for a start on behalf of `held`: a later tenure is taken in, nothing is ended
    /// by an earlier one.
    ///
    /// # Errors
    /// In words, why nothing is started for it.
    pub fn after_start_for(known: Option<Self>, held: Tenure) -> Result<Self, String> {
        match known {
            Some(known) if known.holder() == Some(held) => Ok(known),
            Some(known) if held.token <= known.token => Err(match known.holder() {
                Some(holder) => format!("{held} has it no longer: {holder} has"),
                None => format!("{held} has it no longer: all up to token {} are over", known.token),
            }),
            Some(_) | None => Ok(Self::of(held)),
        }
    }

    fn of(held: Tenure) -> Self {
        Self {
            token: held.token,
            session: Some(held.session),
        }
    }
}

/// The tenures that a registry knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenures {
    /// By server.
    pub held: SharedMap<ServerId, Tenure>,
    /// All grants up to here are known.
    pub as_of: Token,
}

impl Tenures {
    /// Who has a server, by what is known here or by its node's report: the later word counts.
    pub fn current(&self, server: &ServerId, reported: Option<Tenure>) -> Option<Tenure> {
        match (self.held.get(server), reported) {
            (Some(own), Some(reported)) if own.token < reported.token => Some(reported),
            (Some(own), _) => Some(*own),
            (None, reported) => reported.filter(|reported| self.as_of < reported.token),
        }
    }
}

#[cfg(test)]
#[path = "tenure_test.rs"]
mod tests;
