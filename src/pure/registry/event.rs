//! Everything that can happen to a registry.

use super::effect::{Kept, ReplyTo};
use crate::pure::base::{Address, PeerName};
use crate::pure::membership::{Change, PeerCard};
use crate::pure::protocol::{Message, Request};
use std::time::Duration;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The shell is up: listeners bound, gossip running. Comes first, once.
    Started,
    /// A link to a peer stands; both have said hello.
    Linked {
        /// Who.
        card: PeerCard,
    },
    /// The link to a peer is gone.
    Unlinked {
        /// Who.
        peer: PeerName,
        /// Why, for people.
        reason: String,
    },
    /// A target was dialled and could not be reached.
    Unreachable {
        /// Who, where it is known.
        peer: Option<PeerName>,
        /// Where.
        address: Address,
        /// Why, for people.
        reason: String,
    },
    /// A linked peer says something.
    Message {
        /// Who.
        from: PeerName,
        /// What.
        message: Box<Message>,
    },
    /// Gossip's view of the members changed.
    Members(Vec<Change>),
    /// A client asks for something that the read path could not answer by itself.
    Request {
        /// Where the answer goes.
        to: ReplyTo,
        /// Who asks, for the audit trail.
        actor: String,
        /// How long it waits.
        deadline: Duration,
        /// What it wants.
        request: Box<Request>,
    },
    /// A client no longer waits.
    Cancelled {
        /// Which request.
        to: ReplyTo,
    },
    /// What `Effect::SetAside` came to: the files, or why there are none.
    SetAside(Result<Kept, String>),
    /// The time asked for has come.
    Wake,
}
