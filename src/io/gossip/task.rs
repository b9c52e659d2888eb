//! The handle of the gossip.

use super::codec::Codec;
use super::settings::Settings;
use super::supervisor::Supervisor;
use super::tally::{Reason, Tally};
use super::transport::Link;
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

/// The running gossip of one peer. Dropping it stops it without a word to the others, who then find out by silence.
#[derive(Debug)]
pub struct Gossip {
    record: watch::Sender<Record>,
    addresses: watch::Sender<Vec<SocketAddr>>,
    leaving: watch::Sender<bool>,
    task: JoinHandle<()>,
    interval: Duration,
    tally: Arc<Tally>,
    #[cfg(test)]
    pub(super) link: Arc<Link>,
}

/// What the handle tells the task; only the last of each counts.
#[derive(Debug)]
pub(super) struct Orders {
    /// Our record.
    pub(super) record: watch::Receiver<Record>,
    /// The addresses to keep trying.
    pub(super) addresses: watch::Receiver<Vec<SocketAddr>>,
    /// True: say good-bye and stop.
    pub(super) leaving: watch::Receiver<bool>,
}

impl Gossip {
    /// Starts to gossip on a bound UDP socket. `first` is our record; `changes` gets what changes among the others, ourselves
    /// left out: while it is full, later changes are folded into one. `next_generation` is called on a blocking thread after
    /// the gossip task broke down, for a boot counter that is on disk before it is used.
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
        let instance = first.card.instance;
        let codec = |bound| Codec::new(&settings, instance, bound, Arc::clone(&tally));
        let link = Link::new(socket, codec, Arc::clone(&tally))?;
        let interval = settings.interval;
        let (record, record_out) = watch::channel(first);
        let (addresses, addresses_out) = watch::channel(Vec::new());
        let (leaving, leaving_out) = watch::channel(false);
        let orders = Orders {
            record: record_out,
            addresses: addresses_out,
            leaving: leaving_out,
        };
        let mut supervisor = Supervisor::new(
            Arc::clone(&link),
            settings,
            orders,
            changes,
            Box::new(next_generation),
            Arc::clone(&tally),
        );
        let server = supervisor.spawn().await?;
        let task = tokio::spawn(supervisor.run(server));
        Ok(Self {
            record,
            addresses,
            leaving,
            task,
            interval,
            tally,
            #[cfg(test)]
            link,
        })
    }

    /// Tells the others this of us from now on. Never blocks; of several calls in one moment the last counts.
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
        // The task itself waits for two rounds; the rest is for what it was just doing.
        let deadline = self.interval * 3 + Duration::from_millis(200);
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

#[cfg(test)]
#[path = "gossip_test.rs"]
mod tests;
