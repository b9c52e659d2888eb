//! Who chooses. The core asks with candidates that may all be given, and checks that the answer is one of them.
//!
//! An allocator that learns (of what is held, for fairness or balance) is told what happened; whatever it knows is a cache,
//! which [`Scene::held`] rebuilds at any time.

use super::lease::Lease;
use super::market::{Market, Offer};
use super::news::{Held, News};
use super::plugin::PluginReport;
use super::queue::{Waiting, Wish};
use super::session::Session;
use super::state::Allocations;
use crate::pure::base::Time;
use std::sync::Arc;
use std::time::Duration;

/// Chooses a resource. Asked by the one loop of a registry: an answer comes at once or is another's.
pub trait Allocator: std::fmt::Debug + Send + Sync {
    /// Which of the candidates the session is given. They are in order of ids and never none.
    fn choose(&self, question: &Question<'_>) -> Choice;
    /// Has it an order of its own for those who wait?
    fn orders(&self) -> bool {
        false
    }
    /// Who is served first: places in `waiters`, each once. `None`: in the order in which they came.
    fn order(&self, _waiters: &[Waiter<'_>], _scene: &Scene<'_>) -> Option<Vec<usize>> {
        None
    }
    /// Does it want to hear what happens?
    fn learns(&self) -> bool {
        false
    }
    /// Something happened, in the order in which it did.
    fn observe(&self, _news: News) {}
    /// Another reign decides: what was learned is void.
    fn forget(&self) {}
    /// The plugins that it is made of.
    fn plugins(&self) -> Vec<PluginReport> {
        Vec::new()
    }
    /// Begins to load a plugin anew, or all; [`Allocator::plugins`] tells what becomes of it.
    ///
    /// # Errors
    /// In words: there is no such plugin, or the configuration cannot be read.
    fn reload(&self, _name: Option<&str>) -> Result<(), String> {
        Ok(())
    }
}

/// What the answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It will be given.
    Allocate,
    /// Somebody wants to know what would be given. Nothing is to be learned from it.
    Probe,
}

/// The whole of what there is, for whoever has to learn it anew.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The time of the question.
    pub now: Time,
    /// Who holds and who waits.
    pub allocations: &'a Allocations,
    /// What there is to be had.
    pub market: &'a dyn Market,
}

impl Scene<'_> {
    /// All that is held, in the order in which it was granted.
    pub fn held(&self) -> Vec<Held> {
        let mut leases: Vec<&Lease> = self.allocations.leases().values().collect();
        leases.sort_by_key(|lease| lease.token.number);
        let held = leases
            .into_iter()
            .map(|lease| Held::of(lease, self.allocations, self.market));
        held.collect()
    }
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What the answer is for.
    pub purpose: Purpose,
    /// Who asks.
    pub session: &'a Session,
    /// For what.
    pub wish: &'a Wish,
    /// How long it may wait; `None`: for ever.
    pub wait: Option<Duration>,
    /// What the session has already, in order of ids.
    pub held: &'a [&'a Lease],
    /// What may be given, in order of ids.
    pub candidates: &'a [Offer<'a>],
    /// The only chance that there is.
    pub seed: u64,
    /// Everything else.
    pub scene: Scene<'a>,
}

/// One request in the queue.
#[derive(Clone, Copy, Debug)]
pub struct Waiter<'a> {
    /// The request.
    pub waiting: &'a Waiting,
    /// Whose it is.
    pub session: &'a Session,
    /// Since when it waits, as far as this master knows.
    pub since: Time,
    /// How often somebody who came later was served before it.
    pub passed: u32,
}

/// An answer, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The answer.
    pub answer: Answer,
    /// Who gave it: the allocator, or the one that stood in for it.
    pub by: String,
    /// Why the configured allocator did not; empty when it did.
    pub instead: String,
    /// Its own reason; may be empty.
    pub reason: String,
    /// What it said of each candidate; empty if it does not say.
    pub judged: Vec<Judged>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Give the candidate at this place.
    Take(usize),
    /// Give nothing now: the request waits until something changes, or this long at most.
    Defer {
        /// When to ask again; `None`: when something changes.
        again: Option<Duration>,
    },
    /// Refuse the request.
    Deny,
}

/// What was said of one candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It may be given; higher is better.
    Eligible(i64),
    /// It is not to be given, for this reason.
    Rejected(String),
}

impl Choice {
    /// An answer without a reason.
    pub fn plain(answer: Answer, by: &str) -> Self {
        Self {
            answer,
            by: by.to_owned(),
            instead: String::new(),
            reason: String::new(),
            judged: Vec::new(),
        }
    }
}

/// Those that are built in, by name.
pub const BUILT_IN: [&str; 2] = ["random", "first-fit"];

/// The built-in of this name.
pub fn built_in(name: &str) -> Option<Arc<dyn Allocator>> {
    match name {
        "random" => Some(Arc::new(Random)),
        "first-fit" => Some(Arc::new(FirstFit)),
        _ => None,
    }
}

/// IceGrid's choice, and the default: any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Allocator for Random {
    fn choose(&self, question: &Question<'_>) -> Choice {
        let count = u64::try_from(question.candidates.len()).unwrap_or(u64::MAX);
        let place = usize::try_from(question.seed.checked_rem(count).unwrap_or(0)).unwrap_or(0);
        Choice::plain(Answer::Take(place), "random")
    }
}

/// The first in order of ids: fills one machine before the next, and repeats itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstFit;

impl Allocator for FirstFit {
    fn choose(&self, _: &Question<'_>) -> Choice {
        Choice::plain(Answer::Take(0), "first-fit")
    }
}
