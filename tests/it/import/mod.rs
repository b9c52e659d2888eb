//! `floe app import` on whole descriptors, written for this: `NAME.xml` gives `NAME.toml` and says `NAME.notes`.
//!
//! `FLOE_GOLDEN=write` writes what comes out, to be read before it is committed.

use floe::pure::model::import::{ImportError, Imported, Kind, import, to_toml};
use floe::pure::model::{Application, Deployment};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const NAMES: [&str; 3] = ["shop", "icebox", "everything"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/import")
}

fn text_of(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Imports a text as if it stood in the folder.
fn imported(text: &str, name: &str) -> Result<Imported, ImportError> {
    import(text, name, &mut |path| {
        fs::read_to_string(folder().join(path)).map_err(|_error| format!("there is no {path}"))
    })
}

#[track_caller]
fn matches(name: &str, found: &str) {
    if std::env::var_os("FLOE_GOLDEN").is_some() {
        fs::write(folder().join(name), found).expect("the folder can be written");
    }
    assert_eq!(found, text_of(name), "{name}: FLOE_GOLDEN=write takes it over");
}

#[test]
fn whole_descriptors_become_what_is_written_beside_them() {
    for name in NAMES {
        let file = format!("{name}.xml");
        let imported = imported(&text_of(&file), &file).expect("it is a descriptor");
        let toml = to_toml(&imported, &file);
        let notes: Vec<String> = imported.notes.iter().map(|note| format!("{note}\n")).collect();
        matches(&format!("{name}.notes"), &notes.concat());
        matches(&format!("{name}.toml"), &toml);
        let again = Application::from_toml(&toml, "again.toml").expect("our own TOML is read");
        assert_eq!(again, imported.application, "{name}");
    }
}

#[test]
fn an_imported_application_is_accepted_as_it_is() {
    let application = imported(&text_of("shop.xml"), "shop.xml")
        .expect("it is a descriptor")
        .application;
    let checked = Deployment::default().check(&application);
    let servers: Vec<String> = match checked {
        Ok(expansion) => expansion.servers.iter().map(|(_, spec)| spec.id.to_string()).collect(),
        Err(faults) => panic!("{faults:#?}"),
    };
    assert_eq!(servers, ["cart", "stock", "ticker", "stock2", "bill"]);
}

/// Where each element starts, with the end of its name.
fn start_tags(text: &str) -> Vec<(usize, usize)> {
    let starts = text.match_indices('<').filter(|(at, _)| {
        let next = text.get(at + 1..).unwrap_or_default();
        next.starts_with(|c: char| c.is_ascii_alphabetic())
    });
    let tags = starts.map(|(at, _)| {
        let rest = text.get(at..).unwrap_or_default();
        let end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/');
        (at, at + end.unwrap_or(rest.len()))
    });
    tags.collect()
}

#[test]
fn an_attribute_or_element_that_nobody_knows_is_named_wherever_it_stands() {
    for name in ["shop.xml", "icebox.xml"] {
        let text = text_of(name);
        for (start, end) in start_tags(&text) {
            let (before, after) = text.split_at(end);
            let attribute = format!("{before} zz=\"1\"{after}");
            let (before, after) = text.split_at(start);
            let element = format!("{before}<zz/>{after}");
            let is_first = before.trim().is_empty() || before.trim_end().ends_with("?>");
            let texts = if is_first || before.trim_end().ends_with("-->") && !before.contains("<icegrid") {
                vec![attribute]
            } else {
                vec![attribute, element]
            };
            for changed in texts {
                let imported = imported(&changed, name).unwrap_or_else(|error| panic!("{error} in {changed}"));
                let named = imported
                    .notes
                    .iter()
                    .any(|note| note.kind == Kind::NotMapped && note.message.contains("zz"));
                assert!(named, "zz is dropped without a word in:\n{changed}");
            }
        }
    }
}

#[test]
fn bad_xml_is_one_error_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, said) in [
        ("<icegrid>\n  <application></icegrid>", "bad.xml:2:16: "),
        (
            "<!DOCTYPE a [<!ENTITY b \"c\">]>\n<icegrid/>",
            "bad.xml:1:1: a document type (DTD) is refused",
        ),
        ("<icegrid/>", "bad.xml:1:1: holds no <application>"),
        ("<icegrid><application/></icegrid>", "an <application> without a name"),
        ("<grid/>", "bad.xml:1:1: starts with <grid>"),
        ("", "bad.xml:1:1: "),
        (
            "<icegrid><application name=\"a\"><include file=\"bad.xml\"/>",
            "bad.xml:1:",
        ),
    ] {
        let path = folder.path().join("bad.xml");
        fs::write(&path, text).expect("the file can be written");
        let ended = floe(&path);
        let words = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{text}: {words}");
        assert!(ended.stdout.is_empty() && words.contains(said), "{text}: {words}");
        assert_eq!(words.lines().count(), 1, "{words}");
    }
}

fn floe(path: &Path) -> std::process::Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("floe"));
    command.args(["app", "import"]).arg(path).stdin(Stdio::null());
    command.output().expect("floe starts")
}

#[test]
fn the_exit_code_tells_whether_all_is_mapped() {
    for (name, code) in [("shop.xml", 0), ("everything.xml", 8)] {
        let ended = floe(&folder().join(name));
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        let toml = String::from_utf8(ended.stdout).expect("it is text");
        Application::from_toml(&toml, "out.toml").expect("stdout is an application");
        let words = String::from_utf8(ended.stderr).expect("it is text");
        assert_eq!(words.contains(": not mapped: "), code == 8, "{words}");
    }
    let missing = floe(Path::new("/nonexistent/shop.xml"));
    assert_eq!(missing.status.code(), Some(1));
    let device = floe(Path::new("/dev/zero"));
    assert_eq!(device.status.code(), Some(1), "a device is not read");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn import_survives_any_text(text in ".{0,200}") {
        drop(imported(&text, "any.xml"));
        drop(imported(&format!("<icegrid><application name='a'>{text}</application></icegrid>"), "any.xml"));
    }
    #[test]
    fn import_survives_changed_descriptors_and_its_toml_is_read_back(
        which in 0..NAMES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "[ -~]{0,6}|\\$\\{|\\}|ä|\"|name|/"), 1..4),
    ) {
        let name = format!("{}.xml", NAMES.get(which).expect("there are so many"));
        let mut letters: Vec<char> = text_of(&name).chars().collect();
        for (index, length, new) in changes {
            let at = index.index(letters.len());
            let end = (at + length).min(letters.len());
            letters.splice(at..end, new.chars());
        }
        let text: String = letters.into_iter().collect();
        if let Ok(imported) = imported(&text, &name) {
            let toml = to_toml(&imported, &name);
            let again = Application::from_toml(&toml, "again.toml");
            prop_assert_eq!(again.as_ref(), Ok(&imported.application), "{}", toml);
        }
    }
}
