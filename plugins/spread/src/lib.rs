//! Spreads what is held evenly over the zones: the next one goes where the fewest are.
//!
//! Counts come from events, because what is held entirely is no candidate any more and would not be counted otherwise. A
//! scope says which leases count together. Within a zone the one with the most free slots is taken.

mod config;

use config::{Config, Scope};
use floe_plugin_sdk::{
    Allocator, Candidate, Candidates, Choice, Error, Event, Host, Lease, Ledger, Outcome, Request, Slots, Verdict, abi,
    rank,
};
use std::collections::{BTreeMap, VecDeque};

/// One lease more in its zone weighs more than anything within the zone.
const STEP: i64 = rank::SCALE;
/// Leases in a zone beyond which scores do not tell zones apart; hosts cut them at a thousand steps.
const COUNT_MAX: i64 = 999;

/// The policy.
#[derive(Debug)]
pub struct Spread {
    config: Config,
    /// Interned names of the zones that count even when nothing is free there.
    zones: Vec<u32>,
    /// What is held, by scope and zone.
    held: Ledger<(u64, u32)>,
}

floe_plugin_sdk::export_allocator!(Spread);

impl Allocator for Spread {
    const NAME: &'static str = "spread";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SLOTS: Slots = Slots::EVALUATE.and(Slots::SELECT).and(Slots::LEARN);

    fn create(config: &str, host: Host) -> Result<Self, Error> {
        let config = Config::parse(config)?;
        let key: fn(&Lease) -> (u64, u32) = match config.scope {
            Scope::Type => |lease| (u64::from(lease.type_id), lease.zone),
            Scope::Principal => |lease| (u64::from(lease.principal), lease.zone),
            Scope::Group => |lease| (u64::from(lease.group), lease.zone),
            Scope::Session => |lease| (lease.session, lease.zone),
            Scope::All => |lease| (0, lease.zone),
        };
        Ok(Self {
            zones: config.zones.iter().map(|zone| host.intern(zone)).collect(),
            held: Ledger::new(key),
            config,
        })
    }

    fn evaluate(
        &mut self,
        request: Request<'_>,
        candidates: Candidates<'_>,
        verdicts: &mut [Verdict],
    ) -> Result<Outcome, Error> {
        let counts = self.counts(request, candidates);
        let fewest = counts.values().min().copied().unwrap_or(0);
        for (candidate, verdict) in candidates.iter().zip(verdicts) {
            let count = counts.get(&candidate.zone()).copied().unwrap_or(0);
            *verdict = if self.config.hard && count + 1 - fewest > self.config.max_skew {
                Verdict::rejected(abi::CODE_ZONE)
            } else {
                judged(candidate, count)
            };
        }
        Ok(Outcome::Done)
    }

    fn select(
        &mut self,
        request: Request<'_>,
        candidates: Candidates<'_>,
        verdicts: &[Verdict],
        choice: &mut Choice<'_>,
    ) -> Result<Outcome, Error> {
        let mut counts = self.counts(request, candidates);
        // The verdicts order those of one zone; the counts, which change with each choice, order the zones.
        let mut zones: BTreeMap<u32, VecDeque<(usize, u32)>> = BTreeMap::new();
        for (place, index) in rank::best(verdicts, usize::MAX, request.seed()).into_iter().enumerate() {
            let zone = candidates.get(index as usize).map_or(0, Candidate::zone);
            zones.entry(zone).or_default().push_back((place, index));
        }
        while choice.room() > 0 {
            let fewest = counts.values().min().copied().unwrap_or(0);
            let next = zones.iter().filter_map(|(zone, queue)| {
                let (place, _) = queue.front()?;
                Some((counts.get(zone).copied().unwrap_or(0), *place, *zone))
            });
            let Some((count, _, zone)) = next.min() else { break };
            if self.config.hard && count + 1 - fewest > self.config.max_skew {
                break;
            }
            if let Some((_, index)) = zones.get_mut(&zone).and_then(VecDeque::pop_front) {
                counts.insert(zone, count + 1);
                choice.push(index);
            }
        }
        if choice.is_empty() {
            return Ok(Outcome::Defer {
                retry_after_ms: 0,
                reason: format!(
                    "nothing is free in a zone that may have more; the zones may differ by {}",
                    self.config.max_skew
                ),
            });
        }
        let told: Vec<_> = counts.values().map(ToString::to_string).collect();
        choice.explain(format!("leases a zone, with this one: {}", told.join(", ")));
        Ok(Outcome::Done)
    }

    fn observe(&mut self, events: &mut dyn Iterator<Item = Event>) -> Result<(), Error> {
        for event in events {
            self.held.observe(&event);
        }
        Ok(())
    }

    fn resync(&mut self, leases: &mut dyn Iterator<Item = Lease>, first: bool, last: bool) -> Result<(), Error> {
        self.held.resync(leases, first, last);
        Ok(())
    }
}

impl Spread {
    /// What is held in each zone that counts: those of the candidates and those configured.
    fn counts(&self, request: Request<'_>, candidates: Candidates<'_>) -> BTreeMap<u32, i64> {
        let scope = match self.config.scope {
            Scope::Type => u64::from(request.type_id()),
            Scope::Principal => u64::from(request.principal()),
            Scope::Group => u64::from(request.group()),
            Scope::Session => request.session(),
            Scope::All => 0,
        };
        let zones = candidates.iter().map(Candidate::zone).chain(self.zones.iter().copied());
        zones
            .map(|zone| (zone, i64::from(self.held.count(&(scope, zone)))))
            .collect()
    }
}

/// Eligible unless it cannot take more; the fewer leases in its zone the better, then the more free slots.
fn judged(candidate: Candidate<'_>, count: i64) -> Verdict {
    let score = || rank::score(candidate.free_share()) - STEP * count.min(COUNT_MAX);
    candidate.refusal().unwrap_or_else(|| Verdict::eligible(score()))
}

#[cfg(test)]
mod tests;
