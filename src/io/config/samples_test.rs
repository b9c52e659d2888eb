//! The samples in `config/` load, show every key, and show it with its default.

use super::file;
use super::load::{Overrides, Reading, from_file};
use super::schema::{KEYS, Preset};
use super::{Environment, Kind};
use crate::pure::membership::Role;
use std::path::Path;

const SAMPLES: [(&str, &str, &str); 2] = [
    (
        "config/registry.toml",
        include_str!("../../../config/registry.toml"),
        "node",
    ),
    (
        "config/node.toml",
        include_str!("../../../config/node.toml"),
        "registry",
    ),
];

fn read(text: &str, name: &str) -> Reading {
    from_file(
        file::parse(text, Path::new(name)),
        Path::new(name),
        &Environment::default(),
        &Overrides::default(),
    )
}

#[test]
fn samples_load() {
    let kinds: Vec<Kind> = SAMPLES
        .iter()
        .map(|(name, text, _)| {
            read(text, name)
                .outcome
                .unwrap_or_else(|faults| panic!("{faults}"))
                .kind
        })
        .collect();
    assert!(matches!(&kinds[0], Kind::Registry(registry) if registry.role == Role::Master));
    assert!(matches!(&kinds[1], Kind::Node(_)));
}

/// Each `#key = value` line, taken alone, must be good for its key, and be the default where there is one.
#[test]
fn samples_show_every_key_with_its_default() {
    for (name, text, other_kind) in SAMPLES {
        // Only registries answer DNS and allocate.
        let registries = |section: &str| ["dns", "allocation"].contains(&section);
        let other = |section: &str| section == other_kind || (other_kind == "registry" && registries(section));
        for key in KEYS.iter().filter(|key| !other(key.section())) {
            let values = values_of(text, key.section(), key.name());
            assert!(!values.is_empty(), "{name} does not show {}", key.path);
            if let Preset::Is(default) = key.preset {
                let default = key.shape.read(&key.shape.value_of(default)).unwrap().to_string();
                assert!(
                    values.contains(&default),
                    "{name} shows {} as {values:?}, not {default}",
                    key.path
                );
            }
        }
    }
}

/// The values of a key in a section, commented out or not.
fn values_of(text: &str, section: &str, wanted: &str) -> Vec<String> {
    let mut here = "";
    let mut values = Vec::new();
    for line in text.lines() {
        let uncommented = line.strip_prefix('#').unwrap_or(line);
        if let Some(name) = uncommented.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            here = name;
        } else if let Some((key, value)) = line.trim_start_matches('#').split_once(" = ")
            && here == section
            && key == wanted
        {
            values.push(value.to_owned());
        }
    }
    values
}

#[test]
fn units_do_not_loop_on_faults_that_a_restart_cannot_cure() {
    let node = include_str!("../../../config/systemd/floe-node.service");
    let registry = include_str!("../../../config/systemd/floe-registry.service");
    for unit in [node, registry] {
        for line in [
            "Type=notify",
            "Restart=on-failure",
            "RestartPreventExitStatus=2 73 75 77 78",
            "StartLimitIntervalSec=0",
        ] {
            assert!(unit.lines().any(|found| found == line), "{line}");
        }
    }
    assert!(
        node.lines().any(|line| line == "KillMode=process"),
        "servers outlive their node"
    );
}
