//! Who follows ids and observes rows: one task beside the registry's loop, fed by its views.
//!
//! A client that does not keep up is told later how things stand then; it makes nobody wait and nothing grow.

use crate::io::net::Replier;
use crate::io::telemetry::metrics::Metrics;
use crate::pure::base::limits::PART_BYTES_MAX;
use crate::pure::protocol::locate::{Location, Position, Subject};
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Request, Response};
use crate::pure::registry::View;
use crate::pure::registry::observe::{Stream, moved};
use crate::pure::wire::encode;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

/// Most clients that may follow or observe one registry at once.
const OBSERVERS_MAX: usize = 1024;
/// Changes that come closer together are told together.
const PACE: Duration = Duration::from_millis(5);
/// How soon those that did not keep up are tried again.
const RETRY: Duration = Duration::from_millis(50);
/// And at the latest: its connection ends by itself when it takes nothing at all.
const RETRY_MAX: Duration = Duration::from_secs(2);
/// How long changes are kept for an observer that comes back when nobody else observes.
const IDLE_MAX: Duration = Duration::from_mins(2);

/// A client that wants to follow or observe.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) request: Request,
    pub(super) reply: Replier,
}

/// What one of them is told.
#[derive(Debug)]
enum Interest {
    /// These ids; how they stood when that was last told.
    Ids(Vec<String>, BTreeMap<String, Location>),
    /// Rows of these subjects, after this position.
    Rows(Vec<Subject>, Option<Position>),
}

#[derive(Debug)]
struct Observer {
    reply: Replier,
    interest: Interest,
    /// It did not take everything yet: when it is tried again, and the pause before.
    behind: Option<(Instant, Duration)>,
}

/// All of them.
pub(super) struct Observers {
    views: watch::Receiver<Arc<View>>,
    newcomers: mpsc::Receiver<Newcomer>,
    stream: Stream,
    all: Vec<Observer>,
    metrics: Metrics,
    /// When somebody observed last; `None`: nobody did yet.
    used: Option<Instant>,
}

impl Observers {
    /// `name` tells one start of one registry from all others.
    pub(super) fn new(
        name: String,
        views: watch::Receiver<Arc<View>>,
        newcomers: mpsc::Receiver<Newcomer>,
        metrics: Metrics,
    ) -> Self {
        let stream = Stream::new(name, views.borrow().clone());
        Self {
            views,
            newcomers,
            stream,
            all: Vec::new(),
            metrics,
            used: None,
        }
    }

    /// Serves until the loop ends.
    pub(super) async fn run(mut self) {
        loop {
            let late = self.all.iter().any(|observer| observer.behind.is_some());
            tokio::select! {
                newcomer = self.newcomers.recv() => match newcomer {
                    Some(newcomer) => {
                        if self.catch_up() {
                            self.tell_all(|observer| observer.behind.is_none());
                        }
                        self.welcome(newcomer);
                    }
                    None => return,
                },
                changed = self.views.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    if self.catch_up() {
                        self.tell_all(|observer| observer.behind.is_none());
                    }
                    // Whoever came meanwhile waits for no more than this.
                    sleep(PACE).await;
                }
                () = sleep(RETRY), if late => {
                    let now = Instant::now();
                    self.tell_all(|observer| observer.behind.is_some_and(|(at, _)| at <= now));
                }
            }
        }
    }

    /// Goes on to the latest view; true when there may be something to tell.
    fn catch_up(&mut self) -> bool {
        let view = self.views.borrow_and_update().clone();
        self.all.retain(|observer| !observer.reply.is_closed());
        let count = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.metrics.registry.observers.set(f64::from(count));
        if !self.all.is_empty() {
            self.used = Some(Instant::now());
        } else if self.used.is_none_or(|used| used.elapsed() >= IDLE_MAX) {
            self.stream.skip_to(view);
            return false;
        }
        self.stream.advance(view);
        // Followed ids also depend on loads, which no row shows at once.
        !self.all.is_empty()
    }

    fn welcome(&mut self, newcomer: Newcomer) {
        let refusal = if self.all.len() >= OBSERVERS_MAX {
            let message = format!("{OBSERVERS_MAX} clients follow this registry already");
            Some(Failure::new(ErrorCode::Overloaded, message, "follow another registry"))
        } else {
            None
        };
        let interest = match newcomer.request {
            Request::Locate { ids } => match self.stream.view().locations(&ids) {
                Ok(_) => Ok(Interest::Ids(ids, BTreeMap::new())),
                Err(failure) => Err(failure),
            },
            Request::Observe { subjects, after } => Ok(Interest::Rows(subjects, after)),
            _ => Err(Failure::new(ErrorCode::Invalid, "this cannot be followed", "")),
        };
        match refusal.map_or(interest, Err) {
            Ok(interest) => {
                let mut observer = Observer {
                    reply: newcomer.reply,
                    interest,
                    behind: None,
                };
                observer.tell(&self.stream);
                self.all.push(observer);
                self.used = Some(Instant::now());
            }
            Err(failure) => {
                newcomer.reply.send(Response::Failed(failure), true);
            }
        }
    }

    fn tell_all(&mut self, which: impl Fn(&Observer) -> bool) {
        let stream = &self.stream;
        for observer in self.all.iter_mut().filter(|observer| which(observer)) {
            observer.tell(stream);
        }
    }
}

impl Observer {
    /// Tells what is new to it, as far as it takes it.
    fn tell(&mut self, stream: &Stream) {
        let pause = self.behind.map_or(RETRY, |(_, pause)| (pause * 2).min(RETRY_MAX));
        let told = self.tell_news(stream);
        self.behind = (!told).then(|| (Instant::now() + pause, pause));
    }

    /// False when it did not take everything.
    fn tell_news(&mut self, stream: &Stream) -> bool {
        match &mut self.interest {
            Interest::Ids(ids, told) => {
                let first = told.is_empty();
                let before = told.clone();
                let moved = moved(stream.view().locations(ids).unwrap_or_default(), told);
                if moved.is_empty() && !first {
                    return true;
                }
                for part in in_parts(moved) {
                    if !self.reply.send(Response::Located(part), false) {
                        *told = before;
                        return false;
                    }
                }
            }
            Interest::Rows(subjects, position) => {
                for part in stream.parts(subjects, position.as_ref()) {
                    let next = part.position.clone();
                    let starts_over = part.snapshot;
                    if !self.reply.send(Response::Observed(part), false) {
                        // A snapshot of which a part is missing is begun again.
                        if starts_over {
                            *position = None;
                        }
                        return false;
                    }
                    if next.is_some() {
                        *position = next;
                    }
                }
            }
        }
        true
    }
}

/// As few answers as hold them; at least one.
fn in_parts(locations: Vec<Location>) -> Vec<Vec<Location>> {
    let (mut parts, mut bytes) = (vec![Vec::new()], 0);
    for location in locations {
        let size = encode(&location).len();
        if bytes > 0 && bytes + size > PART_BYTES_MAX {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(part) = parts.last_mut() {
            part.push(location);
        }
    }
    parts
}
