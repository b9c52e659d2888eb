//! What a request comes to now: a lease, a place in the queue, or a refusal.

use super::allocator::{Allocator, Answer, Choice, Judged, Purpose, Question, Scene};
use super::lease::Lease;
use super::market::{Market, Offer};
use super::queue::Wish;
use super::session::Session;
use super::state::Allocations;
use crate::pure::base::{ObjectId, Time};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a request comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It may have this one.
    Grant {
        /// The resource.
        resource: ObjectId,
        /// With its whole server.
        exclusive: bool,
    },
    /// Nothing is free now, or the allocator gives nothing now: then when to ask again, if not when something changes.
    Wait(Option<Duration>),
    /// It will never have it, or not as things stand.
    Refuse(Refusal),
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing that is deployed can be had by this.
    Unknown,
    /// The session holds it already.
    Held,
    /// All that would do is out of service; why the first one is.
    Out(ObjectId, &'static str),
    /// The allocator of this name refuses it, for this reason.
    Denied(String, String),
}

/// A question of a session, put to whoever allocates.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// What the answer is for.
    pub purpose: Purpose,
    /// Who asks.
    pub session: &'a Session,
    /// For what.
    pub wish: &'a Wish,
    /// How long it may wait; `None`: for ever.
    pub wait: Option<Duration>,
    /// The only chance that there is.
    pub seed: u64,
    /// When.
    pub now: Time,
}

/// What a request comes to, and how the allocator came to it, where it was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// What it comes to.
    pub outcome: Outcome,
    /// How.
    pub how: Option<How>,
}

/// Most candidates of which it is kept what was said of them: a page for people.
pub const SHOWN_MAX: usize = 8;

/// How an allocator came to its choice.
#[derive(Clone, Debug, PartialEq)]
pub struct How {
    /// Who chose.
    pub by: String,
    /// Why the configured allocator did not; empty when it did.
    pub instead: String,
    /// Its own reason; may be empty.
    pub reason: String,
    /// The only chance that there was.
    pub seed: u64,
    /// How many might have been given.
    pub candidates: usize,
    /// How many fit besides, and are held or out of service.
    pub others: usize,
    /// How many of the candidates it rejected, by reason.
    pub rejected: BTreeMap<String, usize>,
    /// The best of the candidates with their scores, if they have any: the chosen one first.
    pub best: Vec<Ranked>,
}

/// A candidate that was considered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Its id.
    pub id: ObjectId,
    /// The node of its server.
    pub node: String,
    /// Higher is better; `None` where the allocator does not say.
    pub score: Option<i64>,
}

impl How {
    fn of(choice: &Choice, asking: &Asking<'_>, candidates: &[Offer<'_>], others: usize) -> Self {
        let mut rejected = BTreeMap::new();
        let mut scores = Vec::new();
        for (place, judged) in choice.judged.iter().enumerate() {
            match judged {
                Judged::Eligible(score) => scores.push((Reverse(*score), place)),
                Judged::Rejected(reason) => *rejected.entry(reason.clone()).or_insert(0) += 1,
            }
        }
        let chosen = match choice.answer {
            Answer::Take(place) => Some(place),
            Answer::Defer { .. } | Answer::Deny => None,
        };
        let score = |place: usize| match choice.judged.get(place) {
            Some(Judged::Eligible(score)) => Some(*score),
            Some(Judged::Rejected(_)) | None => None,
        };
        // The chosen one stands at the head.
        scores.retain(|(_, place)| Some(*place) != chosen);
        let kept = SHOWN_MAX.min(scores.len());
        if kept < scores.len() {
            scores.select_nth_unstable(kept);
        }
        scores.truncate(kept);
        scores.sort_unstable();
        let places = chosen.into_iter().chain(scores.into_iter().map(|(_, place)| place));
        let best = places.take(SHOWN_MAX).filter_map(|place| {
            let offer = candidates.get(place)?;
            Some(Ranked {
                id: offer.id().clone(),
                node: offer.node.to_string(),
                score: score(place),
            })
        });
        Self {
            best: best.collect(),
            by: choice.by.clone(),
            instead: choice.instead.clone(),
            reason: choice.reason.clone(),
            seed: asking.seed,
            candidates: candidates.len(),
            others,
            rejected,
        }
    }
}

