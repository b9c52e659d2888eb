//! A dump brings everything back, and no byte of it can change unseen.

use super::*;
use crate::pure::registry::fixture_log::{Written, forest};
use proptest::prelude::*;

fn small() -> Written {
    let mut log = Written::founded(7, 2);
    log.reign(1, 1);
    for what in [0, 4, 7, 8, 1] {
        log.update(what);
    }
    log
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_dumped_comes_back_the_same(steps in proptest::collection::vec((any::<u8>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..9)), 1..4)) {
        for log in forest(&steps) {
            let text = write(&log.image).unwrap();
            let (database, image) = read(text.as_bytes()).unwrap();
            prop_assert_eq!(&image, &log.image, "byte for byte");
            prop_assert_eq!(database.summary(), log.database.summary());
            prop_assert_eq!(database.deployment(), log.database.deployment());
            prop_assert_eq!(database.log_first(), log.database.log_first());
            for serial in 0..=database.end().serial {
                prop_assert_eq!(database.digest_at(serial), log.database.digest_at(serial));
                prop_assert_eq!(database.entry(serial), log.database.entry(serial));
            }
            for entry in &log.entries {
                prop_assert_eq!(database.find(entry.request), log.database.find(entry.request));
            }
        }
    }
    #[test]
    fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes).is_err());
    }
}

#[test]
fn an_empty_database_comes_back_empty() {
    for image in [Image::default(), Written::founded(3, 5).image] {
        let text = write(&image).unwrap();
        assert_eq!(read(text.as_bytes()).unwrap().1, image);
    }
}

#[test]
fn every_changed_byte_is_refused() {
    let text = write(&small().image).unwrap().into_bytes();
    for at in 0..text.len() {
        // A bit, the case of a letter or digit, and blank for line break.
        for mask in [1 << (at % 8), 0x20, 0x2a] {
            let mut damaged = text.clone();
            damaged[at] ^= mask;
            assert!(read(&damaged).is_err(), "byte {at} changed by {mask:#x}");
        }
        assert!(read(&text[..at]).is_err(), "cut at {at}");
    }
    for more in [&b"\n"[..], b" ", b"x"] {
        assert!(read(&[&text, more].concat()).is_err(), "followed by {more:?}");
    }
}

/// A dump whose text was changed and whose digest was made to fit again.
fn forged(text: &str, from: &str, to: &str) -> Vec<u8> {
    assert!(text.contains(from), "{from}");
    let text = text.replacen(from, to, 1);
    let head = &text[..text.len() - TAIL_BYTES];
    format!("{head}{DIGEST_HEAD}{}{DIGEST_TAIL}", digest(head.as_bytes())).into_bytes()
}

#[test]
fn what_is_no_sound_dump_is_refused_in_a_sentence() {
    let text = write(&small().image).unwrap();
    let cut = &text.as_bytes()[..text.len() - 10];
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a text", b"hello\n".to_vec(), "no dump"),
        ("nothing", Vec::new(), "no dump"),
        ("a database file", DATABASE_MAGIC.repeat(9), "a database file"),
        ("cut off", cut.to_vec(), "cut off"),
        (
            "changed",
            text.replacen("app-0", "app-9", 1).into_bytes(),
            "changed after",
        ),
        (
            "another format",
            forged(&text, "\"floe_dump\": 1", "\"floe_dump\": 2"),
            "dump format 2",
        ),
        (
            "a field too much",
            forged(&text, "\"other\":", "\"others\":"),
            "cannot be read",
        ),
        (
            "another end",
            forged(&text, "\"version\": \"1.6\"", "\"version\": \"1.7\""),
            "called 1.7",
        ),
        (
            "another content",
            forged(&text, "\"revision\": 2", "\"revision\": 3"),
            "not sound",
        ),
        (
            "another entry",
            forged(&text, "\"serial\": 6,", "\"serial\": 7,"),
            "ends at 1.7",
        ),
    ];
    for (what, bytes, told) in cases {
        let error = read(&bytes).unwrap_err().to_string();
        assert!(error.contains(told), "{what}: {error}");
        assert!(!error.contains('\n'), "{what}: {error}");
    }
}

#[test]
fn a_dump_is_readable_and_says_what_it_is() {
    let text = write(&small().image).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["floe_dump"], &json["version"]), (&1.into(), &"1.6".into()));
    assert_eq!(json["applications"][0]["record"]["descriptor"]["application"], "app-0");
    assert_eq!(json["registries"][0]["name"], "r0");
    assert_eq!(json["objects"][0]["id"], "object-0");
    assert_eq!(json["end"]["digest"], json["log"][1]["digest"]);
    assert_eq!(
        (&json["log_first"], json["log"].as_array().map(Vec::len)),
        (&5.into(), Some(2))
    );
    let other: Vec<&String> = json["other"].as_object().unwrap().keys().collect();
    assert_eq!(other, ["base", "revision/app-0/00000000000000000001", "seal"]);
}
