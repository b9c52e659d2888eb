//! The outside of a daemon, registry or node alike: control connections, gossip, HTTP, and the clients that wait.

use super::backend::{Daemon, Heartbeat};
use super::failure::Failure;
use super::ground::{Ground, greet, start_gossip};
use super::publish::News;
use crate::io::config::Config;
use crate::io::gossip::Gossip;
use crate::io::http;
use crate::io::net::{Arrival, Network, Reader, Replier, Settings};
use crate::io::store::{Folder, remembered};
use crate::io::telemetry::metrics::Metrics;
use crate::pure::base::PeerName;
use crate::pure::membership::{Change, Record, Remembered, Target};
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::{Message, ReplyTo, Response};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Most arrivals that wait for the loop.
pub(super) const INBOX: usize = 4096;

/// Everything that a daemon hears and says.
pub(super) struct Outside {
    /// What comes over control connections and HTTP.
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    /// What gossip sees.
    pub(super) members: mpsc::Receiver<Vec<Change>>,
    network: Network,
    gossip: Arc<Gossip>,
    greeted: watch::Sender<Vec<Target>>,
    news: News,
    replies: BTreeMap<ReplyTo, Replier>,
    next_reply: u64,
    remembered: PathBuf,
    unready: watch::Sender<Vec<String>>,
    beat: Arc<Heartbeat>,
    /// Held for its lock.
    _folder: Folder,
}

impl Outside {
    /// Starts gossip, HTTP and the network on the ground. `first` is the record to gossip until the core speaks.
    pub(super) async fn open(
        config: &Config,
        ground: Ground,
        metrics: Metrics,
        first: Record,
        reader: Reader,
    ) -> Result<Self, Failure> {
        let (inbox, arrivals) = mpsc::channel(INBOX);
        let (unready, readiness) = watch::channel(vec!["starting".to_owned()]);
        let beat = Arc::new(Heartbeat::default());
        let (gossip, members) = start_gossip(config, &ground.card, ground.gossip, &ground.identity, first).await?;
        let gossip = Arc::new(gossip);
        if let Some(listener) = ground.http {
            let backend = Arc::new(Daemon::new(reader.clone(), inbox.clone(), readiness, beat.clone()));
            let settings = http::Settings::of(config, &ground.card);
            tokio::spawn(http::serve(
                listener,
                backend,
                metrics,
                settings,
                std::future::pending(),
            ));
        }
        let settings = Settings::new(ground.card.clone(), config.grid.clone());
        let network = Network::start(ground.control, settings, inbox, reader);
        tracing::info!(peer = %ground.card.name, address = %ground.card.address, http = ?ground.card.http, "listening");
        Ok(Self {
            arrivals,
            members,
            network,
            greeted: greet(gossip.clone()),
            gossip,
            news: News::default(),
            replies: BTreeMap::new(),
            next_reply: 0,
            remembered: ground.folder.remembered(),
            unready,
            beat,
            _folder: ground.folder,
        })
    }

    /// A client waits for an answer from now on.
    pub(super) fn admit(&mut self, reply: Replier) -> ReplyTo {
        self.next_reply += 1;
        let to = ReplyTo(self.next_reply);
        self.replies.insert(to, reply);
        to
    }
    /// A client wants to hear of every change.
    pub(super) fn watch(&mut self, reply: Replier) {
        self.news.watch(reply);
    }
    /// Answers a client; nobody minds when it is gone.
    pub(super) fn reply(&mut self, to: ReplyTo, response: Response, last: bool) {
        let reply = if last { self.replies.remove(&to) } else { None };
        if let Some(reply) = reply.as_ref().or_else(|| self.replies.get(&to)) {
            reply.send(response, last);
        }
    }
    /// Sends to a linked peer; dropped when it no longer is.
    pub(super) fn send(&self, to: &PeerName, message: Message) {
        self.network.send(to, message);
    }
    /// Publishes in gossip.
    pub(super) fn publish(&self, record: Record) {
        self.gossip.publish(record);
    }
    /// Keeps a link to each of these, and greets them in gossip.
    pub(super) fn dial(&self, targets: Vec<Target>) {
        self.greeted.send_replace(targets.clone());
        self.network.dial(targets);
    }
    /// Writes the file of remembered peers; a hint that may be lost.
    pub(super) fn remember(&self, peers: &[Remembered]) {
        if let Err(error) = tokio::task::block_in_place(|| remembered::save(&self.remembered, peers)) {
            tracing::warn!(%error, "remembered peers not written");
        }
    }
    /// Tells a change everywhere.
    pub(super) fn tell(&mut self, happening: &Happening) {
        self.news.tell(happening);
    }
    /// The loop turns.
    pub(super) fn beat(&self) {
        self.beat.beat();
    }
    /// Why the daemon is not ready; nothing when it is.
    pub(super) fn set_unready(&self, reasons: Vec<String>) {
        self.unready.send_replace(reasons);
    }
    /// Closes connections within their grace.
    pub(super) async fn close(self) {
        drop((self.greeted, self.gossip));
        self.network.stop().await;
    }
}
