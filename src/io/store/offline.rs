//! Databases that no process uses: reading one without changing a byte of it, and making one out of an image.
//!
//! A file that was not closed well needs repair when it is opened, so it is never opened itself: its bytes are copied into
//! memory and the copy is opened. The lock of the data folder is held while they are read.

use super::database::{Database, DatabaseError};
use super::file::{FileError, Sync, read_bounded, replace, sync_folder};
use super::folder::{Folder, FolderError, holder};
use super::tables::FORMAT;
use crate::pure::registry::{Batch, Image};
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest database file that is copied into memory, in bytes. A registry holds less than a tenth of it in memory itself.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;
/// Longest text of a mark, in bytes: two paths and a sentence.
const MARK_BYTES_MAX: u64 = 16 * 1024;
/// How much of the file is read at once.
const STEP_BYTES: usize = 1024 * 1024;

/// Why a database cannot be read or made. No database was changed.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// There is no such file or folder.
    #[error("there is no {}", path.display())]
    Missing {
        /// What was named.
        path: PathBuf,
    },
    /// The folder holds no database.
    #[error("the folder {} holds no database.redb: it is no data folder of a registry", path.display())]
    NoDatabase {
        /// The folder.
        path: PathBuf,
    },
    /// A process uses it.
    #[error("{} is in use by {holder}", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// `process 4711 (floe registry run ...)`, as the holder wrote it.
        holder: String,
    },
    /// It is something else.
    #[error("{} is no floe database", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another format.
    #[error("{} has format {found}, this build reads format {FORMAT}; use the version of floe that wrote it", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// The content contradicts its checksums, or is cut off.
    #[error("{} is damaged or cut off: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and how.
        reason: String,
    },
    /// It is larger than what is copied into memory.
    #[error("{} has {bytes} bytes, at most {FILE_BYTES_MAX} are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// There is a database where one is to be made.
    #[error("{} is there already", path.display())]
    Occupied {
        /// The database.
        path: PathBuf,
    },
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A step on a file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The new database could not be written.
    #[error(transparent)]
    Write(DatabaseError),
}

/// A database as it was read.
#[derive(Debug)]
pub struct Opened {
    /// The file, without symbolic links.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// How its tables are to be read.
    pub format: u64,
    /// Everything in it; every page of the file was checked, what the values mean was not.
    pub image: Image,
}

/// Reads a database: a data folder, or a database file of any name. Not a byte of it changes, nor of its folder.
///
/// # Errors
/// [`OfflineError`].
pub fn open(named: &Path) -> Result<Opened, OfflineError> {
    let path = find(named)?;
    let lock = free(&path)?;
    let (backend, size) = copy(&path)?;
    drop(lock);
    let place = path.display().to_string();
    match Database::open_backend(place, backend) {
        Ok((_, image)) => Ok(Opened {
            path,
            size,
            format: FORMAT,
            image,
        }),
        Err(error) => Err(refusal(path, error)),
    }
}

/// Makes `database.redb` in a folder that holds none, durable when this returns, and marks it as loaded; `origin` says from
/// what. A crash in between leaves no database.
///
/// # Errors
/// [`OfflineError`]; a folder that was missing may have been made.
pub fn load(folder: &Path, image: Image, origin: &str, command: &str) -> Result<PathBuf, OfflineError> {
    let folder = match Folder::open(folder, command) {
        Ok(folder) => folder,
        Err(FolderError::InUse { path, holder }) => return Err(OfflineError::InUse { path, holder }),
        Err(error) => return Err(error.into()),
    };
    let path = folder.database();
    if path.symlink_metadata().is_ok() {
        return Err(OfflineError::Occupied { path });
    }
    let new = folder.path().join("database.loading");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(FileError::at("remove", &new)(error).into());
        }
        _ => {}
    }
    fill(&new, image).map_err(OfflineError::Write)?;
    // The mark first: a database without it would count as one that never lost anything.
    replace(&folder.loaded(), format!("{origin}\n").as_bytes(), Sync::Durable)?;
    std::fs::rename(&new, &path).map_err(FileError::at("rename into place", &path))?;
    sync_folder(folder.path())?;
    Ok(path)
}

