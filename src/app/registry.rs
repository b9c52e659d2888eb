//! Runs a registry: builds its parts, hands every arrival to the core, carries the effects out.
//!
//! One loop owns the core. It takes what has arrived, up to a bound, hands it in, makes durable what the core asked for in
//! one transaction, swaps the readers' view, and only then sends, answers and publishes. A disk that fails ends the process:
//! memory that is ahead of the disk must not speak.

use super::failure::Failure;
use super::gauges::{self, Gauges};
use super::ground::{Ground, SharedIdentity, bind_pair};
use super::initdb;
pub use super::initdb::Wanted;
use super::observers::{Newcomer, Observers};
use super::outside::{INBOX, Outside};
use crate::io::clock;
use crate::io::config::{self, Kind};
use crate::io::dns;
use crate::io::net::{Arrival, Reader, Reads, Replier};
use crate::io::plugin_host::host::{Host, Reread};
use crate::io::store::Database as Store;
use crate::io::telemetry::logging::Chain;
use crate::io::telemetry::metrics::Metrics;
use crate::pure::allocation::Allocator;
use crate::pure::base::Time;
use crate::pure::lineage::rules::Rules;
use crate::pure::locator::ResolvedKind;
use crate::pure::membership::{PeerCard, PeerKind, Record, Role};
use crate::pure::protocol::request::{ErrorCode, Failure as RequestFailure};
use crate::pure::protocol::{Request, Response};
use crate::pure::registry::{Batch, Config, Effect, Event, Kept, Registry, SetAside, View};
use arc_swap::ArcSwap;
use metrics::Counter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

/// Most arrivals that share one transaction.
const BATCH: usize = 256;
/// Most clients that wait to be told what they follow.
const NEWCOMERS: usize = 256;

/// What the operator asks for at this start only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Lead, whatever the role was before.
    pub promote: bool,
    /// Lead although a silent registry was ahead when last heard.
    pub accept_loss: bool,
    /// Lead although a registry that answers is ahead or diverged.
    pub force: bool,
    /// Look first: lead and follow nobody, change nothing.
    pub readonly: bool,
    /// Lead although too few others are in sight.
    pub alone: bool,
    /// Take another registry's database first.
    pub initdb: Option<Wanted>,
}

/// Runs a registry until a signal ends it. `reread` reads what the configuration says of allocators now.
///
/// # Errors
/// [`Failure`] when it cannot start, or when its disk fails.
pub async fn run(config: config::Config, wishes: Wishes, reread: Reread) -> Result<(), Failure> {
    let Kind::Registry(section) = config.kind.clone() else {
        return Err(Failure::new(
            "start a registry",
            78,
            "the configuration has no [registry] section",
        ));
    };
    let ground = Ground::take(&config).await?;
    let (store, database, initdb) = initdb::open(&ground, wishes.initdb)?;
    let metrics = Metrics::install(PeerKind::Registry).map_err(Failure::at("set up metrics"))?;
    let allocator: Arc<dyn Allocator> = Arc::new(Host::start(
        section.allocation,
        Path::new("/proc/self/exe"),
        ground.folder.path(),
        metrics.allocator.clone(),
        reread,
    ));
    let settings = Config {
        card: ground.card.clone(),
        grid: config.grid.clone(),
        role: section.role,
        promote: wishes.promote,
        accept_loss: wishes.accept_loss,
        force: wishes.force,
        readonly: wishes.readonly,
        alone: wishes.alone,
        sight: section.sight,
        require_proof: section.require_proof,
        initdb,
        min_copies: section.min_copies,
        copy_deadline: section.copy_deadline,
        discovery_window: section.discovery_window,
        log_keep: section.log_keep,
        locator: config.peer.locator.clone(),
        allocator: allocator.clone(),
        rules: Rules::default(),
    };
    let core = Registry::new(settings, ground.identity.get(), database, ground.remembered.clone());
    Shell::build(config, ground, core, store, metrics)
        .await?
        .run(allocator.as_ref())
        .await
}

