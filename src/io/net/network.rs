//! The network as the loop sees it: links to send on, targets to keep linked.

use super::Arrival;
use super::connection::envelope_frame;
use super::dial::Targets;
use super::listener::listen;
use super::settings::{Reader, Settings};
use super::shared::Shared;
use crate::pure::base::PeerName;
use crate::pure::base::limits::FRAME_BYTES_MAX;
use crate::pure::membership::Target;
use crate::pure::protocol::{Envelope, Message};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// All connections of a peer. Dropping it closes them at once.
#[derive(Debug)]
pub struct Network {
    shared: Arc<Shared>,
    targets: Targets,
}

impl Network {
    /// Accepts connections on `listener` and hands what comes to `arrivals`; `reader` answers what it can by itself.
    /// The bound of `arrivals` is the inbox: when it is full, links wait and clients are told to come again.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(listener: TcpListener, settings: Settings, arrivals: mpsc::Sender<Arrival>, reader: Reader) -> Self {
        let shared = Arc::new(Shared::new(settings, arrivals, reader));
        shared.spawn(listen(listener, Arc::clone(&shared)));
        Self {
            targets: Targets::new(Arc::clone(&shared)),
            shared,
        }
    }

    /// Queues a message to a linked peer, without waiting. False when there is no link to it, or when the link closes
    /// now because its queue is full. True promises no arrival: only an answer does.
    pub fn send(&self, to: &PeerName, message: Message) -> bool {
        let Some(outbox) = self.shared.links.outbox(to) else {
            return false;
        };
        if let Some(frame) = envelope_frame(&Envelope::Message(message)) {
            return outbox.push(frame);
        }
        // A gap would be worse than a new link: what follows relies on what came before.
        outbox.close(format!(
            "a message of ours to {to} is larger than a frame of {FRAME_BYTES_MAX} bytes"
        ));
        false
    }

    /// Keeps a link to each of these from now on, and dials no others; links that stand are left alone.
    pub fn dial(&self, targets: Vec<Target>) {
        self.targets.replace(targets);
    }

    /// Closes everything: what is queued is sent within the grace period, the rest is dropped.
    pub async fn stop(self) {
        let mut tasks = self.shared.stop();
        let ended = async { while tasks.join_next().await.is_some() {} };
        if timeout(self.shared.settings.stop_grace, ended).await.is_err() {
            tracing::debug!(
                tasks = tasks.len(),
                "connections were cut at the end of the grace period"
            );
        }
        tasks.shutdown().await;
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.shared.stop());
    }
}

#[cfg(test)]
#[path = "network_test.rs"]
mod tests;
