//! Control connections: TCP, frames, one link per pair of peers, requests of clients.
//!
//! Decides nothing but who dials whom again, and which of two links between the same peers stays: the one that the
//! smaller name dialled.

mod brisk;
mod connection;
mod dial;
mod greeting;
mod links;
mod listener;
mod network;
mod requests;
mod rule;
mod settings;
mod shared;
pub mod stream;
pub mod tcp;
#[cfg(test)]
pub(crate) mod testing;

pub use network::Network;
pub use settings::{Reader, Reads, Settings};

use crate::pure::base::{Address, PeerName};
use crate::pure::membership::PeerCard;
use crate::pure::protocol::{Message, Request, Response};
use std::time::Duration;
use tokio::sync::mpsc;

/// What comes in, in order per link.
#[derive(Debug)]
pub enum Arrival {
    /// A link to a peer stands; both have said hello.
    Linked(PeerCard),
    /// The link to a peer is gone.
    Unlinked {
        /// Who.
        peer: PeerName,
        /// Why, for people.
        reason: String,
    },
    /// A target was dialled and could not be reached, or would not talk.
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
    /// A client asks for something that the reader ([`Reader`]) could not answer.
    Request {
        /// Who asks.
        actor: String,
        /// How long it waits.
        deadline: Duration,
        /// What it wants.
        request: Box<Request>,
        /// Where the answers go.
        reply: Replier,
    },
}

/// Where the answers to one request go. Dropped without a last answer, the client is told that the peer went away.
#[derive(Debug)]
pub struct Replier {
    sender: mpsc::Sender<(Response, bool)>,
}

impl Replier {
    /// A replier and its receiving end, for shells that ask on behalf of their own clients (HTTP).
    pub fn channel(bound: usize) -> (Self, mpsc::Receiver<(Response, bool)>) {
        let (sender, receiver) = mpsc::channel(bound);
        (Self { sender }, receiver)
    }
    /// Hands an answer over without waiting. False when the client is gone or does not read.
    pub fn send(&self, response: Response, last: bool) -> bool {
        self.sender.try_send((response, last)).is_ok()
    }
    /// True once nobody waits for answers.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}
