//! Keeps chitchat running, and stands between it and the rest; what it does each round is in `round`.
//!
//! When chitchat ends, for whatever reason, it is started again with a higher generation; the members stay as they were
//! until it had time to find them again, because a breakdown of ours is no news about them.

use super::lens::Lens;
use super::own::Keys;
use super::roster::Fullness;
use super::settings::Settings;
use super::tally::Tally;
use super::task::{Error, Orders};
use super::transport::{Link, LinkTransport};
use crate::io::clock;
use crate::pure::base::Time;
use crate::pure::membership::{Change, View};
use chitchat::{ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, spawn_chitchat};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::MissedTickBehavior;

/// How unlikely a silence must be to count as death.
const PHI: f64 = 8.0;
/// Signs of life that the failure detector remembers of each peer: enough for a mean, and 11 KB a peer.
const SAMPLES: usize = 200;
/// A longer silence is no sample.
const INTERVAL_MAX: Duration = Duration::from_secs(10);
/// How long deleted keys are remembered. We delete none but those that others slipped in.
const TOMBSTONES: Duration = Duration::from_mins(15);
/// Longest pause before chitchat is started again.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Longest wait for the app's boot counter: a sync of a small file.
const GENERATION_PATIENCE: Duration = Duration::from_secs(10);
/// chitchat that ran for so long is healthy: the next breakdown is a first one.
const HEALTHY: Duration = Duration::from_mins(1);

/// Asks the app for a boot counter that is on disk.
pub(super) type NextGeneration = Box<dyn FnMut() -> u64 + Send>;

/// The state of the gossip task.
pub(super) struct Supervisor {
    pub(super) link: Arc<Link>,
    pub(super) settings: Settings,
    pub(super) orders: Orders,
    pub(super) changes: mpsc::Sender<Vec<Change>>,
    next_generation: Option<NextGeneration>,
    pub(super) tally: Arc<Tally>,
    pub(super) generation: u64,
    pub(super) lens: Lens,
    /// What the app was told last.
    pub(super) told: View,
    /// What we see.
    pub(super) view: View,
    /// What we saw before the last breakdown, and when that was.
    pub(super) carried: Option<(View, Time)>,
    /// What we wrote into chitchat's state of ourselves.
    pub(super) written: Keys,
    /// Gossip addresses of all known incarnations, and of those that live.
    pub(super) known: BTreeSet<SocketAddr>,
    pub(super) live: BTreeSet<SocketAddr>,
    /// Those that were known before the last breakdown.
    pub(super) former: BTreeSet<SocketAddr>,
    pub(super) met: Option<Time>,
    pub(super) turn: usize,
    pub(super) fullness: Fullness,
    pub(super) spawned: Time,
    breakdowns: u32,
}

/// Why `tend` came back.
enum End {
    /// Asked for, or nobody holds the handle.
    Stopped,
    /// chitchat is gone or must go.
    Broken(String),
}

