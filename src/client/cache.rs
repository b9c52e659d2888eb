//! Answers from memory: ids that are asked for are followed, and the registry tells when they stand otherwise.
//!
//! One task keeps one stream for all followed ids. Lookups read a map that is replaced as a whole, so they wait for nobody.

use super::following::Following;
use super::{Client, Error};
use crate::pure::locator::balance::{Candidate, arrange};
use crate::pure::protocol::locate::{LOCATE_IDS_MAX, Location};
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Request, Response};
use arc_swap::ArcSwap;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

/// Ids that are asked for so close together are followed together.
const GATHER: Duration = Duration::from_millis(2);
/// Most ids that wait to be followed.
const WAITING_MAX: usize = 1024;

/// How a cache behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// Most ids that are followed, 1 to 1,000, the default: those that were not asked for longest go.
    pub ids_max: usize,
    /// How long the last known places are given while no registry can be reached. Default 30 s.
    pub age_max: Duration,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            ids_max: LOCATE_IDS_MAX,
            age_max: Duration::from_secs(30),
        }
    }
}

/// Where something is, from memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// Best first; never empty.
    pub endpoints: Vec<String>,
    /// The version of the database that told it.
    pub version: String,
    /// How long no registry has confirmed it; zero while one would tell at once if it changed.
    pub age: Duration,
}

/// Resolves from memory. Clones share it; its task ends with the last one.
#[derive(Clone, Debug)]
pub struct Cache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    options: CacheOptions,
    followed: ArcSwap<HashMap<String, Arc<Followed>>>,
    wanted: mpsc::Sender<String>,
    /// Grows with each answer of the stream.
    told: watch::Receiver<u64>,
    /// When the stream was lost; `None` while it stands.
    lost: ArcSwap<Option<Instant>>,
    uses: AtomicU64,
}

#[derive(Debug)]
struct Followed {
    location: Location,
    /// Choices made here, for the policy.
    turn: AtomicU64,
    used: AtomicU64,
}

impl Cache {
    pub(super) fn new(client: Client, options: CacheOptions) -> Self {
        let (wanted, asked) = mpsc::channel(WAITING_MAX);
        let (tell, told) = watch::channel(0);
        let inner = Arc::new(Inner {
            client: client.clone(),
            options,
            followed: ArcSwap::default(),
            wanted,
            told,
            lost: ArcSwap::default(),
            uses: AtomicU64::new(0),
        });
        let keeper = Keeper {
            cache: Arc::downgrade(&inner),
            following: Following::new(client),
            asked,
            ids: BTreeSet::new(),
            tell,
        };
        tokio::spawn(keeper.run());
        Self { inner }
    }

    /// Where is this adapter, replica group or object? From memory once the id is followed; a registry is asked where nothing
    /// runs and something can be started, and where nothing was confirmed for too long.
    ///
    /// # Errors
    /// [`Error`], as [`Client::resolve`]; never an old answer in place of a failure, but within `age_max`.
    pub async fn resolve(&self, id: &str) -> Result<Cached, Error> {
        let inner = &self.inner;
        let followed = match inner.find(id) {
            Some(followed) => Some(followed),
            None => timeout(inner.client.options().timeout, inner.follow(id))
                .await
                .unwrap_or_default(),
        };
        let age = inner.age();
        match followed.filter(|_| age <= inner.options.age_max) {
            Some(followed) if !followed.location.places.is_empty() => Ok(followed.choose(age)),
            Some(followed) if !followed.location.startable && age.is_zero() => Err(refusal(&followed.location)),
            Some(_) | None => {
                let resolved = inner.client.resolve(id).await?;
                Ok(Cached {
                    endpoints: resolved.endpoints,
                    version: resolved.version,
                    age: Duration::ZERO,
                })
            }
        }
    }
}

