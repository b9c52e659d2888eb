//! `<application>`, with what stands directly in it and in `<node>` alike: variables and named property sets.

use super::mapper::Mapper;
use super::notes::Attributes;
use super::scope::Scope;
use super::text::variable_name;
use super::tree::{Attribute, Element};
use super::{Imported, Kind};
use crate::pure::model::descriptor::PropertySet;
use crate::pure::model::validate::shown;
use std::collections::BTreeMap;

impl Imported {
    /// The comment above a header, if it has one.
    pub(super) fn comments_of<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a str> {
        let found = self.comments.iter().filter(move |(at, _)| at == path);
        found.map(|(_, text)| text.as_str())
    }
}

impl<'t> Mapper<'t> {
    /// Everything.
    pub(super) fn root(&mut self, root: &'t Element) {
        let mut is_found = false;
        for child in self.children(root) {
            if child.name == "application" && !is_found {
                is_found = true;
                self.map_application(child);
            } else if child.name == "application" {
                self.notes
                    .left_out(child, "a file holds one application, and this is not the first");
            } else {
                self.notes.stray(child, root);
            }
        }
    }

    fn map_application(&mut self, element: &'t Element) {
        let mut attributes = Attributes::of(element, &mut self.notes);
        if let Some(name) = attributes.take("name")
            && name.value != self.application.name.as_str()
        {
            let message = format!(
                "application \"{}\" is {} here",
                shown(&name.value),
                self.application.name
            );
            self.notes.note(name.place, message);
        }
        let reason =
            "the registry's own templates are not in this file: copy those that it uses from IceGrid's templates.xml";
        if let Some(import) = attributes.take("import-default-templates")
            && import.value != "false"
        {
            self.notes.attribute_left_out(element, import, reason);
        }
        attributes.finish(&mut self.notes);
        let children = self.children(element);
        // Variables and templates may be used before the place at which they stand.
        for child in &children {
            self.declare(child);
        }
        self.declare_groups(element);
        self.declare_nodes(element);
        self.map_templates();
        for child in children {
            self.map_part(child, element);
        }
    }

    fn declare(&mut self, child: &'t Element) {
        match child.name.as_str() {
            "variable" => {
                let mut variables = std::mem::take(&mut self.application.variables);
                self.map_variable(child, &Scope::default(), &mut variables);
                self.application.variables = variables;
            }
            "server-template" | "service-template" => self.declare_template(child),
            _ => {}
        }
    }

    fn map_part(&mut self, child: &'t Element, within: &'t Element) {
        match child.name.as_str() {
            "variable" | "server-template" | "service-template" => {}
            "description" => {
                let text = self.plain(child);
                let scope = Scope::default();
                self.application.description = self.fixed(&text, child.place, &scope).unwrap_or_default();
            }
            "properties" => {
                let mut sets = std::mem::take(&mut self.application.property_sets);
                self.map_named_set(child, &Scope::default(), &mut sets);
                self.application.property_sets = sets;
            }
            "replica-group" => self.map_group(child),
            "node" => self.map_node(child),
            "distrib" => self.leave_distribution(child),
            _ => self.notes.stray(child, within),
        }
    }

