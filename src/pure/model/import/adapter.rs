//! `<adapter>` with its objects and allocatables.

use super::Kind;
use super::endpoint::{self, Endpoint};
use super::groups::PROXY_OPTIONS;
use super::mapper::Mapper;
use super::notes::Attributes;
use super::scope::Scope;
use super::server::Builder;
use super::text::identifier;
use super::tree::{Attribute, Element};
use crate::pure::model::descriptor::{Adapter, Allocatable, Object, PropertySet};
use crate::pure::model::validate::shown;

impl<'t> Mapper<'t> {
    /// One adapter of a server or, in `scope.service`, of a service.
    pub(super) fn map_adapter(
        &mut self,
        element: &'t Element,
        scope: &Scope<'t>,
        set: &mut PropertySet,
        builder: &mut Builder,
    ) {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let name = attributes.must("name", &mut self.notes);
        let id = attributes.take("id").filter(|id| !id.value.is_empty());
        let endpoints = attributes.take("endpoints");
        let group = attributes.take("replica-group").filter(|group| !group.value.is_empty());
        let priority = attributes
            .take("priority")
            .filter(|priority| !priority.value.is_empty());
        let options = attributes.take("proxy-options");
        let is_registering = self.flag(element, &mut attributes, "register-process");
        let is_awaited = self.flag(element, &mut attributes, "server-lifetime").unwrap_or(true);
        attributes.finish(&mut self.notes);
        let Some(name) = name else { return };
        let Some(ice_name) = self.fixed(&name.value, name.place, scope) else {
            return;
        };
        if is_registering == Some(true) {
            let message =
                "register-process has no meaning here: floe ends servers by a signal or by their stop command";
            self.notes.note(element.place, message);
        }
        let own_name = match &scope.service {
            Some(service) => identifier(&format!("{service}.{ice_name}")),
            None => self.id_of(&ice_name.replace('$', "$$"), name.place),
        };
        let endpoint = self.endpoint(element, endpoints, &port_name(&own_name, builder), scope);
        self.set_property(element, set, &format!("{ice_name}.Endpoints"), &endpoint.property);
        if let Some(options) = options {
            let reason = format!(
                "{PROXY_OPTIONS}. The program still gets them as {}.ProxyOptions",
                shown(&ice_name)
            );
            self.notes.attribute_left_out(element, options, &reason);
            let value = self.text(&options.value, options.place, scope);
            self.set_property(element, set, &format!("{ice_name}.ProxyOptions"), &value);
        }
        let adapter = Adapter {
            name: own_name.clone(),
            id: id.map(|id| self.id(&id.value, id.place, scope)),
            group: group.and_then(|group| self.group_of(element, &group.value, scope)),
            endpoint: endpoint.uri,
            priority: self.priority(element, priority, scope),
        };
        if is_awaited && endpoint.is_stream {
            builder.awaited.push(own_name.clone());
        }
        let is_first = builder.server.adapters.is_empty();
        builder.server.adapters.push(adapter);
        let home = (!is_first).then_some(own_name);
        for child in self.children(element) {
            self.map_part_of_adapter(child, element, scope, home.as_ref(), set, builder);
        }
    }

    /// What floe publishes; says what a URI does not show.
    fn endpoint(
        &mut self,
        element: &'t Element,
        written: Option<&'t Attribute>,
        port: &str,
        scope: &Scope<'t>,
    ) -> Endpoint {
        let default = endpoint::read("default", port).unwrap_or_else(|_| unreachable!("it reads as TCP"));
        let Some(written) = written else { return default };
        let text = self.text(&written.value, written.place, scope);
        let read = endpoint::read(&text, port).or_else(|reason| {
            if !text.contains("${") {
                return Err(Some(reason));
            }
            let known = self.fixed_text(&text, written.place, scope).ok_or(None)?;
            endpoint::read(&known, port).map_err(Some)
        });
        let endpoint = match read {
            Ok(endpoint) => endpoint,
            Err(reason) => {
                if let Some(reason) = reason {
                    let reason = format!("{reason}: it is {} now", default.uri);
                    self.notes.attribute_left_out(element, written, &reason);
                }
                return default;
            }
        };
        self.say_endpoint(&endpoint, written);
        endpoint
    }

