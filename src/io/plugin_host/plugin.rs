//! One plugin of a registry: asked by the loop, kept by a thread of its own (`keeper`).

use super::breaker::{Advice, Breaker};
use super::keeper::{Keeper, Order};
use super::lane::{Lane, Lost};
use super::wire::{Abilities, Call, Reply, Said};
use crate::io::clock;
use crate::io::config::{Isolation, Plugin as Source};
use crate::pure::allocation::{News, PluginReport};
use crate::pure::base::Time;
use floe_plugin_sdk::abi;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most news that wait to be told; beyond, all is told anew.
const NEWS_MAX: usize = 4096;
/// Answers whose times are kept for the median.
const TIMES_MAX: usize = 101;
/// Most lines of a plugin's log that are passed on for one answer.
const LINES_MAX: usize = 20;

/// What is loaded, and how it does.
#[derive(Debug)]
pub(super) struct State {
    pub(super) standing: Standing,
    pub(super) lane: Option<Lane>,
    /// Where it is loaded from, and where it runs.
    pub(super) file: PathBuf,
    pub(super) isolation: Isolation,
    pub(super) version: String,
    pub(super) digest: String,
    pub(super) generation: u64,
    /// Orders to load that are not carried out yet.
    pub(super) to_load: u32,
    /// Why the last one failed; empty where it did not.
    pub(super) not_loaded: String,
    pub(super) breaker: Breaker,
    /// What it has not heard yet.
    news: VecDeque<News>,
    /// All is to be told before the next question.
    pub(super) anew: bool,
    asked: u64,
    faults: u64,
    last_fault: String,
    pub(super) crashes: u64,
    times: VecDeque<u64>,
}

/// Whether there is something to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A process or a thread is being made.
    Loading(String),
    /// It can be asked.
    Active,
    /// It cannot be loaded, until somebody does something.
    Failed(String),
    /// It was lost too often.
    Quarantined(String),
}

/// A plugin.
#[derive(Debug)]
pub(super) struct Plugin {
    pub(super) name: String,
    state: Arc<Mutex<State>>,
    keeper: Keeper,
}

/// What came of a question.
#[derive(Debug)]
pub(super) enum Asked<T> {
    /// Its answer.
    Answered(T),
    /// Its answer, which does not count yet, for this reason.
    Tried(T, String),
    /// None, and why.
    Unanswered(Silence, String),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// It is not loaded.
    Absent,
    /// It is not asked for a while.
    SetAside,
    /// It failed now.
    Fault,
}

impl Plugin {
    /// Begins to load it.
    pub(super) fn new(name: &str, source: Source, shadow: u32, program: PathBuf, folder: PathBuf) -> Self {
        let state = State {
            standing: Standing::Loading("it is being loaded".to_owned()),
            lane: None,
            file: source.file.clone(),
            isolation: source.isolation,
            version: String::new(),
            digest: String::new(),
            generation: 0,
            to_load: 0,
            not_loaded: String::new(),
            breaker: Breaker::default(),
            news: VecDeque::new(),
            anew: true,
            asked: 0,
            faults: 0,
            last_fault: String::new(),
            crashes: 0,
            times: VecDeque::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let keeper = Keeper::start(name, state.clone(), program, folder);
        let plugin = Self {
            name: name.to_owned(),
            state,
            keeper,
        };
        plugin.load(source, shadow);
        plugin
    }

    /// Loads it anew; what is loaded answers until then.
    pub(super) fn load(&self, source: Source, shadow: u32) {
        {
            let mut state = self.state();
            state.to_load += 1;
            if state.lane.is_none() {
                state.standing = Standing::Loading("it is being loaded".to_owned());
            }
        }
        self.keeper.order(Order::Load { source, shadow });
    }

    pub(super) fn abilities(&self) -> Abilities {
        let state = self.state();
        state.lane.as_ref().map(|lane| lane.abilities).unwrap_or_default()
    }

    /// It is to hear of this with the next question.
    pub(super) fn observe(&self, news: News) {
        let mut state = self.state();
        if state.news.len() >= NEWS_MAX {
            state.news.clear();
            state.anew = true;
        }
        if !state.anew {
            state.news.push_back(news);
        }
    }

    /// What it learned is void.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        state.news.clear();
        state.anew = true;
    }

