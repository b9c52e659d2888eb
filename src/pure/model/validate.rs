//! Every rule that refuses an application by itself, all faults at once, each with its place. What it may not share
//! with the rest of the deployment is `conflict`'s business.

use super::descriptor::{Application, Server};
use super::expand::{Expansion, fill};
use super::spec::{AdapterSpec, Ready, ServerSpec};
use super::substitute::{RESERVED, is_for_node, is_variable_name};
use crate::pure::base::limits::{APPLICATION_BYTES_MAX, PART_BYTES_MAX};
use crate::pure::base::{GroupId, PeerName};
use crate::pure::wire::encode;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Most faults that one answer names; the rest is counted.
pub const FAULTS_MAX: usize = 100;
/// Longest endpoint, in bytes, after the node's variables are replaced by samples.
pub const ENDPOINT_BYTES_MAX: usize = 2048;
/// Longest name of a port, in bytes.
pub const PORT_NAME_BYTES_MAX: usize = 64;

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
                .push(Fault::new("application", format!("{} more faults", self.more)));
        }
        Err(self.first)
    }
}

/// A text from outside as it may stand in a message: without control characters, at most 80 characters.
pub fn shown(text: &str) -> String {
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

fn check_size<T: serde::Serialize>(place: &str, value: &T, max: usize, faults: &mut Faults) {
    let size = encode(value).len();
    if size > max {
        faults.add(
            place,
            format!("takes {size} bytes when stored, at most {max} are allowed"),
        );
    }
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

fn check_server(place: &str, spec: &ServerSpec, groups: &BTreeSet<&GroupId>, faults: &mut Faults) {
    check_size(place, spec, PART_BYTES_MAX, faults);
    if spec.run.is_empty() {
        faults.add(place, "run is empty: it names the program and its arguments");
    }
    for (index, argument) in spec.run.iter().enumerate() {
        if argument.is_empty() {
            faults.add(place, format!("run[{index}] is empty"));
        } else if argument.contains('\0') {
            faults.add(place, format!("run[{index}] holds a zero byte"));
        }
    }
    for (name, value) in &spec.environment {
        if value.contains('\0') {
            faults.add(place, format!("environment {} holds a zero byte", shown(name)));
        }
    }
    if let Some(directory) = &spec.directory {
        let sample = fill(directory, &sample).unwrap_or_default();
        if directory.contains('\0') {
            faults.add(place, "directory holds a zero byte");
        } else if !sample.starts_with('/') {
            faults.add(
                place,
                format!(
                    "directory \"{}\" is not absolute: write /..., or ${{server.data}}/...",
                    shown(directory)
                ),
            );
        }
    }
    for name in spec.ports.keys() {
        let letters = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if name.is_empty() || name.len() > PORT_NAME_BYTES_MAX || !letters {
            faults.add(
                place,
                format!(
                    "port name \"{}\" may hold only 1 to 64 letters, digits, '_' and '-'",
                    shown(name)
                ),
            );
        }
    }
    let mut names = BTreeSet::new();
    for adapter in &spec.adapters {
        let place = format!("{place}, adapter {}", shown(&adapter.name));
        if !names.insert(&adapter.name) {
            faults.add(&place, "is declared twice in this server");
        }
        check_adapter(&place, adapter, groups, faults);
    }
    check_ready(place, spec, faults);
}

fn check_adapter(place: &str, adapter: &AdapterSpec, groups: &BTreeSet<&GroupId>, faults: &mut Faults) {
    if let Err(reason) = port_of_endpoint(&adapter.endpoint) {
        faults.add(place, format!("endpoint \"{}\" {reason}", shown(&adapter.endpoint)));
    }
    if let Some(group) = adapter.group.as_ref().filter(|group| !groups.contains(group)) {
        faults.add(
            place,
            format!("group {group} is not declared in this application: add [[group]] id = \"{group}\""),
        );
    }
}

fn check_ready(place: &str, spec: &ServerSpec, faults: &mut Faults) {
    let Ready::Tcp(name) = &spec.ready else { return };
    match spec.adapters.iter().find(|adapter| adapter.name == *name) {
        None => faults.add(
            place,
            format!(
                "ready.tcp names adapter \"{}\", which this server does not have",
                shown(name)
            ),
        ),
        Some(adapter) if port_of_endpoint(&adapter.endpoint) == Ok(None) => faults.add(
            place,
            format!(
                "ready.tcp wants a port in the endpoint of adapter {}, which is \"{}\"",
                shown(name),
                shown(&adapter.endpoint)
            ),
        ),
        Some(_) => {}
    }
}

/// The port of `scheme://host[:port][/...]`, with samples in place of the node's variables.
fn port_of_endpoint(endpoint: &str) -> Result<Option<u16>, &'static str> {
    let uri = fill(endpoint, &sample).unwrap_or_default();
    let wanted = "is no URI: write SCHEME://HOST, SCHEME://HOST:PORT or either with /...";
    if uri.len() > ENDPOINT_BYTES_MAX {
        return Err("is longer than 2048 bytes");
    }
    let (scheme, rest) = uri.split_once("://").ok_or(wanted)?;
    let scheme_letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(scheme_letters) {
        return Err(wanted);
    }
    if !uri.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("holds a blank or another character that no URI has");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let has_port = host
        .rfind(':')
        .is_some_and(|colon| host.rfind(']').is_none_or(|end| colon > end));
    // The address type knows what a host is; a host alone borrows a port for the question.
    let text = if has_port { host.to_owned() } else { format!("{host}:1") };
    let address: crate::pure::base::Address = text.parse().map_err(|_| "has no valid HOST or HOST:PORT")?;
    if address.port() == 0 {
        return Err("has port 0: name a port and write ${port.NAME}, the node chooses one");
    }
    Ok(has_port.then(|| address.port()))
}

/// Stands in for what only the node knows.
fn sample(name: &str) -> Option<String> {
    let value = match name {
        "node.host" => "node.example",
        "server.data" => "/data",
        _ => "1",
    };
    is_for_node(name).then(|| value.to_owned())
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
