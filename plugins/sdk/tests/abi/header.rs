//! `include/floe_allocator.h` is what cbindgen makes of `src/abi.rs`, with macros and assertions behind it.

use super::layout::records;
use floe_plugin_sdk::abi;
use std::collections::HashMap;
use std::fmt::Write as _;

const TOP: &str = "\
// The C side of floe's allocators: what a plugin exports, what it gets, what it answers.
//
// Written by a test of plugins/sdk from its src/abi.rs; do not edit. plugins/README.md is the contract in words, and
// plugins/example-c a whole plugin.
#ifndef FLOE_ALLOCATOR_H
#define FLOE_ALLOCATOR_H";

/// Between the includes and the records.
const EXPORT: &str = "
// Makes the descriptor visible also where everything else is hidden.
#define FLOE_EXPORT __attribute__((visibility(\"default\")))

#ifdef __cplusplus
#define FLOE_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define FLOE_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif
";

/// Behind the records.
const MACROS: &str = "
// Starts the descriptor.
#define FLOE_MAGIC { 'F', 'L', 'O', 'E', 'A', 'L', 'O', 'C' }

// The lowest minor version of a host that the plugin can live with; define it before the include if it needs more.
#ifndef FLOE_NEEDS_MINOR
#define FLOE_NEEDS_MINOR 0
#endif

#define FLOE_TEXT_OF_(token) #token
#define FLOE_TEXT_OF(token) FLOE_TEXT_OF_(token)
#if defined(__clang__)
#define FLOE_BUILT_WITH \"clang \" FLOE_TEXT_OF(__clang_major__)
#elif defined(__GNUC__)
#define FLOE_BUILT_WITH \"gcc \" FLOE_TEXT_OF(__GNUC__)
#else
#define FLOE_BUILT_WITH \"C\"
#endif

// The fields of a descriptor before its slots; `name` and `version` are string literals, `flags` bits of `FLAG_*`.
// C code has no panics, so `FLAG_UNWIND` is right; in C++ it promises that each slot catches all exceptions.
#define FLOE_HEAD(name, version, flags)                                                                \\
  FLOE_MAGIC, FLOE_ABI_MAJOR, FLOE_NEEDS_MINOR, (uint32_t)sizeof(floe_descriptor),                     \\
      (uint32_t)sizeof(floe_candidate), (uint32_t)sizeof(floe_request), (flags), 0, name, version,     \\
      FLOE_BUILT_WITH

// Item `index` of records whose host may know more fields than this header: never index them as an array.
#define FLOE_STEP_(type, base, index, step) \\
  ((const type *)(const void *)((const unsigned char *)(const void *)(base) + (size_t)(index) * (size_t)(step)))
// Candidate `index` of a batch.
#define FLOE_AT(batch, index) FLOE_STEP_(floe_candidate, (batch)->base, index, (batch)->stride)
// Number `index` of waiting requests, events or leases; there must be at least one.
#define FLOE_WAITING_AT(first, index) FLOE_STEP_(floe_waiting, first, index, (first)->struct_size)
#define FLOE_EVENT_AT(first, index) FLOE_STEP_(floe_event, first, index, (first)->struct_size)
#define FLOE_LEASE_AT(first, index) FLOE_STEP_(floe_lease, first, index, (first)->struct_size)

#ifdef __cplusplus
extern \"C\" {
#endif
// What the plugin defines. In C++ it must be `constexpr` or `constinit const`: hosts read it out of the file.
extern FLOE_EXPORT const floe_descriptor FLOE_ALLOCATOR_V1;
#ifdef __cplusplus
}
#endif
";

/// `TextBuffer` as C spells it.
fn c_name(name: &str) -> String {
    let mut snake = String::from("floe");
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

/// Sizes and offsets, as the compiler of the plugin must see them.
fn assertions() -> String {
    let mut text = String::from("\n// The layout, as the host has it.\n");
    for record in records() {
        let name = c_name(record.name);
        writeln!(
            text,
            "FLOE_STATIC_ASSERT(sizeof({name}) == {}, \"size of {name}\");",
            record.size
        )
        .expect("writing to memory cannot fail");
        for (field, offset, _) in record.fields {
            writeln!(
                text,
                "FLOE_STATIC_ASSERT(offsetof({name}, {field}) == {offset}, \"offset of {name}.{field}\");"
            )
            .expect("writing to memory cannot fail");
        }
    }
    text
}

fn config() -> cbindgen::Config {
    let source = std::fs::read_to_string(super::path("src/abi.rs")).expect("the source is there");
    let mut rename = HashMap::new();
    for line in source.lines() {
        let name = |keyword: &str| {
            let rest = line.strip_prefix(keyword)?;
            Some(
                rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            )
        };
        if let Some(name) = name("pub const ") {
            rename.insert(name.clone(), format!("FLOE_{name}"));
        } else if let Some(name) = name("pub struct ") {
            rename.insert(name.clone(), c_name(&name));
        }
    }
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        header: Some(TOP.to_owned()),
        sys_includes: vec!["stddef.h".to_owned(), "stdint.h".to_owned()],
        no_includes: true,
        after_includes: Some(EXPORT.to_owned()),
        // The guard is ours, because cbindgen's would end before the trailer.
        trailer: Some(format!("{MACROS}{}#endif", assertions())),
        documentation_style: cbindgen::DocumentationStyle::C99,
        line_length: 120,
        style: cbindgen::Style::Both,
        usize_is_size_t: true,
        ..cbindgen::Config::default()
    };
    config.export.rename = rename;
    // Nothing in the source is a function, so that all records are named here.
    config.export.include = records().iter().map(|record| record.name.to_owned()).collect();
    config
}

/// In doc comments the names are those of Rust; here they are those of C.
fn renamed(header: &str) -> String {
    let mut text = String::new();
    for line in header.lines() {
        let Some((code, comment)) = line.split_once("//") else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        text.push_str(code);
        text.push_str("//");
        for (index, part) in comment.split('`').enumerate() {
            let is_constant = part
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"_*".contains(&b));
            if index != 0 {
                text.push('`');
            }
            if index % 2 == 1 && is_constant && !["FLOEALOC", "FLOE_ALLOCATOR_V1"].contains(&part) {
                text.push_str("FLOE_");
            }
            text.push_str(part);
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_header_is_what_the_source_says() {
    let bindings = cbindgen::Builder::new()
        .with_config(config())
        .with_src(super::path("src/abi.rs"))
        .generate()
        .expect("cbindgen reads the source");
    let mut written = Vec::new();
    bindings.write(&mut written);
    let header = renamed(&String::from_utf8(written).expect("cbindgen writes text"));
    for record in records() {
        assert!(
            header.contains(&format!("}} {};", c_name(record.name))),
            "{} is missing",
            record.name
        );
    }
    assert_eq!(&abi::MAGIC, b"FLOEALOC", "as the header spells it by hand");
    super::compare("include/floe_allocator.h", &header);
}
