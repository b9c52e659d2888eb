//! Services of an IceBox, and what servers and services have alike: properties, adapters, logs.

use super::mapper::Mapper;
use super::notes::Attributes;
use super::scope::Scope;
use super::server::Builder;
use super::template::Addition;
use super::text::identifier;
use super::tree::Element;
use crate::pure::model::descriptor::PropertySet;
use crate::pure::model::validate::shown;
use std::rc::Rc;

/// The file that holds the properties of a service, or of the server itself: IceGrid's names.
pub(super) fn file_name(service: Option<&str>) -> String {
    match service {
        Some(service) => identifier(&format!("config_{}", service.replace('$', "-"))),
        None => "config".to_owned(),
    }
}

impl<'t> Mapper<'t> {
    /// `<service>`: a file of properties, and two properties of the IceBox that name it.
    pub(super) fn map_service(
        &mut self,
        element: &'t Element,
        scope: &Scope<'t>,
        additions: &[Addition<'t>],
        builder: &mut Builder,
    ) {
        if self.is_spent() {
            return;
        }
        let mut attributes = Attributes::of(element, &mut self.notes);
        let name = attributes.must("name", &mut self.notes);
        let entry = attributes.must("entry", &mut self.notes);
        attributes.finish(&mut self.notes);
        let (Some(name), Some(entry)) = (name, entry) else {
            return;
        };
        let Some(name) = self.fixed(&name.value, name.place, scope) else {
            return;
        };
        let file = file_name(Some(&name));
        if builder.files.iter().any(|(other, _)| *other == file) {
            self.notes.left_out(element, "a service of this name stood before");
            return;
        }
        let scope = Scope {
            service: Some(name.replace('$', "$$")),
            ..scope.clone()
        };
        let entry = self.text(&entry.value, entry.place, &scope);
        let value = format!("{entry} --Ice.Config='${{server.config}}/{file}'");
        if let Some((_, own)) = builder.files.first_mut() {
            self.set_property(element, own, &format!("IceBox.Service.{name}"), &value);
        }
        builder.services.push(name);
        let mut set = PropertySet::default();
        for child in self.children_of_program(element) {
            self.map_shared_part(child, element, &scope, &mut set, builder);
        }
        for addition in additions {
            self.map_properties(addition.element, &scope, &mut set);
        }
        builder.files.push((file, set));
    }

    /// `<service-instance>`: its template, written out.
    pub(super) fn map_service_instance(&mut self, element: &'t Element, scope: &Scope<'t>, builder: &mut Builder) {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let Some(id) = attributes.must("template", &mut self.notes) else {
            return;
        };
        let values = attributes.rest();
        let template = self.service_templates.get(id.value.as_str());
        let Some((name, Some(body))) = template.map(|template| (&template.element.name, template.body)) else {
            self.notes
                .left_out(element, "this file declares no such service template");
            return;
        };
        self.used.insert((name, &id.value));
        let parameters = self.parameter_values(element, &id.value, true, &values, scope);
        // What the service template does not have of its own is the server template's.
        let outer = scope
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        let inner = Scope {
            parameters: Rc::new(outer.chain(parameters).collect()),
            ..scope.clone()
        };
        let additions = self.additions(element, &inner);
        if let Some(addition) = additions.iter().find(|addition| addition.service.is_some()) {
            self.notes.left_out(addition.element, "a service has no services");
        }
        let additions: Vec<_> = additions
            .into_iter()
            .filter(|addition| addition.service.is_none())
            .collect();
        self.map_service(body, &inner, &additions, builder);
    }

    /// The parts of a server or service; what adapters and logs make properties of wins over properties, so it comes last.
    pub(super) fn children_of_program(&mut self, element: &'t Element) -> Vec<&'t Element> {
        let mut children = self.children(element);
        children.sort_by_key(|child| matches!(child.name.as_str(), "adapter" | "log"));
        children
    }

    /// What a server and a service have alike.
    pub(super) fn map_shared_part(
        &mut self,
        child: &'t Element,
        within: &'t Element,
        scope: &Scope<'t>,
        set: &mut PropertySet,
        builder: &mut Builder,
    ) {
        match child.name.as_str() {
            "property" => self.map_property(child, scope, set),
            "properties" => {
                let mut attributes = Attributes::of(child, &mut self.notes);
                if let Some(id) = attributes.take("refid")
                    && let Some(id) = self.fixed(&id.value, id.place, scope)
                {
                    set.uses.push(id);
                }
                attributes.finish(&mut self.notes);
                self.map_properties(child, scope, set);
            }
            "adapter" => self.map_adapter(child, scope, set, builder),
            "log" => self.map_log(child, scope, set, builder),
            "description" => {
                let text = self.plain(child);
                let text = self.text(&text, child.place, scope);
                let service = scope.service.as_ref().map(|service| format!("service {service}: "));
                builder
                    .descriptions
                    .push(format!("{}{text}", service.unwrap_or_default()));
            }
            "dbenv" => {
                let reason = "Freeze, Ice's database until 3.6, has no counterpart: name its folder by the property Freeze.DbEnv.NAME.DbHome, below ${server.data}";
                self.notes.left_out(child, reason);
            }
            _ => self.notes.stray(child, within),
        }
    }

    fn map_log(&mut self, element: &'t Element, scope: &Scope<'t>, set: &mut PropertySet, builder: &mut Builder) {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let path = attributes.must("path", &mut self.notes);
        let property = attributes
            .take("property")
            .filter(|property| !property.value.is_empty());
        attributes.finish(&mut self.notes);
        self.no_children(element);
        let Some(path) = path else { return };
        let mut text = self.text(&path.value, path.place, scope);
        if !text.starts_with(['/', '$']) {
            let whole = format!("${{server.data}}/{}", text.trim_start_matches("./"));
            let message = format!(
                "log \"{}\" is relative to the program's working directory; floe looks for {}",
                shown(&text),
                shown(&whole)
            );
            self.notes.note(path.place, message);
            text = whole;
        }
        let last = text.rsplit('/').next().unwrap_or_default();
        let wanted = identifier(&last.replace("${", "").replace('}', ""));
        let logs = &mut builder.server.logs;
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        let free = std::iter::once(wanted.clone())
            .chain(numbered)
            .find(|name| !logs.contains_key(name));
        logs.insert(free.unwrap_or(wanted), text.clone());
        if let Some(property) = property
            && let Some(key) = self.fixed(&property.value, property.place, scope)
        {
            self.set_property(element, set, &key, &text);
        }
    }
}
