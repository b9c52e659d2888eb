//! From a server's definition and its place to what the shell executes: arguments, environment, endpoints.
//!
//! Only the node's own variables are left in a definition; everything else was replaced before it came here.

use super::properties;
use crate::pure::allocation::Tenure;
use crate::pure::base::{Address, ApplicationName, PeerName, RunId, ServerId};
use crate::pure::model::substitute::SubstituteError;
use crate::pure::model::{AdapterSpec, PropertyFile, Ready, ServerSpec, fill};
use std::collections::BTreeMap;

/// Ports by name, as a process got them.
pub type Ports = BTreeMap<String, u16>;

/// Where and as what a server is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The node.
    pub node: &'a PeerName,
    /// What `${node.host}` gives.
    pub host: &'a str,
    /// What `${server.data}` gives: the server's own directory.
    pub data: &'a str,
    /// What `${server.config}` gives: where the node writes the server's files.
    pub config: &'a str,
    /// Addresses of peers that the server can ask, separated by commas.
    pub peers: &'a str,
    /// This start.
    pub run: RunId,
    /// The ports that it has.
    pub ports: &'a Ports,
    /// The session that has it, if it is a session's.
    pub tenure: Option<Tenure>,
}

/// What the shell executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The program; without a slash it is looked for in `PATH`.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables to set beside those that the node hands down.
    pub environment: BTreeMap<String, String>,
    /// The working directory.
    pub directory: String,
}

/// How a server is asked whether it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Where to connect.
    pub address: Address,
    /// The path of a GET that must be answered well; `None`: a connection that is accepted is enough.
    pub path: Option<String>,
}

/// Why a definition cannot be started as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// `run` is empty.
    #[error("the definition names no program")]
    NoProgram,
    /// A text cannot be filled in: it names what a node does not know, or is malformed.
    #[error("{text:?}: {why}")]
    Text {
        /// The text.
        text: String,
        /// Why not.
        why: SubstituteError,
    },
    /// A text holds a zero byte, which no argument can hold.
    #[error("{text:?} holds a zero byte")]
    Zero {
        /// The text.
        text: String,
    },
    /// Readiness is asked of an adapter that does not exist, or whose endpoint holds no host and port.
    #[error("readiness asks adapter {adapter:?}, whose endpoint {endpoint:?} has no host and port to connect to")]
    Readiness {
        /// The adapter's name.
        adapter: String,
        /// Its endpoint; empty when there is no such adapter.
        endpoint: String,
    },
}

/// Everything filled in.
///
/// # Errors
/// [`LaunchError`]: the definition is wrong, trying again without a new one is useless.
pub fn prepare(spec: &ServerSpec, place: &Place<'_>) -> Result<Launch, LaunchError> {
    let launch = prepare_command(&spec.run, spec, place)?;
    if let Ready::Tcp(adapter) | Ready::Http { adapter, .. } = &spec.ready
        && probe(spec, place.host, place.ports).is_none()
    {
        let endpoint = endpoint_of(spec, adapter, place.host, place.ports).unwrap_or_default();
        let adapter = adapter.clone();
        return Err(LaunchError::Readiness { adapter, endpoint });
    }
    Ok(launch)
}

/// The stop command of a server that runs as process `pid`, with everything else as the server has it.
///
/// # Errors
/// [`LaunchError`], as for [`prepare`].
pub fn prepare_stop(spec: &ServerSpec, place: &Place<'_>, pid: u32) -> Result<Launch, LaunchError> {
    let mut launch = prepare_command(&spec.stop.command, spec, place)?;
    launch.environment.insert("FLOE_PID".to_owned(), pid.to_string());
    Ok(launch)
}

/// The files that the server finds in `${server.config}`, by name with their texts.
///
/// # Errors
/// [`LaunchError`], as for [`prepare`].
pub fn prepare_files(spec: &ServerSpec, place: &Place<'_>) -> Result<Vec<(String, String)>, LaunchError> {
    let text_of = |file: &PropertyFile| {
        let filled = file
            .properties
            .iter()
            .map(|(key, value)| Ok((key.as_str(), fill_text(value, place)?)));
        let filled: Vec<(&str, String)> = filled.collect::<Result<_, LaunchError>>()?;
        let text = properties::text(filled.iter().map(|(key, value)| (*key, value.as_str())));
        Ok((file.name.clone(), text))
    };
    spec.files.iter().map(text_of).collect()
}

/// The path of a log file that the server declares.
///
/// # Errors
/// [`LaunchError`], as for [`prepare`].
pub fn prepare_path(text: &str, place: &Place<'_>) -> Result<String, LaunchError> {
    fill_text(text, place)
}

fn prepare_command(run: &[String], spec: &ServerSpec, place: &Place<'_>) -> Result<Launch, LaunchError> {
    let fill = |text: &str| fill_text(text, place);
    let mut words = run.iter().map(|word| fill(word));
    let program = words.next().ok_or(LaunchError::NoProgram)??;
    if program.is_empty() {
        return Err(LaunchError::NoProgram);
    }
    let arguments = words.collect::<Result<_, _>>()?;
    let mut environment = BTreeMap::new();
    for (name, value) in &spec.environment {
        environment.insert(name.clone(), fill(value)?);
    }
    // Ours win: what floe says of a server is always true.
    environment.extend(own_variables(&spec.id, &spec.application, place));
    let directory = spec.directory.as_deref().map_or(Ok(place.data.to_owned()), fill)?;
    Ok(Launch {
        program,
        arguments,
        environment,
        directory,
    })
}

