//! Members before and after, as a list of changes.

use super::record::Member;
use crate::pure::base::{Address, PeerName};
use std::collections::BTreeMap;

/// One change between two views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A member is there that was not, or says something else than before.
    Seen(Box<Member>),
    /// A member is no longer known to gossip.
    Gone(PeerName),
    /// Live peers with different data folders use one name: the first address is the one that counts, the others stay out.
    /// An empty list says that it is over.
    Clash {
        /// The name that they share.
        name: PeerName,
        /// Where each is; the incumbent first.
        addresses: Vec<Address>,
    },
}

/// What changed from `before` to `after`, in order of names.
pub fn changes(before: &BTreeMap<PeerName, Member>, after: &BTreeMap<PeerName, Member>) -> Vec<Change> {
    let seen = after.iter().filter(|(name, member)| before.get(*name) != Some(*member));
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    seen.map(|(_, member)| Change::Seen(Box::new(member.clone())))
        .chain(gone.cloned().map(Change::Gone))
        .collect()
}

/// What changed between two lists of clashes, in order of names.
pub(super) fn clashes(
    before: &BTreeMap<PeerName, Vec<Address>>,
    after: &BTreeMap<PeerName, Vec<Address>>,
) -> Vec<Change> {
    let clash = |name: &PeerName, addresses: &[Address]| Change::Clash {
        name: name.clone(),
        addresses: addresses.to_vec(),
    };
    let begun = after
        .iter()
        .filter(|(name, addresses)| before.get(*name) != Some(*addresses));
    let over = before.keys().filter(|name| !after.contains_key(*name));
    begun
        .map(|(name, addresses)| clash(name, addresses))
        .chain(over.map(|name| clash(name, &[])))
        .collect()
}
