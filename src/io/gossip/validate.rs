//! Reads a message before chitchat does, and lets through only what cannot hurt it.
//!
//! chitchat 0.11 trusts what it decodes: a few bytes inflate to gigabytes, some messages make it panic, and anybody may
//! rewrite anybody's keys, its own included. So the bytes are walked here first, against bounds; newcomers are taken out
//! when the pool is full; what a message says about ourselves is taken out and reported. What is left is put together again
//! and decoded by chitchat. The format is that of the pinned version:
//!
//! ```text
//! magic(2) version(1) type(1), then   SYN: digest, cluster id   SYN-ACK: digest, delta   ACK: delta
//! digest = number(2), entries: id, heartbeat(8), collected(8), max version(8)
//! delta  = blocks: type(1), length(2), bytes; a block of type 0 ends it; inflated together they are operations:
//!          0 id, collected(8), from(8)   1 key, value, version(8), status(1)   2 max version(8)
//! id     = name, generation(8), 4 or 6, address, port(2)        text = length(2), bytes        integers little-endian
//! ```

use super::reader::{Operation, Reader};
use super::roster::{DIGEST_NUMBERS_BYTES, Roster};
use super::tally::Reason;
use super::zip::{INFLATED_BYTES_MAX, Inflater};
use crate::pure::base::GridName;
use chitchat::{ChitchatId, ChitchatMessage, Deserializable};

/// What a delta may inflate to, in bytes: three times all keys of the largest pool.
const DELTA_BYTES_MAX: usize = 1024 * 1024;
/// Blocks of a delta: chitchat fills each but the last with 16 KiB.
const BLOCKS_MAX: usize = 128;
/// Operations of a delta: twenty for each peer of the largest digest.
const OPERATIONS_MAX: usize = 24_000;
/// How far a digest's heartbeat of ours may be beyond the last one noted: it rises with each message and is noted each round.
const HEARTBEAT_SLACK: u64 = 1 << 20;
const MAGIC: u16 = 45_139;

/// Who we are, as far as that decides what is let through.
#[derive(Debug)]
pub(super) struct Rules {
    /// Our grid.
    pub(super) grid: GridName,
    /// Our own incarnation.
    pub(super) own: ChitchatId,
    /// Our own heartbeat, when last noted.
    pub(super) heartbeat: u64,
}

/// What a message said about ourselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    /// The highest version of our keys that somebody else made up.
    pub(super) version: Option<u64>,
    /// A heartbeat of ours that we never had: others will not hear our real ones.
    pub(super) heartbeat: bool,
}

/// A message that chitchat may see.
#[derive(Debug)]
pub(super) struct Checked {
    /// The message.
    pub(super) message: ChitchatMessage,
    /// What it said about ourselves; that is no longer in it.
    pub(super) claims: Claims,
    /// How many newcomers were taken out because the pool is full.
    pub(super) refused: usize,
}

/// Checks the bytes of one message and decodes it.
pub(super) fn check(
    bytes: &[u8],
    rules: &Rules,
    roster: &mut Roster,
    inflater: &mut Inflater,
) -> Result<Checked, Reason> {
    let mut reader = Reader(bytes);
    let mut walk = Walk {
        rules,
        claims: Claims::default(),
        refused: 0,
        out: Vec::with_capacity(bytes.len()),
    };
    let (magic, version, kind) = (reader.u16()?, reader.u8()?, reader.u8()?);
    if magic != MAGIC || version != 0 {
        return Err(Reason::Malformed);
    }
    walk.out.extend_from_slice(bytes.get(..4).ok_or(Reason::Malformed)?);
    match kind {
        0 => {
            walk.digest(&mut reader, roster)?;
            let (cluster, text) = reader.spanned(Reader::text)?;
            if text != rules.grid.as_str().as_bytes() {
                return Err(Reason::Grid);
            }
            walk.out.extend_from_slice(cluster);
        }
        1 => {
            walk.digest(&mut reader, roster)?;
            walk.delta(&mut reader, inflater)?;
        }
        2 => walk.delta(&mut reader, inflater)?,
        // "You belong to another cluster": we never say it, and it changes nothing.
        3 => return Err(Reason::Grid),
        _ => return Err(Reason::Malformed),
    }
    if !reader.0.is_empty() {
        return Err(Reason::Malformed);
    }
    let mut rest = walk.out.as_slice();
    let message = ChitchatMessage::deserialize(&mut rest).map_err(|_error| Reason::Malformed)?;
    Ok(Checked {
        message,
        claims: walk.claims,
        refused: walk.refused,
    })
}

