//! Templates and their instances. A server template stays one where floe's templates can say the same, else it is written
//! out for each server; a service template always is.

use super::Kind;
use super::mapper::Mapper;
use super::notes::Attributes;
use super::scope::Scope;
use super::tree::{Attribute, Element};
use crate::pure::model::descriptor::{File, Parameter, PropertySet, Server};
use crate::pure::model::validate::shown;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A template as declared.
pub(super) struct Template<'t> {
    pub(super) element: &'t Element,
    /// Names with their defaults.
    parameters: Vec<(&'t Attribute, Option<&'t Attribute>)>,
    /// The server, IceBox or service in it.
    pub(super) body: Option<&'t Element>,
}

impl Template<'_> {
    /// Is this the name of a parameter?
    pub(super) fn has_parameter(&self, name: &str) -> bool {
        self.parameters.iter().any(|(parameter, _)| parameter.value == name)
    }
}

/// Properties that an instance adds: to a service of this name, or to the server.
pub(super) struct Addition<'t> {
    pub(super) element: &'t Element,
    pub(super) service: Option<String>,
}

impl<'t> Mapper<'t> {
    /// Reads `<server-template>` or `<service-template>`, without its body.
    pub(super) fn declare_template(&mut self, element: &'t Element) {
        let is_service = element.name == "service-template";
        let mut attributes = Attributes::of(element, &mut self.notes);
        let id = attributes.must("id", &mut self.notes);
        attributes.finish(&mut self.notes);
        let Some(id) = id else { return };
        let mut template = Template {
            element,
            parameters: Vec::new(),
            body: None,
        };
        for child in self.children(element) {
            match child.name.as_str() {
                "parameter" => self.declare_parameter(child, &mut template),
                "service" if is_service && template.body.is_none() => template.body = Some(child),
                "server" | "icebox" if !is_service && template.body.is_none() => template.body = Some(child),
                _ => self.notes.stray(child, element),
            }
        }
        if template.body.is_none() {
            self.notes.left_out(element, "it holds no server or service");
            return;
        }
        let templates = if is_service {
            &mut self.service_templates
        } else {
            &mut self.server_templates
        };
        if templates.contains_key(id.value.as_str()) {
            self.notes.left_out(element, "a template of this id stood before");
        } else {
            templates.insert(&id.value, template);
        }
    }

    fn declare_parameter(&mut self, element: &'t Element, template: &mut Template<'t>) {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let name = attributes.must("name", &mut self.notes);
        let default = attributes.take("default");
        attributes.finish(&mut self.notes);
        self.no_children(element);
        let Some(name) = name else { return };
        if template.parameters.iter().any(|(other, _)| other.value == name.value) {
            self.notes.left_out(element, "a parameter of this name stood before");
        } else {
            template.parameters.push((name, default));
        }
    }

    /// Maps the server templates that stay templates.
    pub(super) fn map_templates(&mut self) {
        let ids: Vec<&'t str> = self.server_templates.keys().copied().collect();
        for id in ids.into_iter().filter(|id| !self.written_out.contains(*id)) {
            let Some(template) = self.server_templates.get(id) else {
                continue;
            };
            let (body, parameters) = (template.body, template.parameters.clone());
            let scope = Scope {
                template: Some(id),
                ..Scope::default()
            };
            let Some(mut server) = body.and_then(|body| self.map_server(body, &scope)) else {
                continue;
            };
            for (name, default) in parameters {
                let parameter = Parameter {
                    default: default.map(|default| self.text(&default.value, default.place, &Scope::default())),
                };
                server.parameters.insert(self.variable_of(name), parameter);
            }
            self.application.templates.insert(id.to_owned(), server);
        }
    }

