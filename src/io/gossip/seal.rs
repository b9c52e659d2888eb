//! Seals packets and opens them; remembers which were seen.
//!
//! The seal proves that the sender holds a key of the grid, and binds the packet to grid, sender and destination. It does
//! not prove which peer sent it: every holder of the key may say what it likes, which is why gossip stays a hint.

use super::key::Key;
use super::tally::Reason;
use crate::pure::base::{GridName, Time};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::collections::BTreeMap;
use std::fmt;

/// Senders whose packets are remembered: four times the largest pool, for folders that come and go.
const SENDERS_MAX: usize = 2_048;
/// How many packets before the newest are told apart, in words of 64.
const WINDOW_WORDS: usize = 16;
const WINDOW: u64 = 64 * WINDOW_WORDS as u64;
const NONCE_BYTES: usize = 24;

/// The keys of one grid, ready for use.
pub(super) struct Ring {
    keys: Vec<(u8, XChaCha20Poly1305)>,
    grid: GridName,
}

impl Ring {
    pub(super) fn new(keys: &[Key], grid: GridName) -> Self {
        let keys = keys
            .iter()
            .map(|key| (key.id, XChaCha20Poly1305::new(&key.bytes.into())))
            .collect();
        Self { keys, grid }
    }

    /// The key that seals; `None` without keys, when packets travel plain.
    pub(super) fn sealing(&self) -> Option<u8> {
        self.keys.first().map(|(id, _)| *id)
    }

    /// Nonce, sealed body and tag. `header` is what stands before them in the packet.
    pub(super) fn seal(&self, header: &[u8], nonce: [u8; NONCE_BYTES], body: &[u8]) -> Result<Vec<u8>, Reason> {
        let (_, cipher) = self.keys.first().ok_or(Reason::Key)?;
        let aad = self.associated(header);
        let payload = Payload { msg: body, aad: &aad };
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_error| Reason::Seal)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// The body behind a header; sealed or plain as the header says and the ring demands.
    pub(super) fn open(&self, key: Option<u8>, header: &[u8], rest: &[u8]) -> Result<Vec<u8>, Reason> {
        let Some(id) = key else {
            return if self.keys.is_empty() {
                Ok(rest.to_vec())
            } else {
                Err(Reason::Plain)
            };
        };
        let found = self.keys.iter().find(|(known, _)| *known == id);
        let (_, cipher) = found.ok_or(Reason::Key)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Reason::Frame)?;
        let aad = self.associated(header);
        let payload = Payload { msg: sealed, aad: &aad };
        cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_error| Reason::Seal)
    }

    fn associated(&self, header: &[u8]) -> Vec<u8> {
        [header, self.grid.as_str().as_bytes()].concat()
    }
}
impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u8> = self.keys.iter().map(|(id, _)| *id).collect();
        f.debug_struct("Ring").field("ids", &ids).finish_non_exhaustive()
    }
}

/// Which packets of each sender were seen. Only for packets whose seal opened: others could lie about the sender.
#[derive(Debug, Default)]
pub(super) struct Seen {
    senders: BTreeMap<u64, Window>,
}

#[derive(Debug)]
struct Window {
    generation: u64,
    newest: u64,
    /// Bit `counter % WINDOW` of each packet that is at most a window older than the newest.
    bits: [u64; WINDOW_WORDS],
    heard: Time,
}

impl Seen {
    /// Remembers a packet; [`Reason::Replay`] when it was seen, is too old to tell, or is of a former generation.
    pub(super) fn accept(&mut self, now: Time, sender: u64, generation: u64, counter: u64) -> Result<(), Reason> {
        if !self.senders.contains_key(&sender) && self.senders.len() >= SENDERS_MAX {
            let stalest = self.senders.iter().min_by_key(|(_, window)| window.heard);
            if let Some(stalest) = stalest.map(|(sender, _)| *sender) {
                self.senders.remove(&stalest);
            }
        }
        let window = self.senders.entry(sender).or_insert_with(|| Window::new(generation));
        if generation < window.generation {
            return Err(Reason::Replay);
        }
        if generation > window.generation {
            *window = Window::new(generation);
        }
        window.heard = now;
        window.accept(counter)
    }
}

