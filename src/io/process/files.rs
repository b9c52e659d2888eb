//! Property files of a server: `servers/ID/config/NAME`, written before each start and when its definition changes.
//!
//! Which files are ours stands in `servers/ID/files`, one name a line: of the config folder, which belongs to the server's
//! user, nothing else is ever touched. The user may do there as he likes, so nothing is followed: new files are made under
//! names that must not exist, and renamed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ends the name of a file that is being written.
const UNFINISHED: &str = ".floe-new";
/// Larger than this no list of names is.
const LIST_BYTES_MAX: u64 = 1024 * 1024;

/// Held while files of a server that runs are written: a start writes before there is a run, so it need not wait.
static WRITING: Mutex<()> = Mutex::new(());

/// Two writers of one folder would undo each other's work.
pub(super) fn one_at_a_time() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the config folder hold these files and no other that we wrote once. True when anything changed.
///
/// # Errors
/// A text for people; some files may be new already.
pub(super) fn write(home: &Path, files: &[(String, String)]) -> Result<bool, String> {
    let (folder, list) = (home.join("config"), home.join("files"));
    let ours = read_list(&list)?;
    if files.is_empty() && ours.is_empty() {
        return Ok(false);
    }
    make_private(&folder)?;
    let wanted: BTreeSet<String> = files.iter().map(|(name, _)| name.clone()).collect();
    // Before the first of them is there: what we write we must also remove again.
    let known: BTreeSet<String> = ours.union(&wanted).cloned().collect();
    if known != ours {
        write_list(&list, &known)?;
    }
    let mut changed = false;
    for (name, text) in files {
        if !plain(name) {
            return Err(format!("{name:?} is no name of a file"));
        }
        changed |= write_one(&folder, name, text)?;
    }
    for stale in known.difference(&wanted).filter(|name| plain(name)) {
        match std::fs::remove_file(folder.join(stale)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(format!("remove {}: {error}", folder.join(stale).display()));
            }
            removed => changed |= removed.is_ok(),
        }
    }
    if known != wanted {
        write_list(&list, &wanted)?;
    }
    Ok(changed)
}

/// No folder, nothing hidden above it.
fn plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0', '\n'])
}

/// Values may be secrets: only the server's user looks into the folder.
pub(super) fn make_private(folder: &Path) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("make {} private: {error}", folder.display());
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(fault)
        }
        made => made.map_err(fault),
    }
}

/// Whole or not at all. The folder keeps strangers out; the server's user, who is not ours, has to read it.
fn write_one(folder: &Path, name: &str, text: &str) -> Result<bool, String> {
    let path = folder.join(name);
    let fault = |step: &str, error: std::io::Error| format!("{step} {}: {error}", path.display());
    let regular =
        std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file() && found.len() == text.len() as u64);
    if regular && std::fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(false);
    }
    let new = folder.join(format!("{name}{UNFINISHED}"));
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(fault("replace", error)),
        _ => (),
    }
    let file = File::options().write(true).create_new(true).mode(0o644).open(&new);
    let mut file = file.map_err(|error| fault("create", error))?;
    file.write_all(text.as_bytes()).map_err(|error| fault("write", error))?;
    std::fs::rename(&new, &path).map_err(|error| fault("replace", error))?;
    Ok(true)
}

fn read_list(path: &Path) -> Result<BTreeSet<String>, String> {
    use std::io::Read;
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        opened => opened.map_err(|error| format!("open {}: {error}", path.display()))?,
    };
    let mut text = String::new();
    let read = file.take(LIST_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| format!("read {}: {error}", path.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn write_list(path: &Path, names: &BTreeSet<String>) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("write {}: {error}", path.display());
    let new = path.with_extension("new");
    let mut text = String::new();
    for name in names {
        text.push_str(name);
        text.push('\n');
    }
    std::fs::write(&new, text).map_err(fault)?;
    std::fs::rename(&new, path).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn ours_are_replaced_and_removed_and_others_never() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("config");
        assert!(!write(home.path(), &[]).unwrap() && !config.exists());
        assert!(write(home.path(), &files(&[("a", "1\n"), ("b", "2\n")])).unwrap());
        std::fs::write(config.join("mine"), "user's").unwrap();
        assert!(
            !write(home.path(), &files(&[("a", "1\n"), ("b", "2\n")])).unwrap(),
            "nothing changed"
        );
        assert!(write(home.path(), &files(&[("a", "3\n")])).unwrap());
        assert_eq!(std::fs::read_to_string(config.join("a")).unwrap(), "3\n");
        assert!(!config.join("b").exists(), "it was ours and is not wanted any more");
        assert!(write(home.path(), &[]).unwrap());
        assert_eq!(std::fs::read_to_string(config.join("mine")).unwrap(), "user's");
        assert_eq!(std::fs::read_dir(&config).unwrap().count(), 1);
        assert_eq!(config.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(write(home.path(), &files(&[("../a", "")])).is_err());
    }

    #[test]
    fn links_that_the_user_laid_are_replaced_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let victim = home.path().join("victim");
        std::fs::write(&victim, "keep\n").unwrap();
        std::fs::create_dir(home.path().join("config")).unwrap();
        for name in ["a", "a.floe-new"] {
            std::os::unix::fs::symlink(&victim, home.path().join("config").join(name)).unwrap();
        }
        write(home.path(), &files(&[("a", "keep\n")])).unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "keep\n");
        let written = home.path().join("config/a").symlink_metadata().unwrap();
        assert!(written.is_file(), "a file of its own");
    }
}
