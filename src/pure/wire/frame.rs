//! Frames: four bytes of length, big-endian, then that many bytes. The length is checked before a byte is allocated.

/// Why a stream can no longer be read as frames. The connection must be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The announced length is above the bound in force.
    #[error("a frame of {announced} bytes was announced, at most {allowed} are allowed here")]
    TooLarge {
        /// What the other side announced.
        announced: usize,
        /// The bound in force.
        allowed: usize,
    },
}

/// `payload` as one frame. `None` when it is larger than `allowed` bytes or than a length can tell.
pub fn frame(payload: &[u8], allowed: usize) -> Option<Vec<u8>> {
    let length = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= allowed)?;
    let mut bytes = Vec::with_capacity(payload.len() + 4);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(payload);
    Some(bytes)
}

/// Bytes in, frames out, across any split of the bytes. Holds at most one frame of the bound in force and what was pushed.
#[derive(Debug)]
pub struct Frames {
    buffer: Vec<u8>,
    taken: usize,
    allowed: usize,
}

impl Frames {
    /// A reader that accepts frames of at most `allowed` bytes.
    pub fn new(allowed: usize) -> Self {
        Self {
            buffer: Vec::new(),
            taken: 0,
            allowed,
        }
    }
    /// Changes the bound, as after a valid hello.
    pub fn allow(&mut self, allowed: usize) {
        self.allowed = allowed;
    }
    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 && self.taken * 2 >= self.buffer.len() {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }
    /// The next whole frame's payload, or `None` until more bytes come.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`] as soon as the four bytes of a length above the bound are there.
    pub fn pop(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        Ok(self.take()?.map(<[u8]>::to_vec))
    }
    /// As [`Frames::pop`], where the frame lies.
    ///
    /// # Errors
    /// As [`Frames::pop`].
    pub fn take(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let Some(length) = self.whole()? else {
            return Ok(None);
        };
        let start = self.taken + 4;
        self.taken = start + length;
        Ok(self.buffer.get(start..self.taken))
    }
    /// How many bytes the next frame's payload has, once it is there as a whole.
    ///
    /// # Errors
    /// As [`Frames::pop`].
    pub fn whole(&self) -> Result<Option<usize>, FrameError> {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let Some((head, body)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let announced = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
        if announced > self.allowed {
            return Err(FrameError::TooLarge {
                announced,
                allowed: self.allowed,
            });
        }
        Ok((body.len() >= announced).then_some(announced))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_large_length_is_refused_before_its_bytes_come() {
        let mut frames = Frames::new(16);
        frames.push(&17_u32.to_be_bytes());
        assert_eq!(
            frames.pop(),
            Err(FrameError::TooLarge {
                announced: 17,
                allowed: 16
            })
        );
        assert_eq!(frame(&[0; 17], 16), None);
    }

    proptest! {
        #[test]
        fn frames_survive_any_split(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8), step in 1_usize..9) {
            let bytes: Vec<u8> = payloads.iter().flat_map(|p| frame(p, 64).unwrap()).collect();
            let mut frames = Frames::new(64);
            let mut out = Vec::new();
            for part in bytes.chunks(step) {
                frames.push(part);
                while let Some(payload) = frames.pop().unwrap() {
                    out.push(payload);
                }
            }
            prop_assert_eq!(out, payloads);
        }
    }
}
