//! Compression with a bound: what would inflate to more is an error, and nothing is allocated for it.

use super::tally::Reason;
use std::fmt;

/// What one piece may inflate to, in bytes: chitchat's own bound for a block, just above its largest message.
pub(super) const INFLATED_BYTES_MAX: usize = 65_535;
/// Effort of the compression: chitchat's digests are mostly repetition, and this is paid for each message.
const LEVEL: i32 = 1;

/// Compresses; keeps its tables from piece to piece.
pub(super) struct Deflater(zstd::bulk::Compressor<'static>);

impl Deflater {
    pub(super) fn new() -> std::io::Result<Self> {
        zstd::bulk::Compressor::new(LEVEL).map(Self)
    }
    pub(super) fn deflate(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Reason> {
        self.0.compress(bytes).map_err(|_error| Reason::Unsent)
    }
}

/// Inflates into one buffer that it keeps, whose length is the bound.
pub(super) struct Inflater {
    context: zstd::bulk::Decompressor<'static>,
    buffer: Vec<u8>,
}

impl Inflater {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            context: zstd::bulk::Decompressor::new()?,
            buffer: vec![0; INFLATED_BYTES_MAX],
        })
    }
    pub(super) fn inflate(&mut self, bytes: &[u8]) -> Result<&[u8], Reason> {
        let inflated = self.context.decompress_to_buffer(bytes, self.buffer.as_mut_slice());
        let inflated = inflated.map_err(|_error| Reason::Inflate)?;
        self.buffer.get(..inflated).ok_or(Reason::Inflate)
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deflater")
    }
}
impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inflater")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_survive_up_to_the_bound_and_bombs_are_stopped() {
        let (mut deflater, mut inflater) = (Deflater::new().unwrap(), Inflater::new().unwrap());
        for (length, fits) in [
            (0, true),
            (INFLATED_BYTES_MAX, true),
            (INFLATED_BYTES_MAX + 1, false),
            (256 * 1024 * 1024, false),
            (7, true),
        ] {
            let small = deflater.deflate(&vec![9; length]).unwrap();
            let inflated = inflater.inflate(&small).map(<[u8]>::len);
            assert_eq!(inflated, if fits { Ok(length) } else { Err(Reason::Inflate) });
            // The buffer is all there ever is.
            assert_eq!(inflater.buffer.capacity(), INFLATED_BYTES_MAX);
        }
        assert_eq!(inflater.inflate(b"no zstd"), Err(Reason::Inflate));
    }
}