    /// An element that is only text, with its lines trimmed and joined.
    pub(super) fn plain(&mut self, element: &'t Element) -> String {
        Attributes::with_text(element).finish(&mut self.notes);
        self.no_children(element);
        element.text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// `<variable name="" value="">` of an application or a node.
    pub(super) fn map_variable(
        &mut self,
        element: &'t Element,
        scope: &Scope<'t>,
        variables: &mut BTreeMap<String, String>,
    ) {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let name = attributes.must("name", &mut self.notes);
        let value = attributes.take("value").map_or("", |value| value.value.as_str());
        attributes.finish(&mut self.notes);
        self.no_children(element);
        let Some(name) = name else { return };
        let ours = self.variable_of(name);
        let value = self.text(value, element.place, scope);
        if variables.insert(ours.clone(), value).is_some() {
            let message = format!(
                "variable {} is defined again: the last one counts, as in IceGrid",
                shown(&ours)
            );
            self.notes.note(element.place, message);
        }
    }

    /// The name of a variable or parameter; says so where it had to change.
    pub(super) fn variable_of(&mut self, name: &Attribute) -> String {
        let ours = variable_name(&name.value);
        if ours != name.value {
            let message = format!(
                "variable {} is {ours} here: the name is taken or not allowed",
                shown(&name.value)
            );
            self.notes.note(name.place, message);
        }
        ours
    }

    /// `<properties id="">` of an application or a node.
    pub(super) fn map_named_set(
        &mut self,
        element: &'t Element,
        scope: &Scope<'t>,
        sets: &mut BTreeMap<String, PropertySet>,
    ) {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let id = attributes.must("id", &mut self.notes);
        attributes.finish(&mut self.notes);
        let Some(id) = id else { return };
        let mut set = PropertySet::default();
        self.map_properties(element, scope, &mut set);
        if sets.insert(id.value.clone(), set).is_some() {
            self.notes.add(
                element.place,
                Kind::NotMapped,
                "a property set of this id stood before: the last one counts",
            );
        }
    }

    /// What stands in `<properties>`: references to sets, then properties.
    pub(super) fn map_properties(&mut self, element: &'t Element, scope: &Scope<'t>, set: &mut PropertySet) {
        for child in self.children(element) {
            match child.name.as_str() {
                "property" => self.map_property(child, scope, set),
                "properties" => {
                    let mut attributes = Attributes::of(child, &mut self.notes);
                    let referred = attributes.must("refid", &mut self.notes);
                    attributes.finish(&mut self.notes);
                    self.no_children(child);
                    if let Some(id) = referred
                        && let Some(id) = self.fixed(&id.value, id.place, scope)
                    {
                        set.uses.push(id);
                    }
                }
                _ => self.notes.stray(child, element),
            }
        }
    }

    /// `<property name="" value="">`, escaped as Ice reads it.
    pub(super) fn map_property(&mut self, element: &'t Element, scope: &Scope<'t>, set: &mut PropertySet) {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let name = attributes.must("name", &mut self.notes);
        let value = attributes.take("value");
        attributes.finish(&mut self.notes);
        self.no_children(element);
        let Some(name) = name else { return };
        let Some(key) = self.fixed(&name.value, name.place, scope) else {
            return;
        };
        let written = value.map_or("", |value| value.value.as_str());
        if written.contains(['\n', '\r', '\0']) || key.contains(['\n', '\r', '\0', '=']) {
            let reason = "a property is one line, and its name holds no '='";
            self.notes.left_out(element, reason);
            return;
        }
        if key.starts_with('#') || key.trim() != key {
            let reason = "the name of a property has no blanks at its ends and starts with no '#'";
            self.notes.left_out(element, reason);
            return;
        }
        let text = self.text(written, element.place, scope);
        self.set_property(element, set, &key, &text);
    }

    /// Puts a property into a set; says so when it replaces another one.
    pub(super) fn set_property(&mut self, element: &Element, set: &mut PropertySet, key: &str, value: &str) {
        let key = key.replace('\\', "\\\\").replace('#', "\\#");
        let before = set.set.insert(key.clone(), value.to_owned());
        if before.is_some_and(|before| before != value) {
            let message = format!(
                "property {} is set again: the last one counts, as in IceGrid",
                shown(&key)
            );
            self.notes.note(element.place, message);
        }
    }

    /// IcePatch2 has no counterpart.
    pub(super) fn leave_distribution(&mut self, element: &'t Element) {
        let reason = "floe copies no files to nodes (IcePatch2 did): bring them by packages or images";
        self.notes.left_out(element, reason);
    }
}
