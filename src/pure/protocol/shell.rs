//! What the registry and the node both say to their shells.

use crate::pure::base::{Address, PeerName};

/// Where an answer goes: a number that the shell gave with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyTo(pub u64);

/// A peer to keep a link to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Its name, where it is known: nothing is dialled while a link to it exists.
    pub name: Option<PeerName>,
    /// Where.
    pub address: Address,
}
