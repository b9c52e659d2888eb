//! Bounds what servers write to standard output and error: `stdout.log`, older parts in `stdout.log.1` (the newest) and so
//! on. The server writes to the file itself, never through a pipe of the node, and is told nothing.
//!
//! The front of the file is copied to `NAME.1` and then cut off where the server goes on writing at the end. On file systems
//! that collapse ranges (ext4, XFS) whole blocks go and no byte is lost; a line may stand half in `NAME.1` and half in
//! `NAME`. On others the file is copied and truncated: what is written between the two is lost. The server's descriptor
//! appends, so either is possible while it writes.
//!
//! Files are looked at every second: a flood needs at most `rotate_bytes * (keep + 1)` plus what comes within a second,
//! with line ends or without. When there is no room for the copy, the old part is dropped instead.

use super::stream;
use crate::pure::model::Output;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often files are looked at. Shorter bounds a flood tighter; two looks a server cost some microseconds.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Files as small as this are not rotated, whatever is asked for: cuts are whole blocks.
const ROTATE_BYTES_MIN: u64 = 64 * 1024;
/// Most rotated files that are looked for when fewer are to be kept than before.
const KEEP_MAX: u32 = 1000;
/// The two files, by name.
pub(super) const NAMES: [&str; 2] = ["stdout.log", "stderr.log"];

/// Rotates what is larger than it should be. Failures are logged: a server's log stops nothing.
pub(super) fn rotate(home: &Path, output: Output) {
    for name in NAMES {
        let path = home.join(name);
        if let Err(error) = rotate_file(&path, output) {
            tracing::warn!(path = %path.display(), %error, "output not rotated");
        }
    }
}

fn rotate_file(path: &Path, output: Output) -> std::io::Result<()> {
    let most = output.rotate_bytes.max(ROTATE_BYTES_MIN);
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() && metadata.len() > most => (),
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    let mut file = File::options().read(true).write(true).open(path)?;
    let block = file.metadata()?.blksize().clamp(512, most);
    let part = most / block * block;
    loop {
        let length = file.metadata()?.len();
        if length <= most {
            return Ok(());
        }
        // Of a flood only as much is copied as is kept.
        let parts = length.saturating_sub(1) / part;
        let skipped = parts.saturating_sub(u64::from(output.keep)) * part;
        if skipped > 0 {
            shift(path, 0);
            if cut(&file, path, skipped) {
                continue;
            }
            return copy_and_truncate(&mut file, path, skipped, part, output.keep);
        }
        keep_part(&mut file, path, 0, part, output.keep);
        if !cut(&file, path, part) {
            // The first part is kept already.
            return copy_and_truncate(&mut file, path, part, part, output.keep);
        }
    }
}

/// Cuts whole blocks off the front. False where the file system cannot.
fn cut(file: &File, path: &Path, length: u64) -> bool {
    let _reading = stream::one_at_a_time();
    let cut = fallocate(file, FallocateFlags::COLLAPSE_RANGE, 0, length).is_ok();
    if cut {
        stream::add_to_base(path, length);
    }
    cut
}

fn copy_and_truncate(file: &mut File, path: &Path, from: u64, part: u64, keep: u32) -> std::io::Result<()> {
    let mut at = from;
    while file.metadata()?.len() > at {
        at += keep_part(file, path, at, part, keep).max(1);
    }
    let _reading = stream::one_at_a_time();
    let lost = file.metadata()?.len().max(at);
    file.set_len(0)?;
    stream::add_to_base(path, lost);
    Ok(())
}

/// Copies a part to `NAME.1`, the older ones moving on. Without room for it nothing is kept. Gives how long it was.
fn keep_part(file: &mut File, path: &Path, at: u64, length: u64, keep: u32) -> u64 {
    shift(path, keep);
    if keep == 0 {
        return length;
    }
    let (first, new) = (numbered(path, 1), numbered(path, 0));
    let copied = file.seek(SeekFrom::Start(at)).and_then(|_| {
        let options = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new);
        let mut to = options?;
        let copied = std::io::copy(&mut file.take(length), &mut to)?;
        to.flush()?;
        std::fs::rename(&new, &first)?;
        Ok(copied)
    });
    copied.unwrap_or_else(|error| {
        tracing::warn!(path = %first.display(), %error, "old output dropped");
        std::fs::remove_file(&new).unwrap_or(());
        length
    })
}

