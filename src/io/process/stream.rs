//! A log file as one stream of bytes, over its rotations: a place in it stays the same place when the front is cut off or
//! the file is replaced.
//!
//! Output that we rotate ourselves counts what was cut off in `NAME.base`; its older parts are `NAME.1` and so on, each
//! right before the next. Files that servers rotate themselves are told apart by their number in the file system.

use super::output::numbered;
use crate::pure::protocol::report::LogPosition;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held while a file is read, and while its front is cut off.
static READING: Mutex<()> = Mutex::new(());
/// More files beside a log than these are not looked through for the one that it was.
const SIBLINGS_MAX: usize = 1000;
/// More rotated parts than these are not read.
const PARTS_MAX: u32 = 1000;

/// Whoever reads must not have the file cut under him.
pub(super) fn one_at_a_time() -> MutexGuard<'static, ()> {
    READING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// So many bytes were cut off the front. The caller holds [`one_at_a_time`].
pub(super) fn add_to_base(path: &Path, bytes: u64) {
    let base = base_of(path).saturating_add(bytes);
    if let Err(error) = std::fs::write(base_file(path), base.to_string()) {
        // Who follows the log sees some of it twice, or not at all.
        tracing::warn!(path = %path.display(), %error, "the place of rotated output is not recorded");
    }
}

fn base_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".base");
    PathBuf::from(name)
}

fn base_of(path: &Path) -> u64 {
    let text = std::fs::read_to_string(base_file(path)).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// Opens a regular file and nothing else: a pipe would hang, a device may do anything, and a link may lead to what only the
/// node may read.
pub(super) fn open_regular(path: &Path) -> Result<File, String> {
    let shown = path.display();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let opened = match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Err(Errno::NOSYS | Errno::PERM) => rustix::fs::open(path, flags | OFlags::NOFOLLOW, Mode::empty()),
        opened => opened,
    };
    let file = match opened {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT) => return Err(format!("{shown} is not available: there is no such file yet")),
        Err(Errno::LOOP) => {
            return Err(format!(
                "{shown} is a symbolic link or lies behind one: declare where it really is"
            ));
        }
        Err(error) => return Err(format!("open {shown}: {error}")),
    };
    let metadata = file.metadata().map_err(|error| format!("look at {shown}: {error}"))?;
    if metadata.is_file() {
        Ok(file)
    } else {
        Err(format!("{shown} is not available: it is no regular file"))
    }
}

/// What can be read of a log, oldest part first.
#[derive(Debug)]
pub(super) struct Stream {
    parts: Vec<Part>,
    number: u64,
}

#[derive(Debug)]
struct Part {
    file: File,
    start: u64,
    length: u64,
}

impl Stream {
    /// Output of a server, with what was rotated. The caller holds [`one_at_a_time`].
    pub(super) fn of_output(path: &Path) -> Result<Self, String> {
        let mut stream = Self::of_file(path)?;
        let mut start = base_of(path);
        for part in &mut stream.parts {
            part.start = start;
        }
        for number in 1..PARTS_MAX {
            let Ok(file) = open_regular(&numbered(path, number)) else {
                break;
            };
            let length = file.metadata().map_or(0, |found| found.len());
            let Some(earlier) = start.checked_sub(length) else {
                break;
            };
            start = earlier;
            stream.parts.insert(0, Part { file, start, length });
        }
        Ok(stream)
    }

    /// A file that somebody else writes.
    pub(super) fn of_file(path: &Path) -> Result<Self, String> {
        let file = open_regular(path)?;
        let metadata = file
            .metadata()
            .map_err(|error| format!("look at {}: {error}", path.display()))?;
        Ok(Self {
            number: metadata.ino(),
            parts: vec![Part {
                file,
                start: 0,
                length: metadata.len(),
            }],
        })
    }

    /// The file that once stood at this path, if it still lies beside it.
    pub(super) fn former(path: &Path, number: u64) -> Option<Self> {
        let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
        let siblings = std::fs::read_dir(folder).ok()?.take(SIBLINGS_MAX).flatten();
        let mut former = siblings.filter(|entry| {
            let begins_like_it = entry.file_name().to_str().is_some_and(|other| other.starts_with(name));
            begins_like_it && entry.metadata().is_ok_and(|found| found.ino() == number)
        });
        Self::of_file(&former.next()?.path())
            .ok()
            .filter(|stream| stream.number == number)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }
    pub(super) fn start(&self) -> u64 {
        self.parts.first().map_or(0, |part| part.start)
    }
    pub(super) fn end(&self) -> LogPosition {
        let offset = self
            .parts
            .last()
            .map_or(0, |part| part.start.saturating_add(part.length));
        LogPosition {
            file: self.number,
            offset,
        }
    }
    /// Where the part begins that is written now.
    pub(super) fn written_from(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.start)
    }

    /// Bytes from a place on, at most so many; what is kept no longer reads as nothing.
    pub(super) fn read(&self, from: u64, most: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for part in &self.parts {
            let at = from.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            let Some(inside) = at.checked_sub(part.start).filter(|inside| *inside < part.length) else {
                continue;
            };
            let room = u64::try_from(most - bytes.len()).unwrap_or(u64::MAX);
            let wanted = usize::try_from(room.min(part.length - inside)).unwrap_or(most);
            let begun = bytes.len();
            bytes.resize(begun + wanted, 0);
            let read = read_fully(&part.file, &mut bytes[begun..], inside)?;
            bytes.truncate(begun + read);
            if read < wanted || bytes.len() == most {
                break;
            }
        }
        Ok(bytes)
    }

    /// Where the last `lines` lines begin; looks back no further than `most` bytes.
    pub(super) fn last_lines(&self, lines: u32, most: u64) -> std::io::Result<u64> {
        const STEP: u64 = 64 * 1024;
        let end = self.end().offset;
        let first = end.saturating_sub(most).max(self.start());
        if lines == 0 || end == first {
            return Ok(end);
        }
        let (mut at, mut left) = (end, u64::from(lines));
        while at > first {
            let from = at.saturating_sub(STEP).max(first);
            let bytes = self.read(from, usize::try_from(at - from).unwrap_or(0))?;
            for (index, _) in bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
                let after = from + u64::try_from(index).unwrap_or(0) + 1;
                // The end of the last line begins no other.
                if after == end {
                    continue;
                }
                left -= 1;
                if left == 0 {
                    return Ok(after);
                }
            }
            at = from;
        }
        Ok(first)
    }
}

fn read_fully(file: &File, buffer: &mut [u8], at: u64) -> std::io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        let from = at + u64::try_from(read).unwrap_or(0);
        match file.read_at(&mut buffer[read..], from) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
