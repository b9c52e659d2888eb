//! Which incarnations chitchat knows, and how full that makes its digest.
//!
//! chitchat sends the whole digest with each message and panics when it outgrows one. So a newcomer is taken out of what
//! comes in once the digest is 70 % full: those who are in go on, and the place of the dead is free again after their grace.

use chitchat::{ChitchatId, Serializable};
use std::collections::BTreeSet;

/// Largest message of chitchat 0.11, in bytes: a UDP datagram.
pub(super) const MESSAGE_BYTES_MAX: usize = 65_507;
/// Largest digest with which chitchat still answers, in bytes: it wants 100 bytes for what follows.
const DIGEST_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 104;
/// Beyond this part of the largest digest an operator should think of a second pool.
const WARN_PERCENT: usize = 50;
/// Beyond this part newcomers are refused.
const FULL_PERCENT: usize = 70;
/// Heartbeat and two versions of a digest entry, in bytes.
pub(super) const DIGEST_NUMBERS_BYTES: usize = 24;

/// How full the digest is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fullness {
    /// Fine.
    #[default]
    Roomy,
    /// More than half.
    Half,
    /// Newcomers are refused.
    Full,
}

/// The incarnations that chitchat knows, or is about to learn of.
#[derive(Debug, Default)]
pub(super) struct Roster {
    known: BTreeSet<ChitchatId>,
    bytes: usize,
}

impl Roster {
    /// Sets what chitchat really knows.
    pub(super) fn refresh(&mut self, known: BTreeSet<ChitchatId>) {
        self.bytes = known.iter().map(entry_bytes).sum();
        self.known = known;
    }

    /// May this incarnation be in a digest that chitchat gets?
    pub(super) fn admit(&mut self, id: &ChitchatId) -> bool {
        if self.known.contains(id) {
            return true;
        }
        let bytes = self.bytes + entry_bytes(id);
        if bytes * 100 > DIGEST_BYTES_MAX * FULL_PERCENT {
            return false;
        }
        self.bytes = bytes;
        self.known.insert(id.clone())
    }

    /// How full the digest is. Full begins where the next longest name would no longer be admitted.
    pub(super) fn fullness(&self) -> Fullness {
        let percent = (self.bytes + 100) * 100 / DIGEST_BYTES_MAX;
        match percent {
            FULL_PERCENT.. => Fullness::Full,
            WARN_PERCENT.. => Fullness::Half,
            _ => Fullness::Roomy,
        }
    }

    /// How many incarnations are known.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

fn entry_bytes(id: &ChitchatId) -> usize {
    id.serialized_len() + DIGEST_NUMBERS_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_keeps_its_members_and_refuses_newcomers_below_the_cliff() {
        let id = |number: usize| ChitchatId::new(format!("node-{number:011}"), 1, ([10, 0, 0, 1], 7_401).into());
        let mut roster = Roster::default();
        let mut seen = vec![Fullness::Roomy];
        let admitted = (0..2_000).take_while(|number| roster.admit(&id(*number))).count();
        // 16 characters: 57 bytes an entry, 1,147 at the cliff.
        assert_eq!(admitted, 803);
        assert_eq!(roster.len(), 803);
        assert_eq!(roster.fullness(), Fullness::Full);
        assert!(roster.admit(&id(5)));
        assert!(!roster.admit(&id(5_000)));
        for count in [570, 580, 790, 803] {
            roster.refresh((0..count).map(id).collect());
            seen.push(roster.fullness());
        }
        assert!(seen.is_sorted() && seen.contains(&Fullness::Half), "{seen:?}");
        assert!(roster.bytes < DIGEST_BYTES_MAX);
    }
}
