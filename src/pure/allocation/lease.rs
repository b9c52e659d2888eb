//! A lease: one resource, held by one session.

use super::session::SessionId;
use super::tenure::Tenure;
use crate::pure::base::{ObjectId, RequestId, ServerId, WallTime};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Tells one lease of a resource from every other: only grows, over restarts and promotions, so that whoever guards the
/// resource can refuse an old holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Token {
    /// The number of the reign that granted it.
    pub epoch: u64,
    /// Counts the grants.
    pub number: u64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.epoch, self.number))
    }
}
impl FromStr for Token {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('-');
        let parts = parts.and_then(|(epoch, number)| Some((epoch.parse().ok()?, number.parse().ok()?)));
        let (epoch, number) = parts.ok_or("a token is two numbers, EPOCH-NUMBER")?;
        Ok(Self { epoch, number })
    }
}

/// One resource, held by one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The allocatable.
    pub resource: ObjectId,
    /// The server that it lives in.
    pub server: ServerId,
    /// It holds the whole server: nobody else gets anything of it.
    pub exclusive: bool,
    /// Whose it is.
    pub session: SessionId,
    /// Its token.
    pub token: Token,
    /// The request that it answers: asked again, it gives the same lease.
    pub request: RequestId,
    /// Since when, for people.
    pub since: WallTime,
    /// The token of the lease by which the session took the whole server, where this is a further one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Token>,
}

impl Lease {
    /// By what its session has the server, if that is exclusive.
    pub fn tenure(&self) -> Option<Tenure> {
        let (session, token) = (self.session, self.claim.unwrap_or(self.token));
        self.exclusive.then_some(Tenure { session, token })
    }
}
