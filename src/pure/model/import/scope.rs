//! What texts mean at one place: variables that stay, parameters that are written out, and texts that must be known now.

use super::mapper::Mapper;
use super::text::{Piece, identifier, pieces, variable_name};
use super::tree::Place;
use crate::pure::model::substitute::{Scope as Substitution, SubstituteError};
use crate::pure::model::validate::shown;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A place of the descriptor.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'t> {
    /// Parameters that are replaced by these texts of ours.
    pub(super) parameters: Rc<BTreeMap<String, String>>,
    /// In a template that stays one, by its name: its parameters stay, too.
    pub(super) template: Option<&'t str>,
    /// The node's name and variables.
    pub(super) node: Option<(String, Rc<BTreeMap<String, String>>)>,
    /// The server's id, a text of ours.
    pub(super) server: Option<String>,
    /// The service's name, a text of ours.
    pub(super) service: Option<String>,
}

/// Variables that IceGrid gives and floe does not: what to do instead.
fn cure(name: &str) -> Option<&'static str> {
    Some(match name {
        "node.os" | "node.release" | "node.version" | "node.machine" => "floe does not give it",
        "node.data" | "node.datadir" => "floe does not give it; a server's own folder is ${server.data}",
        "session.id" => "a server finds its session in the environment variable FLOE_SESSION",
        "application.distrib" | "server.distrib" => "there is no IcePatch2 here: name the folder of the files",
        _ => return None,
    })
}

impl Mapper<'_> {
    /// A text of IceGrid's as one of ours.
    pub(super) fn text(&mut self, written: &str, place: Place, scope: &Scope<'_>) -> String {
        self.spend(written.len());
        let mut out = String::with_capacity(written.len());
        for piece in pieces(written) {
            match piece {
                Piece::Literal(literal) => out.push_str(literal),
                Piece::Dollars(count) => out.push_str(&"$$".repeat(count)),
                Piece::Unclosed => {
                    let message = format!("`${{` without its `}}` in \"{}\": taken as a dollar", shown(written));
                    self.notes.note(place, message);
                }
                Piece::Variable(name) => {
                    let value = self.variable(name, place, scope);
                    self.spend(value.len());
                    out.push_str(&value);
                }
            }
        }
        out
    }

    fn variable(&mut self, name: &str, place: Place, scope: &Scope<'_>) -> String {
        if let Some(value) = scope.parameters.get(name) {
            return value.clone();
        }
        if let Some(cure) = cure(name) {
            let ours = name.replace('.', "_");
            let message =
                format!("${{{name}}}: {cure}. It stands as ${{{ours}}} now: give that a value under [variables]");
            self.notes.add(place, super::Kind::NotMapped, message);
            return format!("${{{ours}}}");
        }
        match (name, &scope.service) {
            ("node.hostname", _) => {
                self.notes.note(
                    place,
                    "${node.hostname} is ${node.host} here: the host that the node's configuration names",
                );
                "${node.host}".to_owned()
            }
            ("service", Some(service)) => service.clone(),
            ("service.data", Some(service)) => {
                let ours = format!("${{server.data}}/data_{service}");
                self.notes.note(
                    place,
                    format!("${{service.data}} is {ours} here; floe does not make that folder"),
                );
                ours
            }
            _ => {
                self.say_missing(name, place, scope);
                format!("${{{}}}", variable_name(name))
            }
        }
    }

    /// Names a variable that nothing in the file gives a value, once.
    fn say_missing(&mut self, name: &str, place: Place, scope: &Scope<'_>) {
        let is_given = matches!(name, "application" | "node" | "server" | "server.data");
        let template = scope.template.and_then(|template| self.server_templates.get(template));
        let is_parameter = template.is_some_and(|template| template.has_parameter(name));
        if is_given || is_parameter || self.variables.contains(name) || !self.missing.insert(name.to_owned()) {
            return;
        }
        let ours = variable_name(name);
        let message = format!(
            "${{{}}}: nothing in the file gives it a value; if it was given to icegridadmin's application add, write it under [variables] as {}",
            shown(name),
            shown(&ours)
        );
        self.notes.add(place, super::Kind::NotMapped, message);
    }

    /// A text that must be known now, because floe has no variables at its place. In a template that depends on the
    /// server, the template is written out instead. `None`: said so, or the template will be.
    pub(super) fn fixed(&mut self, written: &str, place: Place, scope: &Scope<'_>) -> Option<String> {
        let text = self.text(written, place, scope);
        self.fixed_text(&text, place, scope)
    }

    /// As [`Mapper::fixed`], of a text of ours.
    pub(super) fn fixed_text(&mut self, text: &str, place: Place, scope: &Scope<'_>) -> Option<String> {
        if !text.contains('$') {
            return Some(text.to_owned());
        }
        if let (Some(template), true) = (scope.template, text.contains("${")) {
            self.want_written_out(
                template,
                &format!("floe has no variables where \"{}\" stands", shown(text)),
            );
            return None;
        }
        match self.resolved(text, scope) {
            Ok(text) => Some(text),
            Err(error) => {
                let message = format!("\"{}\" must be known here: {error}", shown(text));
                self.notes.add(place, super::Kind::NotMapped, message);
                None
            }
        }
    }

    fn resolved(&self, text: &str, scope: &Scope<'_>) -> Result<String, SubstituteError> {
        let node = scope.node.as_ref();
        let mut layers: Vec<&BTreeMap<String, String>> = node.iter().map(|(_, variables)| &**variables).collect();
        layers.push(&self.application.variables);
        let mut substitution = Substitution::new(layers, &self.substituted);
        substitution.reserve("application", self.application.name.as_str());
        if let Some((name, _)) = node {
            substitution.reserve("node", name);
        }
        if let Some(server) = &scope.server {
            let server = substitution.finish(server)?;
            substitution.reserve("server", &server);
        }
        substitution.finish(text)
    }

    /// A text as an id; says so where it had to change. A variable whose value no id can hold is replaced by that value.
    pub(super) fn id(&mut self, written: &str, place: Place, scope: &Scope<'_>) -> String {
        let text = self.text(written, place, scope);
        if text.contains("${") && scope.template.is_none() {
            let holds_id = |text: &str| identifier(text) == text;
            let ours = self.resolved(&identifier(&text), scope);
            if ours.is_ok_and(|id| !holds_id(&id))
                && let Ok(known) = self.resolved(&text, scope)
            {
                return self.id_of(&known.replace('$', "$$"), place);
            }
        }
        self.id_of(&text, place)
    }

    /// As [`Mapper::id`], of a text of ours, variables left as they are.
    pub(super) fn id_of(&mut self, text: &str, place: Place) -> String {
        let id = identifier(text);
        if id != text {
            let message = format!(
                "\"{}\" is \"{}\" here: ids hold only letters, digits, '.', '_' and '-'",
                shown(text),
                shown(&id)
            );
            self.notes.note(place, message);
        }
        id
    }
}
