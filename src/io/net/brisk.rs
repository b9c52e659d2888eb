//! When to wait for a client's next request awake.
//!
//! A client that asks one by one sends its next request a few microseconds after it has read the answer. Falling asleep
//! between the two costs more than the whole answer: on a machine with idle cores both sides wait for a core to wake up. So
//! a connection that has proven brisk is looked at again and again for a moment, while others are served in between, and
//! falls asleep when nothing comes. One connection of a peer at a time may do so: the other cores are for work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How long we stay awake for a next request.
const AWAKE: Duration = Duration::from_micros(60);
/// A request that comes so soon after an answer counts as brisk, our own waking up included.
const SOON: Duration = Duration::from_micros(250);
/// So many in a row, and we stay awake; a wait in vain starts the count anew.
const PROOFS: u32 = 16;

/// Held by whoever stays awake.
#[derive(Debug, Default)]
pub(super) struct Awake(AtomicBool);

/// How brisk one client is.
#[derive(Debug, Default)]
pub(super) struct Brisk {
    answered: Option<Instant>,
    proofs: u32,
}

impl Brisk {
    /// A request came.
    pub(super) fn asked(&mut self) {
        let soon = self.answered.is_some_and(|answered| answered.elapsed() <= SOON);
        self.proofs = if soon { self.proofs.saturating_add(1) } else { 0 };
    }
    /// It was answered; until when to stay awake, if at all.
    pub(super) fn answered<'a>(&mut self, awake: &'a Awake) -> Option<Vigil<'a>> {
        let now = Instant::now();
        self.answered = Some(now);
        if self.proofs < PROOFS || awake.0.swap(true, Ordering::Relaxed) {
            return None;
        }
        let until = now + AWAKE;
        Some(Vigil { awake, until })
    }
    /// Nothing came while we were awake.
    pub(super) fn in_vain(&mut self) {
        self.proofs = 0;
    }
}

/// Gives the right to stay awake back.
#[derive(Debug)]
pub(super) struct Vigil<'a> {
    awake: &'a Awake,
    until: Instant,
}

impl Vigil<'_> {
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

impl Drop for Vigil<'_> {
    fn drop(&mut self) {
        self.awake.0.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_brisk_client_is_waited_for_awake_and_only_one() {
        let awake = Awake::default();
        let (mut brisk, mut other) = (Brisk::default(), Brisk::default());
        assert!(brisk.answered(&awake).is_none(), "nothing is proven yet");
        // As if each had come at once.
        brisk.proofs = PROOFS;
        other.proofs = PROOFS;
        let vigil = brisk.answered(&awake);
        assert!(vigil.as_ref().is_some_and(|vigil| !vigil.is_over()));
        assert!(other.answered(&awake).is_none(), "one at a time");
        drop(vigil);
        assert!(other.answered(&awake).is_some());
        brisk.in_vain();
        assert!(brisk.answered(&awake).is_none());
        brisk.answered = None;
        brisk.asked();
        assert_eq!(brisk.proofs, 0);
    }
}