    fn say_endpoint(&mut self, endpoint: &Endpoint, written: &Attribute) {
        let scheme = endpoint.uri.split(':').next().unwrap_or_default();
        if !endpoint.options.is_empty() {
            let message = format!(
                "{} in endpoints: the program still gets it, but clients find {} without it",
                shown(&endpoint.options.join(" ")),
                shown(&endpoint.uri)
            );
            self.notes.note(written.place, message);
        }
        match scheme {
            "tcp" => {}
            "udp" => self.notes.note(
                written.place,
                "an endpoint of UDP is published as udp://..., and nothing tells whether it is ready",
            ),
            _ => {
                let message =
                    format!("{scheme}:// is published as it is; readiness is a TCP connection without a handshake");
                self.notes.note(written.place, message);
            }
        }
        for other in &endpoint.others {
            let message = format!(
                "endpoint \"{}\": floe publishes one endpoint an adapter, the first; the program listens here, too",
                shown(other)
            );
            self.notes.add(written.place, Kind::NotMapped, message);
        }
    }

    fn priority(&mut self, element: &'t Element, written: Option<&'t Attribute>, scope: &Scope<'t>) -> Option<i32> {
        let written = written?;
        let text = self.fixed(&written.value, written.place, scope)?;
        let number = text.trim().parse();
        if number.is_err() {
            self.notes.attribute_left_out(element, written, "it is no whole number");
        }
        number.ok()
    }

    fn map_part_of_adapter(
        &mut self,
        child: &'t Element,
        within: &'t Element,
        scope: &Scope<'t>,
        home: Option<&String>,
        set: &mut PropertySet,
        builder: &mut Builder,
    ) {
        match child.name.as_str() {
            "object" | "allocatable" => {
                let Some((id, kind)) = self.map_object(child, scope, set) else {
                    return;
                };
                let (server, adapter) = (&mut builder.server, home.cloned());
                if child.name == "object" {
                    server.objects.push(Object { id, kind, adapter });
                } else {
                    server.allocatables.push(Allocatable {
                        id,
                        kind,
                        adapter,
                        attributes: std::collections::BTreeMap::new(),
                    });
                }
            }
            "description" => {
                let name = within.attribute("name").unwrap_or_default();
                let text = format!("adapter {name}: {}", self.plain(child));
                let text = self.text(&text, child.place, scope);
                builder.descriptions.push(text);
            }
            _ => self.notes.stray(child, within),
        }
    }

    /// The id and type of an object; its identity also becomes a property where it names one.
    fn map_object(
        &mut self,
        element: &'t Element,
        scope: &Scope<'t>,
        set: &mut PropertySet,
    ) -> Option<(String, String)> {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let identity = attributes.must("identity", &mut self.notes);
        let kind = attributes.take("type");
        let property = attributes
            .take("property")
            .filter(|property| !property.value.is_empty());
        attributes.leave_out("proxy-options", PROXY_OPTIONS, &mut self.notes);
        attributes.finish(&mut self.notes);
        self.no_children(element);
        let identity = identity?;
        let text = self.text(&identity.value, identity.place, scope);
        if let Some(property) = property
            && let Some(key) = self.fixed(&property.value, property.place, scope)
        {
            self.set_property(element, set, &key, &text);
        }
        let kind = kind.map(|kind| self.text(&kind.value, kind.place, scope));
        let id = self.id(&identity.value, identity.place, scope);
        Some((id, kind.unwrap_or_default()))
    }
}

/// A name of a port that no other adapter of the server has.
fn port_name(adapter: &str, builder: &Builder) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let wanted: String = adapter.chars().take(56).map(letter).collect();
    let taken = |name: &str| {
        let mention = format!("${{port.{name}}}");
        builder
            .server
            .adapters
            .iter()
            .any(|adapter| adapter.endpoint.contains(&mention))
    };
    let numbered = (2..).map(|number| format!("{wanted}-{number}"));
    let free = std::iter::once(wanted.clone())
        .chain(numbered)
        .find(|name| !taken(name));
    free.unwrap_or(wanted)
}