/// The parts around the core.
struct Shell {
    core: Registry,
    store: Store,
    identity: SharedIdentity,
    outside: Outside,
    view: Arc<ArcSwap<View>>,
    /// The same, for whoever waits for the next one.
    views: watch::Sender<Arc<View>>,
    /// Clients that follow ids and rows.
    newcomers: mpsc::Sender<Newcomer>,
    gauges: Gauges,
    metrics: Metrics,
    wake: Option<Time>,
    /// The data folder.
    folder: PathBuf,
    /// Lent to the thread that keeps the old database.
    kept: mpsc::Sender<Result<Kept, String>>,
    /// What it came to.
    keeping: mpsc::Receiver<Result<Kept, String>>,
}

impl Shell {
    async fn build(
        config: config::Config,
        ground: Ground,
        core: Registry,
        store: Store,
        metrics: Metrics,
    ) -> Result<Self, Failure> {
        let first_view = Arc::new(core.view());
        let view = Arc::new(ArcSwap::new(first_view.clone()));
        let (views, seen) = watch::channel(first_view);
        let (newcomers, coming) = mpsc::channel(NEWCOMERS);
        let card = &ground.card;
        let stream = format!("{}-{}-{}", card.name, card.instance.short(), card.generation);
        tokio::spawn(Observers::new(stream, seen, coming, metrics.clone()).run());
        let reader: Reader = Arc::new(ViewReader::new(view.clone(), metrics.clone()));
        let first = first_record(&ground.card, core.promise());
        serve_dns(&config, &view, &metrics).await?;
        let identity = ground.identity.clone();
        let folder = ground.folder.path().to_owned();
        let outside = Outside::open(&config, ground, metrics.clone(), first, reader).await?;
        let (kept, keeping) = mpsc::channel(1);
        let shell = Self {
            core,
            store,
            identity,
            outside,
            view,
            views,
            newcomers,
            gauges: Gauges::new(metrics.clone()),
            metrics,
            wake: None,
            folder,
            kept,
            keeping,
        };
        Ok(shell)
    }

    async fn run(mut self, allocator: &dyn Allocator) -> Result<(), Failure> {
        let mut stop = super::signals::Stop::new().map_err(Failure::at("listen for signals"))?;
        let mut hangup = super::signals::hangup().map_err(Failure::at("listen for signals"))?;
        self.turn(vec![Event::Started])?;
        super::signals::notify_ready();
        let mut upkeep = tokio::time::interval(Duration::from_secs(5));
        loop {
            let pause = self
                .wake
                .map_or(Duration::from_secs(1), |wake| wake.since(clock::now()));
            let events = tokio::select! {
                () = stop.wait() => break,
                Some(()) = hangup.recv() => { reload(allocator); continue }
                Some(arrival) = self.outside.arrivals.recv() => self.collect(arrival),
                Some(outcome) = self.keeping.recv() => vec![Event::SetAside(outcome)],
                Some(changes) = self.outside.members.recv() => vec![Event::Members(changes)],
                _ = upkeep.tick() => { self.metrics.run_upkeep(); continue }
                () = tokio::time::sleep(pause) => { self.wake = None; vec![Event::Wake] }
            };
            self.turn(events)?;
            // Steady traffic must not keep deadlines waiting.
            if self.wake.is_some_and(|wake| wake <= clock::now()) {
                self.wake = None;
                self.turn(vec![Event::Wake])?;
            }
        }
        tracing::info!("stopping");
        super::signals::notify_stopping();
        self.outside.remember(&self.core.farewell());
        self.outside.close().await;
        Ok(())
    }

    /// What has arrived, up to a batch.
    fn collect(&mut self, first: Arrival) -> Vec<Event> {
        let mut events: Vec<Event> = self.event(first).into_iter().collect();
        while events.len() < BATCH {
            let Ok(arrival) = self.outside.arrivals.try_recv() else {
                break;
            };
            events.extend(self.event(arrival));
        }
        events
    }

