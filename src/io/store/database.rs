//! The database file: one transaction a batch, synced before `commit` returns, checked as a whole at every start.
//!
//! Knows nothing of what the entries and values mean. Invariants: what `commit` acknowledged survives a power cut; a
//! batch is there as a whole or not at all; the log has no gaps; an existing file is never made anew, whatever is in it.

use super::aside::Keeper;
use super::file::{FileError, beside, sync_folder};
use super::header::doubt_older_slot;
use super::tables::{self, FORMAT, Found};
use crate::pure::lineage::Serial;
use crate::pure::registry::{Batch, Image};
use redb::backends::FileBackend;
use redb::{Durability, ReadableDatabase, StorageBackend};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What redb may keep of the file in memory, in bytes. The core holds everything itself, so little is ever read twice.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// Why the database cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// A step on the file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file has no content. Nothing was changed.
    #[error(
        "{place} is empty, which no database ever is; restore it from a backup, or move it away to begin without data"
    )]
    Empty {
        /// The file.
        place: String,
    },
    /// The file is something else. Nothing was changed.
    #[error("{place} is no floe database; move it away, or name another folder with peer.data")]
    Foreign {
        /// The file.
        place: String,
    },
    /// The file was written by a build that keeps its data another way. Nothing was changed.
    #[error("{place} has format {found}, this build reads format {FORMAT}; run the version of floe that wrote it")]
    Format {
        /// The file.
        place: String,
        /// Its format.
        found: u64,
    },
    /// The content contradicts its checksums or itself.
    #[error(
        "{place} is damaged: {reason}; restore it from a backup, or start the registry with --initdb-from-replica NAME, which sets the file aside and takes the database of registry NAME"
    )]
    Damaged {
        /// The file.
        place: String,
        /// Where and how.
        reason: String,
    },
    /// Another process has the file open. Nothing was changed.
    #[error("{place} is open in another process")]
    InUse {
        /// The file.
        place: String,
    },
    /// The file could not be opened.
    #[error("open {place}")]
    Open {
        /// The file.
        place: String,
        /// What the database says.
        #[source]
        source: Box<redb::Error>,
    },
    /// A batch would leave a gap in the log. Nothing was written.
    #[error("log entry {due} is due, {found} came")]
    Gap {
        /// The serial that was due.
        due: Serial,
        /// The one that came.
        found: Serial,
    },
    /// The disk refused a batch, which is in doubt: it is there as a whole or not at all.
    #[error("write to {place}; the update is in doubt")]
    Commit {
        /// The file.
        place: String,
        /// What the database says.
        #[source]
        source: Box<redb::Error>,
    },
    /// An earlier commit failed, so nothing more is written.
    #[error("an earlier write to {place} failed; restart the daemon when the disk is well")]
    Failed {
        /// The file.
        place: String,
    },
}

impl DatabaseError {
    /// True when what is on disk is no sound database, whatever its history: the disk can be read, its content cannot.
    pub fn is_damage(&self) -> bool {
        use std::io::ErrorKind;
        match self {
            Self::Empty { .. } | Self::Foreign { .. } | Self::Damaged { .. } => true,
            Self::Open { source, .. } => match source.as_ref() {
                redb::Error::Io(error) => matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput
                ),
                _ => true,
            },
            Self::File(_)
            | Self::Format { .. }
            | Self::InUse { .. }
            | Self::Gap { .. }
            | Self::Commit { .. }
            | Self::Failed { .. } => false,
        }
    }
    /// The daemon's exit code: 75 in use, 77 no permission, 1 anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::InUse { .. } => 75,
            Self::File(error) if error.is_permission() => 77,
            _ => 1,
        }
    }
}

/// An open database. Dropping it closes the file; a process that ends without that is no harm.
#[derive(Debug)]
pub struct Database {
    inner: Arc<redb::Database>,
    /// The file, for messages.
    place: String,
    path: Option<PathBuf>,
    /// The last serial of the log, or `None` when any may come next.
    end: Option<Serial>,
    failed: bool,
}

