//! Serves those who wait by their share: who holds and lately held the least for its weight comes first.
//!
//! Classes go before shares, and among equal shares who waits longest is first. A quota bounds what one owner holds. Which
//! candidate is taken is not its business: it abstains, and the next in line or the built-in chooses.

mod config;
mod usage;

use config::{Config, OverQuota, Owner};
use floe_plugin_sdk::{
    Allocator, Candidates, Error, Event, Host, Lease, Operation, Outcome, Request, Slots, Verdict, WaitingList,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use usage::Usage;

/// The policy.
#[derive(Debug)]
pub struct FairShare {
    config: Config,
    host: Host,
    /// Owners that the configuration names.
    owners: BTreeMap<u32, Owner>,
    usage: Usage,
}

/// One waiting request, as the order sees it. Compares by time, then by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiter {
    since_ms: u64,
    index: usize,
    want: u32,
}

floe_plugin_sdk::export_allocator!(FairShare);

impl Allocator for FairShare {
    const NAME: &'static str = "fair-share";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SLOTS: Slots = Slots::EVALUATE.and(Slots::ORDER).and(Slots::LEARN);

    fn create(config: &str, host: Host) -> Result<Self, Error> {
        let config = Config::parse(config)?;
        let names = config
            .weights
            .keys()
            .chain(config.classes.keys())
            .chain(config.quotas.keys());
        Ok(Self {
            owners: names.map(|name| (host.intern(name), config.owner(name))).collect(),
            usage: Usage::new(config.by, config.half_life_s),
            host,
            config,
        })
    }

    fn evaluate(
        &mut self,
        request: Request<'_>,
        _candidates: Candidates<'_>,
        _verdicts: &mut [Verdict],
    ) -> Result<Outcome, Error> {
        let name = self.config.by.of_request(request);
        let held = self.usage.held(name);
        let quota = self.owner(name, request.priority()).quota;
        if request.operation() == Operation::Locate || is_within(quota, held, want(request)) {
            return Ok(Outcome::Abstain);
        }
        let reason = format!(
            "{} holds {held} and asks for {}, where {} are allowed",
            self.host.resolve(name),
            want(request),
            quota.unwrap_or_default()
        );
        Ok(match self.config.over_quota {
            OverQuota::Deny => Outcome::Deny { reason },
            OverQuota::Wait => Outcome::Defer {
                retry_after_ms: 0,
                reason,
            },
        })
    }

    fn order(&mut self, waiting: WaitingList<'_>, keys: &mut [u64]) -> Result<Outcome, Error> {
        // By class and owner, each owner's in the order of their time.
        let mut classes: BTreeMap<i32, BTreeMap<u32, VecDeque<Waiter>>> = BTreeMap::new();
        let mut now_ms = 0;
        for (index, waiting) in waiting.iter().enumerate() {
            let request = waiting.request;
            let name = self.config.by.of_request(request);
            let class = self.owner(name, request.priority()).class.unwrap_or(request.priority());
            now_ms = request.now_ms();
            classes
                .entry(class)
                .or_default()
                .entry(name)
                .or_default()
                .push_back(Waiter {
                    since_ms: waiting.since_ms,
                    index,
                    want: want(request),
                });
        }
        self.usage.forget_idle(now_ms);
        // What each would hold if those before it were served.
        let mut granted: BTreeMap<u32, u32> = BTreeMap::new();
        let mut ranks = 0_u64..;
        let mut over_quota = Vec::new();
        for mut owners in classes.into_values() {
            for waiters in owners.values_mut() {
                waiters.make_contiguous().sort_unstable();
            }
            let mut turns = BTreeSet::new();
            for (name, waiters) in &owners {
                turns.extend(waiters.front().map(|first| self.turn(*name, *first, &granted, now_ms)));
            }
            while let Some((_, waiter, name)) = turns.pop_first() {
                let mine = granted.entry(name).or_default();
                let quota = self.owners.get(&name).map_or(self.config.quota(), |owner| owner.quota);
                if is_within(quota, self.usage.held(name).saturating_add(*mine), waiter.want) {
                    *mine = mine.saturating_add(waiter.want);
                    set(keys, waiter.index, ranks.next());
                } else {
                    over_quota.push(waiter.index);
                }
                if let Some(waiters) = owners.get_mut(&name) {
                    waiters.pop_front();
                    turns.extend(waiters.front().map(|next| self.turn(name, *next, &granted, now_ms)));
                }
            }
        }
        for index in over_quota {
            set(keys, index, ranks.next());
        }
        Ok(Outcome::Done)
    }

    fn observe(&mut self, events: &mut dyn Iterator<Item = Event>) -> Result<(), Error> {
        for event in events {
            self.usage.observe(&event);
        }
        Ok(())
    }

    fn resync(&mut self, leases: &mut dyn Iterator<Item = Lease>, first: bool, last: bool) -> Result<(), Error> {
        self.usage.resync(leases, first, last);
        Ok(())
    }
}

impl FairShare {
    /// What applies to an owner.
    fn owner(&self, name: u32, priority: i32) -> Owner {
        self.owners.get(&name).copied().unwrap_or(Owner {
            weight: 1.0,
            class: Some(priority),
            quota: self.config.quota(),
        })
    }

    /// When a waiter's turn is, among those of its class: its owner's share first, then its time.
    fn turn(&self, name: u32, waiter: Waiter, granted: &BTreeMap<u32, u32>, now_ms: u64) -> (u64, Waiter, u32) {
        let used = self.usage.used(name, now_ms) + f64::from(granted.get(&name).copied().unwrap_or(0));
        let share = used / self.owners.get(&name).map_or(1.0, |owner| owner.weight);
        // The bits of numbers that are not negative are in the order of the numbers.
        (share.to_bits(), waiter, name)
    }
}

/// Whether so many more are allowed.
fn is_within(quota: Option<u32>, held: u32, want: u32) -> bool {
    quota.is_none_or(|quota| held.saturating_add(want) <= quota)
}

fn want(request: Request<'_>) -> u32 {
    u32::try_from(request.want()).unwrap_or(u32::MAX)
}

fn set(keys: &mut [u64], index: usize, rank: Option<u64>) {
    if let (Some(key), Some(rank)) = (keys.get_mut(index), rank) {
        *key = rank;
    }
}

#[cfg(test)]
mod tests;
