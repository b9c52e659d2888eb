//! What an application means: the servers of each node, the groups and the objects, with every variable replaced that
//! is known before a server starts.
//!
//! Expansion goes as far as it can and reports every fault on its way, so that one answer names them all. It does not
//! judge what comes out: that is `validate`.

use super::descriptor::{Adapter, Application, Group, Node, Object, ObjectHome, ObjectRecord, Server};
use super::spec::{AdapterSpec, Ready, ServerSpec, TIMEOUT_DEFAULT};
use super::substitute::{Scope, SubstituteError, port_of, variables_of};
use super::validate::{Faults, server_place, shown};
use crate::pure::base::{ApplicationName, PeerName, ServerId};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

pub use super::substitute::fill;

/// Longest timeout that can be written.
pub const TIMEOUT_MAX: Duration = Duration::from_hours(24);

/// Stands for a text that could not be read, so that one mistake gives one fault; passes every later check.
const HARMLESS: &str = "tcp://unreadable:1";

/// What an application means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// Servers with their nodes, in order of nodes, then of declaration.
    pub servers: Vec<(PeerName, ServerSpec)>,
    /// Groups in order of declaration.
    pub groups: Vec<Group>,
    /// Objects of groups, then of servers.
    pub objects: Vec<ObjectRecord>,
}

/// Expands an application as far as it goes; what is left out has a fault.
pub fn expand(application: &Application, faults: &mut Faults) -> Expansion {
    let work = Cell::new(0);
    let mut expansion = Expansion {
        groups: application.groups.clone(),
        ..Expansion::default()
    };
    let mut scope = Scope::new(vec![&application.variables], &work);
    scope.reserve("application", application.name.as_str());
    for group in &application.groups {
        let mut reader = Reader::new(&mut scope, faults, format!("group {}", group.id));
        let objects = group
            .objects
            .iter()
            .filter_map(|object| reader.group_object(object, group));
        expansion.objects.extend(objects);
    }
    for (name, node) in &application.nodes {
        expand_node(application, name, node, &work, &mut expansion, faults);
    }
    expansion
}

fn expand_node(
    application: &Application,
    name: &PeerName,
    node: &Node,
    work: &Cell<usize>,
    expansion: &mut Expansion,
    faults: &mut Faults,
) {
    for server in &node.servers {
        let mut scope = Scope::new(vec![&node.variables, &application.variables], work);
        scope.reserve("application", application.name.as_str());
        scope.reserve("node", name.as_str());
        let mut reader = Reader::new(&mut scope, faults, server_place(name, &server.id));
        let Some(id) = reader.id::<ServerId>("id", &server.id) else {
            continue;
        };
        reader.place = server_place(name, id.as_str());
        reader.scope.reserve("server", id.as_str());
        let spec = reader.server(id, &application.name, server);
        let objects = server
            .objects
            .iter()
            .filter_map(|object| reader.server_object(object, &spec));
        expansion.objects.extend(objects);
        expansion.servers.push((name.clone(), spec));
    }
}

/// Reads texts at one place; a text that cannot be read leaves a fault and a harmless value.
struct Reader<'r, 'a> {
    scope: &'r mut Scope<'a>,
    faults: &'r mut Faults,
    place: String,
}

impl<'r, 'a> Reader<'r, 'a> {
    fn new(scope: &'r mut Scope<'a>, faults: &'r mut Faults, place: String) -> Self {
        Self { scope, faults, place }
    }

    fn server(&mut self, id: ServerId, application: &ApplicationName, written: &Server) -> ServerSpec {
        let arguments = written.run.iter().enumerate();
        let run =
            arguments.map(|(index, text)| self.deferred(&format!("run[{index}]"), text).unwrap_or(HARMLESS.into()));
        let run = run.collect();
        let environment = written.environment.iter().filter_map(|(name, text)| {
            let value = self.deferred(&format!("environment {}", shown(name)), text)?;
            Some((name.clone(), value))
        });
        let environment = environment.collect();
        let mut spec = ServerSpec {
            activation: written.activation.unwrap_or_default(),
            ready: self.ready(written),
            environment,
            directory: written
                .directory
                .as_ref()
                .and_then(|text| self.deferred("directory", text)),
            activation_timeout: self.timeout("activation_timeout", written.activation_timeout.as_deref()),
            deactivation_timeout: self.timeout("deactivation_timeout", written.deactivation_timeout.as_deref()),
            ports: written.ports.clone(),
            adapters: written
                .adapters
                .iter()
                .filter_map(|adapter| self.adapter(adapter, &id))
                .collect(),
            ..ServerSpec::new(id.clone(), application.clone(), run)
        };
        spec.ports = with_mentioned_ports(&spec);
        spec
    }

    fn ready(&mut self, written: &Server) -> Ready {
        let tcp = written.ready.as_ref().and_then(|ready| ready.tcp.as_ref());
        let name = tcp.and_then(|text| self.finished("ready.tcp", text));
        name.map_or(Ready::AtOnce, Ready::Tcp)
    }

