//! chitchat's state as sightings: what each incarnation says of itself, and whether it lives.

use super::tally::{Reason, Tally};
use crate::pure::base::PeerName;
use crate::pure::membership::{Record, Sighting, record};
use chitchat::{Chitchat, ChitchatId, NodeState};
use std::collections::{BTreeMap, BTreeSet};

/// Reads chitchat's state; keeps what it read, because most of it stays the same from round to round.
#[derive(Debug, Default)]
pub(super) struct Lens {
    read: BTreeMap<ChitchatId, Reading>,
}

#[derive(Debug)]
struct Reading {
    version: u64,
    /// The record, and whether its peer is about to stop; `None` when the keys make no record.
    record: Option<(Record, bool)>,
}

impl Lens {
    /// Every incarnation with a readable record, our own too. A bad record is counted and told of once.
    pub(super) fn look(&mut self, chitchat: &Chitchat, tally: &Tally) -> Vec<Sighting> {
        let states = chitchat.node_states();
        self.read.retain(|id, _| states.contains_key(id));
        let live: BTreeSet<&ChitchatId> = chitchat.live_nodes().collect();
        let mut sightings = Vec::with_capacity(states.len());
        // Version 0: known by name only, its keys are still on their way.
        for (id, state) in states.iter().filter(|(_, state)| state.max_version() > 0) {
            let version = state.max_version();
            if self.read.get(id).is_none_or(|reading| reading.version != version) {
                let record = read(id, state, tally);
                self.read.insert(id.clone(), Reading { version, record });
            }
            let record = self.read.get(id).and_then(|reading| reading.record.as_ref());
            if let Some((record, leaving)) = record {
                sightings.push(Sighting {
                    record: record.clone(),
                    alive: !leaving && live.contains(id),
                });
            }
        }
        sightings
    }
}

fn read(id: &ChitchatId, state: &NodeState, tally: &Tally) -> Option<(Record, bool)> {
    let parsed = id.node_id.parse::<PeerName>().map_err(|error| error.to_string());
    match parsed.and_then(|name| Record::from_keys(&name, |key| state.get(key))) {
        Ok(mut record) => {
            // Which incarnation it is says chitchat's identity, which the keys cannot contradict.
            record.card.generation = id.generation_id;
            Some((record, record::is_leaving(|key| state.get(key))))
        }
        Err(reason) => {
            tally.reject(Reason::Record);
            tracing::warn!(peer = &*id.node_id, address = %id.gossip_advertise_addr, reason, "gossip record ignored");
            None
        }
    }
}
