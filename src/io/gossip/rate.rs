//! How much one source may send, judged before anything else is done with a packet.

use super::tally::Reason;
use crate::pure::base::Time;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Bytes a second of one source: some ten times what a peer of a full pool sends to one other at the shortest interval.
const BYTES_PER_SECOND: u64 = 2 * 1024 * 1024;
/// Bytes at once: the answers of a few rounds that waited in the socket while we were stopped.
const BURST_BYTES: u64 = 4 * 1024 * 1024;
/// Sources that an account is kept of.
const SOURCES_MAX: usize = 4_096;
/// A source that was silent for so long has paid everything back.
const IDLE: Duration = Duration::from_secs(10);

/// An account for each source.
#[derive(Debug, Default)]
pub(super) struct Rates {
    sources: BTreeMap<SocketAddr, Account>,
    swept: Time,
}

#[derive(Debug)]
struct Account {
    left: u64,
    since: Time,
}

impl Rates {
    /// Charges a packet to its source. While all accounts are in use a newcomer is refused: those who are there go on.
    pub(super) fn accept(&mut self, now: Time, source: SocketAddr, bytes: usize) -> Result<(), Reason> {
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            self.sweep(now);
            if self.sources.len() >= SOURCES_MAX {
                return Err(Reason::Sources);
            }
        }
        let account = self.sources.entry(source).or_insert(Account {
            left: BURST_BYTES,
            since: now,
        });
        let micros = u64::try_from(now.since(account.since).as_micros()).unwrap_or(u64::MAX);
        let earned = micros.saturating_mul(BYTES_PER_SECOND) / 1_000_000;
        if earned > 0 {
            account.left = account.left.saturating_add(earned).min(BURST_BYTES);
            account.since = now;
        }
        let cost = u64::try_from(bytes).unwrap_or(u64::MAX);
        account.left = account.left.checked_sub(cost).ok_or(Reason::Rate)?;
        Ok(())
    }

    /// At most once a second: a flood of made-up sources must not make us look through the table for each.
    fn sweep(&mut self, now: Time) {
        if now.since(self.swept) >= Duration::from_secs(1) {
            self.swept = now;
            self.sources.retain(|_, account| now.since(account.since) < IDLE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: u32) -> SocketAddr {
        (std::net::Ipv4Addr::from(number), 1).into()
    }

    #[test]
    fn a_source_gets_its_burst_then_its_rate() {
        let mut rates = Rates::default();
        let burst = usize::try_from(BURST_BYTES).unwrap();
        assert_eq!(rates.accept(Time::ZERO, source(1), burst), Ok(()));
        assert_eq!(rates.accept(Time::ZERO, source(1), 1), Err(Reason::Rate));
        assert_eq!(rates.accept(Time::ZERO, source(2), 1), Ok(()));
        let later = Time::ZERO.after(Duration::from_secs(1));
        assert_eq!(rates.accept(later, source(1), burst / 2), Ok(()));
        assert_eq!(rates.accept(later, source(1), 1), Err(Reason::Rate));
    }

    #[test]
    fn made_up_sources_do_not_push_out_those_who_are_there() {
        let mut rates = Rates::default();
        let at = |seconds| Time::ZERO.after(Duration::from_secs(seconds));
        for number in 0..u32::try_from(SOURCES_MAX).unwrap() {
            assert_eq!(rates.accept(at(1), source(number), 1), Ok(()));
        }
        assert_eq!(rates.accept(at(2), source(u32::MAX), 1), Err(Reason::Sources));
        assert_eq!(rates.accept(at(5), source(7), 1), Ok(()));
        assert_eq!(rates.accept(at(12), source(u32::MAX), 1), Ok(()));
        assert_eq!(rates.accept(at(12), source(7), 1), Ok(()));
        assert_eq!(rates.sources.len(), 2);
    }
}
