//! What the registry and the node both say to their shells.

pub use crate::pure::membership::Target;

/// Where an answer goes: a number that the shell gave with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyTo(pub u64);