impl Supervisor {
    pub(super) fn new(
        link: Arc<Link>,
        settings: Settings,
        orders: Orders,
        changes: mpsc::Sender<Vec<Change>>,
        next_generation: NextGeneration,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            link,
            generation: settings.generation,
            settings,
            orders,
            changes,
            next_generation: Some(next_generation),
            tally,
            lens: Lens::default(),
            told: View::default(),
            view: View::default(),
            carried: None,
            written: Keys::new(),
            known: BTreeSet::new(),
            live: BTreeSet::new(),
            former: BTreeSet::new(),
            met: None,
            turn: 0,
            fullness: Fullness::Roomy,
            spawned: clock::now(),
            breakdowns: 0,
        }
    }

    /// Runs until told to stop; chitchat may come and go meanwhile.
    pub(super) async fn run(mut self, mut server: ChitchatHandle) {
        loop {
            let reason = match self.tend(&server).await {
                End::Stopped => return,
                End::Broken(reason) => reason,
            };
            server.abort();
            drop(server);
            self.tally.restarted();
            tracing::error!(
                reason,
                generation = self.generation,
                "gossip broke down, starting it again"
            );
            server = match self.respawn().await {
                Some(server) => server,
                None => return,
            };
        }
    }

    /// Starts chitchat with our keys.
    pub(super) async fn spawn(&mut self) -> Result<ChitchatHandle, Error> {
        let settings = &self.settings;
        let own = ChitchatId::new(settings.name.as_str(), self.generation, settings.advertise);
        {
            let mut codec = self.link.codec();
            codec.rules.own = own.clone();
            codec.rules.heartbeat = 0;
        }
        self.link.take_forged_version();
        self.link.take_usurped();
        self.written = self.wanted(false);
        let keys = self
            .written
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()));
        let config = ChitchatConfig {
            chitchat_id: own,
            cluster_id: settings.grid.to_string(),
            gossip_interval: settings.interval,
            listen_addr: settings.advertise,
            seed_nodes: Vec::new(),
            failure_detector_config: FailureDetectorConfig::new(
                PHI,
                SAMPLES,
                INTERVAL_MAX,
                settings.first_interval,
                settings.dead_after,
            ),
            marked_for_deletion_grace_period: TOMBSTONES,
            catchup_callback: None,
            extra_liveness_predicate: None,
        };
        self.spawned = clock::now();
        let transport = LinkTransport(Arc::clone(&self.link));
        spawn_chitchat(config, keys.collect(), &transport)
            .await
            .map_err(|error| Error::Start {
                reason: format!("{error:#}"),
            })
    }

    /// Starts chitchat again under a higher generation; `None` when we were told to stop meanwhile.
    async fn respawn(&mut self) -> Option<ChitchatHandle> {
        if clock::now().since(self.spawned) > HEALTHY {
            self.breakdowns = 0;
        }
        self.carried = Some((self.view.clone(), clock::now()));
        self.lens = Lens::default();
        self.former.append(&mut self.known);
        self.live.clear();
        self.met = None;
        loop {
            // At once the first time: the peers should not take us for dead.
            let pause = self.settings.interval * (2_u32.saturating_pow(self.breakdowns.min(8)) - 1);
            self.breakdowns = self.breakdowns.saturating_add(1);
            let left = told_to_leave(&mut self.orders.leaving);
            if tokio::time::timeout(pause.min(PAUSE_MAX), left).await.is_ok() {
                return None;
            }
            self.generation = self.ask_generation().await;
            match self.spawn().await {
                Ok(server) => return Some(server),
                Err(error) => tracing::error!(%error, "gossip did not start again"),
            }
        }
    }

    /// The app's next boot counter, or one more than ours when it has none to give.
    async fn ask_generation(&mut self) -> u64 {
        let least = self.generation.saturating_add(1);
        let Some(mut next) = self.next_generation.take() else {
            return least;
        };
        let asked = tokio::task::spawn_blocking(move || {
            let generation = next();
            (next, generation)
        });
        // It panicked or hangs on its disk: it is not asked again.
        let Ok(Ok((next, generation))) = tokio::time::timeout(GENERATION_PATIENCE, asked).await else {
            tracing::error!("no boot counter for gossip, counting on in memory");
            return least;
        };
        self.next_generation = Some(next);
        generation.max(least)
    }

    /// Looks after one run of chitchat.
    async fn tend(&mut self, server: &ChitchatHandle) -> End {
        let ended = server.termination_watcher();
        tokio::pin!(ended);
        let news = Arc::new(Notify::new());
        let told = Arc::clone(&news);
        // Runs inside chitchat, under its lock: it may do nothing but this.
        let listener = server
            .with_chitchat(|chitchat| {
                let told = Arc::clone(&told);
                chitchat.subscribe_event("", move |_| told.notify_one())
            })
            .await;
        let mut leaving = self.orders.leaving.clone();
        let mut round = tokio::time::interval(self.settings.interval);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            let observed = clock::now();
            tokio::select! {
                result = &mut ended => {
                    break End::Broken(result.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string()));
                }
                changed = self.orders.record.changed() => match changed {
                    Ok(()) => {}
                    Err(_) => break End::Stopped,
                },
                changed = self.orders.addresses.changed() => match changed {
                    Ok(()) => self.met = None,
                    Err(_) => break End::Stopped,
                },
                asked = told_to_leave(&mut leaving) => {
                    if asked {
                        self.leave(server, ended.as_mut()).await;
                    }
                    break End::Stopped;
                }
                () = news.notified() => {}
                _ = round.tick() => {}
            }
            if let Err(reason) = self.observe(server).await {
                break End::Broken(reason);
            }
            self.meet(server);
            // A burst of news is looked at once, not once for each key.
            let rest = self.settings.interval / 10;
            let spent = clock::now().since(observed);
            tokio::time::sleep(rest.saturating_sub(spent)).await;
        };
        drop(listener);
        end
    }
}

/// Waits for the order to leave; false when nobody can give it any more.
async fn told_to_leave(leaving: &mut watch::Receiver<bool>) -> bool {
    leaving.wait_for(|leaving| *leaving).await.is_ok()
}
