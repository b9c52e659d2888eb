//! What the node's disk holds of each server's process: `servers/ID/run`, replaced as a whole.
//!
//! Also the two helpers that write and read one small value durably; the node keeps its slice by them.

use crate::pure::allocation::Tenure;
use crate::pure::base::RunId;
use crate::pure::model::ServerSpec;
use crate::pure::supervisor::Ports;
use crate::pure::wire;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The form of the record; another number is another form.
const FORMAT: u16 = 1;
/// Largest value that is read back, in bytes: the slice of a full node, with room.
const VALUE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Why the node's small files could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system refused.
    #[error("{step} {path:?}")]
    Io {
        /// What was tried.
        step: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The bytes are not what was written once.
    #[error("read {path:?}: {reason}")]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// One start of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    format: u16,
    /// The run, also in the process's environment.
    pub(super) run: RunId,
    /// What it was started by.
    pub(super) spec: Arc<ServerSpec>,
    /// Its ports; the next start prefers them.
    pub(super) ports: Ports,
    /// The process; `None` while there is only the intent to make it.
    pub(super) process: Option<Mark>,
    /// Its control groups. Records of earlier builds have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<PathBuf>,
    /// For whom it was started, if it is a session's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tenure: Option<Tenure>,
}

/// A process told apart from every other one, also after its pid was used again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Its pid, and its group's.
    pub(super) pid: u32,
    /// When it started, in clock ticks since the boot.
    pub(super) start_ticks: u64,
    /// Which boot that was.
    pub(super) boot: String,
}

impl Record {
    /// The intent to start a process.
    pub(super) fn intent(run: RunId, spec: Arc<ServerSpec>, ports: Ports) -> Self {
        Self {
            format: FORMAT,
            run,
            spec,
            ports,
            process: None,
            groups: Vec::new(),
            tenure: None,
        }
    }
    /// What the directory of a server holds, if it ever was started.
    pub(super) fn read(home: &Path) -> Result<Option<Self>, JournalError> {
        let path = home.join("run");
        let record: Option<Self> = read_value(&path)?;
        match record {
            Some(record) if record.format != FORMAT => Err(JournalError::Damaged {
                path,
                reason: format!("its format is {}, this build knows {FORMAT}", record.format),
            }),
            record => Ok(record),
        }
    }
    /// Outlives the node when it returns, and is not synced: what would lose it, a crash of the machine, ends the process
    /// as well. Four syncs less are most of the time that a start takes. See [`is_new_boot`] for what a crash may leave.
    pub(super) fn write(&self, home: &Path) -> Result<(), JournalError> {
        replace_value(&home.join("run"), self)
    }
}

/// Has the machine started again since the folder of servers was last used? Then no process of its records lives, and a
/// record that the crash tore says nothing. Durable before anything is started; where the kernel does not tell its boots,
/// the answer is no.
///
/// # Errors
/// [`JournalError`]; the next start asks again.
pub(super) fn is_new_boot(folder: &Path, boot: &str) -> Result<bool, JournalError> {
    let path = folder.join(".boot");
    let known = read_value::<String>(&path).unwrap_or_default();
    if known.as_deref() == Some(boot) {
        return Ok(false);
    }
    write_value(&path, &boot.to_owned())?;
    Ok(!boot.is_empty() && known.is_some())
}

/// Replaces a file by the encoding of a value: whole or not at all, and durable when it returns.
///
/// # Errors
/// [`JournalError::Io`]; the old content is still there, or already the new one.
pub fn write_value<T: Serialize>(path: &Path, value: &T) -> Result<(), JournalError> {
    replace(path, value, true)
}

/// The same for what a crash of the machine may lose, as of this or an earlier value: it is not synced.
///
/// # Errors
/// As [`write_value`].
pub fn replace_value<T: Serialize>(path: &Path, value: &T) -> Result<(), JournalError> {
    replace(path, value, false)
}

fn replace<T: Serialize>(path: &Path, value: &T, durable: bool) -> Result<(), JournalError> {
    let fault = |step, path: &Path| {
        let path = path.to_owned();
        move |source| JournalError::Io { step, path, source }
    };
    let new = path.with_extension("new");
    // A server's definition may hold secrets in its environment.
    let mut options = File::options();
    let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&new);
    let mut file = opened.map_err(fault("create", &new))?;
    file.write_all(&wire::encode(value)).map_err(fault("write", &new))?;
    if durable {
        file.sync_all().map_err(fault("sync", &new))?;
    }
    std::fs::rename(&new, path).map_err(fault("rename to", path))?;
    if !durable {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let folder_file = File::open(folder).map_err(fault("open", folder))?;
    folder_file.sync_all().map_err(fault("sync", folder))
}

/// Reads what [`write_value`] wrote; `None` when there is no such file.
///
/// # Errors
/// [`JournalError`]; nothing is changed.
pub fn read_value<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, JournalError> {
    let fault = |step| {
        let path = path.to_owned();
        move |source| JournalError::Io { step, path, source }
    };
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(fault("open"))?,
    };
    let damaged = |reason: String| JournalError::Damaged {
        path: path.to_owned(),
        reason,
    };
    let mut bytes = Vec::new();
    let read = file
        .take(VALUE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(fault("read"))?;
    if u64::try_from(read).unwrap_or(u64::MAX) > VALUE_BYTES_MAX {
        return Err(damaged("it is larger than anything that was written".to_owned()));
    }
    wire::decode(&bytes)
        .map(Some)
        .map_err(|error| damaged(error.to_string()))
}
