//! Files as wholes: bounded reading, replacing by rename, syncing of a folder. Each error names the step and the path.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A step on a file that failed. Whether the file changed is said by the caller's error.
#[derive(Debug, thiserror::Error)]
#[error("{step} {}", path.display())]
pub struct FileError {
    /// What was tried: `open`, `read`, `write`, `sync`, ...
    pub step: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// Turns an `io::Error` into one that names the step and the path.
    pub fn at(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { step, path, source }
    }
    /// True when the system refused for want of rights.
    pub fn is_permission(&self) -> bool {
        self.source.kind() == io::ErrorKind::PermissionDenied
    }
}

/// When `replace` returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sync {
    /// When the new content survives a power cut.
    Durable,
    /// At once: readers see the old content or the new, but a power cut may lose the file.
    No,
}

/// The bytes of a file, or `None` when there is no such file. A file above `bound` bytes is an error before it is read.
pub(super) fn read_bounded(path: &Path, bound: u64) -> Result<Option<Vec<u8>>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::at("open", path)(error)),
    };
    let length = file.metadata().map_err(FileError::at("look at", path))?.len();
    if length > bound {
        let text = format!("{length} bytes are there, at most {bound} belong there");
        return Err(FileError::at("read", path)(io::Error::new(
            io::ErrorKind::InvalidData,
            text,
        )));
    }
    let mut bytes = Vec::new();
    // The bound again: the file may grow between the look and the reading.
    file.take(bound)
        .read_to_end(&mut bytes)
        .map_err(FileError::at("read", path))?;
    Ok(Some(bytes))
}

/// Writes `bytes` beside `path` and renames them over it: a reader sees the old content or the new, never a part.
pub(super) fn replace(path: &Path, bytes: &[u8], sync: Sync) -> Result<(), FileError> {
    let new = beside(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .map_err(FileError::at("create", &new))?;
    file.write_all(bytes).map_err(FileError::at("write", &new))?;
    if sync == Sync::Durable {
        file.sync_all().map_err(FileError::at("sync", &new))?;
    }
    std::fs::rename(&new, path).map_err(FileError::at("rename into place", path))?;
    match path.parent() {
        Some(folder) if sync == Sync::Durable => sync_folder(folder),
        _ => Ok(()),
    }
}

/// Makes names in a folder durable: a file that was created or renamed there is there after a power cut.
pub(super) fn sync_folder(folder: &Path) -> Result<(), FileError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(FileError::at("sync the folder", folder))
}

/// Where a file is prepared before it is renamed over `path`. What a crash left there was never in use.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}
