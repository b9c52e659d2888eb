//! Gives a client what it had before, and spreads clients evenly without asking anybody.
//!
//! Each client has its own order of all candidates, by rendezvous hashing: when one goes, only its clients move, each to
//! its next best, and they come back with it. What a client was last granted goes before that order for a time.

mod config;
mod memory;

use config::{By, Config};
use floe_plugin_sdk::{
    Allocator, Candidate, Candidates, Choice, Error, Event, Host, Lease, Outcome, Request, Slots, Verdict, abi, random,
};
use memory::Memory;

/// The score of what is remembered; others stay below.
const REMEMBERED: i64 = 1_000_000_000;
/// Shift that keeps the top 29 bits of a hash, below what is remembered.
const SHIFT: u32 = 35;

/// The policy.
#[derive(Debug)]
pub struct Sticky {
    config: Config,
    host: Host,
    memory: Memory,
}

floe_plugin_sdk::export_allocator!(Sticky);

impl Allocator for Sticky {
    const NAME: &'static str = "sticky";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SLOTS: Slots = Slots::EVALUATE.and(Slots::SELECT).and(Slots::LEARN);

    fn create(config: &str, host: Host) -> Result<Self, Error> {
        let config = Config::parse(config)?;
        Ok(Self {
            memory: Memory::new(config.clients_max, config.ttl_s),
            config,
            host,
        })
    }

    fn evaluate(
        &mut self,
        request: Request<'_>,
        candidates: Candidates<'_>,
        verdicts: &mut [Verdict],
    ) -> Result<Outcome, Error> {
        let client = self.client(request.session(), request.principal());
        let last = self.memory.last(client, request.type_id(), request.now_ms());
        for (candidate, verdict) in candidates.iter().zip(verdicts) {
            *verdict = if let Some(refusal) = candidate.refusal() {
                refusal
            } else if last == Some(candidate.id()) {
                Verdict::eligible(REMEMBERED)
            } else {
                Verdict::eligible((affinity(client, candidate) >> SHIFT).cast_signed())
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
        let client = self.client(request.session(), request.principal());
        let last = self.memory.last(client, request.type_id(), request.now_ms());
        // Chance plays no part: the whole hash decides, then the id.
        let mut ranked: Vec<_> = (0_u32..)
            .zip(candidates.iter().zip(verdicts))
            .filter(|(_, (_, verdict))| verdict.is_eligible())
            .map(|(index, (candidate, _))| {
                let is_last = last == Some(candidate.id());
                (is_last, affinity(client, candidate), candidate.id(), index)
            })
            .collect();
        ranked.sort_unstable_by(|one, other| other.cmp(one));
        let Some((is_last, _, _, best)) = ranked.first().copied() else {
            return Ok(Outcome::Defer {
                retry_after_ms: 0,
                reason: format!("none of {} candidates has a free slot", candidates.len()),
            });
        };
        let name = candidates.get(best as usize).map_or("", Candidate::name);
        choice.explain(format!(
            "{name}: {}",
            if is_last { "had it before" } else { "by its hash" }
        ));
        choice.extend(ranked.into_iter().map(|(.., index)| index));
        Ok(Outcome::Done)
    }

    fn observe(&mut self, events: &mut dyn Iterator<Item = Event>) -> Result<(), Error> {
        for event in events {
            if event.kind == abi::EVENT_ALLOCATED || event.ends_lease() {
                let client = self.client(event.session, event.principal);
                self.memory.note(client, event.type_id, event.candidate, event.now_ms);
            }
        }
        Ok(())
    }

    fn resync(&mut self, leases: &mut dyn Iterator<Item = Lease>, first: bool, _last: bool) -> Result<(), Error> {
        if first {
            self.memory.clear();
        }
        for lease in leases {
            let client = self.client(lease.session, lease.principal);
            self.memory.note(client, lease.type_id, lease.candidate, lease.since_ms);
        }
        Ok(())
    }
}

impl Sticky {
    /// The client as a number that is the same on each registry: names are hashed, because their numbers differ.
    fn client(&self, session: u64, principal: u32) -> u64 {
        match self.config.by {
            By::Session => random::mixed(session),
            By::Principal => random::hash(self.host.resolve(principal)),
        }
    }
}

/// How much a client and a candidate belong together; the highest wins.
fn affinity(client: u64, candidate: Candidate<'_>) -> u64 {
    random::mixed(client ^ random::mixed(candidate.id()))
}

#[cfg(test)]
mod tests;
