//! Members before and after, as a list of changes.

use super::record::Member;
use crate::pure::base::PeerName;
use std::collections::BTreeMap;

/// One change between two views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A member is there that was not, or says something else than before.
    Seen(Box<Member>),
    /// A member is no longer known to gossip.
    Gone(PeerName),
}

/// What changed from `before` to `after`, in order of names.
pub fn changes(before: &BTreeMap<PeerName, Member>, after: &BTreeMap<PeerName, Member>) -> Vec<Change> {
    let seen = after.iter().filter(|(name, member)| before.get(*name) != Some(*member));
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    seen.map(|(_, member)| Change::Seen(Box::new(member.clone())))
        .chain(gone.cloned().map(Change::Gone))
        .collect()
}