    /// `<server-instance>`: a server of a template.
    pub(super) fn map_instance(&mut self, element: &'t Element, scope: &Scope<'t>) -> Option<Server> {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let id = attributes.must("template", &mut self.notes)?;
        let values = attributes.rest();
        let Some(template) = self.server_templates.get(id.value.as_str()) else {
            self.notes
                .left_out(element, "this file declares no such server template");
            return None;
        };
        let (template_element, body) = (template.element, template.body?);
        self.used.insert((&template_element.name, &id.value));
        let parameters = self.parameter_values(element, &id.value, false, &values, scope);
        let inner = Scope {
            parameters: Rc::new(parameters.clone()),
            ..scope.clone()
        };
        let additions = self.additions(element, &inner);
        if self.written_out.contains(&id.value) {
            return self.map_server_with(body, &inner, &additions);
        }
        let mut server = Server {
            template: Some(id.value.clone()),
            ..Server::default()
        };
        let given = values.iter().map(|value| super::text::variable_name(&value.name));
        let given: Vec<String> = given.collect();
        for (name, value) in parameters {
            let ours = super::text::variable_name(&name);
            if given.contains(&ours) {
                server.with.insert(ours, value);
            }
        }
        for addition in additions {
            self.add_to_instance(&id.value, &addition, &inner, &mut server);
        }
        Some(server)
    }

    /// Properties that an instance adds, where the template writes the same file.
    fn add_to_instance(&mut self, template: &str, addition: &Addition<'t>, scope: &Scope<'t>, server: &mut Server) {
        let name = super::service::file_name(addition.service.as_deref());
        let mut set = PropertySet::default();
        self.map_properties(addition.element, scope, &mut set);
        let known = self.application.templates.get(template);
        let is_written = known.is_some_and(|known| known.files.iter().any(|file| file.name == name));
        if !is_written || !set.uses.is_empty() {
            self.want_written_out(
                template,
                "one of its servers has properties of its own that a template cannot hold",
            );
            return;
        }
        if let Some(file) = server.files.iter_mut().find(|file| file.name == name) {
            file.set.extend(set.set);
        } else {
            server.files.push(File {
                name,
                uses: Vec::new(),
                set: set.set,
            });
        }
    }

    /// `<properties>` in an instance.
    pub(super) fn additions(&mut self, element: &'t Element, scope: &Scope<'t>) -> Vec<Addition<'t>> {
        let mut additions = Vec::new();
        for child in self.children(element) {
            if child.name != "properties" {
                self.notes.stray(child, element);
                continue;
            }
            let mut attributes = Attributes::of(child, &mut self.notes);
            let service = attributes.take("service");
            attributes.finish(&mut self.notes);
            let service = match service {
                Some(service) => match self.fixed(&service.value, service.place, scope) {
                    Some(name) => Some(name),
                    None => continue,
                },
                None => None,
            };
            additions.push(Addition {
                element: child,
                service,
            });
        }
        additions
    }

    /// The values of a template's parameters, by the names of IceGrid; those that are not given have their defaults.
    pub(super) fn parameter_values(
        &mut self,
        element: &'t Element,
        template: &str,
        is_service: bool,
        values: &[&'t Attribute],
        scope: &Scope<'t>,
    ) -> BTreeMap<String, String> {
        let templates = if is_service {
            &self.service_templates
        } else {
            &self.server_templates
        };
        let declared = templates.get(template).map(|template| template.parameters.clone());
        let declared = declared.unwrap_or_default();
        let mut found = BTreeMap::new();
        for value in values {
            if declared.iter().any(|(name, _)| name.value == value.name) {
                found.insert(value.name.clone(), self.text(&value.value, value.place, scope));
            } else {
                let reason = format!("template {} has no such parameter", shown(template));
                self.notes.attribute_left_out(element, value, &reason);
            }
        }
        for (name, default) in declared {
            if found.contains_key(&name.value) {
                continue;
            }
            if let Some(default) = default {
                found.insert(name.value.clone(), self.text(&default.value, default.place, scope));
            } else {
                let message = format!(
                    "<{}> gives no value for parameter {} of template {}, which has no default",
                    element.name,
                    shown(&name.value),
                    shown(template)
                );
                self.notes.add(element.place, Kind::NotMapped, message);
            }
        }
        found
    }
}