    /// Asks. `make` writes the question from what happened since the last one, and whether all is to be told anew; `read`
    /// says what is wrong with an answer.
    pub(super) fn ask<T>(
        &self,
        now: Time,
        deadline: Duration,
        question: impl FnOnce(&[News], bool, &mut dyn FnMut(&Call<'_>) -> Result<Reply, Lost>) -> Result<Reply, Lost>,
        read: impl FnOnce(Said) -> Result<T, String>,
    ) -> Asked<T> {
        let mut state = self.state();
        let state = &mut *state;
        let Some(lane) = &mut state.lane else {
            return Asked::Unanswered(Silence::Absent, state.standing.words());
        };
        let advice = state.breaker.advice(now);
        if advice == Advice::Spare {
            let words = state.breaker.words(now).map(|(_, words)| words).unwrap_or_default();
            return Asked::Unanswered(Silence::SetAside, words);
        }
        let learns = lane.abilities.learns;
        let news: Vec<News> = state.news.drain(..).collect();
        let begun = clock::now();
        state.asked += 1;
        let told = if learns { news.as_slice() } else { &[] };
        let reply = question(told, learns && state.anew, &mut |call| lane.ask(call, deadline));
        state
            .times
            .push_back(u64::try_from(clock::now().since(begun).as_micros()).unwrap_or(u64::MAX));
        if state.times.len() > TIMES_MAX {
            state.times.pop_front();
        }
        let read = match reply {
            Ok(Reply { said, log }) => {
                self.log(&log);
                match said {
                    Said::Fault { words } => Err(words),
                    said => read(said),
                }
            }
            Err(lost) => Err(self.lose(state, lost, deadline)),
        };
        match read {
            Ok(answer) => {
                state.anew = false;
                if state.breaker.passed() {
                    self.changed("active", "it answered well on trial");
                }
                match state.breaker.words(now).filter(|_| advice == Advice::Try) {
                    Some((_, words)) => Asked::Tried(answer, words),
                    None => Asked::Answered(answer),
                }
            }
            Err(words) => {
                state.anew = true;
                state.faults += 1;
                tracing::warn!(
                    plugin = self.name,
                    fault = words,
                    "an allocator failed; the built-in decides"
                );
                if state.breaker.failed(now) {
                    self.changed(
                        "set aside",
                        "three faults within a minute: the built-in decides for 30 s",
                    );
                }
                state.last_fault.clone_from(&words);
                Asked::Unanswered(Silence::Fault, words)
            }
        }
    }

    /// The lane is lost; another is made.
    fn lose(&self, state: &mut State, lost: Lost, deadline: Duration) -> String {
        let words = match &lost {
            Lost::Late => format!("no answer within {} ms", deadline.as_millis()),
            Lost::Gone(_) => "its process or thread is gone".to_owned(),
            Lost::Nonsense(words) => format!("its answer cannot be read: {words}"),
        };
        state.standing = Standing::Loading(format!("{words}; it is started again"));
        if let Some(lane) = state.lane.take() {
            self.keeper.order(Order::Replace { lane, lost });
        }
        words
    }

    fn log(&self, lines: &[(u32, String)]) {
        let name = &self.name;
        for (level, line) in lines.iter().take(LINES_MAX) {
            match *level {
                abi::LOG_ERROR => tracing::error!(plugin = name, "{line}"),
                abi::LOG_WARN => tracing::warn!(plugin = name, "{line}"),
                abi::LOG_INFO => tracing::info!(plugin = name, "{line}"),
                _ => tracing::debug!(plugin = name, "{line}"),
            }
        }
        if let Some(more) = lines.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
            tracing::warn!(plugin = name, "{more} lines of its log more, left out");
        }
    }

    fn changed(&self, to: &str, reason: &str) {
        changed(&self.name, to, reason);
    }

    pub(super) fn report(&self, policy: bool) -> PluginReport {
        let state = self.state();
        let (word, reason) = match &state.standing {
            Standing::Active => state.breaker.words(clock::now()).unwrap_or(("active", String::new())),
            Standing::Loading(reason) => ("loading", reason.clone()),
            Standing::Failed(reason) => ("failed", reason.clone()),
            Standing::Quarantined(reason) => ("quarantined", reason.clone()),
        };
        let mut times: Vec<u64> = state.times.iter().copied().collect();
        times.sort_unstable();
        PluginReport {
            name: self.name.clone(),
            policy,
            file: state.file.display().to_string(),
            isolation: state.isolation.as_str().to_owned(),
            state: word.to_owned(),
            reason,
            replacing: state.to_load > 0,
            not_loaded: state.not_loaded.clone(),
            version: state.version.clone(),
            digest: state.digest.clone(),
            generation: state.generation,
            pid: state.lane.as_ref().and_then(Lane::pid),
            asked: state.asked,
            faults: state.faults,
            last_fault: state.last_fault.clone(),
            crashes: state.crashes,
            median_us: times.get(times.len() / 2).copied(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl Standing {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Active => String::new(),
            Self::Loading(words) | Self::Failed(words) | Self::Quarantined(words) => words.clone(),
        }
    }
}

pub(super) fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A state changed: one line of the log, as all of floe's.
pub(super) fn changed(name: &str, to: &str, reason: &str) {
    tracing::info!(subject = "plugin", name, state = to, reason, "state changed");
}