/// One walk over a message; `out` is the message without what was taken out.
struct Walk<'r> {
    rules: &'r Rules,
    claims: Claims,
    refused: usize,
    out: Vec<u8>,
}

impl Walk<'_> {
    fn digest(&mut self, reader: &mut Reader<'_>, roster: &mut Roster) -> Result<(), Reason> {
        let count = reader.u16()?;
        let start = self.out.len();
        self.out.extend_from_slice(&[0, 0]);
        let mut kept = 0_u16;
        for _ in 0..count {
            let (id_bytes, id) = reader.spanned(Reader::id)?;
            let (numbers, [heartbeat, _, _]) =
                reader.spanned(|reader| Ok([reader.bounded()?, reader.bounded()?, reader.bounded()?]))?;
            debug_assert_eq!(numbers.len(), DIGEST_NUMBERS_BYTES);
            if id == self.rules.own && heartbeat > self.rules.heartbeat.saturating_add(HEARTBEAT_SLACK) {
                self.claims.heartbeat = true;
            }
            if roster.admit(&id) {
                self.out.extend_from_slice(id_bytes);
                self.out.extend_from_slice(numbers);
                kept += 1;
            } else {
                self.refused += 1;
            }
        }
        if let Some(place) = self.out.get_mut(start..start + 2) {
            place.copy_from_slice(&kept.to_le_bytes());
        }
        Ok(())
    }

    fn delta(&mut self, reader: &mut Reader<'_>, inflater: &mut Inflater) -> Result<(), Reason> {
        let operations = inflate(reader, inflater)?;
        let kept = self.operations(&operations)?;
        for block in kept.chunks(INFLATED_BYTES_MAX) {
            let length = u16::try_from(block.len()).map_err(|_error| Reason::Malformed)?;
            self.out.push(2);
            self.out.extend_from_slice(&length.to_le_bytes());
            self.out.extend_from_slice(block);
        }
        self.out.push(0);
        Ok(())
    }

    /// The operations without those about ourselves. chitchat asserts that a node's versions rise, and that its max version
    /// is not below one of them.
    fn operations(&mut self, operations: &[u8]) -> Result<Vec<u8>, Reason> {
        let mut reader = Reader(operations);
        let mut kept = Vec::with_capacity(operations.len());
        // None before the first node; else whether the node is ourselves, and its highest version so far.
        let mut node: Option<(bool, u64)> = None;
        let mut count = 0;
        while !reader.0.is_empty() {
            count += 1;
            if count > OPERATIONS_MAX {
                return Err(Reason::Malformed);
            }
            let (bytes, operation) = reader.spanned(Reader::operation)?;
            match (operation, &mut node) {
                (Operation::Node(id), node) => *node = Some((id == self.rules.own, 0)),
                (_, None) => return Err(Reason::Malformed),
                (Operation::KeyValue(version), Some((_, newest))) if version > *newest => *newest = version,
                (Operation::MaxVersion(version), Some((_, newest))) if version >= *newest => *newest = version,
                (Operation::KeyValue(_) | Operation::MaxVersion(_), Some(_)) => return Err(Reason::Version),
            }
            match node {
                Some((true, newest)) => self.claims.version = self.claims.version.max(Some(newest)),
                _ => kept.extend_from_slice(bytes),
            }
        }
        Ok(kept)
    }
}

/// The blocks of a delta, inflated, bounded in all while inflating.
fn inflate(reader: &mut Reader<'_>, inflater: &mut Inflater) -> Result<Vec<u8>, Reason> {
    let mut operations = Vec::new();
    for _ in 0..BLOCKS_MAX {
        let kind = reader.u8()?;
        if kind == 0 {
            return Ok(operations);
        }
        let length = reader.u16()?;
        let bytes = reader.bytes(usize::from(length))?;
        match kind {
            1 => operations.extend_from_slice(inflater.inflate(bytes)?),
            2 => operations.extend_from_slice(bytes),
            _ => return Err(Reason::Malformed),
        }
        if operations.len() > DELTA_BYTES_MAX {
            return Err(Reason::Inflate);
        }
    }
    Err(Reason::Malformed)
}

#[cfg(test)]
#[path = "forge.rs"]
pub(super) mod forge;

#[cfg(test)]
#[path = "validate_test.rs"]
mod tests;
