//! The one source of randomness of a run.

/// A seeded generator (xorshift64*), the same on every machine.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// Equal seeds give equal numbers.
    pub(super) fn new(seed: u64) -> Self {
        // Neighbouring seeds must not give similar runs: SplitMix64's finaliser spreads them. Zero is no valid state.
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((z ^ (z >> 31)) | 1)
    }
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    /// 128 bits.
    pub(super) fn bits(&mut self) -> u128 {
        (u128::from(self.next()) << 64) | u128::from(self.next())
    }
    /// A number in `0..bound`; zero for a bound of zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11).checked_rem(bound).unwrap_or(0)
    }
    /// An index in `0..length`.
    pub(super) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).expect("lengths fit"))).expect("smaller than a length")
    }
    /// A number in `low..=high`.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }
    /// True in `count` of `of` cases.
    pub(super) fn hits(&mut self, count: u64, of: u64) -> bool {
        count > 0 && self.below(of) < count
    }
    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }
}
