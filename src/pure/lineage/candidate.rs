//! What a candidate knows when it asks whether it may lead: itself, who answered, who did not, and the operator's terms.

use super::compare::Summary;
use super::sight::Sight;
use super::version::{Digest, Epoch, Serial, Version};
use crate::pure::base::PeerName;

/// What the candidate is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It was master when it last ran: a plain restart must depose nobody by accident.
    Resume,
    /// The operator wants it to be master from now on.
    Promotion,
}

/// What the candidate knows of itself.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "holds a closure; lives for one call")]
pub struct Own<'a> {
    /// Its name.
    pub name: &'a PeerName,
    /// The highest epoch that it promised.
    pub promise: Epoch,
    /// The highest epoch that it drew itself, whether it came to reign or not.
    pub drawn: Option<Epoch>,
    /// Its log.
    pub summary: &'a Summary,
    /// Digests beyond those in the summary.
    pub digest: &'a dyn Fn(Serial) -> Option<Digest>,
    /// Its log is not empty and does not name it: updates were acknowledged without counting it.
    pub unrecorded: bool,
    /// The epoch for which it handed its reign over, to a candidate that did not come to reign in time.
    pub handed: Option<Epoch>,
    /// The epoch that it drew on an operator's order which a crash interrupted: only who reigns above it comes first.
    pub ordered: Option<Epoch>,
    /// The operator chose what it holds, by an initialisation: that its log does not name it tells nothing then.
    pub initialised: bool,
    /// It may have lost copies that it acknowledged: it does not count in its own proof.
    pub unproven: bool,
}

/// A peer that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its name.
    pub name: PeerName,
    /// The highest epoch that it promised.
    pub promise: Epoch,
    /// The epoch that it reigns in.
    pub claim: Option<Epoch>,
    /// Its log; `None` for a node.
    pub summary: Option<Summary>,
    /// It may have lost copies that it acknowledged: it does not count in the proof.
    pub unproven: bool,
    /// The candidate's log names it: copies were counted among such.
    pub member: bool,
    /// The highest epoch that it drew itself.
    pub drawn: Option<Epoch>,
    /// It collects promises for that epoch now.
    pub preparing: bool,
}

/// A registry that did not answer, with what is remembered of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    /// Its name.
    pub name: PeerName,
    /// Its log as it last told it.
    pub summary: Option<Summary>,
    /// Its end as gossip last told it.
    pub version: Option<Version>,
}

/// How the operator wants doubts to be settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// How many registries have an update on disk before it is acknowledged.
    pub min_copies: u64,
    /// How many registries the log names: among those an update's copies were counted.
    pub registries: u64,
    /// Lead only when it is proven that nothing acknowledged is missing.
    pub require_proof: bool,
    /// How many registries must be in contact.
    pub sight: Sight,
    /// Lead although a silent registry was ahead when it was last heard.
    pub accept_loss: bool,
    /// Lead although a registry that answers is ahead or diverged.
    pub force: bool,
}
