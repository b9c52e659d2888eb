//! From scores to indices: what the host does without `select`, and what most policies want inside theirs.

use crate::abi::{CODE_ELIGIBLE, Verdict};
use crate::random::mixed;

/// The scale of scores that policies of ours use: the best possible is a million.
pub const SCALE: i64 = 1_000_000;

/// A ratio as a score: 0 to 1 becomes 0 to a million; what is outside is cut, what is no number is 0.
#[expect(clippy::cast_possible_truncation, reason = "at most a million by then")]
pub fn score(ratio: f64) -> i64 {
    if ratio.is_nan() {
        return 0;
    }
    (ratio.clamp(0.0, 1.0) * 1e6).round() as i64
}

impl Verdict {
    /// May be given; a higher score is better.
    pub const fn eligible(score: i64) -> Self {
        Self {
            score,
            code: CODE_ELIGIBLE,
            reserved: 0,
        }
    }
    /// May not be given, for a reason of [`abi`](crate::abi) or, from [`CODE_PLUGIN`](crate::abi::CODE_PLUGIN) on, the
    /// plugin's own.
    pub const fn rejected(code: u32) -> Self {
        Self {
            score: 0,
            code,
            reserved: 0,
        }
    }
    /// Whether it may be given.
    pub const fn is_eligible(&self) -> bool {
        self.code == CODE_ELIGIBLE
    }
}

/// The indices of the best `want` that may be given, best first; equal scores in an order that the seed decides.
pub fn best(verdicts: &[Verdict], want: usize, seed: u64) -> Vec<u32> {
    let eligible = (0_u32..).zip(verdicts).filter(|(_, verdict)| verdict.is_eligible());
    // Lowest first: the highest score, then the luckiest.
    let keyed = eligible.map(|(index, verdict)| {
        let luck = mixed(seed ^ mixed(u64::from(index)));
        (std::cmp::Reverse(verdict.score), luck, index)
    });
    if want == 1 {
        return keyed.min().map(|(_, _, index)| index).into_iter().collect();
    }
    let mut keyed: Vec<_> = keyed.collect();
    keyed.sort_unstable();
    keyed.into_iter().take(want).map(|(_, _, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_rejected_ones_never() {
        let mut verdicts = [10, 30, 20].map(Verdict::eligible).to_vec();
        verdicts.push(Verdict::rejected(7));
        assert_eq!(best(&verdicts, 9, 1), [1, 2, 0]);
        assert_eq!(best(&verdicts, 1, 1), [1]);
        assert_eq!(best(&[], 1, 1), [] as [u32; 0]);
    }

    #[test]
    fn equals_take_turns_with_the_seed() {
        let verdicts = [Verdict::eligible(5); 4];
        let mut times = [0; 4];
        for seed in 0..400 {
            let chosen = best(&verdicts, 1, seed);
            assert_eq!(chosen, best(&verdicts, 4, seed)[..1], "one is the first of many");
            times[chosen[0] as usize] += 1;
        }
        assert!(times.iter().all(|times| *times > 60), "{times:?}");
    }

    #[test]
    fn ratios_become_scores_within_the_scale() {
        for (ratio, wanted) in [
            (0.5, 500_000),
            (2.0, SCALE),
            (-1.0, 0),
            (f64::NAN, 0),
            (f64::INFINITY, SCALE),
        ] {
            assert_eq!(score(ratio), wanted);
        }
    }
}
