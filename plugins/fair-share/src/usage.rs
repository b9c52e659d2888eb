//! What each owner holds now, and the decayed average of what it held.

use crate::config::By;
use floe_plugin_sdk::ledger::Change;
use floe_plugin_sdk::{Event, Lease, Ledger};
use std::collections::BTreeMap;

/// An average below this is forgotten when nothing is held.
const NOTHING: f64 = 0.001;
/// How many owners are remembered before the idle ones are looked for.
const OWNERS_MIN: usize = 1024;

/// The average moves towards what is held, half the way in each half-life.
#[derive(Debug)]
pub(crate) struct Usage {
    half_life_ms: f64,
    held: Ledger<u32>,
    /// The average of an owner and when it was worked out.
    recent: BTreeMap<u32, (f64, u64)>,
    /// How many owners make it look for idle ones: twice as many as the last time, so that looking stays cheap.
    looks_at: usize,
}

impl Usage {
    pub(crate) fn new(by: By, half_life_s: u32) -> Self {
        Self {
            half_life_ms: f64::from(half_life_s) * 1000.0,
            held: Ledger::new(match by {
                By::Principal => |lease| lease.principal,
                By::Group => |lease| lease.group,
            }),
            recent: BTreeMap::new(),
            looks_at: OWNERS_MIN,
        }
    }

    /// How many leases an owner holds.
    pub(crate) fn held(&self, name: u32) -> u32 {
        self.held.count(&name)
    }

    /// What it holds and the average of what it held; never negative.
    pub(crate) fn used(&self, name: u32, now_ms: u64) -> f64 {
        let held = f64::from(self.held(name));
        held + self.average(name, held, now_ms)
    }

    /// The average, if so many were held since it was worked out.
    fn average(&self, name: u32, held: f64, now_ms: u64) -> f64 {
        let (average, at_ms) = self.recent.get(&name).copied().unwrap_or((0.0, now_ms));
        if self.half_life_ms <= 0.0 {
            return 0.0;
        }
        // Beyond 49 days everything is forgotten anyway.
        let passed = f64::from(u32::try_from(now_ms.saturating_sub(at_ms)).unwrap_or(u32::MAX));
        (held + (average - held) * (-passed / self.half_life_ms).exp2()).max(0.0)
    }

    pub(crate) fn observe(&mut self, event: &Event) {
        let Some(change) = self.held.observe(event) else {
            return;
        };
        let (name, before) = match change {
            Change::More(name) => (name, f64::from(self.held(name)) - 1.0),
            Change::Less(name) => (name, f64::from(self.held(name)) + 1.0),
        };
        let average = self.average(name, before, event.now_ms);
        self.recent.insert(name, (average, event.now_ms));
        if self.recent.len() > self.looks_at {
            self.forget_idle(event.now_ms);
        }
    }

    /// After a resync the past is unknown: each is taken to have held all along what it holds.
    pub(crate) fn resync(&mut self, leases: &mut dyn Iterator<Item = Lease>, first: bool, last: bool) {
        let mut now_ms = 0;
        let mut noted = leases.inspect(|lease| now_ms = lease.now_ms);
        let is_whole = self.held.resync(&mut noted, first, last);
        if !is_whole {
            return;
        }
        let held = self.held.counts();
        self.recent = held.map(|(name, count)| (*name, (f64::from(count), now_ms))).collect();
        self.looks_at = OWNERS_MIN.max(self.recent.len() * 2);
    }

    /// Drops owners that hold nothing and have not for long.
    pub(crate) fn forget_idle(&mut self, now_ms: u64) {
        let idle: Vec<u32> = self
            .recent
            .keys()
            .copied()
            .filter(|name| self.held(*name) == 0 && self.average(*name, 0.0, now_ms) < NOTHING)
            .collect();
        for name in idle {
            self.recent.remove(&name);
        }
        self.looks_at = OWNERS_MIN.max(self.recent.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use floe_plugin_sdk::abi;

    fn event(kind: u32, lease: u64, now_ms: u64) -> Event {
        Event {
            kind,
            seq: 1,
            now_ms,
            lease,
            candidate: 1,
            session: 1,
            principal: 7,
            group: 0,
            type_id: 0,
            zone: 0,
            node: 0,
            priority: 0,
        }
    }

    #[test]
    fn the_average_goes_half_the_way_in_a_half_life() {
        let mut usage = Usage::new(By::Principal, 10);
        let check = |usage: &Usage, now_ms, wanted: f64| {
            let used = usage.used(7, now_ms);
            assert!((used - wanted).abs() < 1e-9, "at {now_ms} ms: {used}, wanted {wanted}");
        };
        usage.observe(&event(abi::EVENT_ALLOCATED, 1, 0));
        check(&usage, 0, 1.0);
        check(&usage, 10_000, 1.5);
        check(&usage, 20_000, 1.75);
        usage.observe(&event(abi::EVENT_ALLOCATED, 2, 20_000));
        check(&usage, 20_000, 2.75);
        check(&usage, 30_000, 2.0 + 1.375);
        usage.observe(&event(abi::EVENT_EXPIRED, 1, 30_000));
        usage.observe(&event(abi::EVENT_REVOKED, 2, 30_000));
        check(&usage, 30_000, 1.375);
        check(&usage, 40_000, 0.6875);
        // An earlier time than the last known one is taken as that.
        check(&usage, 5, 1.375);
    }

    #[test]
    fn idle_owners_are_forgotten() {
        let mut usage = Usage::new(By::Principal, 1);
        for owner in 0..5000 {
            let now_ms = u64::from(owner) * 1000;
            for kind in [abi::EVENT_ALLOCATED, abi::EVENT_RELEASED] {
                usage.observe(&Event {
                    principal: owner,
                    ..event(kind, u64::from(owner), now_ms)
                });
            }
        }
        assert!(usage.recent.len() <= OWNERS_MIN, "{}", usage.recent.len());
    }
}
