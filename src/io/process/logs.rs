//! Reads what servers wrote: their output, and log files that they declare. In pieces that fit an answer.

use super::stream::{self, Stream};
use crate::pure::protocol::report::{LogPosition, LogReport};
use std::path::{Path, PathBuf};

/// Most bytes of one answer: replacing bytes that are no UTF-8 may triple them, and a frame must hold that.
const PIECE_BYTES_MAX: usize = 160 * 1024;
/// How far back lines are looked for.
const BACK_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What is read.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A file that we rotate.
    Output(PathBuf),
    /// A file that the server writes, and rotates itself.
    Declared(PathBuf),
}

impl Source {
    fn path(&self) -> &Path {
        match self {
            Self::Output(path) | Self::Declared(path) => path,
        }
    }
    fn open(&self) -> Result<Stream, String> {
        match self {
            Self::Output(path) => Stream::of_output(path),
            Self::Declared(path) => Stream::of_file(path),
        }
    }
}

/// The last `lines` lines, or what follows a position; a piece of it. Blocks.
///
/// # Errors
/// A text for people.
pub(super) fn read(source: &Source, lines: u32, at: Option<LogPosition>) -> Result<LogReport, String> {
    let path = source.path();
    let fault = |error: std::io::Error| format!("read {}: {error}", path.display());
    let _reading = stream::one_at_a_time();
    let stream = source.open()?;
    if let Some(at) = at.filter(|at| at.file != stream.number())
        && let Some(former) = Stream::former(path, at.file)
    {
        // The server has begun another file: first what we have not seen of the one before.
        let report = piece(path, &former, at.offset).map_err(fault)?;
        if !report.text.is_empty() {
            return Ok(LogReport { more: true, ..report });
        }
    }
    let end = stream.end();
    let from = match at {
        None => stream.last_lines(lines, BACK_BYTES_MAX).map_err(fault)?,
        Some(at) if at.file == stream.number() && at.offset <= end.offset => at.offset,
        // Another file, or this one begun anew.
        Some(_) => stream.written_from(),
    };
    piece(path, &stream, from).map_err(fault)
}

fn piece(path: &Path, stream: &Stream, from: u64) -> std::io::Result<LogReport> {
    let start = from.max(stream.start());
    let mut bytes = stream.read(start, PIECE_BYTES_MAX)?;
    bytes.truncate(whole_letters(&bytes));
    let next = start + u64::try_from(bytes.len()).unwrap_or(0);
    let end = stream.end();
    Ok(LogReport {
        file: path.display().to_string(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
        next: LogPosition {
            file: stream.number(),
            offset: next,
        },
        end,
        more: !bytes.is_empty() && next < end.offset,
        missed: start - from,
    })
}

/// How many bytes do not end in the midst of a letter. Bytes that begin none are whole.
fn whole_letters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    for at in (tail..bytes.len()).rev() {
        let wanted = match bytes[at] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => break,
        };
        return if at + wanted > bytes.len() { at } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
#[path = "logs_test.rs"]
mod tests;
