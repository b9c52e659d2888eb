//! The bytes that were checked, in a file of our own: what is loaded is what was checked, and nobody replaces it meanwhile.

use super::file::Checked;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Digits of the digest in the name of a copy: two files of one plugin never share a name, since a loader goes by names.
const DIGITS: usize = 12;

/// A folder that nobody else can look into.
pub(super) fn folder(path: &Path) -> std::io::Result<()> {
    let made = std::fs::DirBuilder::new().mode(0o700).create(path);
    made.or_else(|error| (error.kind() == ErrorKind::AlreadyExists).then_some(()).ok_or(error))
}

/// Where the copy of these bytes is in `folder`; written if it is not there yet.
pub(super) fn of(checked: &Checked, folder: &Path, name: &str) -> std::io::Result<PathBuf> {
    let digest = checked.digest.get(..DIGITS).unwrap_or_default();
    let path = folder.join(format!("{name}-{digest}.so"));
    if std::fs::read(&path).is_ok_and(|bytes| bytes == checked.bytes) {
        return Ok(path);
    }
    // One that was written half, or by somebody else. Its name is free for another file; whoever has it loaded keeps it.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    write(&path, &checked.bytes)?;
    Ok(path)
}

/// Removes the copies of a plugin but this one.
pub(super) fn only(path: &Path, folder: &Path, name: &str) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let file = entry.file_name();
        let digest = file
            .to_str()
            .and_then(|file| file.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".so"));
        let copy =
            digest.is_some_and(|digest| digest.len() == DIGITS && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if copy && entry.path() != path {
            // A copy that stays costs some room, no more.
            std::fs::remove_file(entry.path()).unwrap_or(());
        }
    }
}

/// A new file with these bytes, for nobody to write to.
pub(super) fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(path)?
        .write_all(bytes)
}
