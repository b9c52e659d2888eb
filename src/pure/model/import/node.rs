//! `<node>` to `[node.NAME]`.

use super::mapper::Mapper;
use super::notes::Attributes;
use super::scope::Scope;
use super::tree::{Attribute, Element};
use crate::pure::base::PeerName;
use crate::pure::model::descriptor::Node;
use crate::pure::model::validate::shown;
use std::rc::Rc;

impl<'t> Mapper<'t> {
    /// Names that are good as they are belong to the nodes that have them.
    pub(super) fn declare_nodes(&mut self, element: &'t Element) {
        for child in &element.children {
            let name = child.attribute("name").unwrap_or_default();
            match (child.name.as_str(), name.parse()) {
                ("target", _) => self.declare_nodes(child),
                ("node", Ok(ours)) => {
                    self.nodes.insert(name, ours);
                }
                _ => {}
            }
        }
    }

    /// One node, added to what an earlier element of its name brought.
    pub(super) fn map_node(&mut self, element: &'t Element) {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let name = attributes.must("name", &mut self.notes);
        let reason = "how strong a machine is stands in the configuration of its node, not in an application";
        attributes.leave_out("load-factor", reason, &mut self.notes);
        attributes.finish(&mut self.notes);
        let Some(name) = name else { return };
        let Some(name) = self.node_name(element, name) else {
            return;
        };
        let mut node = self.application.nodes.remove(&name).unwrap_or_default();
        let children = self.children(element);
        let bare = Scope {
            node: Some((name.to_string(), Rc::default())),
            ..Scope::default()
        };
        for child in children.iter().filter(|child| child.name == "variable") {
            self.map_variable(child, &bare, &mut node.variables);
        }
        let scope = Scope {
            node: Some((name.to_string(), Rc::new(node.variables.clone()))),
            ..Scope::default()
        };
        for child in children {
            self.map_part_of_node(child, element, &name, &scope, &mut node);
            if self.is_spent() {
                break;
            }
        }
        self.application.nodes.insert(name, node);
    }

    fn map_part_of_node(
        &mut self,
        child: &'t Element,
        within: &'t Element,
        name: &PeerName,
        scope: &Scope<'t>,
        node: &mut Node,
    ) {
        match child.name.as_str() {
            "variable" => {}
            "description" => {
                let text = self.plain(child);
                self.comments.push((format!("node.{name}"), text));
            }
            "properties" => self.map_named_set(child, scope, &mut node.property_sets),
            "server" | "icebox" => node.servers.extend(self.map_server(child, scope)),
            "server-instance" => node.servers.extend(self.map_instance(child, scope)),
            _ => self.notes.stray(child, within),
        }
    }

    /// Our name of a node; two names of IceGrid's never become one.
    fn node_name(&mut self, element: &'t Element, name: &'t Attribute) -> Option<PeerName> {
        if let Some(known) = self.nodes.get(name.value.as_str()) {
            return Some(known.clone());
        }
        let text = self.fixed(&name.value, name.place, &Scope::default())?;
        let wanted = super::text::peer_name(&text);
        let free = |candidate: &str| !self.nodes.values().any(|taken| taken.as_str() == candidate);
        let numbered = (2..1000).map(|number| {
            let short: String = wanted.chars().take(28).collect();
            format!("{short}-{number}")
        });
        let found = std::iter::once(wanted.clone())
            .chain(numbered)
            .find(|candidate| free(candidate));
        let Some(ours) = found.and_then(|found| found.parse::<PeerName>().ok()) else {
            self.notes
                .left_out(element, "its name is too much like those of other nodes");
            return None;
        };
        if ours.as_str() != name.value {
            let message = format!(
                "node \"{}\" is {ours} here: peers have 1 to 32 small letters, digits and '-'; name the peer so",
                shown(&name.value)
            );
            self.notes.note(name.place, message);
        }
        self.nodes.insert(&name.value, ours.clone());
        Some(ours)
    }
}
