//! Allocators as files: what is refused before any of it runs, and what an examination finds in those that run.

use floe::io::plugin_host::examine::{Step, examine};
use floe::io::plugin_host::file::check;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SHIPPED: [&str; 6] = ["least_loaded", "spread", "bin_pack", "fair_share", "sticky", "chaos"];
const FLOE: &str = env!("CARGO_BIN_EXE_floe");

/// A library that the build of this test has made beside it.
pub(crate) fn library(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("this test is a file");
    let path = own.with_file_name(format!("libfloe_{name}.so"));
    assert!(path.is_file(), "{} is built with the tests", path.display());
    path
}

fn floe(arguments: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let output = Command::new(FLOE)
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("floe runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn examined(config: &str) -> Vec<Step> {
    let checked = check(&library("chaos")).expect("it may be loaded");
    examine(Path::new(FLOE), &checked, config, Duration::from_secs(3)).expect("the examiner starts")
}

#[test]
fn each_shipped_allocator_passes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in SHIPPED {
        let file = library(name);
        let (code, out, err) = floe(&["plugin", "check", file.to_str().expect("text")], folder.path());
        assert_eq!(code, Some(0), "{out}{err}");
        assert!(
            out.contains("it passed") && out.contains(&name.replace('_', "-")),
            "{out}"
        );
    }
}

/// Each fault is found in the step where it shows, and told as what it is.
#[test]
fn what_misbehaves_fails_where_it_does() {
    let create = "make two instances with the configuration";
    let choose = "choose among 0 to 1000 candidates, twice the same";
    let order = "order those who wait";
    let learn = "learn from events, also twice and out of order";
    for (mode, step, words) in [
        ("config-error", create, "mode is config-error"),
        ("panic-in-create", create, "panic-in-create"),
        ("crash-in-create", create, "SIGABRT"),
        ("panic", choose, "fault -1"),
        ("crash", choose, "SIGABRT"),
        ("loop", choose, "no answer within 3 s"),
        ("internal", choose, "mode is internal"),
        ("busy", choose, "mode is busy"),
        ("rejected", choose, "chose index 0 of 0"),
        ("out-of-range", choose, "chose index"),
        ("duplicate", choose, "chose index 0 of 0"),
        ("panic-in-order", order, "fault -1"),
        ("panic-in-observe", learn, "fault -1"),
        ("panic-in-resync", learn, "fault -1"),
        (
            "loop-in-destroy",
            "be made and ended 1000 times",
            "no answer within 3 s",
        ),
    ] {
        let steps = examined(&format!("{{\"mode\":\"{mode}\"}}"));
        let failed: Vec<_> = steps.iter().filter(|step| !step.passed).collect();
        let first = failed
            .first()
            .unwrap_or_else(|| panic!("mode {mode} passed: {steps:#?}"));
        assert!(
            first.step == step && first.words.contains(words),
            "mode {mode}: {first:#?}"
        );
    }
    // An opinion withheld, and a late one that is not too late, are no faults.
    for mode in [
        "ok",
        "abstain",
        "deny",
        "defer",
        "nothing",
        "wild-scores",
        "garbage-reason",
    ] {
        let steps = examined(&format!("{{\"mode\":\"{mode}\"}}"));
        assert!(
            steps.len() > 9 && steps.iter().all(|step| step.passed),
            "mode {mode}: {steps:#?}"
        );
    }
}

/// A file of these bytes, with this mode.
fn file(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("written");
    fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode is ours");
    path
}

/// The bytes with a number of the descriptor changed, `at` bytes behind the beginning of its magic.
fn patched(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = bytes
        .windows(8)
        .enumerate()
        .filter(|(_, found)| found == b"FLOEALOC")
        .map(|(place, _)| place)
        .collect();
    assert!(!places.is_empty(), "the descriptor is in the file");
    for place in places {
        bytes[place + at..place + at + with.len()].copy_from_slice(with);
    }
    bytes
}

