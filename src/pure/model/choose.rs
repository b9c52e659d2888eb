//! Targets: parts of an application that are chosen when its file is read, and values for its variables from outside.

use super::descriptor::{Application, Group, Node, Target, TargetGroup};
use super::fault::shown;
use super::nearest::did_you_mean;
use super::overlay;
use super::substitute::check_name;
use std::collections::BTreeMap;

/// Why a choice was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChooseError {
    /// There is no such target.
    #[error("there is no target {0}; {1}")]
    Target(String, String),
    /// Not `NAME=VALUE`.
    #[error("\"{0}\" is no NAME=VALUE")]
    Malformed(String),
    /// No variable can have this name.
    #[error("{0}")]
    Name(String),
    /// A variable that nothing declares or uses.
    #[error("variable `{0}` is neither declared nor used in this application{1}")]
    Variable(String, String),
}

impl Application {
    /// The application with the named targets laid over it in this order, and with variables set, each `NAME=VALUE`; no
    /// target is left. A node's own variables still win over those that are set.
    ///
    /// # Errors
    /// An unknown target, or something that sets no variable of this application.
    pub fn choose(mut self, targets: &[String], values: &[String]) -> Result<Self, ChooseError> {
        let values = values.iter().map(|text| self.read_value(text));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let known = std::mem::take(&mut self.targets);
        for name in targets {
            let Some(target) = known.get(name) else {
                let names: Vec<String> = known.keys().map(|name| shown(name)).collect();
                let names = match names.as_slice() {
                    [] => "this application has none".to_owned(),
                    names => format!("this application has {}", names.join(", ")),
                };
                return Err(ChooseError::Target(shown(name), names));
            };
            self.lay_over(target.clone());
        }
        self.variables.extend(values);
        Ok(self)
    }

    fn read_value(&self, text: &str) -> Result<(String, String), ChooseError> {
        let malformed = || ChooseError::Malformed(shown(text));
        let (name, value) = text.split_once('=').ok_or_else(malformed)?;
        check_name("variable", name).map_err(ChooseError::Name)?;
        if !self.knows_variable(name) {
            let near = did_you_mean(name, self.variables.keys().map(String::as_str));
            return Err(ChooseError::Variable(shown(name), near));
        }
        Ok((name.to_owned(), value.to_owned()))
    }

    fn lay_over(&mut self, target: Target) {
        self.variables.extend(target.variables);
        self.property_sets.extend(target.property_sets);
        for (name, template) in target.templates {
            let template = match self.templates.get(&name) {
                Some(base) => template.laid_over(base, &mut str::to_owned),
                None => template,
            };
            self.templates.insert(name, template);
        }
        for group in target.groups {
            match self.groups.iter_mut().find(|base| base.id == group.id) {
                Some(base) => lay_group(group, base),
                None => self.groups.push(new_group(group)),
            }
        }
        for (name, node) in target.nodes {
            lay_node(node, self.nodes.entry(name).or_default());
        }
    }

    fn knows_variable(&self, name: &str) -> bool {
        let mut targets = self.targets.values();
        let declared = targets.any(|target| target.variables.contains_key(name));
        // The text of the whole tells whether anything uses it, whatever kind of text that is.
        let used = || serde_json::to_string(self).is_ok_and(|text| text.contains(&format!("${{{name}}}")));
        self.variables.contains_key(name) || declared || used()
    }
}

fn lay_group(over: TargetGroup, base: &mut Group) {
    base.balance = over.balance.unwrap_or(base.balance);
    base.count = over.count.unwrap_or(base.count);
    let objects = &over.objects;
    base.objects = overlay::list(
        objects,
        &base.objects,
        |object| &object.id,
        overlay::object,
        &mut str::to_owned,
    );
}

fn new_group(group: TargetGroup) -> Group {
    let mut new = Group::new(group.id.clone());
    lay_group(group, &mut new);
    new
}

/// Servers are known by their ids as written. One that leaves its id to a template is always another one.
fn lay_node(over: Node, base: &mut Node) {
    base.variables.extend(over.variables);
    base.property_sets.extend(over.property_sets);
    let mut places = BTreeMap::new();
    for (index, server) in base
        .servers
        .iter()
        .enumerate()
        .filter(|(_, server)| !server.id.is_empty())
    {
        places.entry(server.id.clone()).or_insert(index);
    }
    for server in over.servers {
        let below = places.remove(&server.id).and_then(|index| base.servers.get_mut(index));
        match below {
            Some(below) => *below = server.laid_over(below, &mut str::to_owned),
            None => base.servers.push(server),
        }
    }
}

#[cfg(test)]
#[path = "choose_test.rs"]
mod tests;
