//! S-DEP-07 of the scenarios, and following over rotations.

use super::*;
use crate::io::process::output;
use crate::pure::model::Output;
use std::io::Write;

fn ends_with(content: &[u8], lines: u32) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stdout.log");
    std::fs::write(&path, content).unwrap();
    read(&Source::Output(path), lines, None).unwrap().text
}

#[test]
fn the_last_lines_are_told_whole() {
    for (content, lines, expected) in [
        ("", 3, ""),
        ("a", 3, "a"),
        ("a\n", 1, "a\n"),
        ("a\nb\nc\n", 2, "b\nc\n"),
        ("a\nb\nc", 2, "b\nc"),
        ("a\nb\nc\n", 3, "a\nb\nc\n"),
        ("a\nb\nc\n", u32::MAX, "a\nb\nc\n"),
        ("a\nb\nc\n", 0, ""),
        ("\n\n\n", 2, "\n\n"),
    ] {
        assert_eq!(ends_with(content.as_bytes(), lines), expected, "{lines} of {content:?}");
    }
}

#[test]
fn long_lines_come_in_pieces_that_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stdout.log");
    // Letters of several bytes, so that pieces would cut them.
    let line = "ångström ".repeat(60_000);
    std::fs::write(&path, format!("first\n{line}\n")).unwrap();
    let source = Source::Output(path.clone());
    let (mut at, mut whole, mut pieces) = (None, String::new(), 0);
    loop {
        let report = read(&source, 1, at).unwrap();
        assert!(report.text.len() <= PIECE_BYTES_MAX);
        whole.push_str(&report.text);
        (at, pieces) = (Some(report.next), pieces + 1);
        if !report.more {
            assert_eq!(report.next, report.end);
            break;
        }
    }
    assert!(pieces > 3);
    assert!(whole == format!("{line}\n"), "pieces add up");
    // Bytes that are no text at all do not stop it.
    std::fs::write(&path, vec![0xff; 400_000]).unwrap();
    let report = read(&source, 1, None).unwrap();
    assert_eq!((report.text.chars().count(), report.more), (PIECE_BYTES_MAX, true));
    assert_eq!(
        [&b"a"[..], b"\xc3", b"\xf0\x9f", b"\xc3\xa5", b"\xff"].map(whole_letters),
        [1, 0, 0, 2, 1]
    );
}

#[test]
fn a_growing_file_is_followed_over_its_rotations() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stdout.log");
    let source = Source::Output(path.clone());
    let mut file = std::fs::File::options().append(true).create(true).open(&path).unwrap();
    let (mut wanted, mut seen) = (String::new(), String::new());
    let mut at = read(&source, 0, None).unwrap().next;
    for round in 0..3_000 {
        let line = format!("{round} {}\n", "x".repeat(100));
        file.write_all(line.as_bytes()).unwrap();
        wanted.push_str(&line);
        if round % 300 == 0 {
            let kept = Output {
                rotate_bytes: 64 * 1024,
                keep: 9,
            };
            output::rotate(folder.path(), kept);
        }
        if round % 70 == 0 {
            let report = read(&source, 0, Some(at)).unwrap();
            seen.push_str(&report.text);
            at = report.next;
            assert_eq!(report.missed, 0);
        }
    }
    seen.push_str(&read(&source, 0, Some(at)).unwrap().text);
    assert!(seen == wanted, "no line twice, none missing");
    let text = read(&source, 2_000, None).unwrap();
    assert!(
        text.text.starts_with("1000 "),
        "lines are found in older parts: {:.20}",
        text.text
    );
    // What was dropped is said.
    let none = Output {
        rotate_bytes: 64 * 1024,
        keep: 0,
    };
    file.write_all(&vec![b'y'; 300_000]).unwrap();
    output::rotate(folder.path(), none);
    let report = read(&source, 0, Some(LogPosition { offset: 7, ..at })).unwrap();
    assert!(report.missed > 0);
    // A server that was removed and came again.
    let later = LogPosition {
        offset: 1 << 40,
        ..report.next
    };
    assert!(read(&source, 0, Some(later)).unwrap().text.starts_with('y'));
}

#[test]
fn a_file_that_its_server_rotates_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let source = Source::Declared(path.clone());
    std::fs::write(&path, "one\n").unwrap();
    let at = read(&source, 5, None).unwrap().next;
    std::fs::write(&path, "one\ntwo\n").unwrap();
    std::fs::rename(&path, folder.path().join("access.log.1")).unwrap();
    std::fs::write(&path, "three\n").unwrap();
    let old = read(&source, 0, Some(at)).unwrap();
    assert_eq!((old.text.as_str(), old.more), ("two\n", true));
    let new = read(&source, 0, Some(old.next)).unwrap();
    assert_eq!((new.text.as_str(), new.more), ("three\n", false));
    // Truncated in place: from its beginning.
    std::fs::write(&path, "x\n").unwrap();
    assert_eq!(read(&source, 0, Some(new.next)).unwrap().text, "x\n");
}

#[test]
fn only_regular_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().canonicalize().unwrap();
    std::fs::write(top.join("secret"), "secret\n").unwrap();
    std::os::unix::fs::symlink(top.join("secret"), top.join("link")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, top.join("pipe"), 0o600.into()).unwrap();
    for (name, words) in [
        ("none", "not available"),
        ("link", "symbolic link"),
        ("pipe", "no regular file"),
        (".", "no regular file"),
    ] {
        let reason = read(&Source::Declared(top.join(name)), 1, None).unwrap_err();
        assert!(reason.contains(words), "{name}: {reason}");
    }
    assert!(read(&Source::Declared("/dev/zero".into()), 1, None).is_err());
}
