//! What each client was last granted, for a time.

use std::collections::BTreeMap;

/// By client and type; bounded, the oldest are forgotten first.
#[derive(Debug)]
pub(crate) struct Memory {
    clients_max: usize,
    ttl_ms: u64,
    /// The candidate, and when it was granted or given back.
    last: BTreeMap<(u64, u32), (u64, u64)>,
}

impl Memory {
    pub(crate) fn new(clients_max: usize, ttl_s: u32) -> Self {
        Self {
            clients_max,
            ttl_ms: u64::from(ttl_s) * 1000,
            last: BTreeMap::new(),
        }
    }

    /// The candidate that a client had, if that is not too long ago.
    pub(crate) fn last(&self, client: u64, type_id: u32, now_ms: u64) -> Option<u64> {
        let (candidate, at_ms) = self.last.get(&(client, type_id)).copied()?;
        (now_ms.saturating_sub(at_ms) < self.ttl_ms).then_some(candidate)
    }

    /// A client has or had a candidate at this time. What is older than what is known changes nothing.
    pub(crate) fn note(&mut self, client: u64, type_id: u32, candidate: u64, at_ms: u64) {
        let known = self.last.entry((client, type_id)).or_insert((candidate, at_ms));
        if at_ms >= known.1 {
            *known = (candidate, at_ms);
        }
        if self.last.len() > self.clients_max {
            self.forget_oldest();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.last.clear();
    }

    /// An eighth at once, so that a full memory is not searched with each grant.
    fn forget_oldest(&mut self) {
        let mut times: Vec<u64> = self.last.values().map(|(_, at_ms)| *at_ms).collect();
        times.sort_unstable();
        let Some(limit) = times.get(times.len() / 8).copied() else {
            return;
        };
        let mut surplus = times.len() / 8 + 1;
        self.last.retain(|_, (_, at_ms)| {
            let goes = *at_ms <= limit && surplus > 0;
            surplus -= usize::from(goes);
            !goes
        });
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.last.len()
    }
}
