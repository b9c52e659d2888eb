//! Every rule that refuses an application by itself, all faults at once, each with its place. The rules on one server are
//! in `rules`; what may not be shared with the rest of the deployment is `conflict`'s business.

use super::descriptor::{Application, Server};
use super::expand::Expansion;
use super::rules::{check_server, check_size};
use super::substitute::{RESERVED, is_for_node, is_variable_name};
use crate::pure::base::limits::APPLICATION_BYTES_MAX;
use crate::pure::base::{GroupId, PeerName};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Most faults that one answer names; the rest is counted.
pub const FAULTS_MAX: usize = 100;
/// One reason to refuse an application, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// `node n1, server web-1, adapter http`, or `shop.toml:4:7`.
    pub place: String,
    /// What is wrong, in words.
    pub message: String,
}
impl Fault {
    /// A fault.
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Faults as they are found: the first `FAULTS_MAX`, and how many more there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    first: Vec<Fault>,
    more: usize,
}
impl Faults {
    /// Adds one.
    pub fn add(&mut self, place: impl Into<String>, message: impl Into<String>) {
        if self.first.len() < FAULTS_MAX {
            self.first.push(Fault::new(place, message));
        } else {
            self.more += 1;
        }
    }
    /// The value if nothing was found, else the faults, each once.
    ///
    /// # Errors
    /// The faults.
    pub fn finish<T>(mut self, value: T) -> Result<T, Vec<Fault>> {
        if self.first.is_empty() {
            return Ok(value);
        }
        let mut seen = BTreeSet::new();
        self.first.retain(|fault| seen.insert(fault.clone()));
        if self.more > 0 {
            self.first
                .push(Fault::new("application", format!("further faults: {}", self.more)));
        }
        Err(self.first)
    }
}

/// A text from outside as it may stand in a message: without control characters, at most 80 characters.
pub fn shown(text: &str) -> String {
    // Nearly every name is plain, and every check of every server asks for its place.
    if text.len() <= 80
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_. ".contains(&byte))
    {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        out.push_str("...");
    }
    out
}

/// `node n1, server web-1`.
pub fn server_place(node: &PeerName, server: &str) -> String {
    format!("node {node}, server {}", shown(server))
}

/// Checks everything that does not need the rest of the deployment.
pub fn validate(application: &Application, expansion: &Expansion, faults: &mut Faults) {
    check_size("application", application, APPLICATION_BYTES_MAX, faults);
    check_variables("application", &application.variables, faults);
    for (name, node) in &application.nodes {
        check_variables(&format!("node {name}"), &node.variables, faults);
        for server in &node.servers {
            check_written(&server_place(name, &server.id), server, faults);
        }
    }
    let groups: BTreeSet<&GroupId> = expansion.groups.iter().map(|group| &group.id).collect();
    for (node, spec) in &expansion.servers {
        check_server(&server_place(node, spec.id.as_str()), spec, &groups, faults);
    }
    check_unique(application, expansion, faults);
}

fn check_variables(place: &str, variables: &BTreeMap<String, String>, faults: &mut Faults) {
    for name in variables.keys() {
        if !is_variable_name(name) {
            faults.add(
                place,
                format!(
                    "variable \"{}\" may hold only letters, digits, '.', '_' and '-'",
                    shown(name)
                ),
            );
        } else if RESERVED.contains(&name.as_str()) || is_for_node(name) {
            faults.add(place, format!("variable `{name}` is reserved: floe gives it its value"));
        }
    }
}

/// Rules on names that expansion passes over, because they take no variables.
fn check_written(place: &str, server: &Server, faults: &mut Faults) {
    for name in server.environment.keys() {
        let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if name.is_empty() || !letters || name.starts_with(|c: char| c.is_ascii_digit()) {
            faults.add(
                place,
                format!(
                    "environment name \"{}\" may hold only letters, digits and '_', and starts with no digit",
                    shown(name)
                ),
            );
        } else if name.starts_with("FLOE_") {
            faults.add(
                place,
                format!("environment name {} is reserved: floe sets FLOE_ names", shown(name)),
            );
        }
    }
}

/// Ids are unique within the application; adapters, groups and objects share one space, because `resolve` takes any.
fn check_unique(application: &Application, expansion: &Expansion, faults: &mut Faults) {
    let mut servers = BTreeSet::new();
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let mut claim = |id: &str, place: String, faults: &mut Faults| {
        if let Some(other) = ids.get(id) {
            faults.add(&place, format!("id {id} is also that of {other}"));
        } else {
            ids.insert(id.to_owned(), place);
        }
    };
    for group in &application.groups {
        claim(group.id.as_str(), format!("group {}", group.id), faults);
    }
    for (node, spec) in &expansion.servers {
        let place = server_place(node, spec.id.as_str());
        if !servers.insert(&spec.id) {
            faults.add(
                &place,
                format!("server {} is declared twice in this application", spec.id),
            );
        }
        for adapter in &spec.adapters {
            claim(
                adapter.id.as_str(),
                format!("{place}, adapter {}", shown(&adapter.name)),
                faults,
            );
        }
    }
    for object in &expansion.objects {
        claim(object.id.as_str(), format!("object {}", object.id), faults);
    }
}

#[cfg(test)]
#[path = "validate_test.rs"]
mod tests;
