//! Compilers take the header without a warning, and the C example exports what a host looks for.

use floe_plugin_sdk::abi;
use floe_plugin_sdk::harness::read_descriptor;
use proptest::prelude::*;
use std::path::Path;
use std::process::Command;

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// A translation unit that uses every macro.
const USER: &str = r#"
#include "floe_allocator.h"
static int32_t create(const floe_host *host, floe_str config, void **instance, floe_text_buffer *error) {
  (void)host; (void)config; (void)error;
  static int only;
  *instance = &only;
  return FLOE_OK;
}
static void destroy(void *instance) { (void)instance; }
static int32_t order(void *instance, const floe_waiting *waiting, uint32_t count, uint64_t *keys,
                     floe_text_buffer *error) {
  (void)instance; (void)error;
  for (uint32_t i = 0; i < count; i++) keys[i] = FLOE_WAITING_AT(waiting, i)->since_ms;
  return FLOE_OK;
}
uint64_t first_id(const floe_batch *batch) { return batch->count ? FLOE_AT(batch, 0)->id : 0; }
uint64_t ids(const floe_event *event, const floe_lease *lease) {
  return FLOE_EVENT_AT(event, 0)->lease + FLOE_LEASE_AT(lease, 0)->lease;
}
DECLARED floe_descriptor FLOE_ALLOCATOR_V1 = {
    FLOE_HEAD("user", "1.0", FLOE_FLAG_UNWIND), create, destroy, NULL, NULL, order, NULL, NULL,
};
"#;

pub(crate) fn is_installed(compiler: &str) -> bool {
    let found = Command::new(compiler).arg("--version").output().is_ok();
    if !found {
        #[expect(
            clippy::print_stderr,
            reason = "whoever reads the test's output should know what it did not see"
        )]
        {
            eprintln!("skipped: {compiler} is not installed");
        }
    }
    found
}

fn run(command: &mut Command) {
    let output = command.output().expect("the compiler starts");
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Builds the C example by its own Makefile, into a file elsewhere.
pub(crate) fn make_example(compiler: &str, library: &Path) {
    run(Command::new("make")
        .arg("-C")
        .arg(super::path("../example-c"))
        .arg(format!("CC={compiler}"))
        .arg("CFLAGS=-O2 -Werror")
        .arg(format!("OUT={}", library.display())));
}

#[expect(clippy::disallowed_methods, reason = "this test may open files")]
pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("the library was built")
}

#[test]
fn compilers_take_the_header_without_a_warning() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (compiler, language, standards, declared) in [
        ("gcc", "c", ["c11", "c17"], "const"),
        ("g++", "c++", ["c++17", "c++20"], "constexpr"),
        ("clang", "c", ["c11", "c17"], "const"),
        ("clang++", "c++", ["c++17", "c++20"], "constexpr"),
    ] {
        if !is_installed(compiler) {
            continue;
        }
        let source = folder.path().join(format!("user.{}", language.replace("c++", "cc")));
        #[expect(clippy::disallowed_methods, reason = "this test may open files")]
        std::fs::write(&source, USER.replace("DECLARED", declared)).expect("the source can be written");
        for standard in standards {
            let library = folder.path().join(format!("{compiler}-{standard}.so"));
            run(Command::new(compiler)
                .args([
                    "-x",
                    language,
                    &format!("-std={standard}"),
                    "-shared",
                    "-fPIC",
                    "-fvisibility=hidden",
                ])
                .args(WARNINGS)
                .arg("-I")
                .arg(super::path("include"))
                .arg(&source)
                .arg("-o")
                .arg(&library));
            let facts = read_descriptor(&read(&library)).expect("the descriptor is in the file");
            assert_eq!(
                (facts.name.as_str(), facts.version.as_str()),
                ("user", "1.0"),
                "{compiler} {standard}"
            );
        }
    }
}

#[test]
fn the_c_example_exports_a_descriptor() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for compiler in ["gcc", "clang"] {
        if !is_installed("make") || !is_installed(compiler) {
            continue;
        }
        let library = folder.path().join(format!("least_loaded-{compiler}.so"));
        make_example(compiler, &library);
        let facts = read_descriptor(&read(&library)).expect("the descriptor is in the file");
        assert_eq!(facts.name, "least-loaded-c");
        assert_eq!((facts.abi_major, facts.abi_minor), (abi::ABI_MAJOR, 0));
        assert_eq!(facts.candidate_size as usize, size_of::<abi::Candidate>());
        assert_eq!(facts.request_size as usize, size_of::<abi::Request>());
        assert_eq!(facts.struct_size as usize, size_of::<abi::Descriptor>());
        assert_eq!(facts.flags, abi::FLAG_UNWIND | abi::FLAG_STATELESS);
        assert!(facts.built_with.starts_with(compiler), "{}", facts.built_with);
    }
}

#[test]
fn what_is_filled_in_at_run_time_is_refused() {
    if !is_installed("g++") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("late.cc");
    let late = "#include \"floe_allocator.h\"\n#include <string.h>\n\
        static floe_descriptor made() { floe_descriptor d; memset(&d, 0, sizeof d); d.flags = 1; return d; }\n\
        const floe_descriptor FLOE_ALLOCATOR_V1 = made();\n";
    #[expect(clippy::disallowed_methods, reason = "this test may open files")]
    std::fs::write(&source, late).expect("the source can be written");
    let library = folder.path().join("late.so");
    run(Command::new("g++")
        .args(["-std=c++17", "-O0", "-shared", "-fPIC", "-I"])
        .arg(super::path("include"))
        .arg(&source)
        .arg("-o")
        .arg(&library));
    let fault = read_descriptor(&read(&library)).expect_err("it is not in the file");
    assert!(fault.contains("must be a constant"), "{fault}");
}

#[test]
fn other_files_are_refused_with_a_sentence() {
    for (file, wanted) in [
        (b"".to_vec(), "the file ends at 0"),
        (b"#!/bin/sh\n".to_vec(), "no ELF object"),
        (read(Path::new("/proc/self/exe")), ""),
    ] {
        let fault = read_descriptor(&file).expect_err("it is no plugin");
        assert!(fault.contains(wanted), "{fault}");
    }
}

#[test]
fn damaged_libraries_never_take_the_reader_down() {
    if !is_installed("make") || !is_installed("gcc") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = folder.path().join("least_loaded.so");
    make_example("gcc", &library);
    let whole = read(&library);
    // The first pages have all tables that are followed; single bytes there become the largest offsets.
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    proptest!(ProptestConfig::with_cases(2000), |(damage in damage, end in any::<prop::sample::Index>(), cut: bool)| {
        let mut file = whole.clone();
        for (place, byte) in damage {
            // Half of them hit the header.
            let at = place.index(file.len() * 2);
            let at = if at < file.len() { at } else { at % 64 };
            file[at] = byte;
        }
        if cut {
            file.truncate(end.index(file.len()));
        }
        if let Ok(facts) = read_descriptor(&file) {
            prop_assert!(facts.name.len() <= 96);
        }
    });
}
