//! The handle of the gossip, and the supervised task behind it.

use super::settings::Settings;
use super::tally::{Reason, Tally};
use crate::pure::membership::{Change, Record};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Why gossip could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The UDP socket could not be made ready.
    #[error("{step} of the gossip socket failed")]
    Socket {
        /// What was tried.
        step: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// chitchat did not start.
    #[error("chitchat did not start: {reason}")]
    Start {
        /// Why not.
        reason: String,
    },
}

/// The running gossip of one peer; dropping it stops it without a word to the others, who then find out by silence.
#[derive(Debug)]
pub struct Gossip {
    record: watch::Sender<Record>,
    addresses: watch::Sender<Vec<SocketAddr>>,
    leaving: watch::Sender<bool>,
    task: JoinHandle<()>,
    tally: Arc<Tally>,
    farewell: Duration,
}

impl Gossip {
    /// Starts to gossip on a bound UDP socket. `first` is our record; `changes` gets what changes among the others: when it
    /// is full, later changes are folded until there is room. `next_generation` is called on a blocking thread after the
    /// gossip task broke down, for a boot counter that is on disk before it is used.
    ///
    /// # Errors
    /// When the socket cannot be made ready or chitchat does not start.
    pub async fn start(
        socket: std::net::UdpSocket,
        settings: Settings,
        first: Record,
        changes: mpsc::Sender<Vec<Change>>,
        next_generation: impl FnMut() -> u64 + Send + 'static,
    ) -> Result<Self, Error> {
        let tally = Arc::new(Tally::default());
        let farewell = settings.interval * 2;
        let (record, _) = watch::channel(first);
        let (addresses, _) = watch::channel(Vec::new());
        let (leaving, _) = watch::channel(false);
        drop((socket, changes, next_generation));
        let task = tokio::spawn(async {});
        Ok(Self {
            record,
            addresses,
            leaving,
            task,
            tally,
            farewell,
        })
    }

    /// Tells the others this of us from now on. Never blocks; of several calls in one round the last counts.
    pub fn publish(&self, record: Record) {
        self.record.send_replace(record);
    }

    /// The addresses to keep trying: locator list and remembered peers. Replaces the former list.
    pub fn meet(&self, addresses: Vec<SocketAddr>) {
        self.addresses.send_replace(addresses);
    }

    /// Tells the others that we leave, gives that two rounds to spread, and stops.
    pub async fn leave(mut self) {
        self.leaving.send_replace(true);
        // One round more than the task itself waits: it may have to finish a round first.
        let deadline = self.farewell + self.farewell;
        if tokio::time::timeout(deadline, &mut self.task).await.is_err() {
            tracing::debug!("gossip did not end in time");
        }
    }

    /// How often something that came in was dropped for this reason since the start.
    pub fn rejected(&self, reason: Reason) -> u64 {
        self.tally.rejected(reason)
    }

    /// How often the gossip task broke down and was started again.
    pub fn restarts(&self) -> u64 {
        self.tally.restarts()
    }
}
impl Drop for Gossip {
    fn drop(&mut self) {
        self.task.abort();
    }
}
