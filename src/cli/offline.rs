//! Database files for verbs that work without a daemon: opened, checked as a whole, and every refusal with its exit code.

use super::{Exit, Failing};
use crate::io::store::{OfflineError, Opened, offline};
use crate::pure::registry::Database;
use std::path::{Path, PathBuf};

/// A database as it was read, and what it holds.
#[derive(Debug)]
pub(super) struct Kept {
    /// The file.
    pub(super) opened: Opened,
    /// What it holds, proven sound.
    pub(super) database: Database,
}

/// Reads a data folder or a database file, which stays as it is.
pub(super) fn open(path: &Path) -> Result<Kept, Failing> {
    let opened = offline::open(path).map_err(|error| refused(&error))?;
    let database = Database::restore(opened.image.clone()).map_err(|error| damaged(&opened.path, &error))?;
    Ok(Kept { opened, database })
}

/// A database whose content is not sound: where, and what to do.
pub(super) fn damaged(path: &Path, reason: &dyn std::fmt::Display) -> Failing {
    let hint =
        "restore it from a backup, or let its registry begin again from another: floe registry init NAME --from OTHER";
    Failing::new(
        Exit::Failed,
        "damaged",
        format!("{} is damaged: {reason}", path.display()),
        hint,
    )
}

/// Why a database cannot be read or made, with what to do.
pub(super) fn refused(error: &OfflineError) -> Failing {
    let (exit, code, hint) = match error {
        OfflineError::Missing { .. } | OfflineError::NoDatabase { .. } => (
            Exit::NotFound,
            "not-found",
            "name a registry's data folder (peer.data in its configuration), or a database file",
        ),
        OfflineError::InUse { .. } => (
            Exit::InUse,
            "in-use",
            "floe registry show tells of a running registry, floe registry compare compares one; else stop it first",
        ),
        OfflineError::Foreign { .. } => (Exit::Failed, "foreign", "floe db load reads what floe db dump wrote"),
        OfflineError::Format { .. } | OfflineError::TooLarge { .. } => (Exit::Failed, "format", ""),
        OfflineError::Damaged { .. } => (
            Exit::Failed,
            "damaged",
            "restore it from a backup, or let its registry begin again from another: floe registry init NAME --from OTHER",
        ),
        OfflineError::Occupied { .. } => (
            Exit::Precondition,
            "precondition",
            "nothing was changed; move that file away if the dump is to take its place, or name another folder",
        ),
        OfflineError::Folder(error) => (folder_exit(error.exit_code()), "folder", ""),
        OfflineError::File(error) if error.is_permission() => (Exit::Permission, "permission", ""),
        OfflineError::File(_) | OfflineError::Write(_) => (Exit::Failed, "local", ""),
    };
    Failing::new(exit, code, with_causes(error), hint)
}

fn folder_exit(code: u8) -> Exit {
    match code {
        73 => Exit::CannotCreate,
        75 => Exit::InUse,
        77 => Exit::Permission,
        _ => Exit::Failed,
    }
}

/// An error and what led to it, in one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// A relative path as an absolute one, for people who read it elsewhere.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
