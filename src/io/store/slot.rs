//! One slot of the identity file: a sequence number, a payload, and a digest over both, padded to a fixed size.
//!
//! A slot is as large as a page, so that a torn write of one slot never touches the other.

/// How many bytes a slot takes on disk.
pub(super) const SLOT_BYTES: usize = 4096;
/// How many of them the payload may take.
pub(super) const PAYLOAD_BYTES_MAX: usize = SLOT_BYTES - HEAD_BYTES;

/// Says that this is an identity slot, and of which format.
const MAGIC: [u8; 8] = *b"floe-id1";
const DIGEST_BYTES: usize = 32;
const HEAD_BYTES: usize = MAGIC.len() + DIGEST_BYTES + 8 + 4;

/// A slot as read: which write it was, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Counts the writes of the whole file; the higher is the newer.
    pub(super) sequence: u64,
    /// The payload, verified.
    pub(super) payload: Vec<u8>,
}

impl Slot {
    /// The slot's bytes, `SLOT_BYTES` long. `None` when the payload does not fit.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let length = u32::try_from(self.payload.len())
            .ok()
            .filter(|_| self.payload.len() <= PAYLOAD_BYTES_MAX)?;
        let mut bytes = Vec::with_capacity(SLOT_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(digest(self.sequence, &self.payload).as_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes.resize(SLOT_BYTES, 0);
        Some(bytes)
    }
    /// Reads a slot; `None` when it is damaged, torn or was never written.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (stored, rest) = rest.split_first_chunk::<DIGEST_BYTES>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let sequence = u64::from_be_bytes(*sequence);
        let payload = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let valid = *magic == MAGIC && digest(sequence, payload).as_bytes() == stored;
        valid.then(|| Self {
            sequence,
            payload: payload.to_vec(),
        })
    }
}

fn digest(sequence: u64, payload: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("floe 2026 identity slot 1");
    hasher.update(&sequence.to_be_bytes());
    hasher.update(payload);
    hasher.finalize()
}
