//! Reads all layers and gives the configuration, or every fault, and what each key stands at.

use super::build;
use super::environment::{self, Environment};
use super::fault::{Faults, Origin};
use super::file;
use super::layers::{self, Setting, Values, Written};
use super::schema::{self, KEYS, Preset};
use super::sections::Config;
use crate::pure::membership::PeerKind;
use serde::Serialize;
use std::path::Path;

/// A key that a flag sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// As the operator wrote it: `--role`.
    pub flag: String,
    /// The key: `registry.role`. One that is in no table is a mistake in the program.
    pub path: &'static str,
    /// The value, as the environment would spell it.
    pub value: String,
}

/// What the command line says about the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Only flags that were really given.
    pub flags: Vec<Flag>,
    /// What the command runs; `None` when either will do.
    pub kind: Option<PeerKind>,
}

/// What one key stands at, for `floe config show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The key.
    pub key: &'static str,
    /// As TOML writes it; empty where there is none.
    pub value: String,
    /// Where it was written.
    pub origin: String,
    /// What the key is for.
    pub help: &'static str,
}

/// A configuration as read: what each key stands at, and whether all of it is good.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Keys that concern this peer, in the table's order.
    pub shown: Vec<Shown>,
    /// The configuration, or everything that is wrong with it.
    pub outcome: Result<Config, Faults>,
}

/// Reads the file at `path`, this process's environment and the flags.
///
/// # Errors
/// Every fault at once; nothing was opened but the file.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Config, Faults> {
    read(path, &Environment::of_process(), overrides).outcome
}

/// As [`load`], with the environment handed in, and with what each key stands at.
pub fn read(path: &Path, environment: &Environment, overrides: &Overrides) -> Reading {
    from_file(file::read(path), path, environment, overrides)
}

/// As [`read`], with the file already read.
pub(super) fn from_file(file: Written, path: &Path, environment: &Environment, overrides: &Overrides) -> Reading {
    let mut layers = vec![file, environment::read(environment), from_flags(&overrides.flags)];
    let mut faults: Vec<_> = layers
        .iter_mut()
        .flat_map(|layer| std::mem::take(&mut layer.faults))
        .collect();
    let readable = layers.iter().all(|layer| layer.readable);
    let values = layers::merge(layers, &mut faults);
    let whole = Origin::File {
        path: path.into(),
        place: None,
    };
    let config = if readable {
        build::build(&values, &whole, overrides.kind, &mut faults)
    } else {
        None
    };
    let outcome = match (config, Faults::of(faults)) {
        (Some(config), None) => Ok(config),
        (None, Some(faults)) => Err(faults),
        (Some(_), Some(_)) | (None, None) => unreachable!("a configuration is built exactly when there is no fault"),
    };
    Reading {
        shown: shown(&values),
        outcome,
    }
}

fn from_flags(flags: &[Flag]) -> Written {
    let mut written = Written::default();
    for flag in flags {
        let key = schema::find(flag.path).expect("a flag sets a key of the table");
        // A flag sets a value of a section; it does not turn a node into a registry.
        written.settings.push(Setting {
            key,
            value: key.shape.value_of(&flag.value),
            origin: Origin::Flag(flag.flag.clone()),
        });
    }
    written
}

fn shown(values: &Values) -> Vec<Shown> {
    let concerns = |section: &str| match section {
        "allocation" => values.sections.contains_key("registry"),
        "registry" | "node" => values.sections.contains_key(section),
        _ => true,
    };
    let rows = KEYS.iter().filter(|key| concerns(key.section())).map(|key| {
        let (value, origin) = match (values.get(key.path), key.preset) {
            (Some((Some(value), origin)), _) => (value.to_string(), origin.to_string()),
            (Some((None, origin)), _) => (String::new(), origin.to_string()),
            (None, Preset::Without(meaning)) => (String::new(), format!("default: {meaning}")),
            (None, Preset::Required | Preset::Is(_)) => (String::new(), "missing".to_owned()),
        };
        Shown {
            key: key.path,
            value,
            origin,
            help: key.help,
        }
    });
    rows.collect()
}