/// The number of this many bytes at this place.
fn number(bytes: &[u8], at: usize, length: usize) -> usize {
    let bytes = bytes[at..at + length].iter().rev();
    bytes.fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// The place of the first program header of this kind.
fn program_header(bytes: &[u8], kind: usize) -> usize {
    let mut headers = (0..number(bytes, 56, 2)).map(|index| number(bytes, 32, 8) + index * 56);
    let found = headers.find(|at| number(bytes, *at, 4) == kind);
    found.expect("it has such a header")
}

/// The library as if it asked for an executable stack, or said nothing about it, and as if it told where its libraries lie.
fn demanding(bytes: &[u8]) -> [Vec<u8>; 3] {
    let (mut executable, mut silent, mut told) = (bytes.to_vec(), bytes.to_vec(), bytes.to_vec());
    let stack = program_header(bytes, 0x6474_e551);
    executable[stack + 4] |= 1;
    silent[stack..stack + 4].fill(0);
    let first = number(bytes, program_header(bytes, 2) + 8, 8);
    told[first] = 29;
    [executable, silent, told]
}

#[test]
fn what_may_not_be_loaded_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let good = fs::read(library("chaos")).expect("it is built");
    let loose = folder.join("loose");
    fs::create_dir(&loose).expect("made");
    fs::set_permissions(&loose, Permissions::from_mode(0o777)).expect("its mode is ours");
    symlink(file(folder, "good.so", &good, 0o644), folder.join("link.so")).expect("linked");
    let cut = good.get(..good.len() / 2).expect("half of it");
    let [executable, silent, told] = demanding(&good);
    let table = [
        (folder.join("none.so"), "No such file", "name the shared object"),
        (folder.to_owned(), "is no regular file", "name the shared object itself"),
        (folder.join("link.so"), "is a symbolic link to", "name the file itself"),
        (
            file(folder, "text.so", b"allocate fairly, please", 0o644),
            "is no ELF object",
            "plugins/README.md",
        ),
        (
            file(folder, "empty.so", b"", 0o644),
            "the file ends at 0",
            "plugins/README.md",
        ),
        (
            file(folder, "cut.so", cut, 0o644),
            "is no allocator",
            "plugins/README.md",
        ),
        (
            file(folder, "all.so", &good, 0o666),
            "everybody could change",
            "chmod go-w",
        ),
        (
            file(folder, "group.so", &good, 0o664),
            "its group could change",
            "chmod go-w",
        ),
        (
            file(folder, "suid.so", &good, 0o4755),
            "is setuid or setgid",
            "chmod ug-s",
        ),
        (
            file(&loose, "good.so", &good, 0o644),
            "everybody could change",
            "chmod go-w",
        ),
        (PathBuf::from("/bin/ls"), "", ""),
        (
            file(folder, "stack.so", &executable, 0o644),
            "asks for an executable stack",
            "-z noexecstack",
        ),
        (
            file(folder, "silent.so", &silent, 0o644),
            "asks for an executable stack",
            "-z noexecstack",
        ),
        (
            file(folder, "rpath.so", &told, 0o644),
            "its libraries are to be sought",
            "readelf -d",
        ),
        (
            file(folder, "magic.so", &patched(&good, 0, b"x"), 0o644),
            "does not start with FLOEALOC",
            "plugins/README.md",
        ),
        (
            file(folder, "major.so", &patched(&good, 8, &[2, 0]), 0o644),
            "is built for interface 2, this host has 1",
            "build it again",
        ),
        (
            file(folder, "minor.so", &patched(&good, 10, &[9, 0]), 0o644),
            "needs interface 1.9, this host has 1.0",
            "update floe",
        ),
        (
            file(folder, "short.so", &patched(&good, 12, &[100, 0, 0, 0]), 0o644),
            "has a descriptor of 100 bytes",
            "build it again",
        ),
        (
            file(folder, "wide.so", &patched(&good, 16, &[0, 1, 0, 0]), 0o644),
            "wants candidates of 256 bytes",
            "update floe",
        ),
        (
            file(folder, "flags.so", &patched(&good, 24, &[3, 0, 0, 0]), 0o644),
            "has flags 0x3",
            "say in the descriptor",
        ),
        (
            file(folder, "name.so", &patched(&good, 32, &[0]), 0o644),
            "has no name",
            "give the policy a name",
        ),
    ];
    for (path, words, hint) in table {
        let refusal = check(&path)
            .err()
            .unwrap_or_else(|| panic!("{} was taken", path.display()));
        assert!(refusal.message.contains(words), "{}: {refusal:?}", path.display());
        assert!(refusal.hint.contains(hint), "{}: {refusal:?}", path.display());
    }
    let (code, out, err) = floe(&["plugin", "check", "all.so"], folder);
    assert_eq!((code, out.as_str()), (Some(5), ""));
    assert!(
        err.contains("all.so has mode 0666") && err.contains("hint: chmod go-w"),
        "{err}"
    );
}