fn fill_text(text: &str, place: &Place<'_>) -> Result<String, LaunchError> {
    let filled = fill(text, &|name| lookup(name, place));
    let text = filled.map_err(|why| LaunchError::Text {
        text: text.to_owned(),
        why,
    })?;
    if text.contains('\0') {
        return Err(LaunchError::Zero { text });
    }
    Ok(text)
}

/// Endpoints by adapter id: what the process published by the adapter's name, else what the definition says. An endpoint
/// that is empty or cannot be filled in is left out.
pub fn endpoints(
    spec: &ServerSpec,
    host: &str,
    ports: &Ports,
    published: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let filled = spec.adapters.iter().filter_map(|adapter| {
        let endpoint = match published.get(&adapter.name) {
            Some(uri) => uri.clone(),
            None => fill_endpoint(&adapter.endpoint, host, ports)?,
        };
        (!endpoint.is_empty()).then(|| (adapter.id.to_string(), endpoint))
    });
    filled.collect()
}

/// How to ask whether the server is ready; `None` when it is not to be asked, or where cannot be told.
pub fn probe(spec: &ServerSpec, host: &str, ports: &Ports) -> Option<Probe> {
    let (adapter, path) = match &spec.ready {
        Ready::AtOnce | Ready::Notify | Ready::After(_) => return None,
        Ready::Tcp(adapter) => (adapter, None),
        Ready::Http { adapter, path } => (adapter, Some(path.clone())),
    };
    let address = host_and_port(&endpoint_of(spec, adapter, host, ports)?)?;
    Some(Probe { address, path })
}

/// Can a process that was started by `old` go on under `new`? What differs then is the node's business alone.
///
/// `model::diff` tells operators the same beforehand; a test ties the two together.
pub fn same_process(old: &ServerSpec, new: &ServerSpec) -> bool {
    let essence = |spec: &ServerSpec| ServerSpec {
        activation: new.activation,
        activation_timeout: new.activation_timeout,
        deactivation_timeout: new.deactivation_timeout,
        stop: new.stop.clone(),
        reload: new.reload,
        output: new.output,
        logs: new.logs.clone(),
        files: new.files.clone(),
        disable_after: new.disable_after,
        labels: new.labels.clone(),
        metrics: new.metrics.clone(),
        exclusive: new.exclusive,
        adapters: published(spec),
        ..spec.clone()
    };
    old == new || essence(old) == essence(new)
}

/// Adapters by name with what the process or its node tells of them; where they stand in groups is the registry's business.
fn published(spec: &ServerSpec) -> Vec<AdapterSpec> {
    let mut adapters = spec.adapters.clone();
    for adapter in &mut adapters {
        adapter.group = None;
        adapter.priority = 0;
    }
    adapters.sort_by(|one, other| one.name.cmp(&other.name));
    adapters
}

fn own_variables(id: &ServerId, application: &ApplicationName, place: &Place<'_>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([
        ("FLOE_SERVER".to_owned(), id.to_string()),
        ("FLOE_NODE".to_owned(), place.node.to_string()),
        ("FLOE_APPLICATION".to_owned(), application.to_string()),
        ("FLOE_PEERS".to_owned(), place.peers.to_owned()),
        ("FLOE_RUN".to_owned(), place.run.to_string()),
    ]);
    if let Some(tenure) = place.tenure {
        variables.insert("FLOE_SESSION".to_owned(), tenure.session.to_string());
        variables.insert("FLOE_TOKEN".to_owned(), tenure.token.to_string());
    }
    for (name, port) in place.ports {
        let name: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect();
        variables.insert(format!("PORT_{name}"), port.to_string());
    }
    variables
}

fn lookup(name: &str, place: &Place<'_>) -> Option<String> {
    match name {
        "node.host" => Some(place.host.to_owned()),
        "node.name" => Some(place.node.to_string()),
        "server.data" => Some(place.data.to_owned()),
        "server.config" => Some(place.config.to_owned()),
        _ => port(name, place.ports),
    }
}

fn port(name: &str, ports: &Ports) -> Option<String> {
    ports.get(name.strip_prefix("port.")?).map(u16::to_string)
}

fn endpoint_of(spec: &ServerSpec, adapter: &str, host: &str, ports: &Ports) -> Option<String> {
    let adapter = spec.adapters.iter().find(|one| one.name == adapter)?;
    fill_endpoint(&adapter.endpoint, host, ports)
}

fn fill_endpoint(endpoint: &str, host: &str, ports: &Ports) -> Option<String> {
    let known = |name: &str| match name {
        "node.host" => Some(host.to_owned()),
        _ => port(name, ports),
    };
    fill(endpoint, &known).ok()
}

/// `scheme://[user@]HOST:PORT[/path]` or plain `HOST:PORT`.
fn host_and_port(uri: &str) -> Option<Address> {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    authority.parse().ok().filter(|address: &Address| address.port() != 0)
}

#[cfg(test)]
#[path = "launch_test.rs"]
mod tests;
