//! The first frame of a connection, and the envelope of every later one.

use super::message::Message;
use super::request::{Request, Response};
use crate::pure::base::GridName;
use crate::pure::membership::PeerCard;
use serde::{Deserialize, Serialize};

pub use crate::pure::base::limits::{PROTOCOL, PROTOCOL_MIN};

/// Who opens a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// A peer: messages flow both ways.
    Peer(PeerCard),
    /// A client or operator: it asks, we answer.
    Client {
        /// For the audit trail: user@host of a CLI, or what a program calls itself.
        actor: String,
    },
}

/// The first frame of each side. Its frame is at most `HELLO_FRAME_BYTES_MAX`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Newest protocol spoken.
    pub protocol: u16,
    /// Oldest protocol spoken.
    pub protocol_min: u16,
    /// The grid; empty for a client that does not care.
    pub grid: Option<GridName>,
    /// Who speaks.
    pub who: Who,
    /// Set by the accepting side when it will not talk: why. It closes right after.
    pub refusal: Option<String>,
}

/// Every frame after the hellos.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Envelope {
    /// Peer to peer.
    Message(Message),
    /// Client to peer.
    Request {
        /// Chosen by the client, unique on the connection.
        id: u64,
        /// How long the client will wait, in milliseconds.
        deadline_ms: u64,
        /// What it wants.
        request: Request,
    },
    /// Peer to client.
    Response {
        /// The request's.
        id: u64,
        /// False while more answers to the same request follow (`Watch`, logs that are followed).
        last: bool,
        /// The answer.
        response: Response,
    },
    /// The client no longer wants the answers to this request.
    Cancel {
        /// The request's.
        id: u64,
    },
    /// Are you there?
    Ping,
    /// I am.
    Pong,
}