/// Whatever the bytes are, they are refused or taken, and nothing panics.
#[test]
fn damaged_files_are_refused_or_taken() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let good = fs::read(library("chaos")).expect("it is built");
    let step = good.len() / 150 + 1;
    for at in (0..good.len()).step_by(step).chain(0..64) {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        // Taken or not: that it answers is the point.
        check(&file(folder.path(), "damaged.so", &bytes, 0o644)).map_or_else(drop, drop);
    }
}

/// The C example, built by its own Makefile into this folder.
pub(crate) fn example_in_c(folder: &Path, compiler: &str) -> PathBuf {
    let library = folder.join(format!("{compiler}.so"));
    let built = Command::new("make")
        .args([
            "-C",
            concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/example-c"),
            &format!("CC={compiler}"),
        ])
        .arg(format!("OUT={}", library.display()))
        .output()
        .expect("make runs");
    assert!(built.status.success(), "{built:?}");
    library
}

#[test]
fn the_example_in_c_passes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for compiler in ["gcc", "clang"].into_iter().filter(|compiler| is_installed(compiler)) {
        example_in_c(folder.path(), compiler);
        let (code, out, err) = floe(&["plugin", "check", &format!("{compiler}.so")], folder.path());
        assert!(code == Some(0) && out.contains("least-loaded-c"), "{out}{err}");
    }
}

pub(crate) fn is_installed(program: &str) -> bool {
    let output = Command::new(program).arg("--version").output();
    output.is_ok_and(|output| output.status.success())
}

/// In C, a call of a function that is nowhere ends the process at that call, unless all names are bound at once.
#[test]
fn a_missing_function_is_told_when_it_is_loaded() {
    if !is_installed("gcc") {
        eprintln!("skipped: there is no gcc");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = "
        #include \"floe_allocator.h\"
        extern void nowhere_to_be_found(void);
        static int32_t create(const floe_host *h, floe_str c, void **i, floe_text_buffer *e) {
          (void)h, (void)c, (void)e; nowhere_to_be_found(); *i = 0; return FLOE_OK; }
        static void destroy(void *i) { (void)i; }
        const floe_descriptor FLOE_ALLOCATOR_V1 = {FLOE_HEAD(\"lazy\", \"1\", FLOE_FLAG_UNWIND), create, destroy, NULL, NULL, NULL, NULL, NULL};";
    fs::write(folder.path().join("lazy.c"), source).expect("written");
    let include = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/plugins/sdk/include");
    let built = Command::new("gcc")
        .args(["-shared", "-fPIC", "-Wl,-z,lazy", include, "lazy.c", "-o", "lazy.so"])
        .current_dir(folder.path())
        .output()
        .expect("gcc runs");
    assert!(built.status.success(), "{built:?}");
    let (code, out, err) = floe(&["plugin", "check", "lazy.so"], folder.path());
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(
        out.contains("FAILED  load it") && out.contains("nowhere_to_be_found"),
        "{out}"
    );
}

#[test]
fn a_new_project_builds_and_passes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sdk = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/sdk");
    let (code, out, err) = floe(&["plugin", "new", "my-own", "--sdk", sdk], folder.path());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("cd my-own && cargo test"), "{out}");
    let project = folder.path().join("my-own");
    let built = Command::new("cargo")
        .args(["test", "--offline", "--quiet"])
        .current_dir(&project)
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let built = Command::new("cargo")
        .args(["build", "--offline", "--quiet"])
        .current_dir(&project)
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let (code, out, err) = floe(&["plugin", "check", "target/debug/libmy_own.so"], &project);
    assert_eq!(code, Some(0), "{out}{err}");
    let (code, _, err) = floe(&["plugin", "new", "my-own"], folder.path());
    assert!(code == Some(5) && err.contains("exists already"), "{err}");
    let (code, _, err) = floe(&["plugin", "new", "My Own"], folder.path());
    assert!(code == Some(2) && err.contains("small letters"), "{err}");
}
