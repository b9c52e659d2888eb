//! Splits a message into chunks below the MTU, and joins chunks in any order, with loss and repetition.
//!
//! What a source can make us hold is bounded: messages per source, sources, bytes in all, and 2 s.

use super::frame::{Counters, OVERHEAD_BYTES_MAX, PACKET_BYTES_MAX};
use super::tally::Reason;
use crate::pure::base::Time;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Data in one chunk, in bytes.
pub(super) const CHUNK_BYTES_MAX: usize = PACKET_BYTES_MAX - OVERHEAD_BYTES_MAX;
/// Most chunks of a message: the largest message of chitchat's needs 60, and received ones are noted in a `u64`.
pub(super) const CHUNKS_MAX: usize = 64;
/// How long the chunks of a message may take to arrive.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often late messages are looked for.
const SWEEP: Duration = Duration::from_millis(500);
/// Messages of one source that may be half received: an answer and a question of each of two rounds.
const PER_SOURCE_MAX: usize = 4;
/// Sources with half received messages: as many as the largest pool has peers.
const SOURCES_MAX: usize = 512;
/// Bytes of half received messages in all.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// The chunks of a message, each with its place and their number; `None` when there would be too many.
pub(super) fn split(message: &[u8]) -> Option<Vec<(u8, u8, &[u8])>> {
    let chunks = message.chunks(CHUNK_BYTES_MAX);
    if message.is_empty() || chunks.len() > CHUNKS_MAX {
        return None;
    }
    let count = u8::try_from(chunks.len()).ok()?;
    Some(
        (0..count)
            .zip(chunks)
            .map(|(index, data)| (index, count, data))
            .collect(),
    )
}

/// Half received messages.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    sources: BTreeMap<SocketAddr, BTreeMap<Id, Partial>>,
    bytes: usize,
    swept: Time,
    lost: u64,
}

/// The sender's generation and the counter of the first chunk.
type Id = (u64, u64);

#[derive(Debug)]
struct Partial {
    since: Time,
    count: u8,
    chunks: BTreeMap<u8, Vec<u8>>,
}
impl Partial {
    fn bytes(&self) -> usize {
        self.chunks.values().map(Vec::len).sum()
    }
}

impl Reassembly {
    /// Takes a chunk; the message when it was the last one missing.
    pub(super) fn accept(
        &mut self,
        now: Time,
        source: SocketAddr,
        counters: Counters,
        data: &[u8],
    ) -> Result<Option<Vec<u8>>, Reason> {
        self.sweep(now);
        let Counters { index, count, .. } = counters;
        let fits = index < count && usize::from(count) <= CHUNKS_MAX && !data.is_empty();
        // Every chunk but the last is full: a count that promises more than it brings would waste room.
        let full =
            data.len() == CHUNK_BYTES_MAX || (index.checked_add(1) == Some(count) && data.len() < CHUNK_BYTES_MAX);
        let first = counters.counter.checked_sub(u64::from(index));
        let (true, true, Some(first)) = (fits, full, first) else {
            return Err(Reason::Chunk);
        };
        if count == 1 {
            return Ok(Some(data.to_vec()));
        }
        let id = (counters.generation, first);
        self.make_room(source, id, data.len())?;
        let messages = self.sources.entry(source).or_default();
        let partial = messages.entry(id).or_insert_with(|| Partial {
            since: now,
            count,
            chunks: BTreeMap::new(),
        });
        if partial.count != count {
            return Err(Reason::Chunk);
        }
        if partial.chunks.insert(index, data.to_vec()).is_none() {
            self.bytes += data.len();
        }
        if partial.chunks.len() < usize::from(count) {
            return Ok(None);
        }
        Ok(self
            .remove(source, id)
            .map(|partial| partial.chunks.into_values().collect::<Vec<_>>().concat()))
    }

