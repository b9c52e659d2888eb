//! Everything that can happen to a node.

use super::effect::Asker;
use crate::pure::base::{Address, PeerName, ServerId};
use crate::pure::membership::{Change, PeerCard};
use crate::pure::protocol::node::Loads;
use crate::pure::protocol::report::{LogReport, UsageReport};
use crate::pure::protocol::{Message, ReplyTo, Request};
use crate::pure::supervisor;
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
    /// A client asks for something.
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
    /// Something happened to a server's process: `Spawned`, `SpawnFailed`, `Ready` or `Exited`.
    Server {
        /// Which server.
        id: ServerId,
        /// What.
        event: supervisor::Event,
    },
    /// What a server uses was looked at, or could not be.
    UsageRead {
        /// Who asked.
        to: Asker,
        /// What came out; an error is a text for people.
        result: Result<UsageReport, String>,
    },
    /// The end of a server's output was read, or could not be.
    LogsRead {
        /// Who asked.
        to: Asker,
        /// What came out; an error is a text for people.
        result: Result<LogReport, String>,
    },
    /// The host's load now. Comes every few seconds.
    Load(Loads),
    /// The node is to stop. `Effect::Finished` follows.
    Shutdown,
    /// The time asked for has come.
    Wake,
}
