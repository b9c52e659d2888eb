//! The end of a server's output.

use crate::pure::protocol::report::LogReport;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Most bytes that are read from the end: replacing bytes that are no UTF-8 may triple them, and a frame must hold that.
const TAIL_BYTES_MAX: u64 = 160 * 1024;

/// The last `lines` lines of a file.
///
/// # Errors
/// A text for people.
pub(super) fn tail(path: &Path, lines: u32) -> Result<LogReport, String> {
    let fault = |step: &str| {
        let text = format!("{step} {}", path.display());
        move |error: std::io::Error| format!("{text}: {error}")
    };
    let mut file = File::open(path).map_err(fault("open"))?;
    let length = file.metadata().map_err(fault("look at"))?.len();
    let start = length.saturating_sub(TAIL_BYTES_MAX);
    file.seek(SeekFrom::Start(start)).map_err(fault("seek in"))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(fault("read"))?;
    let ends_line = bytes.last() == Some(&b'\n');
    let body = if ends_line {
        &bytes[..bytes.len() - 1]
    } else {
        &bytes[..]
    };
    let lines = usize::try_from(lines).unwrap_or(usize::MAX).max(1);
    let wanted = line_end_from_back(body, lines).map_or(&bytes[..], |at| &bytes[at + 1..]);
    Ok(LogReport {
        file: path.display().to_string(),
        text: String::from_utf8_lossy(wanted).into_owned(),
    })
}

/// Where the `nth` line end from the back is.
fn line_end_from_back(bytes: &[u8], nth: usize) -> Option<usize> {
    let ends = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    ends.map(|(at, _)| at).nth(nth - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_told_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout.log");
        for (content, lines, expected) in [
            ("", 3, ""),
            ("a", 3, "a"),
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc", 2, "b\nc"),
            ("a\nb\nc\n", 3, "a\nb\nc\n"),
            ("a\nb\nc\n", 0, "c\n"),
            ("\n\n\n", 2, "\n\n"),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(tail(&path, lines).unwrap().text, expected, "{lines} of {content:?}");
        }
        std::fs::write(&path, vec![0xff; 1024 * 1024]).unwrap();
        assert_eq!(tail(&path, u32::MAX).unwrap().text.chars().count(), 160 * 1024);
        assert!(tail(&folder.path().join("none"), 1).is_err());
    }
}
