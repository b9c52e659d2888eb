//! Any message to and from CBOR, with size and depth bounds.
//!
//! Two habits of the CBOR library are closed here: bytes after the value are refused instead of ignored, and nesting is
//! bounded well below what a thread's stack holds.

use super::super::base::limits::CBOR_DEPTH_MAX;
use serde::{Serialize, de::DeserializeOwned};

/// Why bytes were refused, or a value could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes are not the value that was expected.
    #[error("the bytes are no valid {what}: {reason}")]
    Invalid {
        /// The type that was expected.
        what: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// The value ended before the bytes did.
    #[error("{extra} bytes follow the {what}")]
    Trailing {
        /// The type that was expected.
        what: &'static str,
        /// How many bytes are left over.
        extra: usize,
    },
}

/// The CBOR form of a value of our own types.
///
/// # Panics
/// Never for the types of this crate: writing to memory cannot fail and their serialisers return no error.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    ciborium::into_writer(value, &mut bytes).expect("our own types always serialise into memory");
    bytes
}

/// How many bytes [`encode`] would give.
pub fn encoded_len<T: Serialize>(value: &T) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    ciborium::into_writer(value, &mut counter).expect("our own types always serialise");
    counter.0
}

/// Reads one value that fills `bytes` entirely. The caller has bounded the length of `bytes`.
///
/// # Errors
/// [`CodecError`]; nothing is kept of a refused value.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let what = short_type_name::<T>();
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, CBOR_DEPTH_MAX).map_err(|error| {
        CodecError::Invalid {
            what,
            reason: error.to_string(),
        }
    })?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(CodecError::Trailing {
            what,
            extra: rest.len(),
        })
    }
}

fn short_type_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn trailing_bytes_and_deep_nesting_are_refused() {
        let mut bytes = encode(&7_u32);
        bytes.push(0);
        assert_eq!(
            decode::<u32>(&bytes),
            Err(CodecError::Trailing { what: "u32", extra: 1 })
        );
        let mut deep = vec![0x81; CBOR_DEPTH_MAX * 4];
        deep.push(0);
        assert!(decode::<ciborium::Value>(&deep).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            drop(decode::<Vec<(String, u64)>>(&bytes));
            drop(decode::<ciborium::Value>(&bytes));
        }
        #[test]
        fn values_survive(value in any::<Vec<(String, u64, Option<bool>)>>()) {
            prop_assert_eq!(decode::<Vec<(String, u64, Option<bool>)>>(&encode(&value)), Ok(value));
        }
    }
}
