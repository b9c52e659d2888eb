//! Who holds what, as an allocator learns it from events; counted by whatever key the policy cares about.

use crate::view::{Event, Lease};
use std::collections::BTreeMap;

/// The leases that are held, and how many there are of each key. Events that come twice change nothing, and an end
/// without a beginning is ignored. As large as the number of leases.
#[derive(Clone, Debug)]
pub struct Ledger<K> {
    key: fn(&Lease) -> K,
    leases: BTreeMap<u64, K>,
    counts: BTreeMap<K, u32>,
    /// The parts of a resync, until the last one is there.
    coming: Option<BTreeMap<u64, K>>,
}

/// What an event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<K> {
    /// One more of this key is held.
    More(K),
    /// One less of this key is held.
    Less(K),
}

impl<K: Ord + Copy> Ledger<K> {
    /// An empty one; `key` says what is counted.
    pub fn new(key: fn(&Lease) -> K) -> Self {
        Self {
            key,
            leases: BTreeMap::new(),
            counts: BTreeMap::new(),
            coming: None,
        }
    }
    /// How many leases of this key are held.
    pub fn count(&self, key: &K) -> u32 {
        self.counts.get(key).copied().unwrap_or(0)
    }
    /// All keys of which something is held, with how many.
    pub fn counts(&self) -> impl Iterator<Item = (&K, u32)> {
        self.counts.iter().map(|(key, count)| (key, *count))
    }
    /// Learns an event; what it changed, if anything.
    pub fn observe(&mut self, event: &Event) -> Option<Change<K>> {
        if let Some(lease) = event.granted() {
            let key = (self.key)(&lease);
            if self.leases.contains_key(&lease.lease) {
                return None;
            }
            self.leases.insert(lease.lease, key);
            *self.counts.entry(key).or_default() += 1;
            return Some(Change::More(key));
        }
        if !event.ends_lease() {
            return None;
        }
        let key = self.leases.remove(&event.lease)?;
        if let Some(count) = self.counts.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
        Some(Change::Less(key))
    }
    /// Learns a part of all that is held; true when that was the last part and it is the truth now.
    pub fn resync(&mut self, leases: &mut dyn Iterator<Item = Lease>, first: bool, last: bool) -> bool {
        if first {
            self.coming = Some(BTreeMap::new());
        }
        let Some(coming) = &mut self.coming else {
            return false;
        };
        coming.extend(leases.map(|lease| (lease.lease, (self.key)(&lease))));
        if !last {
            return false;
        }
        self.leases = self.coming.take().unwrap_or_default();
        self.counts.clear();
        for key in self.leases.values() {
            *self.counts.entry(*key).or_default() += 1;
        }
        true
    }
}
