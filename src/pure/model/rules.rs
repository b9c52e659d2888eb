//! The rules on one expanded server: what it runs, where, with which ports, and what it offers.

use super::expand::fill;
use super::spec::{AdapterSpec, Ready, ServerSpec};
use super::substitute::is_for_node;
use super::validate::{Faults, shown};
use crate::pure::base::limits::PART_BYTES_MAX;
use crate::pure::base::{Address, GroupId};
use crate::pure::wire::encode;
use std::collections::BTreeSet;

/// Longest endpoint, in bytes, after the node's variables are replaced by samples.
pub(super) const ENDPOINT_BYTES_MAX: usize = 2048;
/// Longest name of a port, in bytes.
pub(super) const PORT_NAME_BYTES_MAX: usize = 64;

/// Checks one expanded server with its adapters. `groups` are those of its application.
pub(super) fn check_server(place: &str, spec: &ServerSpec, groups: &BTreeSet<&GroupId>, faults: &mut Faults) {
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
    let address: Address = text.parse().map_err(|_error| "has no valid HOST or HOST:PORT")?;
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

/// Checks how many bytes a value takes when it is encoded.
pub(super) fn check_size<T: serde::Serialize>(place: &str, value: &T, max: usize, faults: &mut Faults) {
    let size = encode(value).len();
    if size > max {
        faults.add(
            place,
            format!("takes {size} bytes when stored, at most {max} are allowed"),
        );
    }
}
