//! The one bit of redb's file that no checksum covers: which of the two last commits is the newest.
//!
//! ```text
//! 0 magic | 9 flags | ... | 64 slot 0 | 192 slot 1       a slot: ... | 104 transaction id | 112 its checksum
//! ```
//! A commit in two phases writes its pages and the idle slot, syncs, points the flags at that slot, and syncs again. So the
//! slot that the flags point at is whole by construction, and redb refuses a file in which it is not: without the first
//! phase it would take that for a power cut during the commit, and go back by one commit, which had been acknowledged.
//! But it believes the flags. This looks whether they point at the older slot.

use redb::StorageBackend;
use std::io;

const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
const FLAGS: usize = 9;
const PRIMARY: u8 = 1;
const TWO_PHASES: u8 = 4;
const IDS: [usize; 2] = [64 + 104, 192 + 104];
const HEADER_BYTES: usize = 320;

/// When the flags point at the older slot, either the power was cut between the two phases, or the flag is damaged. Both
/// are served by the newer commit if it is whole, and else by the older: that is how redb opens what was committed in one
/// phase, so the file is marked as such. It is marked otherwise again with the next commit.
pub(super) fn doubt_older_slot(backend: &impl StorageBackend) -> io::Result<()> {
    let mut header = [0; HEADER_BYTES];
    if backend.len()? < header.len() as u64 {
        return Ok(());
    }
    backend.read(0, &mut header)?;
    let flags = header.get(FLAGS).copied().unwrap_or_default();
    let id = |slot: usize| {
        let bytes = header.get(IDS[slot]..)?.first_chunk::<8>()?;
        Some(u64::from_le_bytes(*bytes))
    };
    let primary = usize::from(flags & PRIMARY);
    let older = id(primary) < id(1 - primary);
    if header.starts_with(MAGIC) && flags & TWO_PHASES != 0 && older {
        backend.write(FLAGS as u64, &[flags & !TWO_PHASES])?;
    }
    Ok(())
}
