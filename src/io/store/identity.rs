//! The identity file: who this peer is and the highest epoch that it ever agreed to obey, apart from the database and
//! untouched when that is replaced.
//!
//! ```text
//! offset 0      slot: magic, digest, sequence, length, CBOR of Identity, zeros
//! offset 4096   slot: the same
//! ```
//! A save writes the older slot, syncs, then the other one, and syncs again. So a power cut leaves the old identity or the
//! new one, and after a save any single damaged slot costs nothing: both hold the same.
//!
//! Invariants: the promise and the boot counter never go back, two epochs of one number are never both promised, and the
//! file never changes hands. The first error from the disk is final: what is on disk is in doubt from then on.

use super::file::{FileError, Sync, read_bounded, replace};
use super::folder::Folder;
use super::slot::{PAYLOAD_BYTES_MAX, SLOT_BYTES, Slot};
use crate::io::clock;
use crate::pure::base::{GridName, InstanceId, PeerName};
use crate::pure::lineage::Epoch;
use crate::pure::membership::{Identity, PeerKind};
use crate::pure::wire::{CodecError, decode, encode};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Whose data folder it must be, from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The grid.
    pub grid: GridName,
    /// The peer.
    pub name: PeerName,
    /// What it is.
    pub kind: PeerKind,
}

/// Why the identity cannot be read or saved.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A step on the file failed. After a save, the file holds the old identity or the new one.
    #[error(transparent)]
    File(#[from] FileError),
    /// An earlier save failed, so nothing more is written.
    #[error("an earlier write of {} failed; restart the daemon when the disk is well", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
    },
    /// Neither slot can be read. Nothing was changed.
    #[error(
        "both copies of the identity in {0} are damaged, so the highest epoch that this peer promised to obey is unknown; \
         restore the file from a backup, or move the whole data folder away and let the peer begin anew as a replica",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// There is a database but no identity. Nothing was changed.
    #[error(
        "{} is missing beside a database, so the highest epoch that this peer promised to obey is unknown; \
         restore the file from a backup, or move the whole data folder away and let the peer begin anew as a replica",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The checksum holds but the content means nothing to this build. Nothing was changed.
    #[error("{} was written by another version of floe", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        #[source]
        source: CodecError,
    },
    /// The folder belongs to another peer. Nothing was changed.
    #[error(
        "the data in {} belongs to {found}, the configuration says {wanted}; name another folder with peer.data",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// `registry r1 of grid shop`, as the file says.
        found: String,
        /// The same, as the configuration says.
        wanted: String,
    },
    /// The promise or the boot counter would go back. Nothing was changed.
    #[error("the {what} would go back from {from} to {to}")]
    Back {
        /// `promise` or `boot counter`.
        what: &'static str,
        /// What is on disk.
        from: String,
        /// What was to be saved.
        to: String,
    },
    /// The encoded identity does not fit into its slot. Nothing was changed.
    #[error("the identity takes {bytes} bytes, at most {PAYLOAD_BYTES_MAX} fit")]
    TooLarge {
        /// What it takes.
        bytes: usize,
    },
}

impl IdentityError {
    /// The daemon's exit code: 77 no permission, 78 the configuration contradicts the folder, 1 anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::File(error) if error.is_permission() => 77,
            Self::Foreign { .. } => 78,
            _ => 1,
        }
    }
}

/// The open identity file.
#[derive(Debug)]
pub struct IdentityFile {
    path: PathBuf,
    file: File,
    current: Identity,
    /// The newest slot's write number and place (0 or 1).
    sequence: u64,
    place: usize,
    failed: bool,
}