    /// How many messages were given up since the last question.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// A source that begins a message too many gives up its oldest: that one has likely lost a chunk.
    fn make_room(&mut self, source: SocketAddr, id: Id, more: usize) -> Result<(), Reason> {
        if self.bytes + more > BYTES_MAX {
            return Err(Reason::Reassembly);
        }
        let Some(messages) = self.sources.get(&source) else {
            return if self.sources.len() < SOURCES_MAX {
                Ok(())
            } else {
                Err(Reason::Reassembly)
            };
        };
        if messages.len() >= PER_SOURCE_MAX && !messages.contains_key(&id) {
            let oldest = messages.iter().min_by_key(|(_, partial)| partial.since);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.remove(source, oldest);
                self.lost += 1;
            }
        }
        Ok(())
    }

    fn sweep(&mut self, now: Time) {
        if now.since(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        let mut late = Vec::new();
        for (source, messages) in &self.sources {
            let overdue = messages
                .iter()
                .filter(|(_, partial)| now.since(partial.since) > PATIENCE);
            late.extend(overdue.map(|(id, _)| (*source, *id)));
        }
        for (source, id) in late {
            self.remove(source, id);
            self.lost += 1;
        }
    }

    fn remove(&mut self, source: SocketAddr, id: Id) -> Option<Partial> {
        let messages = self.sources.get_mut(&source)?;
        let partial = messages.remove(&id)?;
        if messages.is_empty() {
            self.sources.remove(&source);
        }
        self.bytes = self.bytes.saturating_sub(partial.bytes());
        Some(partial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }
    fn counters(counter: u64, index: u8, count: u8) -> Counters {
        Counters {
            generation: 1,
            counter,
            index,
            count,
        }
    }

    proptest! {
        #[test]
        fn messages_survive_reorder_and_repetition_and_nothing_else_comes_out(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..6_000), 1..4),
            order in proptest::collection::vec(any::<(u16, bool)>(), 64),
        ) {
            // The chunks of all messages, some twice, some lost, in any order.
            let (mut packets, mut next) = (Vec::new(), 1_u64);
            for message in &messages {
                for (index, count, data) in split(message).unwrap() {
                    packets.push((counters(next, index, count), data));
                    next += 1;
                }
            }
            let mut lost = vec![];
            for (place, lose) in order {
                let (from, to) = (usize::from(place) % packets.len(), usize::from(place / 7) % packets.len());
                if lose && place % 5 == 0 && packets.len() > 1 {
                    lost.push(packets.remove(from).0.counter);
                } else if lose {
                    packets.push(packets[from]);
                } else {
                    packets.swap(from, to);
                }
            }
            let mut reassembly = Reassembly::default();
            let mut out = Vec::new();
            for (counters, data) in packets {
                out.extend(reassembly.accept(Time::ZERO, source(1), counters, data).unwrap());
            }
            for message in &out {
                prop_assert!(messages.contains(message), "a message came out that did not go in");
            }
            if lost.is_empty() {
                for message in &messages {
                    prop_assert!(out.contains(message), "a message of {} bytes is missing", message.len());
                }
            }
        }
    }

    #[test]
    fn what_a_source_can_make_us_hold_is_bounded() {
        let full = [0; CHUNK_BYTES_MAX];
        let mut reassembly = Reassembly::default();
        for message in 0..100 {
            let counters = counters(1 + message * 64, 0, 64);
            assert_eq!(reassembly.accept(Time::ZERO, source(1), counters, &full), Ok(None));
        }
        assert_eq!(reassembly.sources[&source(1)].len(), PER_SOURCE_MAX);
        assert_eq!(reassembly.take_lost(), 96);
        for port in 2..=u16::try_from(SOURCES_MAX).unwrap() {
            assert_eq!(
                reassembly.accept(Time::ZERO, source(port), counters(1, 0, 2), &full),
                Ok(None)
            );
        }
        let refused = reassembly.accept(Time::ZERO, source(9_999), counters(1, 0, 2), &full);
        assert_eq!(refused, Err(Reason::Reassembly));
        // The late ones go, and with them their bytes.
        let later = Time::ZERO.after(PATIENCE * 2);
        assert_eq!(
            reassembly.accept(later, source(9_999), counters(1, 0, 2), &full),
            Ok(None)
        );
        assert_eq!((reassembly.sources.len(), reassembly.bytes), (1, CHUNK_BYTES_MAX));
    }

    #[test]
    fn chunks_that_do_not_fit_are_refused() {
        let full = [0; CHUNK_BYTES_MAX];
        for (counters, data) in [
            (counters(1, 0, 0), &full[..]),
            (counters(9, 2, 2), &full[..]),
            (counters(9, 0, 65), &full[..]),
            (counters(300, 255, 0), &full[1..]),
            (counters(9, 0, 2), &full[1..]),
            (counters(9, 1, 2), &[]),
            (counters(0, 1, 2), &full[..]),
        ] {
            let answer = Reassembly::default().accept(Time::ZERO, source(1), counters, data);
            assert_eq!(answer, Err(Reason::Chunk), "{counters:?}");
        }
        assert_eq!(split(&[]), None);
        assert_eq!(
            split(&vec![0; CHUNK_BYTES_MAX * CHUNKS_MAX]).map(|chunks| chunks.len()),
            Some(64)
        );
        assert_eq!(split(&vec![0; CHUNK_BYTES_MAX * CHUNKS_MAX + 1]), None);
    }
}
