//! The arrows of the house: who may import whom.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of the core, in dependency order: each may import those before it, and nobody else.
const CORE: [&str; 11] = [
    "base",
    "wire",
    "lineage",
    "membership",
    "model",
    "allocation",
    "supervisor",
    "locator",
    "protocol",
    "registry",
    "node",
];
/// The layers, outermost last.
const LAYERS: [&str; 5] = ["pure", "io", "app", "client", "cli"];
/// Shells that every other shell may use.
const COMMON_SHELLS: [&str; 3] = ["clock", "telemetry", "config"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the source folder is readable") {
        let path = entry.expect("its entries are readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Every `crate::a::b` that a file names, as its first two segments.
fn imports(text: &str) -> Vec<(String, String)> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = Vec::new();
    for line in code {
        for (at, _) in line.match_indices("crate::") {
            let rest = line.get(at + 7..).unwrap_or_default();
            let mut segments = rest
                .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .filter(|part| !part.is_empty());
            let first = segments.next().unwrap_or_default().to_owned();
            found.push((first, segments.next().unwrap_or_default().to_owned()));
        }
    }
    found
}

#[test]
fn imports_point_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut faults = Vec::new();
    for path in files(&source) {
        let relative = path.strip_prefix(&source).expect("below the source folder").to_owned();
        let rooms: Vec<String> = relative
            .components()
            .map(|part| part.as_os_str().to_string_lossy().replace(".rs", ""))
            .collect();
        let [layer, room, ..] = rooms.as_slice() else { continue };
        let rank = |name: &str| LAYERS.iter().position(|layer| *layer == name);
        let Some(own_rank) = rank(layer) else { continue };
        let text = fs::read_to_string(&path).expect("source files are text");
        for (to_layer, to_room) in imports(&text) {
            let Some(to_rank) = rank(&to_layer) else { continue };
            let fault = if to_layer != *layer {
                to_rank > own_rank || (layer == "client" && to_layer == "app")
            } else if layer == "pure" && to_room != *room {
                let place = |name: &str| CORE.iter().position(|room| *room == name);
                place(&to_room) > place(room) || (room == "node" && to_room == "registry")
            } else if layer == "io" {
                to_room != *room && !COMMON_SHELLS.contains(&to_room.as_str())
            } else {
                false
            };
            if fault {
                faults.push(format!("src/{} imports {to_layer}::{to_room}", relative.display()));
            }
        }
    }
    faults.dedup();
    assert!(
        faults.is_empty(),
        "arrows that point the wrong way:\n{}",
        faults.join("\n")
    );
}

#[test]
fn the_core_names_no_runtime_clock_or_random_source() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pure");
    let banned = [
        "tokio::",
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "Instant::now",
        "SystemTime",
        "getrandom",
        "HashMap",
        "std::thread",
    ];
    let mut faults = Vec::new();
    for path in files(&source) {
        let text = fs::read_to_string(&path).expect("source files are text");
        // Tests of the core may read the samples that are shipped.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_test = path.to_string_lossy().ends_with("_test.rs");
        for word in banned.iter().filter(|word| !is_test && code.contains(**word)) {
            faults.push(format!("{} names {word}", path.display()));
        }
    }
    assert!(faults.is_empty(), "the core stays pure:\n{}", faults.join("\n"));
}
