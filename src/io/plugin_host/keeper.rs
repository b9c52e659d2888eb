//! The thread that keeps a plugin: checks its file, starts it, starts it again when it is lost, buries what was lost. The
//! loop never waits for any of it.

use super::breaker::Breaker;
use super::copy;
use super::file::{self, Checked};
use super::lane::{Lane, Lost};
use super::plugin::{Standing, State, changed, locked};
use crate::io::clock;
use crate::io::config::{Isolation, Plugin as Source};
use crate::pure::base::Time;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Shortest and longest pause before a plugin that was lost is started again.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Lost so often within [`LOSSES_WITHIN`], it is not started again until somebody says so.
const LOSSES_MAX: usize = 5;
const LOSSES_WITHIN: Duration = Duration::from_mins(1);

/// What the keeper is to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Load the file, which may be another than before.
    Load { source: Source, shadow: u32 },
    /// This one was lost: start another.
    Replace { lane: Lane, lost: Lost },
}

/// The thread. It ends what it keeps when this is dropped; nobody waits for that.
#[derive(Debug)]
pub(super) struct Keeper(Sender<Order>);

impl Keeper {
    pub(super) fn start(name: &str, state: Arc<Mutex<State>>, program: PathBuf, folder: PathBuf) -> Self {
        let (orders, coming) = channel();
        let keeping = Keeping {
            name: name.to_owned(),
            state: state.clone(),
            program,
            folder,
            loaded: None,
            shadow: 0,
            losses: Vec::new(),
            pause: PAUSE_MIN,
            again: None,
        };
        let spawned = std::thread::Builder::new()
            .name(format!("plugin {name}"))
            .spawn(move || keeping.run(&coming));
        if let Err(error) = spawned {
            locked(&state).standing = Standing::Failed(format!("its thread was not started: {error}"));
        }
        Self(orders)
    }
    pub(super) fn order(&self, order: Order) {
        // Without its thread the state says why.
        self.0.send(order).map_or_else(drop, drop);
    }
}

/// A file that was checked and copied, and how it runs.
#[derive(Clone, Debug)]
struct Ready {
    copy: PathBuf,
    config: String,
    isolation: Isolation,
}

struct Keeping {
    name: String,
    state: Arc<Mutex<State>>,
    program: PathBuf,
    /// Where copies are kept.
    folder: PathBuf,
    loaded: Option<Ready>,
    shadow: u32,
    losses: Vec<Time>,
    pause: Duration,
    /// When to start it again.
    again: Option<Time>,
}