    fn adapter(&mut self, written: &Adapter, server: &ServerId) -> Option<AdapterSpec> {
        let outer = self.place.clone();
        self.place = format!("{outer}, adapter {}", shown(&written.name));
        let default_id = format!("{server}.{}", written.name);
        let id = match &written.id {
            Some(text) => self.id("id", text),
            None => self.parsed("name", &default_id),
        };
        let group = written.group.as_ref().map(|text| self.id("group", text));
        let endpoint = self.deferred("endpoint", &written.endpoint);
        self.place = outer;
        Some(AdapterSpec {
            name: written.name.clone(),
            id: id?,
            group: group.flatten(),
            endpoint: endpoint.unwrap_or(HARMLESS.into()),
            priority: written.priority,
        })
    }

    fn group_object(&mut self, written: &Object, group: &Group) -> Option<ObjectRecord> {
        if written.adapter.is_some() {
            let message = "an object of a group names no adapter: every member offers it";
            self.faults
                .add(format!("{}, object {}", self.place, shown(&written.id)), message);
        }
        self.object(written, Some(ObjectHome::Group(group.id.clone())))
    }

    fn server_object(&mut self, written: &Object, spec: &ServerSpec) -> Option<ObjectRecord> {
        let wanted = match &written.adapter {
            Some(text) => Some(self.finished("object.adapter", text)?),
            None => None,
        };
        let mut adapters = spec.adapters.iter();
        let adapter = adapters.find(|adapter| wanted.as_ref().is_none_or(|name| adapter.name == *name));
        if adapter.is_none() {
            let place = format!("{}, object {}", self.place, shown(&written.id));
            self.faults.add(
                place,
                match wanted {
                    Some(name) => format!("adapter \"{}\" is not one of this server", shown(&name)),
                    None => "its server has no adapter that it could live in".to_owned(),
                },
            );
        }
        let home = adapter.map(|adapter| ObjectHome::Adapter(adapter.id.clone()));
        self.object(written, home)
    }

    fn object(&mut self, written: &Object, home: Option<ObjectHome>) -> Option<ObjectRecord> {
        let outer = self.place.clone();
        self.place = format!("{outer}, object {}", shown(&written.id));
        let id = self.id("id", &written.id);
        let kind = self.finished("type", &written.kind);
        self.place = outer;
        Some(ObjectRecord {
            id: id?,
            kind: kind?,
            home: home?,
        })
    }

    fn timeout(&mut self, field: &str, written: Option<&str>) -> Duration {
        let Some(text) = written.and_then(|text| self.finished(field, text)) else {
            return TIMEOUT_DEFAULT;
        };
        parse_duration(&text).unwrap_or_else(|reason| {
            self.fault(field, &format!("\"{}\" {reason}", shown(&text)));
            TIMEOUT_DEFAULT
        })
    }

    fn id<T: FromStr<Err: ToString>>(&mut self, field: &str, text: &str) -> Option<T> {
        let text = self.finished(field, text)?;
        self.parsed(field, &text)
    }
    fn parsed<T: FromStr<Err: ToString>>(&mut self, field: &str, text: &str) -> Option<T> {
        text.parse()
            .map_err(|error: T::Err| self.fault(field, &error.to_string()))
            .ok()
    }
    fn deferred(&mut self, field: &str, text: &str) -> Option<String> {
        let result = self.scope.defer(text);
        self.kept(field, result)
    }
    fn finished(&mut self, field: &str, text: &str) -> Option<String> {
        let result = self.scope.finish(text);
        self.kept(field, result)
    }
    fn kept(&mut self, field: &str, result: Result<String, SubstituteError>) -> Option<String> {
        result.map_err(|error| self.fault(field, &error.to_string())).ok()
    }
    fn fault(&mut self, field: &str, message: &str) {
        self.faults.add(&self.place, format!("{field}: {message}"));
    }
}

/// Every port that is declared or mentioned; a mentioned one is the node's to choose.
fn with_mentioned_ports(spec: &ServerSpec) -> BTreeMap<String, u16> {
    let endpoints = spec.adapters.iter().map(|adapter| &adapter.endpoint);
    let texts = spec
        .run
        .iter()
        .chain(spec.environment.values())
        .chain(&spec.directory)
        .chain(endpoints);
    let mut ports = spec.ports.clone();
    for name in texts.flat_map(|text| variables_of(text)).filter_map(port_of) {
        ports.entry(name.to_owned()).or_insert(0);
    }
    ports
}

/// `30s`, `1m 30s`, `500ms`: 0 to `TIMEOUT_MAX`, units required.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let refused = "is no duration: write a number with its unit, as \"500ms\", \"30s\" or \"1m 30s\"";
    let span: jiff::SignedDuration = text.parse().map_err(|_error| refused.to_owned())?;
    let duration = Duration::try_from(span).map_err(|_error| "is a negative duration".to_owned())?;
    if duration > TIMEOUT_MAX {
        return Err("is longer than 24h".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
#[path = "expand_test.rs"]
mod tests;
