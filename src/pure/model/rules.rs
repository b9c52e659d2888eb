//! The rules on one expanded server: what it runs, where, as whom, with which ports and files, and what it offers.

use super::expand::fill;
use super::fault::{Faults, shown};
use super::place::{Field, Spot};
use super::properties::{check_file_name, check_property_name};
use super::spec::{AdapterSpec, Ready, ServerSpec};
use super::substitute::is_for_node;
use crate::pure::base::GroupId;
use crate::pure::base::endpoint::{URI_BYTES_MAX, place_of_uri};
use crate::pure::base::limits::PART_BYTES_MAX;
use crate::pure::wire::encoded_len;
use std::collections::BTreeSet;

/// Longest name of a port, in bytes.
pub(super) const PORT_NAME_BYTES_MAX: usize = 64;
/// Longest value of a label, in bytes: labels stand in tables and metrics.
const LABEL_BYTES_MAX: usize = 255;

/// Checks one expanded server with its adapters. `groups` are those of its application.
pub(super) fn check_server(place: Spot<'_>, spec: &ServerSpec, groups: &BTreeSet<&GroupId>, faults: &mut Faults) {
    let mut check = Check { place, faults };
    check_size(place, spec, PART_BYTES_MAX, check.faults);
    if spec.run.is_empty() {
        check.fault("run".into(), "run is empty: it names the program and its arguments");
    }
    check.command("run", &spec.run);
    check.command("stop", &spec.stop.command);
    check.environment(spec);
    if let Some(directory) = &spec.directory {
        check.path("directory".into(), directory);
    }
    for (name, path) in &spec.logs {
        check.name("log", name);
        check.path(Field::Key("log", name), path);
    }
    for name in spec.ports.keys() {
        check.port_name(name);
    }
    check.labels(spec);
    check.scrape(spec);
    if let Some(user) = spec.user.as_ref().filter(|user| !is_user(user)) {
        let message = format!("user \"{}\" is no user name and no user number", shown(user));
        check.fault("user".into(), &message);
    }
    check.files(spec);
    let mut names = BTreeSet::new();
    for adapter in &spec.adapters {
        let place = place.within("adapter", &adapter.name);
        if !names.insert(&adapter.name) {
            check.faults.add(place, "is declared twice in this server");
        }
        check_adapter(place, adapter, groups, check.faults);
    }
    check_ready(place, spec, faults);
}

/// Rules at one place.
struct Check<'c> {
    place: Spot<'c>,
    faults: &'c mut Faults,
}

impl Check<'_> {
    fn fault(&mut self, field: Field<'_>, message: &str) {
        if self.faults.is_full() {
            self.faults.count();
        } else {
            self.faults.add(self.place.field(field), message);
        }
    }

    fn command(&mut self, field: &str, words: &[String]) {
        for (index, word) in words.iter().enumerate() {
            let field = Field::Item(field, index);
            if word.is_empty() {
                self.fault(field, &format!("{field} is empty"));
            } else if word.contains('\0') {
                self.fault(field, &format!("{field} holds a zero byte"));
            }
        }
    }

    fn environment(&mut self, spec: &ServerSpec) {
        for (name, value) in &spec.environment {
            let field = Field::Key("environment", name);
            let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let name = shown(name);
            if name.is_empty() || !letters || name.starts_with(|c: char| c.is_ascii_digit()) {
                let rule = "may hold only letters, digits and '_', and starts with no digit";
                self.fault(field, &format!("environment name \"{name}\" {rule}"));
            } else if name.starts_with("FLOE_") {
                self.fault(
                    field,
                    &format!("environment name {name} is reserved: floe sets FLOE_ names"),
                );
            }
            if value.contains('\0') {
                self.fault(field, &format!("{field} holds a zero byte"));
            }
        }
    }

    /// A path that must be absolute once the node has filled it in.
    fn path(&mut self, field: Field<'_>, path: &str) {
        if path.contains('\0') {
            self.fault(field, &format!("{field} holds a zero byte"));
        } else if !fill(path, &sample).unwrap_or_default().starts_with('/') {
            let cure = "write /..., or ${server.data}/...";
            self.fault(field, &format!("{field} \"{}\" is not absolute: {cure}", shown(path)));
        }
    }

    fn port_name(&mut self, name: &str) {
        let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if name.is_empty() || name.len() > PORT_NAME_BYTES_MAX || !name.bytes().all(letters) {
            let rule = "may hold only 1 to 64 letters, digits, '_' and '-'";
            self.fault(
                Field::Key("port", name),
                &format!("port name \"{}\" {rule}", shown(name)),
            );
        }
    }

    fn name(&mut self, what: &str, name: &str) {
        let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
        if name.is_empty() || name.len() > PORT_NAME_BYTES_MAX || !name.bytes().all(letters) {
            let rule = "may hold only 1 to 64 letters, digits, '.', '_', '-' and '/'";
            self.fault(
                Field::Key(what, name),
                &format!("{what} name \"{}\" {rule}", shown(name)),
            );
        }
    }

    fn scrape(&mut self, spec: &ServerSpec) {
        let Some(scrape) = &spec.metrics else { return };
        check_path(self.place, ("metrics", "path"), &scrape.path, self.faults);
        let adapter = spec.adapters.iter().find(|adapter| adapter.name == scrape.adapter);
        let name = shown(&scrape.adapter);
        let is_http = |endpoint: &str| endpoint.starts_with("http://") || endpoint.starts_with("https://");
        let message = match adapter {
            None => format!("metrics.adapter names adapter \"{name}\", which this server does not have"),
            Some(adapter) if !is_http(&adapter.endpoint) => {
                let endpoint = shown(&adapter.endpoint);
                format!("metrics.adapter wants an http or https endpoint, that of adapter {name} is \"{endpoint}\"")
            }
            Some(_) => return,
        };
        self.fault(Field::Part("metrics", "adapter"), &message);
    }
    fn labels(&mut self, spec: &ServerSpec) {
        for (name, value) in &spec.labels {
            self.name("labels", name);
            let field = Field::Key("labels", name);
            if value.len() > LABEL_BYTES_MAX {
                self.fault(field, &format!("{field} is longer than {LABEL_BYTES_MAX} bytes"));
            } else if value.chars().any(char::is_control) {
                self.fault(field, &format!("{field} holds a control character"));
            }
        }
    }

    fn files(&mut self, spec: &ServerSpec) {
        let mut names = BTreeSet::new();
        for file in &spec.files {
            let place = self.place.within("file", &file.name);
            if let Err(reason) = check_file_name(&file.name) {
                self.faults.add(place.field("name".into()), format!("name {reason}"));
            }
            if !names.insert(&file.name) {
                self.faults.add(place, "is declared twice in this server");
            }
            for (name, value) in &file.properties {
                let field = Field::Key("set", name);
                if let Err(reason) = check_property_name(name) {
                    let message = format!("property \"{}\" {reason}", shown(name));
                    self.faults.add(place.field(field), message);
                } else if value.contains(['\n', '\r', '\0']) {
                    let message = format!("property {} holds a line end or a zero byte", shown(name));
                    self.faults.add(place.field(field), message);
                }
            }
        }
    }
}