    fn event(&mut self, arrival: Arrival) -> Option<Event> {
        Some(match arrival {
            Arrival::Linked(card) => Event::Linked { card },
            Arrival::Unlinked { peer, reason } => Event::Unlinked { peer, reason },
            Arrival::Unreachable { peer, address, reason } => Event::Unreachable { peer, address, reason },
            Arrival::Message { from, message } => Event::Message { from, message },
            Arrival::Request { request, reply, .. } if *request == Request::Watch => {
                self.outside.watch(reply);
                return None;
            }
            Arrival::Request { request, reply, .. }
                if matches!(*request, Request::Observe { .. } | Request::Locate { .. }) =>
            {
                self.follow(*request, reply);
                return None;
            }
            Arrival::Request {
                actor,
                deadline,
                request,
                reply,
            } => {
                let to = self.outside.admit(reply);
                Event::Request {
                    to,
                    actor,
                    deadline,
                    request,
                }
            }
        })
    }

    /// Hands a client that follows over to the task that tells it.
    fn follow(&self, request: Request, reply: Replier) {
        if let Err(full) = self.newcomers.try_send(Newcomer { request, reply }) {
            let failure = RequestFailure::new(
                ErrorCode::Overloaded,
                "too many clients want to follow at once",
                "come again in a moment",
            );
            let (TrySendError::Full(newcomer) | TrySendError::Closed(newcomer)) = full;
            newcomer.reply.send(Response::Failed(failure), true);
        }
    }

    /// One turn of the loop: events in, the durable part synced, the view swapped, the rest sent.
    fn turn(&mut self, events: Vec<Event>) -> Result<(), Failure> {
        self.outside.beat();
        let mut said = Vec::new();
        let mut durable = Vec::new();
        for event in events {
            let moment = clock::moment();
            self.gauges.arrived(&event, moment.now);
            for effect in self.core.handle(event, &moment) {
                match effect {
                    Effect::Identity(_) | Effect::Commit(_) => durable.push(effect),
                    _ => said.push(effect),
                }
            }
        }
        if !durable.is_empty() {
            tokio::task::block_in_place(|| self.make_durable(durable))?;
        }
        let view = Arc::new(self.core.view());
        self.gauges.turned(&view, self.outside.arrivals.len(), INBOX);
        self.outside.set_unready(unready(&view));
        self.view.store(view.clone());
        self.views.send_replace(view);
        for effect in said {
            self.say(effect);
        }
        Ok(())
    }

    fn make_durable(&mut self, effects: Vec<Effect>) -> Result<(), Failure> {
        let mut batch: Option<Batch> = None;
        for effect in effects {
            match effect {
                Effect::Identity(identity) => {
                    // In order: what was appended before a promise must not be lost behind it.
                    self.commit(batch.take())?;
                    self.identity.save(&identity)?;
                }
                Effect::Commit(next) => match &mut batch {
                    Some(batch) => batch.merge(next),
                    None => batch = Some(next),
                },
                _ => {}
            }
        }
        self.commit(batch)
    }

    fn commit(&mut self, batch: Option<Batch>) -> Result<(), Failure> {
        let Some(batch) = batch else { return Ok(()) };
        let start = clock::now();
        self.store
            .commit(&batch)
            .map_err(Failure::at("write to the database"))?;
        self.gauges
            .committed(clock::now().since(start).as_secs_f64(), self.store.size_bytes());
        Ok(())
    }

    /// Copies the database beside the loop: a large one takes seconds, in which the registry still answers.
    fn keep(&self, wanted: SetAside) {
        let (keeper, folder, done) = (self.store.keeper(), self.folder.clone(), self.kept.clone());
        tokio::task::spawn_blocking(move || {
            let kept = keeper.keep(&folder, &wanted).map_err(|error| Chain(&error).to_string());
            // The loop is gone only when the daemon ends.
            drop(done.blocking_send(kept));
        });
    }

    fn say(&mut self, effect: Effect) {
        match effect {
            Effect::Identity(_) | Effect::Commit(_) => {}
            Effect::Remember(peers) => self.outside.remember(&peers),
            Effect::Send { to, message } => {
                self.gauges.sent(&message);
                self.outside.send(&to, message);
            }
            Effect::Reply { to, response, last } => {
                self.gauges.replied(to, &response, clock::now());
                self.outside.reply(to, response, last);
            }
            Effect::SetAside(wanted) => self.keep(*wanted),
            Effect::Publish(record) => self.outside.publish(*record),
            Effect::Dial(targets) => self.outside.dial(targets),
            Effect::Happened(happening) => {
                self.gauges.happened(&happening);
                self.outside.tell(&happening);
            }
            Effect::Wake(at) => self.wake = Some(at),
        }
    }
}