/// `NAME.1` becomes `NAME.2` and so on; those that are too many go.
fn shift(path: &Path, keep: u32) {
    let kept = (1..KEEP_MAX)
        .take_while(|number| numbered(path, *number).exists())
        .count();
    for number in (1..=u32::try_from(kept).unwrap_or(KEEP_MAX)).rev() {
        let from = numbered(path, number);
        let moved = if number >= keep {
            std::fs::remove_file(&from)
        } else {
            std::fs::rename(&from, numbered(path, number + 1))
        };
        if let Err(error) = moved {
            tracing::warn!(path = %from.display(), %error, "old output stays");
        }
    }
}

/// The rotated file of this number; 0 while it is written.
pub(super) fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(kib: u64, keep: u32) -> Output {
        Output {
            rotate_bytes: kib * 1024,
            keep,
        }
    }

    fn all_of(path: &Path) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in (1..50).rev() {
            bytes.extend(std::fs::read(numbered(path, number)).unwrap_or_default());
        }
        bytes.extend(std::fs::read(path).unwrap());
        bytes
    }

    #[test]
    fn no_byte_is_lost_while_the_server_writes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout.log");
        let mut writer = File::options().append(true).create(true).open(&path).unwrap();
        writer.write_all(&vec![b'x'; 300 * 1024]).unwrap();
        let collapses = {
            let probe = folder.path().join("probe");
            std::fs::write(&probe, vec![0; 64 * 1024]).unwrap();
            cut(&File::options().write(true).open(&probe).unwrap(), &probe, 4096)
        };
        let mut wanted = vec![b'x'; 300 * 1024];
        for round in 0..20_000 {
            let line = format!("line {round}\n");
            writer.write_all(line.as_bytes()).unwrap();
            wanted.extend(line.as_bytes());
            if round % 500 == 0 {
                rotate(folder.path(), output(64, 30));
                let length = std::fs::metadata(&path).unwrap().len();
                assert!(length <= 64 * 1024 + 4096, "{length} after a rotation");
            }
        }
        if collapses {
            assert!(all_of(&path) == wanted, "bytes are missing or twice");
        }
        assert!(numbered(&path, 2).exists() && !numbered(&path, 0).exists());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stderr.log");
        // A flood without line ends.
        std::fs::write(&path, vec![b'z'; 4 * 1024 * 1024]).unwrap();
        rotate(folder.path(), output(128, 2));
        let sizes = |number| std::fs::metadata(numbered(&path, number)).map_or(0, |found| found.len());
        assert!(std::fs::metadata(&path).unwrap().len() <= 128 * 1024);
        assert_eq!((sizes(1), sizes(2), sizes(3)), (128 * 1024, 128 * 1024, 0));
        // Fewer are kept from now on; nothing at all with 0.
        std::fs::write(&path, vec![b'z'; 1024 * 1024]).unwrap();
        rotate(folder.path(), output(128, 0));
        assert_eq!((sizes(1), sizes(2)), (0, 0));
        assert!(std::fs::metadata(&path).unwrap().len() <= 128 * 1024);
    }

    #[test]
    fn copy_and_truncate_keeps_the_newest_parts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout.log");
        std::fs::write(&path, [vec![b'a'; 1000], vec![b'b'; 1000], vec![b'c'; 500]].concat()).unwrap();
        let mut file = File::options().read(true).write(true).open(&path).unwrap();
        copy_and_truncate(&mut file, &path, 1000, 1000, 2).unwrap();
        assert_eq!(std::fs::read(numbered(&path, 2)).unwrap(), vec![b'b'; 1000]);
        assert_eq!(std::fs::read(numbered(&path, 1)).unwrap(), vec![b'c'; 500]);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    }
}
