//! Epochs, serials, digests, and the version that they make up.

use crate::pure::base::{EpochId, PeerName, hex};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Counts log entries from 1, across epochs. 0 is the empty log.
pub type Serial = u64;

/// One reign of one master: the number says whom to obey, the id says which reign it was.
///
/// The order is for lists only. Never decide by it between two ids of one number: equal numbers with different ids are
/// a contest, see [`Epoch::contests`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch {
    /// Grows with every start as master.
    pub number: u64,
    /// Random, drawn by the candidate.
    pub id: EpochId,
}

impl Epoch {
    /// Before any reign: what a peer has promised that has never promised anything.
    pub const NONE: Self = Self {
        number: 0,
        id: EpochId::from_bits(0),
    };
    /// Same number, another id: two reigns that must stop each other.
    pub fn contests(self, other: Self) -> bool {
        self.number == other.number && self.id != other.id
    }
}
impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number, self.id.short())
    }
}

/// A BLAKE3 digest, chained over the log: it stands for every byte up to its entry.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The first sixteen hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.to_string().chars().take(16).collect()
    }
}
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}
impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}
impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Digest;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("32 bytes")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
                let bytes = hex::bytes32(text).map(Digest);
                bytes.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &"64 hexadecimal digits"))
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Digest, E> {
                <[u8; 32]>::try_from(bytes)
                    .map(Digest)
                    .ok()
                    .ok_or_else(|| E::invalid_length(bytes.len(), &self))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Bytes)
        } else {
            deserializer.deserialize_bytes(Bytes)
        }
    }
}

/// The end of a log: epoch number, serial and chained digest. `4.93` in text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The number of the epoch that wrote the last entry.
    pub epoch: u64,
    /// The last entry's serial.
    pub serial: Serial,
    /// The chained digest up to and including it.
    pub digest: Digest,
}
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.serial)
    }
}

/// One step of a lineage: which reign, whose, and its first entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reign {
    /// The reign.
    pub epoch: Epoch,
    /// The registry that reigned.
    pub by: PeerName,
    /// The serial of its `Reign` entry.
    pub first: Serial,
}

/// All reigns of a log in order: says whose data contains whose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lineage(pub Vec<Reign>);

impl Lineage {
    /// The reign that wrote the last entry.
    pub fn last(&self) -> Option<&Reign> {
        self.0.last()
    }
    /// How many of the entries after `serial` up to `end` open a reign: those carry nothing that anybody was promised.
    pub fn reigns_after(&self, serial: Serial, end: Serial) -> u64 {
        let count = self
            .0
            .iter()
            .filter(|reign| reign.first > serial && reign.first <= end)
            .count();
        u64::try_from(count).unwrap_or(u64::MAX)
    }
    /// Drops the reigns that began after `serial`.
    pub fn truncate(&mut self, serial: Serial) {
        self.0.retain(|reign| reign.first <= serial);
    }
}
