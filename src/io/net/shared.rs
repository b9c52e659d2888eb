//! What every task of the network shares.

use super::Arrival;
use super::brisk::Awake;
use super::links::Links;
use super::settings::{Reader, Settings};
use super::stream::QueueBounds;
use crate::pure::membership::PeerKind;
use std::fmt;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// What every task of the network shares.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) links: Links,
    pub(super) arrivals: mpsc::Sender<Arrival>,
    pub(super) reader: Reader,
    /// Who waits awake for a brisk client.
    pub(super) awake: Awake,
    stop: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
}

impl Shared {
    pub(super) fn new(settings: Settings, arrivals: mpsc::Sender<Arrival>, reader: Reader) -> Self {
        Self {
            links: Links::new(settings.card.name.clone()),
            settings,
            arrivals,
            reader,
            awake: Awake::default(),
            stop: watch::Sender::new(false),
            tasks: Mutex::default(),
        }
    }
    /// Runs a task that ends with the network at the latest.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        if !*self.stop.borrow() {
            tasks.spawn(task);
        }
    }
    /// Waits until the network stops.
    pub(super) async fn stopping(&self) {
        // The sender lives in `self`, so this ends by the value only.
        self.stop.subscribe().wait_for(|stop| *stop).await.ok();
    }
    /// Tells every task to end, and hands the tasks over.
    pub(super) fn stop(&self) -> JoinSet<()> {
        self.stop.send_replace(true);
        std::mem::take(&mut *self.tasks())
    }
    /// The bounds of a connection's write queue.
    pub(super) fn queue_bounds(&self) -> QueueBounds {
        QueueBounds {
            frames_max: self.settings.queue_frames_max,
            bytes_max: self.settings.queue_bytes_max,
            write_timeout: self.settings.write_timeout,
        }
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("links", &self.links)
            .finish_non_exhaustive()
    }
}

/// One connection in `floe_net_links`.
#[derive(Debug)]
pub(super) struct Counted {
    kind: &'static str,
}

impl Counted {
    /// Counts a link until the result is dropped.
    pub(super) fn link(kind: PeerKind) -> Self {
        Self::new(match kind {
            PeerKind::Registry => "registry",
            PeerKind::Node => "node",
        })
    }
    /// Counts a client until the result is dropped.
    pub(super) fn client() -> Self {
        Self::new("client")
    }
    fn new(kind: &'static str) -> Self {
        metrics::gauge!("floe_net_links", "kind" => kind).increment(1.0);
        Self { kind }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("floe_net_links", "kind" => self.kind).decrement(1.0);
    }
}
