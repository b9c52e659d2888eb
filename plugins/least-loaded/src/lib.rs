//! Takes what has the most free slots and the least load per processor.
//!
//! The two count by weight. A load that was measured long ago counts less and less; grants that it does not show yet are
//! added to it. Without these two, everybody who asks between two measurements would be sent to the same machine.

mod config;

use config::Config;
use floe_plugin_sdk::{
    Allocator, Candidate, Candidates, Choice, Error, Host, Nature, Outcome, Random, Request, Slots, Verdict, rank,
};

/// Load per processor of a node that was never measured, when no other one was either.
const UNKNOWN_LOAD: f64 = 0.5;

/// The policy.
#[derive(Debug)]
pub struct LeastLoaded {
    config: Config,
}

floe_plugin_sdk::export_allocator!(LeastLoaded);

impl Allocator for LeastLoaded {
    const NAME: &'static str = "least-loaded";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SLOTS: Slots = Slots::EVALUATE.and(Slots::SELECT);
    const NATURE: Nature = Nature::STATELESS;

    fn create(config: &str, _host: Host) -> Result<Self, Error> {
        Ok(Self {
            config: Config::parse(config)?,
        })
    }

    fn evaluate(
        &mut self,
        _request: Request<'_>,
        candidates: Candidates<'_>,
        verdicts: &mut [Verdict],
    ) -> Result<Outcome, Error> {
        let usual = usual_load(candidates);
        for (candidate, verdict) in candidates.iter().zip(verdicts) {
            let score = || rank::score(self.fitness(candidate, usual));
            *verdict = candidate.refusal().unwrap_or_else(|| Verdict::eligible(score()));
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
        let want = choice.room();
        let chosen = match self.config.choices {
            0 => rank::best(verdicts, want, request.seed()),
            sample => best_of_samples(verdicts, sample, want, request.seed()),
        };
        let Some(best) = chosen.first().and_then(|index| candidates.get(*index as usize)) else {
            return Ok(Outcome::Defer {
                retry_after_ms: 0,
                reason: format!("none of {} candidates has a free slot", candidates.len()),
            });
        };
        choice.explain(format!(
            "{}: {} of {} slots in use, load {}, {} pending",
            best.name(),
            best.in_use(),
            best.capacity()
                .map_or("unbounded".to_owned(), |capacity| capacity.to_string()),
            load_per_cpu(best).map_or("unknown".to_owned(), |load| format!("{load:.2} a processor")),
            best.pending()
        ));
        choice.extend(chosen);
        Ok(Outcome::Done)
    }
}

impl LeastLoaded {
    /// 1 for an empty candidate on an idle node, towards 0 for a full one on a busy node.
    fn fitness(&self, candidate: Candidate<'_>, usual: f64) -> f64 {
        let free = candidate.free_share();
        // What is believed: the measurement while it is fresh, the usual load when it is old.
        let belief = self.belief(candidate.load_age_ms());
        let measured = load_per_cpu(candidate).unwrap_or(usual);
        let unseen = f64::from(candidate.pending()) / cpus(candidate);
        let load = belief * measured + (1.0 - belief) * usual + unseen;
        let (slots, idle) = (self.config.slot_weight, self.config.load_weight);
        (slots * free + idle / (1.0 + load)) / (slots + idle)
    }

    /// How far a measurement of this age is believed: halves with each half-life.
    fn belief(&self, age_ms: Option<u32>) -> f64 {
        let Some(age_ms) = age_ms else { return 0.0 };
        (-f64::from(age_ms) / f64::from(self.config.load_half_life_ms)).exp2()
    }
}

fn cpus(candidate: Candidate<'_>) -> f64 {
    f64::from(candidate.cpus().unwrap_or(1))
}

fn load_per_cpu(candidate: Candidate<'_>) -> Option<f64> {
    let [load, ..] = candidate.loads();
    load.map(|load| f64::from(load) / cpus(candidate))
}

/// The mean of what was measured.
fn usual_load(candidates: Candidates<'_>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for load in candidates.iter().filter_map(load_per_cpu) {
        sum += load;
        count += 1.0;
    }
    if count > 0.0 { sum / count } else { UNKNOWN_LOAD }
}

/// Again and again the best of a few drawn at random: nearly as good as the best of all, and many who ask at once with the
/// same knowledge are not all sent to one place.
fn best_of_samples(verdicts: &[Verdict], sample: usize, want: usize, seed: u64) -> Vec<u32> {
    let mut random = Random::new(seed);
    // Luck decides among equals, so the order to draw from is shuffled by the seed already.
    let mut left = rank::best(verdicts, usize::MAX, random.next_u64());
    let mut chosen = Vec::new();
    while chosen.len() < want && !left.is_empty() {
        // The best is the one that stands first.
        let drawn = (0..sample).map(|_| random.below(left.len())).min().unwrap_or(0);
        chosen.push(left.remove(drawn));
    }
    chosen
}

#[cfg(test)]
mod tests;
