//! The only reader of clocks and of the machine's randomness.

use crate::pure::base::{Moment, Time, WallTime};
use rustix::time::{ClockId, clock_gettime};

/// What time it is, with fresh dice. The monotonic reading counts suspension: a laptop that slept knows that time passed.
pub fn moment() -> Moment {
    Moment {
        now: now(),
        wall: wall(),
        dice: dice(),
    }
}

/// The monotonic reading alone.
pub fn now() -> Time {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_nsec / 1_000).unwrap_or(0);
    Time::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
}

/// Time for people.
pub fn wall() -> WallTime {
    WallTime(jiff::Timestamp::now().as_millisecond())
}

/// 128 fresh random bits.
pub fn dice() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the kernel's random source works on every system that floe runs on");
    u128::from_be_bytes(bytes)
}
