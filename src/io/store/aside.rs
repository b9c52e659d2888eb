//! Keeps what an initialisation replaces: a clean copy of the old database, the export of what only that held, and a
//! damaged file as a whole.
//!
//! ```text
//!   database-4.93-20261123T043626Z.replaced    a database file as any other
//!   surplus-4.93-20261123T043626Z.json         what only it held, to be read and applied again
//!   database.replaced.new, surplus.json.new    half made: never in use, removed at the next start
//! ```
//! Invariants: the database in use is only read here; a name that is not half made stands for a whole, synced file; nothing
//! that was kept is ever deleted or written again.

use super::file::{FileError, sync_folder};
use super::tables;
use crate::pure::base::WallTime;
use crate::pure::protocol::SurplusFile;
use crate::pure::registry::{Kept, SetAside};
use redb::ReadableDatabase;
use redb::backends::FileBackend;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DATABASE_NEW: &str = "database.replaced.new";
const SURPLUS_NEW: &str = "surplus.json.new";
/// How many files of one version and second are told apart.
const NAMES_MAX: u32 = 100;

/// Why nothing was kept. The database in use is as it was.
#[derive(Debug, thiserror::Error)]
pub enum AsideError {
    /// A step on a file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The copy could not be read or written.
    #[error("copy the database to {}", path.display())]
    Copy {
        /// The copy.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: Box<redb::Error>,
    },
    /// What takes its place would not fit.
    #[error("{free} bytes are free in {}, {wanted} are wanted for the new database", path.display())]
    Room {
        /// The data folder.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that are wanted.
        wanted: u64,
    },
}

/// A reader of the database in use, beside its writer.
#[derive(Clone, Debug)]
pub struct Keeper {
    pub(super) inner: Arc<redb::Database>,
}

/// The steps of keeping, in order; a test fails each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Copied,
    CopySynced,
    SurplusWritten,
    SurplusNamed,
    CopyNamed,
    FolderSynced,
}

impl Keeper {
    /// Keeps the database in `folder` as `wanted` says. When this returns, the files survive a power cut.
    ///
    /// # Errors
    /// [`AsideError`]; the database in use is as it was, and nothing half made has a name that is in use.
    pub fn keep(&self, folder: &Path, wanted: &SetAside) -> Result<Kept, AsideError> {
        self.keep_in_stages(folder, wanted, &mut |_| Ok(()))
    }

    pub(super) fn keep_in_stages(
        &self,
        folder: &Path,
        wanted: &SetAside,
        passed: &mut dyn FnMut(Stage) -> io::Result<()>,
    ) -> Result<Kept, AsideError> {
        let kept = self.keep_or_fail(folder, wanted, passed);
        if kept.is_err() {
            clean(folder);
        }
        kept
    }

    fn keep_or_fail(
        &self,
        folder: &Path,
        wanted: &SetAside,
        passed: &mut dyn FnMut(Stage) -> io::Result<()>,
    ) -> Result<Kept, AsideError> {
        let new = folder.join(DATABASE_NEW);
        let mut stage = |stage, path: &Path| passed(stage).map_err(FileError::at("keep", path));
        self.copy(&new)?;
        stage(Stage::Copied, &new)?;
        let file = File::open(&new).map_err(FileError::at("open", &new))?;
        file.sync_all().map_err(FileError::at("sync", &new))?;
        let bytes = file.metadata().map_err(FileError::at("look at", &new))?.len();
        stage(Stage::CopySynced, &new)?;
        // All is written before anything is named: a full disk leaves no file that looks kept.
        let surplus_new = folder.join(SURPLUS_NEW);
        if let Some(surplus) = &wanted.surplus {
            write_surplus(&surplus_new, surplus)?;
            stage(Stage::SurplusWritten, &surplus_new)?;
        }
        check_room(folder, wanted.room)?;
        let stem = format!("{}-{}", wanted.version, stamp(wanted.time));
        let mut surplus = String::new();
        if wanted.surplus.is_some() {
            let path = free_name(folder, &format!("surplus-{stem}"), "json")?;
            rename(&surplus_new, &path)?;
            surplus = path.display().to_string();
            stage(Stage::SurplusNamed, &path)?;
        }
        let database = free_name(folder, &format!("database-{stem}"), "replaced")?;
        rename(&new, &database)?;
        stage(Stage::CopyNamed, &database)?;
        sync_folder(folder)?;
        stage(Stage::FolderSynced, folder)?;
        Ok(Kept {
            database: database.display().to_string(),
            bytes,
            bytes_total: bytes_kept(folder),
            surplus,
        })
    }

