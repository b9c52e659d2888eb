//! A checksum over all stored values and the end of the log, carried forward with each change: a value that was damaged,
//! lost or left behind by an unfinished write is found at the next start.
//!
//! It guards against accidents. Against a forger the log's chained digests stand, not this.

use super::effect::Batch;
use crate::pure::lineage::Version;
use crate::pure::wire::encode;
use std::collections::BTreeMap;

/// The value that holds the seal; not part of the sum.
pub(super) const SEAL_KEY: &str = "seal";

/// The sum over the values, and what each contributes.
#[derive(Clone, Debug, Default)]
pub(super) struct Seal {
    parts: BTreeMap<String, u128>,
    sum: u128,
}

impl Seal {
    /// The seal of these values.
    pub(super) fn of(values: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut seal = Self::default();
        for (key, value) in values {
            seal.put(key, value);
        }
        seal
    }
    /// What stands in the seal's own value for a log that ends in `end`.
    pub(super) fn bytes(&self, end: Version) -> Vec<u8> {
        encode(&(format!("{:032x}", self.sum), end))
    }
    /// Takes the changes of a batch in and adds the new seal to it.
    pub(super) fn renew(&mut self, batch: &mut Batch, end: Version) {
        for (key, value) in &batch.put {
            self.put(key, value);
        }
        for key in &batch.delete {
            self.sum ^= self.parts.remove(key).unwrap_or_default();
        }
        batch.put.insert(SEAL_KEY.to_owned(), self.bytes(end));
    }
    fn put(&mut self, key: &str, value: &[u8]) {
        if key == SEAL_KEY {
            return;
        }
        let mut hasher = blake3::Hasher::new_derive_key("floe 2026 stored value 1");
        hasher.update(&u64::try_from(key.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(key.as_bytes());
        hasher.update(value);
        let mut part = [0; 16];
        hasher.finalize_xof().fill(&mut part);
        let part = u128::from_be_bytes(part);
        self.sum ^= part ^ self.parts.insert(key.to_owned(), part).unwrap_or_default();
    }
}