impl Decided {
    /// Nobody had to be asked.
    pub fn at_once(outcome: Outcome) -> Self {
        Self { outcome, how: None }
    }
    fn refused(refusal: Refusal) -> Self {
        Self::at_once(Outcome::Refuse(refusal))
    }
}

impl Allocations {
    /// What a request of this session comes to now. The allocator chooses among what may be given, and its answer is checked.
    pub fn decide(&self, asking: &Asking<'_>, market: &dyn Market, allocator: &dyn Allocator) -> Decided {
        let offers = match asking.wish {
            Wish::Id(id) => {
                let Some(offer) = market.offer(id) else {
                    return Decided::refused(Refusal::Unknown);
                };
                if self.lease(id).is_some_and(|lease| lease.session == asking.session.id) {
                    return Decided::refused(Refusal::Held);
                }
                vec![offer]
            }
            Wish::Type { kind, .. } => {
                let mut offers = market.offers(kind);
                offers.retain(|offer| asking.wish.takes(offer.record));
                offers
            }
        };
        let Some(first) = offers.first() else {
            return Decided::refused(Refusal::Unknown);
        };
        if let Some(reason) = first.out.filter(|_| offers.iter().all(|offer| offer.out.is_some())) {
            return Decided::refused(Refusal::Out(first.id().clone(), reason));
        }
        let count = offers.len();
        let free = offers.into_iter().filter(|offer| self.may_have(asking.session, offer));
        let candidates: Vec<Offer<'_>> = free.collect();
        if candidates.is_empty() {
            return Decided::at_once(Outcome::Wait(None));
        }
        self.choose(asking, market, allocator, &candidates, count)
    }

    fn choose(
        &self,
        asking: &Asking<'_>,
        market: &dyn Market,
        allocator: &dyn Allocator,
        candidates: &[Offer<'_>],
        count: usize,
    ) -> Decided {
        let held: Vec<&Lease> = self.leases_of(asking.session.id).collect();
        let scene = Scene {
            now: asking.now,
            allocations: self,
            market,
        };
        let mut choice = allocator.choose(&Question {
            purpose: asking.purpose,
            session: asking.session,
            wish: asking.wish,
            wait: asking.wait,
            held: &held,
            candidates,
            seed: asking.seed,
            scene,
        });
        let outcome = match choice.answer {
            Answer::Take(place) => {
                // One that is not there: the first will do, so that a poor allocator keeps nobody waiting.
                let chosen = candidates.get(place).or(candidates.first());
                if candidates.get(place).is_none() {
                    choice.answer = Answer::Take(0);
                    choice.instead = format!("{} chose place {place} of {}", choice.by, candidates.len());
                    "first-fit".clone_into(&mut choice.by);
                }
                chosen.map_or(Outcome::Wait(None), grant)
            }
            Answer::Defer { again } => Outcome::Wait(again),
            Answer::Deny => Outcome::Refuse(Refusal::Denied(choice.by.clone(), choice.reason.clone())),
        };
        let how = How::of(&choice, asking, candidates, count - candidates.len());
        Decided {
            outcome,
            how: Some(how),
        }
    }

    /// Is it in service, free, and its server nobody else's?
    fn may_have(&self, session: &Session, offer: &Offer<'_>) -> bool {
        let others = self
            .leases_on(offer.server())
            .filter(|lease| lease.session != session.id);
        let mut taken = others.filter(|lease| lease.exclusive || offer.exclusive);
        offer.out.is_none() && self.lease(offer.id()).is_none() && taken.next().is_none()
    }
}

fn grant(offer: &Offer<'_>) -> Outcome {
    Outcome::Grant {
        resource: offer.id().clone(),
        exclusive: offer.exclusive,
    }
}
