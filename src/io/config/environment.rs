//! The environment layer. The only file that spells names of variables.

use super::fault::{Fault, Origin};
use super::layers::{Setting, Written};
use super::schema::{self, KEYS, Key};
use crate::pure::base::nearest;
use std::ffi::OsString;

/// Variables of other parts: given to servers, or read by the command line. A daemon that meets them ignores them.
const OTHER_PARTS: &[&str] = &[
    "FLOE_APPLICATION",
    "FLOE_CONFIG",
    "FLOE_ENDPOINT",
    "FLOE_NODE",
    "FLOE_OBJECT",
    "FLOE_PEERS",
    "FLOE_SERVER",
    "FLOE_SESSION",
    "FLOE_TOKEN",
];
/// A short name for `log.level`, as most programs have one.
const LOG: &str = "FLOE_LOG";

/// Variables by name, as a process has them.
#[derive(Clone, Debug, Default)]
pub struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// This process's.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }
    /// Exactly these.
    pub fn of<K: Into<OsString>, V: Into<OsString>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// Reads every `FLOE_` variable.
pub(super) fn read(environment: &Environment) -> Written {
    let mut written = Written::default();
    let mut variables: Vec<_> = environment.0.iter().collect();
    // By name: a run does not depend on the order in which a process happens to hold its variables.
    variables.sort();
    for (name, value) in variables {
        let name = name.to_string_lossy();
        if !name.starts_with("FLOE_") || OTHER_PARTS.contains(&&*name) {
            continue;
        }
        let origin = Origin::Environment(name.clone().into_owned());
        match (key_of(&name), value.to_str()) {
            (Some(key), Some(text)) => {
                if !key.section().is_empty() {
                    written.sections.push((key.section(), origin.clone()));
                }
                written.settings.push(Setting {
                    key,
                    value: key.shape.value_of(text),
                    origin,
                });
            }
            (Some(key), None) => written.faults.push(Fault::new(origin, key.path, "is not UTF-8")),
            (None, _) => written.faults.push(Fault::new(origin, "", unknown(&name))),
        }
    }
    written
}

fn key_of(name: &str) -> Option<&'static Key> {
    if name == LOG {
        return schema::find("log.level");
    }
    KEYS.iter().find(|key| key.variable() == name)
}

fn unknown(name: &str) -> String {
    let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
    let names = known
        .iter()
        .map(String::as_str)
        .chain(OTHER_PARTS.iter().copied())
        .chain([LOG]);
    nearest(name, names).map_or_else(
        || "no such variable; floe reads FLOE_SECTION__KEY".to_owned(),
        |meant| format!("no such variable; nearest: {meant}"),
    )
}