/// A name as the system allows it, or a number that stands for a user.
fn is_user(user: &str) -> bool {
    let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if user.bytes().all(|b| b.is_ascii_digit()) {
        return user.parse::<u32>().is_ok_and(|number| number < u32::MAX);
    }
    user.len() <= 32 && user.bytes().all(letters) && user.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn check_adapter(place: Spot<'_>, adapter: &AdapterSpec, groups: &BTreeSet<&GroupId>, faults: &mut Faults) {
    if let Err(reason) = port_of_endpoint(&adapter.endpoint) {
        let message = format!("endpoint \"{}\" {reason}", shown(&adapter.endpoint));
        faults.add(place.field("endpoint".into()), message);
    }
    if let Some(group) = adapter.group.as_ref().filter(|group| !groups.contains(group)) {
        let cure = format!("add [[group]] id = \"{group}\"");
        let message = format!("group {group} is not declared in this application: {cure}");
        faults.add(place.field("group".into()), message);
    }
}

fn check_ready(place: Spot<'_>, spec: &ServerSpec, faults: &mut Faults) {
    let (part, name) = match &spec.ready {
        Ready::Tcp(name) => ("tcp", name),
        Ready::Http { adapter, path } => {
            check_path(place, ("ready", "path"), path, faults);
            ("http", adapter)
        }
        Ready::After(time) if *time > spec.activation_timeout => {
            let message = "ready.after is longer than activation_timeout: it would never count as active";
            faults.add(place.field(Field::Part("ready", "after")), message);
            return;
        }
        Ready::AtOnce | Ready::Notify | Ready::After(_) => return,
    };
    let field = Field::Part("ready", part);
    let adapter = spec.adapters.iter().find(|adapter| adapter.name == *name);
    let name = shown(name);
    let message = match adapter {
        None => format!("{field} names adapter \"{name}\", which this server does not have"),
        Some(adapter) if port_of_endpoint(&adapter.endpoint) == Ok(None) => {
            let endpoint = shown(&adapter.endpoint);
            format!("{field} wants a port in the endpoint of adapter {name}, which is \"{endpoint}\"")
        }
        Some(adapter) if part == "http" && adapter.endpoint.starts_with("https:") => {
            format!("{field} asks without TLS, but the endpoint of adapter {name} is https: use ready.tcp")
        }
        Some(_) => return,
    };
    faults.add(place.field(field), message);
}

/// The path of a GET, which must fit into one line of a request.
fn check_path(place: Spot<'_>, (table, part): (&'static str, &'static str), path: &str, faults: &mut Faults) {
    if !path.starts_with('/') || path.len() > URI_BYTES_MAX || !path.bytes().all(|b| b.is_ascii_graphic()) {
        let rule = "starts with '/', has no blanks and at most 2048 letters";
        let message = format!("{table}.{part} \"{}\" is refused: a path {rule}", shown(path));
        faults.add(place.field(Field::Part(table, part)), message);
    }
}

/// The port of an endpoint, with samples in place of the node's variables.
fn port_of_endpoint(endpoint: &str) -> Result<Option<u16>, &'static str> {
    place_of_uri(&fill(endpoint, &sample).unwrap_or_default()).map(|(_, port)| port)
}

/// Stands in for what only the node knows.
fn sample(name: &str) -> Option<String> {
    let value = match name {
        "node.host" => "node.example",
        "server.data" | "server.config" => "/data",
        _ => "1",
    };
    is_for_node(name).then(|| value.to_owned())
}

/// Checks how many bytes a value takes when it is encoded.
pub(super) fn check_size<T: serde::Serialize>(place: Spot<'_>, value: &T, max: usize, faults: &mut Faults) {
    let size = encoded_len(value);
    if size > max {
        faults.add(
            place,
            format!("takes {size} bytes when stored, at most {max} are allowed"),
        );
    }
}
