//! Bytes and messages: frames with a length, CBOR with bounds. Knows no message by name.

pub mod codec;
pub mod frame;

pub use codec::{CodecError, decode, encode, encoded_len};
pub use frame::{FrameError, Frames, frame};
