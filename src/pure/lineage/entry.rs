//! Log entries and the chain of digests over them.

use super::version::{Digest, Epoch, Serial, Version};
use crate::pure::base::{DatabaseId, RequestId, WallTime};
use serde::{Deserialize, Serialize};

/// What an entry does. The numbers are on disk and on the wire: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EntryKind {
    /// A master begins to reign.
    Reign,
    /// A registry belongs to the grid from here on.
    PutRegistry,
    /// A registry belongs to it no longer.
    ForgetRegistry,
    /// An application as written, whole.
    PutApplication,
    /// An application goes.
    RemoveApplication,
    /// A well-known object.
    PutObject,
    /// A well-known object goes.
    RemoveObject,
}

impl EntryKind {
    fn code(self) -> u8 {
        match self {
            Self::Reign => 1,
            Self::PutRegistry => 2,
            Self::ForgetRegistry => 3,
            Self::PutApplication => 4,
            Self::RemoveApplication => 5,
            Self::PutObject => 6,
            Self::RemoveObject => 7,
        }
    }
}

/// One entry of the log, as it is stored and sent. `bytes` is the CBOR of what the kind carries and is never encoded again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place.
    pub serial: Serial,
    /// The reign that wrote it.
    pub epoch: Epoch,
    /// The update that it carries out; a retry finds it by this.
    pub request: RequestId,
    /// Who asked for it.
    pub actor: String,
    /// When, for people.
    pub time: WallTime,
    /// What it does.
    pub kind: EntryKind,
    /// What with.
    #[serde(with = "bytes")]
    pub bytes: Vec<u8>,
    /// Chained over everything before and above.
    pub digest: Digest,
}

impl Entry {
    /// The version that a log has with this entry at its end.
    pub fn version(&self) -> Version {
        Version {
            epoch: self.epoch.number,
            serial: self.serial,
            digest: self.digest,
        }
    }
    /// The digest that this entry must carry after a log that ends in `previous`.
    pub fn chain(&self, database: DatabaseId, previous: &Digest) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key("floe 2026 log entry 1");
        hasher.update(&previous.0);
        hasher.update(&database.to_bytes());
        hasher.update(&self.serial.to_be_bytes());
        hasher.update(&self.epoch.number.to_be_bytes());
        hasher.update(&self.epoch.id.to_bytes());
        hasher.update(&self.request.to_bytes());
        hasher.update(&self.time.0.to_be_bytes());
        hasher.update(&[self.kind.code()]);
        let actor = self.actor.as_bytes();
        hasher.update(&u64::try_from(actor.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(actor);
        hasher.update(&self.bytes);
        Digest(*hasher.finalize().as_bytes())
    }
    /// The same entry with its digest set.
    pub fn sealed(mut self, database: DatabaseId, previous: &Digest) -> Self {
        self.digest = self.chain(database, previous);
        self
    }
    /// About how many bytes the entry takes in a frame.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.actor.len() + 256
    }
}

/// `Vec<u8>` as a CBOR byte string instead of an array of numbers.
pub mod bytes {
    use serde::{Deserializer, Serializer};
    use std::fmt;

    /// As one byte string.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }
    /// From one byte string.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a byte string")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}
