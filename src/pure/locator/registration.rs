//! What a process that no node runs says of itself: an adapter with its endpoints, for a time to live. Data and bounds.

use crate::pure::base::endpoint::place_of_uri;
use crate::pure::base::{AdapterId, GroupId, RegistrantId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Shortest time to live of a registration: renewals come three times as often, and each one goes to every registry.
pub const TTL_MIN: Duration = Duration::from_secs(1);
/// Longest: so long may the endpoints of a dead process be given.
pub const TTL_MAX: Duration = Duration::from_hours(1);
/// Most endpoints of one registration.
pub const ENDPOINTS_MAX: usize = 8;
/// Most registrations that a registry holds, its own and others'.
pub const REGISTRATIONS_MAX: usize = 10_000;

/// What a process that no node runs offers: an adapter, for as long as it renews it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The adapter's id; not one that an application deploys.
    pub adapter: AdapterId,
    /// The group that it joins; not one that an application deploys. A group is there while it has members.
    #[serde(default)]
    pub group: Option<GroupId>,
    /// Its endpoints, URIs, 1 to [`ENDPOINTS_MAX`].
    pub endpoints: Vec<String>,
}

/// Puts a registration in, or renews it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// What is offered.
    pub registration: Registration,
    /// Whose it is: drawn by the process, kept while it runs. Another one's registration is taken over only with
    /// `take_over`, or where the endpoints are the same: two processes cannot listen there.
    pub registrant: RegistrantId,
    /// Counts what this registrant sent, so that a late message does not undo a newer one.
    pub renewal: u64,
    /// How long it holds without a renewal, in milliseconds, [`TTL_MIN`] to [`TTL_MAX`].
    pub ttl_ms: u64,
    /// Replace what another process registered.
    #[serde(default)]
    pub take_over: bool,
}

/// A registration as registries tell each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationRow {
    /// What is offered.
    pub registration: Registration,
    /// Whose it is.
    pub registrant: RegistrantId,
    /// Of two registrants of one adapter the one with the higher claim has it; of equal claims, the greater registrant.
    pub claim: u64,
    /// As in `Register`.
    pub renewal: u64,
    /// How much of its time is left, in milliseconds; 0: it is over.
    pub left_ms: u64,
    /// How long it holds after a renewal, in milliseconds.
    pub ttl_ms: u64,
    /// Who registered it, for people.
    pub actor: String,
}

impl Registration {
    /// Is it well formed?
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn check(&self) -> Result<(), String> {
        if self.endpoints.is_empty() || self.endpoints.len() > ENDPOINTS_MAX {
            let count = self.endpoints.len();
            return Err(format!(
                "a registration wants 1 to {ENDPOINTS_MAX} endpoints, {count} were given"
            ));
        }
        for endpoint in &self.endpoints {
            if let Err(reason) = place_of_uri(endpoint) {
                let shown: String = endpoint.chars().take(80).collect();
                return Err(format!("endpoint {shown:?} {reason}"));
            }
        }
        if self
            .group
            .as_ref()
            .is_some_and(|group| group.as_str() == self.adapter.as_str())
        {
            return Err("an adapter and its group cannot have the same id".to_owned());
        }
        Ok(())
    }
    /// About how many bytes it takes in a message.
    pub fn size(&self) -> usize {
        let endpoints: usize = self.endpoints.iter().map(String::len).sum();
        endpoints + 600
    }
}

impl Register {
    /// Its time to live.
    ///
    /// # Errors
    /// Which times are allowed.
    pub fn ttl(&self) -> Result<Duration, String> {
        let ttl = Duration::from_millis(self.ttl_ms);
        if (TTL_MIN..=TTL_MAX).contains(&ttl) {
            return Ok(ttl);
        }
        let (min, max) = (TTL_MIN.as_secs(), TTL_MAX.as_secs());
        Err(format!(
            "a time to live of {} ms is refused: it is {min} s to {max} s",
            self.ttl_ms
        ))
    }
}