/// SIGHUP: `[allocation]` is read anew, and its plugins are loaded anew.
fn reload(allocator: &dyn Allocator) {
    match allocator.reload(None) {
        Ok(()) => tracing::info!("allocators are loaded anew, as a signal asked"),
        Err(reason) => tracing::error!(
            reason,
            "allocators stay as they are: the configuration cannot be read anew"
        ),
    }
}

/// Answers reads in the connection's own task, from the view.
struct ViewReader {
    view: Arc<ArcSwap<View>>,
    metrics: Metrics,
    /// Counts resolves: a number for choices that are free.
    turn: AtomicU64,
    /// Resolves that were answered at a glance, by what their ids name.
    quick: [Counter; 3],
}

impl ViewReader {
    fn new(view: Arc<ArcSwap<View>>, metrics: Metrics) -> Self {
        let handle = |kind| metrics.locator.requests.handle(&[gauges::kind(kind), "ok"]);
        let quick = [ResolvedKind::Adapter, ResolvedKind::Group, ResolvedKind::Object].map(handle);
        Self {
            view,
            metrics,
            turn: AtomicU64::new(0),
            quick,
        }
    }
}

impl Reads for ViewReader {
    fn answer(&self, request: &Request) -> Option<Response> {
        let turn = if matches!(request, Request::Resolve { .. } | Request::Find { .. }) {
            self.turn.fetch_add(1, Ordering::Relaxed)
        } else {
            0
        };
        let response = self.view.load().answer(request, turn)?;
        gauges::read(&self.metrics, request, &response);
        Some(response)
    }
    fn quick(&self, payload: &[u8], frame: &mut Vec<u8>) -> bool {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let kind = self.view.load().quick(payload, turn, frame);
        let [adapter, group, object] = &self.quick;
        match kind {
            None => return false,
            Some(ResolvedKind::Adapter) => adapter.increment(1),
            Some(ResolvedKind::Group) => group.increment(1),
            Some(ResolvedKind::Object) => object.increment(1),
        }
        true
    }
}

/// Answers DNS from the view, where that is configured.
async fn serve_dns(config: &config::Config, view: &Arc<ArcSwap<View>>, metrics: &Metrics) -> Result<(), Failure> {
    let Some(section) = &config.dns else {
        return Ok(());
    };
    let (tcp, udp) = bind_pair(&section.listen).await?;
    udp.set_nonblocking(true)
        .map_err(Failure::at("set up the DNS socket"))?;
    let udp = UdpSocket::from_std(udp).map_err(Failure::at("set up the DNS socket"))?;
    let address = tcp.local_addr().map_err(Failure::at("read the own address"))?;
    tracing::info!(%address, zone = %format_args!("{}.floe.", config.grid), "answering dns");
    let zone = dns::Zone::new(&config.grid, section.ttl, address.ip());
    let view = view.clone();
    let look: dns::Look = Arc::new(move |id| match view.load().active_endpoints(id) {
        Some(endpoints) => dns::Looked::Known(endpoints),
        None => dns::Looked::Unknown,
    });
    tokio::spawn(dns::serve(udp, tcp, zone, look, metrics.clone()));
    Ok(())
}

fn first_record(card: &PeerCard, promise: crate::pure::lineage::Epoch) -> Record {
    Record {
        card: card.clone(),
        role: Some(Role::Replica),
        standing: Some(crate::pure::membership::Standing::Detached),
        claim: None,
        version: None,
        obeys: promise,
        servers: None,
    }
}

/// Why the registry is not ready to serve; empty when it is.
fn unready(view: &View) -> Vec<String> {
    use crate::pure::membership::Standing;
    match view.standing {
        // A replica without a master serves reads all the same.
        Standing::Leading | Standing::Following | Standing::Detached => Vec::new(),
        standing => vec![format!("registry {} is {standing}: {}", view.card.name, view.reason)],
    }
}