/// What [`load`] noted beside a database, in words, while the identity has not taken it in: such a registry may lack what
/// it acknowledged.
///
/// # Errors
/// When the mark is there and cannot be read.
pub fn mark(folder: &Folder) -> Result<Option<String>, FileError> {
    let bytes = read_bounded(&folder.loaded(), MARK_BYTES_MAX)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()))
}

/// Removes the mark, durably. Comes after the identity that took it in is on disk.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn clear_mark(folder: &Folder) -> Result<(), FileError> {
    let path = folder.loaded();
    match std::fs::remove_file(&path) {
        Ok(()) => sync_folder(folder.path()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(FileError::at("remove", &path)(error)),
    }
}

fn fill(path: &Path, image: Image) -> Result<(), DatabaseError> {
    let (mut database, _) = Database::open(path)?;
    database.commit(&Batch {
        append: image.log.into_iter().map(Arc::new).collect(),
        put: image.values,
        ..Batch::default()
    })
}

/// The database file that a path names.
fn find(named: &Path) -> Result<PathBuf, OfflineError> {
    let found = named.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => OfflineError::Missing { path: named.to_owned() },
        _ => FileError::at("look at", named)(error).into(),
    })?;
    if !found.is_dir() {
        return Ok(found);
    }
    let file = found.join("database.redb");
    let is_there = file.try_exists().map_err(FileError::at("look at", &file))?;
    is_there.then_some(file).ok_or(OfflineError::NoDatabase { path: found })
}

/// Sees that no process uses the file's data folder, and keeps it so while the result lives. What is kept beside the
/// database, or in a folder without a lock, is nobody's.
fn free(path: &Path) -> Result<Option<File>, OfflineError> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(None);
    };
    if name != "database.redb" {
        return Ok(None);
    }
    let lock = folder.join("LOCK");
    let mut file = match File::open(&lock) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::at("open", &lock)(error).into()),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(OfflineError::InUse {
            path: folder.to_owned(),
            holder: holder(&mut file),
        }),
        Err(TryLockError::Error(error)) => Err(FileError::at("lock", &lock)(error).into()),
    }
}

/// The bytes of the file in memory.
fn copy(path: &Path) -> Result<(InMemoryBackend, u64), OfflineError> {
    let mut file = File::open(path).map_err(FileError::at("open", path))?;
    let metadata = file.metadata().map_err(FileError::at("look at", path))?;
    if !metadata.is_file() {
        return Err(OfflineError::Foreign { path: path.to_owned() });
    }
    let size = metadata.len();
    if size > FILE_BYTES_MAX {
        return Err(OfflineError::TooLarge {
            path: path.to_owned(),
            bytes: size,
        });
    }
    let memory = InMemoryBackend::new();
    let mut step = vec![0; STEP_BYTES];
    let mut copy = || -> io::Result<()> {
        memory.set_len(size)?;
        let mut offset = 0;
        while offset < size {
            let length = usize::try_from(size - offset).unwrap_or(STEP_BYTES).min(STEP_BYTES);
            let part = step.get_mut(..length).unwrap_or_default();
            file.read_exact(part)?;
            memory.write(offset, part)?;
            offset = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        Ok(())
    };
    copy().map_err(FileError::at("read", path))?;
    Ok((memory, size))
}

/// What a daemon would say, for somebody who only looks.
fn refusal(path: PathBuf, error: DatabaseError) -> OfflineError {
    match error {
        DatabaseError::Foreign { .. } | DatabaseError::Empty { .. } => OfflineError::Foreign { path },
        DatabaseError::Format { found, .. } => OfflineError::Format { path, found },
        DatabaseError::Damaged { reason, .. } => OfflineError::Damaged { path, reason },
        DatabaseError::Open { source, .. } => OfflineError::Damaged {
            path,
            reason: source.to_string(),
        },
        other => OfflineError::Write(other),
    }
}

#[cfg(test)]
#[path = "offline_test.rs"]
mod tests;
