//! Faults that an allocator reports. They count against it, unlike the outcomes.

use crate::abi;
use std::fmt;

/// A fault: a code of the ABI and a sentence. The host uses its built-in instead and counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: i32,
    text: String,
}

impl Error {
    /// The configuration is wrong. Say which key, what it holds, and what it should hold.
    pub fn config(text: impl fmt::Display) -> Self {
        Self::new(abi::CONFIG, text)
    }
    /// The allocator is at a loss.
    pub fn internal(text: impl fmt::Display) -> Self {
        Self::new(abi::INTERNAL, text)
    }
    /// The allocator does not do this.
    pub fn unsupported(text: impl fmt::Display) -> Self {
        Self::new(abi::UNSUPPORTED, text)
    }
    /// The same call may work later.
    pub fn busy(text: impl fmt::Display) -> Self {
        Self::new(abi::BUSY, text)
    }
    pub(crate) fn panicked(text: impl fmt::Display) -> Self {
        Self::new(abi::PANIC, text)
    }
    fn new(code: i32, text: impl fmt::Display) -> Self {
        Self {
            code,
            text: text.to_string(),
        }
    }
    /// The code of the ABI, below 0.
    pub fn code(&self) -> i32 {
        self.code
    }
    /// The sentence.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl std::error::Error for Error {}
