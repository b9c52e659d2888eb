//! How long a server that ended by itself waits before it is started again.
//!
//! 0.5 s, doubling to 30 s; forgotten after 60 s of health; the first restart of a server that was healthy for 10 s comes
//! at once, because most crashes of a server that worked are not repeated at once.

use std::time::Duration;

/// The first wait.
pub const FIRST: Duration = Duration::from_millis(500);
/// The longest wait.
pub const LONGEST: Duration = Duration::from_secs(30);
/// Health that makes the first restart immediate.
pub const HEALTHY: Duration = Duration::from_secs(10);
/// Health that forgets every failure before it.
pub const FORGIVEN: Duration = Duration::from_mins(1);

/// Failures in a row, and the wait that follows from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// A server ended by itself after being ready for `healthy` (`None`: it never was, or never started). How long to wait.
    pub fn failed(&mut self, healthy: Option<Duration>) -> Duration {
        let healthy = healthy.unwrap_or_default();
        if healthy >= FORGIVEN {
            self.failures = 0;
        }
        if self.failures == 0 && healthy < HEALTHY {
            self.failures = 1;
        }
        // 0: at once; n: the first wait doubled n - 1 times. Six doublings are past the longest already.
        let wait = match self.failures {
            0 => Duration::ZERO,
            n => FIRST.saturating_mul(1 << (n - 1).min(6)).min(LONGEST),
        };
        self.failures = self.failures.saturating_add(1);
        wait
    }
    /// An operator or a new definition gives the server a fresh start.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_longest_and_health_forgives() {
        let ms =
            |backoff: &mut Backoff, healthy: Option<u64>| backoff.failed(healthy.map(Duration::from_secs)).as_millis();
        let mut never_ready = Backoff::default();
        let waits: Vec<_> = (0..9).map(|_| ms(&mut never_ready, None)).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(ms(&mut never_ready, Some(59)), 30_000, "59 s of health forgive nothing");
        assert_eq!(
            ms(&mut never_ready, Some(60)),
            0,
            "60 s forgive, and 10 s restart at once"
        );
        assert_eq!(ms(&mut never_ready, Some(10)), 500, "only the first restart is at once");

        let mut ready = Backoff::default();
        assert_eq!(ms(&mut ready, Some(9)), 500);
        ready.reset();
        assert_eq!(ms(&mut ready, Some(10)), 0);
        assert_eq!(ms(&mut ready, Some(10)), 500);
        assert_eq!(ms(&mut ready, Some(10)), 1000);
    }
}
