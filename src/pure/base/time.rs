//! Time as the core sees it: a monotonic reading for decisions, a wall-clock reading for people, both handed in.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A monotonic reading in microseconds since some start. Only differences mean anything; all arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Time(u64);

impl Time {
    /// The origin.
    pub const ZERO: Self = Self(0);
    /// A reading of so many microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }
    /// The reading in microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }
    /// This much later.
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        )
    }
    /// How long since `earlier`; zero when that is in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// A wall-clock reading in milliseconds since 1970, for people only: nothing is ever decided by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WallTime(pub i64);

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(stamp) => fmt::Display::fmt(&stamp, f),
            Err(_) => write!(f, "{} ms since 1970", self.0),
        }
    }
}

/// What comes with every event: when it is, and 128 fresh random bits for the ids that handling it may need.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Monotonic time.
    pub now: Time,
    /// Time for people.
    pub wall: WallTime,
    /// Fresh random bits; equal bits give equal effects, which is what makes a run repeatable.
    pub dice: u128,
}

impl Moment {
    /// A number in `0..bound` from the dice, salted, for jitter and random choice. Zero for a bound of zero.
    pub fn roll(&self, salt: u64, bound: u64) -> u64 {
        // SplitMix64's finaliser over the folded dice: spreads well, needs no state. Not for secrets.
        let mut z = u64::try_from(self.dice & u128::from(u64::MAX)).unwrap_or(0)
            ^ u64::try_from(self.dice >> 64).unwrap_or(0).rotate_left(32);
        z = z
            .wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        z.checked_rem(bound).unwrap_or(0)
    }
}