    /// A database of its own with the same content, closed well.
    fn copy(&self, new: &Path) -> Result<(), AsideError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(new)
            .map_err(FileError::at("create", new))?;
        let copied = || -> Result<(), redb::Error> {
            let copy = redb::Builder::new().create_with_backend(FileBackend::new(file)?)?;
            let transaction = copy.begin_write()?;
            tables::copy(&self.inner.begin_read()?, &transaction)?;
            transaction.commit()?;
            Ok(copy.close()?)
        };
        copied().map_err(|error| AsideError::Copy {
            path: new.to_owned(),
            source: Box::new(error),
        })
    }
}

/// Renames a database file that cannot be opened, whole and unread; its new path. Durable when this returns.
///
/// # Errors
/// [`FileError`]; the file is where it was.
pub fn set_damaged_aside(database: &Path, time: WallTime) -> Result<PathBuf, FileError> {
    let folder = database.parent().unwrap_or(Path::new("."));
    let aside = free_name(folder, &format!("database-damaged-{}", stamp(time)), "replaced")?;
    rename(database, &aside)?;
    sync_folder(folder)?;
    Ok(aside)
}

/// Removes what a crash left half made. It was never in use, so a failure to remove it is no harm.
pub fn clean(folder: &Path) {
    for name in [DATABASE_NEW, SURPLUS_NEW] {
        let path = folder.join(name);
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, file = %path.display(), "a half-made file could not be removed");
        }
    }
}

fn write_surplus(path: &Path, surplus: &SurplusFile) -> Result<(), FileError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(FileError::at("create", path))?;
    let mut writer = BufWriter::new(file);
    serde_json::to_writer_pretty(&mut writer, surplus)
        .map_err(io::Error::from)
        .and_then(|()| writer.write_all(b"\n"))
        .and_then(|()| writer.flush())
        .map_err(FileError::at("write", path))?;
    writer.get_ref().sync_all().map_err(FileError::at("sync", path))
}

fn check_room(folder: &Path, wanted: u64) -> Result<(), AsideError> {
    let state = rustix::fs::statvfs(folder).map_err(|error| FileError::at("look at", folder)(error.into()))?;
    let free = state.f_bavail.saturating_mul(state.f_frsize);
    if free >= wanted {
        return Ok(());
    }
    Err(AsideError::Room {
        path: folder.to_owned(),
        free,
        wanted,
    })
}

/// A name that no file has. One process holds the folder, so nobody takes it meanwhile.
fn free_name(folder: &Path, stem: &str, ending: &str) -> Result<PathBuf, FileError> {
    let names = (1..=NAMES_MAX).map(|number| match number {
        1 => folder.join(format!("{stem}.{ending}")),
        _ => folder.join(format!("{stem}-{number}.{ending}")),
    });
    for path in names {
        if !path.try_exists().map_err(FileError::at("look at", &path))? {
            return Ok(path);
        }
    }
    let path = folder.join(format!("{stem}.{ending}"));
    let error = io::Error::new(io::ErrorKind::AlreadyExists, "too many files of this name");
    Err(FileError::at("name", &path)(error))
}

fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    std::fs::rename(from, to).map_err(FileError::at("rename into place", to))
}

/// The size of everything that was ever kept in the folder; for people, so what cannot be looked at counts nothing.
fn bytes_kept(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let kept = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        Path::new(&name).extension().is_some_and(|ending| ending == "replaced")
    });
    kept.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

/// A time for a file's name.
fn stamp(time: WallTime) -> String {
    let stamp = jiff::Timestamp::from_millisecond(time.0).unwrap_or_default();
    stamp.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
#[path = "aside_test.rs"]
mod tests;
