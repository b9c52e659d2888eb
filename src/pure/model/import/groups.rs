//! `<replica-group>` to `[[group]]`.

use super::mapper::Mapper;
use super::notes::Attributes;
use super::scope::Scope;
use super::tree::Element;
use crate::pure::base::GroupId;
use crate::pure::model::descriptor::{Balance, Group, Object};
use crate::pure::model::validate::shown;

/// Why proxies' options go.
pub(super) const PROXY_OPTIONS: &str = "floe publishes endpoints, not Ice's proxies: give these options to the clients";

impl<'t> Mapper<'t> {
    /// Finds the ids of all groups, in targets, too, so that adapters may name them from anywhere.
    pub(super) fn declare_groups(&mut self, element: &'t Element) {
        for child in &element.children {
            if child.name == "target" {
                self.declare_groups(child);
            } else if child.name == "replica-group" {
                let id = super::text::identifier(child.attribute("id").unwrap_or_default());
                self.groups.extend(id.parse::<GroupId>());
            }
        }
    }

    /// One group.
    pub(super) fn map_group(&mut self, element: &'t Element) {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let id = attributes.must("id", &mut self.notes);
        attributes.leave_out("proxy-options", PROXY_OPTIONS, &mut self.notes);
        let reason = "it names a plug-in of IceGrid's registry, which floe does not load";
        attributes.leave_out("filter", reason, &mut self.notes);
        attributes.finish(&mut self.notes);
        let Some(id) = id else { return };
        let text = self.id(&id.value, id.place, &Scope::default());
        let Some(id) = text.parse::<GroupId>().ok() else {
            self.notes
                .left_out(element, "its id holds a variable, which floe does not allow for groups");
            return;
        };
        // Without <load-balancing>, IceGrid gives all endpoints in any order.
        let mut group = Group {
            id,
            balance: Balance::Random,
            count: 0,
            objects: Vec::new(),
        };
        for child in self.children(element) {
            match child.name.as_str() {
                "load-balancing" => self.map_balance(child, &mut group),
                "object" => group.objects.extend(self.map_group_object(child)),
                "description" => {
                    let text = self.plain(child);
                    self.comments.push((format!("group.{}", group.id), text));
                }
                _ => self.notes.stray(child, element),
            }
        }
        self.application.groups.push(group);
    }

    fn map_balance(&mut self, element: &'t Element, group: &mut Group) {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let kind = attributes.must("type", &mut self.notes);
        let replicas = attributes.take("n-replicas");
        let sample = attributes.take("load-sample");
        attributes.finish(&mut self.notes);
        self.no_children(element);
        group.count = 1;
        if let Some(kind) = kind {
            let name = self.fixed(&kind.value, kind.place, &Scope::default());
            group.balance = match name.as_deref() {
                Some("random") => Balance::Random,
                Some("round-robin") => Balance::RoundRobin,
                Some("ordered") => Balance::Ordered,
                Some("adaptive") => Balance::Adaptive,
                Some(_) => {
                    self.notes
                        .attribute_left_out(element, kind, "floe has random, round-robin, ordered and adaptive");
                    Balance::Random
                }
                None => Balance::Random,
            };
        }
        if let Some(replicas) = replicas
            && let Some(text) = self.fixed(&replicas.value, replicas.place, &Scope::default())
        {
            match text.trim().parse() {
                Ok(count) => group.count = count,
                Err(_) => self
                    .notes
                    .attribute_left_out(element, replicas, "it is no number from 0 up"),
            }
        }
        if let Some(sample) = sample.filter(|sample| sample.value != "1") {
            let reason = "floe looks at the load of the last minute";
            self.notes.attribute_left_out(element, sample, reason);
        }
    }

    fn map_group_object(&mut self, element: &'t Element) -> Option<Object> {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let id = attributes.must("identity", &mut self.notes);
        let kind = attributes.take("type");
        attributes.leave_out("proxy-options", PROXY_OPTIONS, &mut self.notes);
        let reason = "IceGrid knows it for objects of adapters only";
        attributes.leave_out("property", reason, &mut self.notes);
        attributes.finish(&mut self.notes);
        self.no_children(element);
        let id = id?;
        let scope = Scope::default();
        Some(Object {
            id: self.id(&id.value, id.place, &scope),
            kind: kind
                .map(|kind| self.text(&kind.value, kind.place, &scope))
                .unwrap_or_default(),
            adapter: None,
        })
    }

    /// The group that an adapter names, if this file declares it.
    pub(super) fn group_of(&mut self, element: &'t Element, name: &'t str, scope: &Scope<'t>) -> Option<String> {
        let id = self.id(name, element.place, scope);
        if scope.template.is_some() && id.contains("${") {
            return Some(id);
        }
        let known = super::text::identifier(&self.fixed_text(&id, element.place, scope)?);
        if known.parse().is_ok_and(|group: GroupId| self.groups.contains(&group)) {
            return Some(known);
        }
        let message = format!(
            "replica-group=\"{}\" of <adapter>: this file declares no such group, and floe wants it in the same application",
            shown(&known)
        );
        self.notes.add(element.place, super::Kind::NotMapped, message);
        None
    }
}