impl Inner {
    fn find(&self, id: &str) -> Option<Arc<Followed>> {
        let followed = self.followed.load().get(id).cloned()?;
        followed
            .used
            .store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(followed)
    }
    /// Has an id followed, and waits for the first word of it.
    async fn follow(&self, id: &str) -> Option<Arc<Followed>> {
        let mut told = self.told.clone();
        self.wanted.send(id.to_owned()).await.ok()?;
        loop {
            told.borrow_and_update();
            if let Some(followed) = self.find(id) {
                return Some(followed);
            }
            told.changed().await.ok()?;
        }
    }
    fn age(&self) -> Duration {
        self.lost.load().map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Followed {
    fn choose(&self, age: Duration) -> Cached {
        let location = &self.location;
        let candidates = location.places.iter().map(|place| Candidate {
            item: &place.endpoint,
            priority: place.priority,
            load: place.load,
        });
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut chosen = arrange(location.balance, candidates.collect(), turn);
        if location.count > 0 {
            chosen.truncate(usize::try_from(location.count).unwrap_or(usize::MAX));
        }
        Cached {
            endpoints: chosen.into_iter().cloned().collect(),
            version: location.version.clone(),
            age,
        }
    }
}

fn refusal(location: &Location) -> Error {
    let code = match location.kind {
        None => ErrorCode::NotFound,
        Some(_) => ErrorCode::Unavailable,
    };
    let id: String = location.id.chars().take(80).collect();
    Failure::new(
        code,
        format!("{id}: {}", location.reason),
        "`floe adapter list` shows what there is",
    )
    .into()
}

/// The task of a cache.
struct Keeper {
    cache: Weak<Inner>,
    following: Following,
    asked: mpsc::Receiver<String>,
    ids: BTreeSet<String>,
    tell: watch::Sender<u64>,
}

impl Keeper {
    async fn run(mut self) {
        loop {
            let ids: Vec<String> = self.ids.iter().cloned().collect();
            let none = ids.is_empty();
            tokio::select! {
                id = self.asked.recv() => match id {
                    Some(id) => self.take(id).await,
                    // The last cache is gone.
                    None => return,
                },
                next = self.following.next(|| Request::Locate { ids }), if !none => match next {
                    Ok(Some(Response::Located(locations))) => self.learn(locations),
                    Ok(Some(_)) => self.following.begin_again(),
                    Ok(None) => self.lost(),
                    Err(_) => {
                        self.lost();
                        sleep(GATHER * 50).await;
                    }
                },
            }
        }
    }

    /// New ids, with others that come close behind them: one stream for all.
    async fn take(&mut self, first: String) {
        let Some(cache) = self.cache.upgrade() else { return };
        let mut news = self.ids.insert(first);
        sleep(GATHER).await;
        while let Ok(id) = self.asked.try_recv() {
            news |= self.ids.insert(id);
        }
        let bound = cache.options.ids_max.clamp(1, LOCATE_IDS_MAX);
        if self.ids.len() > bound {
            let followed = cache.followed.load();
            let used = |id: &String| {
                followed
                    .get(id)
                    .map_or(u64::MAX, |one| one.used.load(Ordering::Relaxed))
            };
            let mut by_use: Vec<(u64, String)> = self.ids.iter().map(|id| (used(id), id.clone())).collect();
            by_use.sort();
            let surplus = by_use.len() - bound;
            for (_, id) in by_use.into_iter().take(surplus) {
                self.ids.remove(&id);
            }
            let kept = followed.iter().filter(|(id, _)| self.ids.contains(*id));
            let kept = kept.map(|(id, one)| (id.clone(), one.clone())).collect();
            cache.followed.store(Arc::new(kept));
        }
        if news {
            self.following.begin_again();
        }
    }

    fn learn(&mut self, locations: Vec<Location>) {
        let Some(cache) = self.cache.upgrade() else { return };
        let mut followed = HashMap::clone(&cache.followed.load());
        // What nobody asked for is not learned.
        for location in locations.into_iter().filter(|location| self.ids.contains(&location.id)) {
            let before = followed.get(&location.id);
            let count = |read: fn(&Followed) -> &AtomicU64| before.map_or(0, |one| read(one).load(Ordering::Relaxed));
            let one = Followed {
                turn: AtomicU64::new(count(|one| &one.turn)),
                used: AtomicU64::new(count(|one| &one.used)),
                location,
            };
            followed.insert(one.location.id.clone(), Arc::new(one));
        }
        cache.followed.store(Arc::new(followed));
        cache.lost.store(Arc::new(None));
        self.tell.send_modify(|told| *told += 1);
    }

    fn lost(&mut self) {
        if let Some(cache) = self.cache.upgrade()
            && cache.lost.load().is_none()
        {
            cache.lost.store(Arc::new(Some(Instant::now())));
        }
    }
}