impl Keeping {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let wait = self.again.map(|again| again.since(clock::now()));
            let order = match wait {
                Some(wait) => orders.recv_timeout(wait),
                None => orders.recv().map_err(RecvTimeoutError::from),
            };
            match order {
                Ok(Order::Load { source, shadow }) => self.load(&source, shadow),
                Ok(Order::Replace { lane, lost }) => self.replace(lane, lost),
                Err(RecvTimeoutError::Timeout) => self.start_again(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // In the thread that started it, whose end its process would take for the registry's.
        let lane = locked(&self.state).lane.take();
        drop(lane);
    }

    fn load(&mut self, source: &Source, shadow: u32) {
        self.shadow = shadow;
        let made = self.ready(source).and_then(|(checked, ready)| {
            let lane = self.lane(&ready)?;
            Ok((checked, ready, lane))
        });
        match made {
            Ok((checked, ready, lane)) => {
                copy::only(&ready.copy, &self.folder, &self.name);
                self.loaded = Some(ready);
                self.losses.clear();
                self.pause = PAUSE_MIN;
                {
                    let mut state = locked(&self.state);
                    state.file.clone_from(&checked.path);
                    state.isolation = source.isolation;
                    state.version.clone_from(&checked.facts.version);
                    state.digest.clone_from(&checked.digest);
                    state.generation += 1;
                    state.not_loaded.clear();
                }
                let digest = checked.digest.get(..12).unwrap_or_default();
                let what = format!("{} {} ({digest})", checked.facts.name, checked.facts.version);
                self.active(lane, &what);
            }
            Err(reason) => {
                let mut state = locked(&self.state);
                // One that was lost is started again as if nobody had asked for another.
                if state.lane.is_some() || self.again.is_some() {
                    let plugin = &self.name;
                    let generation = state.generation;
                    tracing::warn!(plugin, generation, reason, "not loaded anew: this generation goes on");
                    if let Some(again) = self.again {
                        let pause = again.since(clock::now()).as_millis();
                        state.standing = Standing::Loading(format!("it was lost; it is started again in {pause} ms"));
                    }
                } else {
                    changed(&self.name, "failed", &reason);
                    state.standing = Standing::Failed(reason.clone());
                }
                state.not_loaded = reason;
            }
        }
        // Last: whoever sees that nothing is to be loaded any more sees what became of it.
        let mut state = locked(&self.state);
        state.to_load = state.to_load.saturating_sub(1);
    }

    /// The file as it may be loaded.
    fn ready(&self, source: &Source) -> Result<(Checked, Ready), String> {
        let checked = file::check(&source.file).map_err(|refusal| format!("{refusal}: {}", refusal.hint))?;
        if let Some(wanted) = source.digest.as_ref().filter(|wanted| **wanted != checked.digest) {
            return Err(format!(
                "{} has the digest {}, and [allocation.plugin.{}] allows {wanted} alone: put that file there, or allow this one",
                checked.path.display(),
                checked.digest,
                self.name
            ));
        }
        let thread_only = floe_plugin_sdk::abi::FLAG_ABORT | floe_plugin_sdk::abi::FLAG_PROCESS_ONLY;
        if source.isolation == Isolation::Thread && checked.facts.flags & thread_only != 0 {
            return Err(format!(
                "{} must run in a process of its own: write isolation = \"process\"",
                checked.path.display()
            ));
        }
        copy::folder(&self.folder)
            .and_then(|()| copy::of(&checked, &self.folder, &self.name))
            .map_err(|error| format!("no copy in {}: {error}", self.folder.display()))
            .map(|copy| {
                let config = serde_json::Value::Object(source.config.clone()).to_string();
                let isolation = source.isolation;
                let ready = Ready {
                    copy,
                    config,
                    isolation,
                };
                (checked, ready)
            })
    }

    /// A thread is started only of what a process survived.
    fn lane(&self, ready: &Ready) -> Result<Lane, String> {
        let start = |isolation| Lane::start(&self.program, isolation, &ready.copy, &ready.config);
        if ready.isolation == Isolation::Thread {
            drop(start(Isolation::Process)?);
        }
        start(ready.isolation)
    }

    fn active(&mut self, lane: Lane, what: &str) {
        self.again = None;
        let mut state = locked(&self.state);
        let before = state.lane.replace(lane);
        state.standing = Standing::Active;
        state.anew = true;
        if !matches!(state.breaker.words(clock::now()), Some(("set aside", _))) {
            state.breaker = Breaker::on_trial(self.shadow);
        }
        drop(state);
        changed(&self.name, "active", what);
        drop(before);
    }

    fn replace(&mut self, mut lane: Lane, lost: Lost) {
        let words = match lost {
            Lost::Late => "it did not answer in time and was ended".to_owned(),
            Lost::Gone(words) => lane.end(&words),
            Lost::Nonsense(words) => format!("what it answered cannot be read: {words}"),
        };
        drop(lane);
        let now = clock::now();
        self.losses.retain(|loss| now.since(*loss) < LOSSES_WITHIN);
        if self.losses.is_empty() {
            self.pause = PAUSE_MIN;
        }
        self.losses.push(now);
        let mut state = locked(&self.state);
        state.crashes += 1;
        if self.losses.len() >= LOSSES_MAX {
            let reason = format!(
                "it was lost {LOSSES_MAX} times within {} s, the last time because {words}: mend it and `floe plugin reload {}`",
                LOSSES_WITHIN.as_secs(),
                self.name
            );
            changed(&self.name, "quarantined", &reason);
            state.standing = Standing::Quarantined(reason);
            return;
        }
        let reason = format!("{words}; it is started again in {} ms", self.pause.as_millis());
        changed(&self.name, "loading", &reason);
        state.standing = Standing::Loading(reason);
        self.again = Some(now.after(self.pause));
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }

    fn start_again(&mut self) {
        self.again = None;
        let Some(ready) = self.loaded.clone() else { return };
        match Lane::start(&self.program, ready.isolation, &ready.copy, &ready.config) {
            Ok(lane) => self.active(lane, "it was started again"),
            Err(reason) => {
                let reason = format!("{reason}; it is started again in {} ms", self.pause.as_millis());
                locked(&self.state).standing = Standing::Loading(reason);
                self.again = Some(clock::now().after(self.pause));
                self.pause = (self.pause * 2).min(PAUSE_MAX);
            }
        }
    }
}