impl Database {
    /// Opens the file, checks every byte of it and reads everything. Makes a new database only where no file is.
    ///
    /// # Errors
    /// [`DatabaseError`]; a file that is not a whole database of this format stays as it is.
    pub fn open(path: &Path) -> Result<(Self, Image), DatabaseError> {
        if !path.try_exists().map_err(FileError::at("look at", path))? {
            make(path)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(FileError::at("open", path))?;
        let place = path.display().to_string();
        let backend = FileBackend::new(file).map_err(|error| refusal(place.clone(), error.into()))?;
        let (mut database, image) = Self::open_backend(place, backend)?;
        database.path = Some(path.to_owned());
        Ok((database, image))
    }
    /// Opens a database that lies in `backend`; `place` names it in messages.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open_backend(place: String, backend: impl StorageBackend) -> Result<(Self, Image), DatabaseError> {
        if backend.len().map_err(|error| refusal(place.clone(), error.into()))? == 0 {
            return Err(DatabaseError::Empty { place });
        }
        doubt_older_slot(&backend).map_err(|error| refusal(place.clone(), error.into()))?;
        let inner = redb::Builder::new()
            .set_cache_size(CACHE_BYTES)
            .set_check_integrity_on_open(true)
            .create_with_backend(backend)
            .map_err(|error| refusal(place.clone(), error.into()))?;
        let found = read(&inner).map_err(|error| refusal(place.clone(), error))?;
        let image = match found {
            Found::Image(image) => image,
            Found::Foreign => return Err(DatabaseError::Foreign { place }),
            Found::Format(found) => return Err(DatabaseError::Format { place, found }),
            Found::Damaged(reason) => return Err(DatabaseError::Damaged { place, reason }),
        };
        let database = Self {
            inner: Arc::new(inner),
            place,
            path: None,
            end: image.log.last().map(|entry| entry.serial),
            failed: false,
        };
        Ok((database, image))
    }
    /// Makes an empty database in an empty `backend`, durable when this returns.
    ///
    /// # Errors
    /// [`DatabaseError`]; the backend must then be thrown away.
    pub fn create_backend(place: &str, backend: impl StorageBackend) -> Result<(), DatabaseError> {
        let fresh = || -> Result<(), redb::Error> {
            let inner = redb::Builder::new()
                .set_cache_size(CACHE_BYTES)
                .create_with_backend(backend)?;
            let transaction = begin(&inner)?;
            tables::create(&transaction)?;
            transaction.commit()?;
            Ok(inner.close()?)
        };
        fresh().map_err(|error| refusal(place.to_owned(), error))
    }
    /// Carries out a batch in one transaction. When this returns, it is on disk.
    ///
    /// # Errors
    /// [`DatabaseError::Commit`]: the batch is in doubt. After any error every later commit fails, so that memory never
    /// runs ahead of the disk: the daemon must end and start again.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), DatabaseError> {
        if self.failed {
            let place = self.place.clone();
            return Err(DatabaseError::Failed { place });
        }
        self.failed = true;
        let end = tables::end_after(self.end, batch).map_err(|(due, found)| DatabaseError::Gap { due, found })?;
        self.write(batch).map_err(|error| DatabaseError::Commit {
            place: self.place.clone(),
            source: Box::new(error),
        })?;
        self.failed = false;
        self.end = end;
        Ok(())
    }
    /// Reads what is on disk beside the writer, for a copy of it.
    pub fn keeper(&self) -> Keeper {
        Keeper {
            inner: self.inner.clone(),
        }
    }
    /// How many bytes the file takes on disk; `None` when that cannot be told.
    pub fn size_bytes(&self) -> Option<u64> {
        Some(std::fs::metadata(self.path.as_ref()?).ok()?.len())
    }

    fn write(&self, batch: &Batch) -> Result<(), redb::Error> {
        let transaction = begin(&self.inner)?;
        tables::apply(&transaction, batch)?;
        Ok(transaction.commit()?)
    }
}

/// A transaction that is on disk when its commit returns. That is redb's default; everything here rests on it.
///
/// Two phases are not: in one phase a last commit that was acknowledged and damaged later looks like one that a power cut
/// tore, and after `kill -9` the next start goes back by one commit without a word. In two it is found and refused. The
/// second sync writes one page in place: a commit took 2.6 instead of 2.3 ms on the machine that this was measured on.
fn begin(inner: &redb::Database) -> Result<redb::WriteTransaction, redb::Error> {
    let mut transaction = inner.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

fn read(inner: &redb::Database) -> Result<Found, redb::Error> {
    tables::load(&inner.begin_read()?)
}

/// Makes a new database beside `path` and renames it there: a crash in between leaves no half-made file.
fn make(path: &Path) -> Result<(), DatabaseError> {
    let new = beside(path);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .map_err(FileError::at("create", &new))?;
    let place = new.display().to_string();
    let backend = FileBackend::new(file).map_err(|error| refusal(place.clone(), error.into()))?;
    Database::create_backend(&place, backend)?;
    std::fs::rename(&new, path).map_err(FileError::at("rename into place", path))?;
    if let Some(folder) = path.parent() {
        sync_folder(folder)?;
    }
    Ok(())
}

/// redb's words for a file that cannot be opened, in ours.
fn refusal(place: String, error: redb::Error) -> DatabaseError {
    match error {
        redb::Error::DatabaseAlreadyOpen => DatabaseError::InUse { place },
        redb::Error::Corrupted(reason) => DatabaseError::Damaged { place, reason },
        redb::Error::Io(source) if source.kind() == std::io::ErrorKind::InvalidData => DatabaseError::Foreign { place },
        redb::Error::UpgradeRequired(_) => DatabaseError::Foreign { place },
        other => DatabaseError::Open {
            place,
            source: Box::new(other),
        },
    }
}

#[cfg(test)]
#[path = "database_test.rs"]
mod tests;