impl IdentityFile {
    /// Reads the identity of a data folder; a new folder gets one with a fresh instance id, boot counter 0 and no promise.
    ///
    /// # Errors
    /// [`IdentityError`]; nothing was changed, or the new file was not completed and the next start makes it again.
    pub fn load_or_create(folder: &Folder, owner: &Owner) -> Result<Self, IdentityError> {
        let path = folder.identity();
        if !path.exists() {
            if folder.database().exists() {
                return Err(IdentityError::Missing { path });
            }
            create(&path, owner)?;
        }
        let opened = Self::open(&path)?;
        let found = &opened.current;
        if (&found.grid, &found.name, found.kind) != (&owner.grid, &owner.name, owner.kind) {
            return Err(IdentityError::Foreign {
                path,
                found: format!("{} {} of grid {}", found.kind, found.name, found.grid),
                wanted: format!("{} {} of grid {}", owner.kind, owner.name, owner.grid),
            });
        }
        Ok(opened)
    }
    /// Reads an existing file: the newest slot that is whole.
    fn open(path: &Path) -> Result<Self, IdentityError> {
        let slots = u64::try_from(SLOT_BYTES * 2).unwrap_or(u64::MAX);
        let bytes = read_bounded(path, slots)?.unwrap_or_default();
        let (place, slot) = newest(&bytes).ok_or_else(|| IdentityError::Damaged { path: path.to_owned() })?;
        let current = decode(&slot.payload).map_err(|source| IdentityError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(FileError::at("open for writing", path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            current,
            sequence: slot.sequence,
            place,
            failed: false,
        })
    }
    /// What is on disk.
    pub fn identity(&self) -> &Identity {
        &self.current
    }
    /// Counts a start: raises the boot counter by one and saves. Comes before gossip starts, whose generation it is.
    ///
    /// # Errors
    /// As [`IdentityFile::save`].
    pub fn count_start(&mut self) -> Result<Identity, IdentityError> {
        let mut next = self.current.clone();
        next.generation = next.generation.saturating_add(1);
        self.save(&next)?;
        Ok(next)
    }
    /// Makes `identity` durable. When this returns, it survives a power cut and one damaged slot.
    ///
    /// # Errors
    /// [`IdentityError`]: after `Back`, `Foreign` and `TooLarge` the file is as it was. After `File` it holds the old
    /// identity or the new one, and every later save fails: the daemon must end.
    pub fn save(&mut self, identity: &Identity) -> Result<(), IdentityError> {
        if self.failed {
            return Err(IdentityError::Failed {
                path: self.path.clone(),
            });
        }
        self.check(identity)?;
        for (place, slot) in self.writes(encode(identity)) {
            let bytes = slot.to_bytes().ok_or(IdentityError::TooLarge {
                bytes: slot.payload.len(),
            })?;
            // Set until the write is known to be on disk: what a failed one left there is in doubt.
            self.failed = true;
            let offset = u64::try_from(place * SLOT_BYTES).unwrap_or(u64::MAX);
            self.file
                .write_all_at(&bytes, offset)
                .map_err(FileError::at("write", &self.path))?;
            self.file.sync_data().map_err(FileError::at("sync", &self.path))?;
            self.failed = false;
            self.sequence = slot.sequence;
            self.place = place;
        }
        self.current = identity.clone();
        Ok(())
    }
    /// The writes of one save, in order: the older slot first, so that the newer one stands until that is synced.
    fn writes(&self, payload: Vec<u8>) -> [(usize, Slot); 2] {
        let slot = |step| Slot {
            sequence: self.sequence.saturating_add(step),
            payload: payload.clone(),
        };
        [(1 - self.place, slot(1)), (self.place, slot(2))]
    }
    fn check(&self, next: &Identity) -> Result<(), IdentityError> {
        let now = &self.current;
        let owner = |of: &Identity| format!("{} {} of grid {} ({})", of.kind, of.name, of.grid, of.instance);
        if owner(now) != owner(next) {
            return Err(IdentityError::Foreign {
                path: self.path.clone(),
                found: owner(now),
                wanted: owner(next),
            });
        }
        let back = |what, from: String, to: String| Err(IdentityError::Back { what, from, to });
        if next.promise.number < now.promise.number || next.promise.contests(now.promise) {
            return back("promise", now.promise.to_string(), next.promise.to_string());
        }
        if next.generation < now.generation {
            return back("boot counter", now.generation.to_string(), next.generation.to_string());
        }
        Ok(())
    }
}

/// Makes the file with both slots written, whole or not at all.
fn create(path: &Path, owner: &Owner) -> Result<(), IdentityError> {
    let identity = Identity {
        grid: owner.grid.clone(),
        name: owner.name.clone(),
        kind: owner.kind,
        instance: InstanceId::from_bits(clock::dice()),
        generation: 0,
        promise: Epoch::NONE,
        drawn: None,
        role: None,
        file_role: None,
        initialised: crate::pure::membership::Initialised::default(),
    };
    let payload = encode(&identity);
    let mut bytes = Vec::with_capacity(2 * SLOT_BYTES);
    for sequence in [1, 2] {
        let slot = Slot {
            sequence,
            payload: payload.clone(),
        };
        bytes.extend(
            slot.to_bytes()
                .ok_or(IdentityError::TooLarge { bytes: payload.len() })?,
        );
    }
    Ok(replace(path, &bytes, Sync::Durable)?)
}

/// The newest whole slot and its place.
fn newest(bytes: &[u8]) -> Option<(usize, Slot)> {
    let slots = bytes.chunks(SLOT_BYTES).enumerate().take(2);
    slots
        .filter_map(|(place, bytes)| Some((place, Slot::from_bytes(bytes)?)))
        .max_by_key(|(_, slot)| slot.sequence)
}

#[cfg(test)]
#[path = "identity_test.rs"]
mod tests;