impl Window {
    fn new(generation: u64) -> Self {
        Self {
            generation,
            newest: 0,
            bits: [0; WINDOW_WORDS],
            heard: Time::ZERO,
        }
    }

    fn accept(&mut self, counter: u64) -> Result<(), Reason> {
        if counter == 0 || counter.saturating_add(WINDOW) <= self.newest {
            return Err(Reason::Replay);
        }
        if counter > self.newest {
            let steps = (counter - self.newest).min(WINDOW);
            for passed in 0..steps {
                let (word, mask) = Self::place(counter.wrapping_sub(passed));
                if let Some(word) = self.bits.get_mut(word) {
                    *word &= !mask;
                }
            }
            self.newest = counter;
        }
        let (word, mask) = Self::place(counter);
        let word = self.bits.get_mut(word).ok_or(Reason::Replay)?;
        if *word & mask != 0 {
            return Err(Reason::Replay);
        }
        *word |= mask;
        Ok(())
    }

    fn place(counter: u64) -> (usize, u64) {
        let bit = counter % WINDOW;
        (usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn ring(keys: &[(u8, u8)], grid: &str) -> Ring {
        let keys: Vec<Key> = keys
            .iter()
            .map(|(id, byte)| Key {
                id: *id,
                bytes: [*byte; 32],
            })
            .collect();
        Ring::new(&keys, grid.parse().unwrap())
    }

    #[test]
    fn a_seal_opens_with_the_right_key_grid_and_header_only() {
        let ours = ring(&[(1, 7), (2, 8)], "shop");
        let sealed = ours.seal(b"header", [5; 24], b"body").unwrap();
        let open = |ring: &Ring, key, header: &[u8]| ring.open(key, header, &sealed);
        assert_eq!(open(&ours, Some(1), b"header").unwrap(), b"body");
        assert_eq!(
            open(&ring(&[(3, 1), (1, 7)], "shop"), Some(1), b"header").unwrap(),
            b"body"
        );
        assert_eq!(open(&ours, Some(1), b"Header"), Err(Reason::Seal));
        assert_eq!(open(&ours, Some(2), b"header"), Err(Reason::Seal));
        assert_eq!(open(&ours, Some(3), b"header"), Err(Reason::Key));
        assert_eq!(open(&ours, None, b"header"), Err(Reason::Plain));
        assert_eq!(open(&ring(&[(1, 7)], "other"), Some(1), b"header"), Err(Reason::Seal));
        assert_eq!(open(&ring(&[], "shop"), Some(1), b"header"), Err(Reason::Key));
        assert_eq!(ours.open(Some(1), b"header", &sealed[..20]), Err(Reason::Frame));
        assert_eq!(ring(&[], "shop").open(None, b"", b"plain").unwrap(), b"plain");
    }

    proptest! {
        #[test]
        fn no_packet_passes_twice(counters in proptest::collection::vec(1_u64..3_000, 1..400)) {
            let mut seen = Seen::default();
            let (mut passed, mut newest) = (BTreeSet::new(), 0);
            for counter in counters {
                let fresh = !passed.contains(&counter) && counter + WINDOW > newest;
                let accepted = seen.accept(Time::ZERO, 1, 1, counter).is_ok();
                prop_assert_eq!(accepted, fresh, "counter {} with newest {}", counter, newest);
                if accepted {
                    passed.insert(counter);
                    newest = newest.max(counter);
                }
            }
        }
    }

    #[test]
    fn generations_only_grow_and_the_stalest_sender_is_forgotten_first() {
        let mut seen = Seen::default();
        assert_eq!(seen.accept(Time::ZERO, 1, 2, 9), Ok(()));
        assert_eq!(seen.accept(Time::ZERO, 1, 1, 10), Err(Reason::Replay));
        assert_eq!(seen.accept(Time::ZERO, 1, 3, 9), Ok(()));
        assert_eq!(seen.accept(Time::ZERO, 1, 3, u64::MAX), Ok(()));
        for sender in 2..=SENDERS_MAX as u64 + 1 {
            assert_eq!(seen.accept(Time::from_micros(sender), sender, 1, 1), Ok(()));
        }
        assert_eq!(seen.senders.len(), SENDERS_MAX);
        assert!(!seen.senders.contains_key(&1));
    }
}
