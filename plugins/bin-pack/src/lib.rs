//! Fills what is fullest, so that other machines empty and can be switched off.
//!
//! What is filled is a node by default: all its candidates together, with what is held of them learned from events. Above
//! the high water a node is taken only when none below it is left, or not at all if that is hard.

mod config;

use config::{Config, Unit};
use floe_plugin_sdk::{
    Allocator, Candidate, Candidates, Choice, Error, Event, Host, Lease, Ledger, Outcome, Request, Slots, Verdict, abi,
    rank,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The policy.
#[derive(Debug)]
pub struct BinPack {
    config: Config,
    /// What is held on each node.
    held: Ledger<u32>,
}

/// Slots in use and slots at all, of a node or a candidate.
#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    used: u64,
    total: u64,
}

floe_plugin_sdk::export_allocator!(BinPack);

impl Allocator for BinPack {
    const NAME: &'static str = "bin-pack";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SLOTS: Slots = Slots::EVALUATE.and(Slots::SELECT).and(Slots::LEARN);

    fn create(config: &str, _host: Host) -> Result<Self, Error> {
        Ok(Self {
            config: Config::parse(config)?,
            held: Ledger::new(|lease| lease.node),
        })
    }

    fn evaluate(
        &mut self,
        _request: Request<'_>,
        candidates: Candidates<'_>,
        verdicts: &mut [Verdict],
    ) -> Result<Outcome, Error> {
        let bins = self.bins(candidates);
        for ((at, candidate), verdict) in candidates.iter().enumerate().zip(verdicts) {
            let bin = bins.get(&self.bin_of(at, candidate)).copied().unwrap_or_default();
            *verdict = self.judged(candidate, bin);
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
        let mut bins = self.bins(candidates);
        // The verdicts order those of one bin; the bins, which fill with each choice, are ordered by how full they are.
        let mut queues: BTreeMap<(u32, usize), VecDeque<(usize, u32)>> = BTreeMap::new();
        for (place, index) in rank::best(verdicts, usize::MAX, request.seed()).into_iter().enumerate() {
            let at = index as usize;
            let key = candidates
                .get(at)
                .map_or((0, at), |candidate| self.bin_of(at, candidate));
            queues.entry(key).or_default().push_back((place, index));
        }
        let turn = |key, bin, queue: &VecDeque<(usize, u32)>| {
            let (place, index) = queue.front().copied()?;
            let verdict = self.judged(candidates.get(index as usize)?, bin);
            verdict.is_eligible().then_some((Reverse(verdict.score), place, key))
        };
        let bin_at = |bins: &BTreeMap<_, Bin>, key| bins.get(key).copied().unwrap_or_default();
        let firsts = queues
            .iter()
            .filter_map(|(key, queue)| turn(*key, bin_at(&bins, key), queue));
        let mut turns: BTreeSet<_> = firsts.collect();
        let mut fill = 0.0;
        while choice.room() > 0
            && let Some((_, _, key)) = turns.pop_first()
            && let Some(queue) = queues.get_mut(&key)
            && let Some((_, index)) = queue.pop_front()
        {
            choice.push(index);
            let bin = bins.entry(key).or_default();
            bin.used += 1;
            fill = bin.fill();
            turns.extend(turn(key, *bin, queue));
        }
        if choice.is_empty() {
            return Ok(Outcome::Defer {
                retry_after_ms: 0,
                reason: format!("none of {} candidates is free below the high water", candidates.len()),
            });
        }
        choice.explain(format!("filled to {:.0} %", fill * 100.0));
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

impl BinPack {
    /// What a candidate belongs to: its node, or itself if it has none or candidates are packed each.
    fn bin_of(&self, at: usize, candidate: Candidate<'_>) -> (u32, usize) {
        match self.config.unit {
            Unit::Node if candidate.node() != 0 => (candidate.node(), 0),
            Unit::Node | Unit::Candidate => (0, at),
        }
    }

    /// All bins of the candidates. Of a node: what is held there by anyone, and what is free of the candidates.
    fn bins(&self, candidates: Candidates<'_>) -> BTreeMap<(u32, usize), Bin> {
        let mut bins: BTreeMap<(u32, usize), Bin> = BTreeMap::new();
        for (at, candidate) in candidates.iter().enumerate() {
            let key = self.bin_of(at, candidate);
            let bin = bins.entry(key).or_default();
            let capacity = candidate.capacity().unwrap_or(self.config.slots_if_unbounded);
            let in_use = candidate.in_use();
            bin.used += u64::from(in_use);
            bin.total += u64::from(capacity.max(in_use));
        }
        for ((node, _), bin) in bins.iter_mut().filter(|((node, _), _)| *node != 0) {
            // What is held entirely is no candidate, so its leases are in the ledger only.
            let unseen = u64::from(self.held.count(node)).saturating_sub(bin.used);
            bin.used += unseen;
            bin.total += unseen;
        }
        bins
    }

    /// The fuller the better up to the high water; above it, and below everything else, the emptier the better.
    fn judged(&self, candidate: Candidate<'_>, bin: Bin) -> Verdict {
        if let Some(refusal) = candidate.refusal() {
            return refusal;
        }
        let with_one_more = Bin {
            used: bin.used + 1,
            ..bin
        };
        if with_one_more.fill() <= self.config.high_water {
            return Verdict::eligible(rank::score(bin.fill()));
        }
        if self.config.hard {
            return Verdict::rejected(abi::CODE_LOAD);
        }
        Verdict::eligible(-1 - rank::score(bin.fill()))
    }
}

impl Bin {
    fn fill(self) -> f64 {
        let [used, total] = [self.used, self.total].map(|number| f64::from(u32::try_from(number).unwrap_or(u32::MAX)));
        used / total.max(1.0)
    }
}

#[cfg(test)]
mod tests;
