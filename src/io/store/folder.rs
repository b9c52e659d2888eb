//! The data folder of one daemon: created with mode 0700, held by one process at a time, and where each file in it lies.
//!
//! Invariant: while a [`Folder`] lives, no other process holds the same folder. The kernel ends the hold with the process,
//! also by `kill -9`; the file `LOCK` itself stays and means nothing by its presence.

use super::file::{FileError, sync_folder};
use crate::io::clock;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a data folder cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It does not exist and cannot be made.
    #[error("create the data folder {}", path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something else has that name.
    #[error("{} is no folder; name another with peer.data", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// Another process holds it.
    #[error("the data folder {} is in use by {holder}; stop that one, or name another folder with peer.data", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// `process 4711 (floe registry run ...)`, as the holder wrote it.
        holder: String,
    },
    /// Others may write into it.
    #[error("others may write into the data folder {0} (mode {mode:03o}); run: chmod 700 {0}", path.display())]
    Exposed {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A step on it failed.
    #[error(transparent)]
    File(#[from] FileError),
}

impl FolderError {
    /// The daemon's exit code: 73 cannot be created, 75 in use, 77 no permission, 1 anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::InUse { .. } => 75,
            Self::Exposed { .. } => 77,
            Self::Create { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => 77,
            Self::File(error) if error.is_permission() => 77,
            Self::Create { .. } | Self::NotAFolder { .. } => 73,
            Self::File(_) => 1,
        }
    }
}

/// A process that has just been made takes far less to begin its program, also on a busy machine.
const DEAD_HOLDER: Duration = Duration::from_secs(3);

/// A data folder, held exclusively.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Holds the lock; the kernel lets go when it is closed.
    _lock: File,
}

impl Folder {
    /// Opens the folder, making it where it is missing, and takes its lock. `command` is for the message that a second
    /// process gets.
    ///
    /// # Errors
    /// [`FolderError`]; its exit code is the daemon's.
    pub fn open(path: &Path, command: &str) -> Result<Self, FolderError> {
        make(path)?;
        let metadata = std::fs::metadata(path).map_err(FileError::at("look at", path))?;
        if !metadata.is_dir() {
            return Err(FolderError::NotAFolder { path: path.to_owned() });
        }
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o022 != 0 {
            return Err(FolderError::Exposed {
                path: path.to_owned(),
                mode,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock(path, command)?,
        })
    }
    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// The identity file.
    pub fn identity(&self) -> PathBuf {
        self.path.join("identity")
    }
    /// The database of a registry.
    pub fn database(&self) -> PathBuf {
        self.path.join("database.redb")
    }
    /// A mark beside a database that was loaded from a dump, with where it came from: it may lack what the registry
    /// acknowledged. See [`super::offline::mark`].
    pub fn loaded(&self) -> PathBuf {
        self.path.join("database.loaded")
    }
    /// The file of remembered peers.
    pub fn remembered(&self) -> PathBuf {
        self.path.join("peers.cbor")
    }
}

/// Makes the folder with mode 0700 if it is missing; folders above it get the usual mode.
fn make(path: &Path) -> Result<(), FolderError> {
    if path.exists() {
        return Ok(());
    }
    let create = |source| FolderError::Create {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(create)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // Another process may have been faster; the lock decides between the two.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(create(error)),
        _ => match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => Ok(sync_folder(parent)?),
            _ => Ok(()),
        },
    }
}

fn lock(folder: &Path, command: &str) -> Result<File, FolderError> {
    let path = folder.join("LOCK");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(FileError::at("open", &path))?;
    match try_lock(&mut file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(FolderError::InUse {
                path: folder.to_owned(),
                holder: holder(&mut file),
            });
        }
        Err(TryLockError::Error(error)) => return Err(FileError::at("lock", &path)(error).into()),
    }
    let words: Vec<&str> = command.split_whitespace().collect();
    let text = format!("process {} ({})\n", std::process::id(), words.join(" "));
    file.set_len(0)
        .and_then(|()| file.write_all(text.as_bytes()))
        .map_err(FileError::at("write", &path))?;
    Ok(file)
}

/// A daemon that was killed while it made a process leaves its lock to that process until its program begins: as long as the
/// holder does not live, this is tried again for a while.
fn try_lock(file: &mut File) -> Result<(), TryLockError> {
    let start = clock::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if clock::now().since(start) < DEAD_HOLDER && !holder_lives(file) => {
                std::thread::sleep(Duration::from_millis(5));
            }
            locked => return locked,
        }
    }
}

/// True also when nothing is known of the holder.
fn holder_lives(file: &mut File) -> bool {
    let words = holder(file);
    let rewound = file.rewind();
    let pid = words.split(' ').nth(1).and_then(|pid| pid.parse::<u32>().ok());
    let Some(pid) = pid.filter(|_| rewound.is_ok()) else {
        return true;
    };
    // Of one that waits to be reaped nothing is left but its number.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim_start().chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

/// What the holder wrote about itself; for people, so anything unexpected is no error.
pub(super) fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(512).read_to_string(&mut text) {
        Ok(length) if length > 0 => text.trim().chars().filter(|c| !c.is_control()).collect(),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_private_and_held_once() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("a/b");
        let first = Folder::open(&path, "floe registry run\n--config x").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);

        let error = Folder::open(&path, "floe node run").unwrap_err();
        assert_eq!(error.exit_code(), 75);
        let holder = format!("process {} (floe registry run --config x)", std::process::id());
        assert!(error.to_string().contains(&holder), "{error}");

        // Killed, but a process that it was making still holds its lock for a moment.
        let ended = std::process::Command::new("true").spawn().unwrap();
        let text = format!("process {} (floe node run --config x)\n", ended.id());
        std::fs::write(path.join("LOCK"), text).unwrap();
        let reaped = std::thread::spawn(move || ended.wait_with_output().unwrap());
        reaped.join().unwrap();
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || Folder::open(&path, "floe node run")
        });
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished(), "it waits for a dead one");
        drop(first);
        drop(waiting.join().unwrap().unwrap());
        let text = std::fs::read_to_string(path.join("LOCK")).unwrap();
        assert!(
            text.ends_with("(floe node run)\n"),
            "the longer old text is gone: {text}"
        );
    }

    #[test]
    fn refusals_have_the_exit_code_of_their_kind() {
        let top = tempfile::tempdir().unwrap();
        let file = top.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(Folder::open(&file, "").unwrap_err().exit_code(), 73);
        assert_eq!(Folder::open(&file.join("below"), "").unwrap_err().exit_code(), 73);

        let open = top.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o770)).unwrap();
        let error = Folder::open(&open, "").unwrap_err();
        assert_eq!(error.exit_code(), 77);
        assert!(error.to_string().contains("chmod 700"), "{error}");

        let denied = FolderError::Create {
            path: open,
            source: io::ErrorKind::PermissionDenied.into(),
        };
        assert_eq!(
            denied.exit_code(),
            77,
            "no test can be refused by permission while it runs as root"
        );
    }
}
