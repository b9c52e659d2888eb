//! A server of a template: the template's fields with the server's own laid over them, and values for its parameters.

use super::descriptor::{Application, Parameter, Server};
use super::expand::Reader;
use super::fault::{Faults, shown};
use super::place::{Field, Place, Spot};
use super::substitute::check_name;
use std::borrow::Cow;

/// Stands for the value of a parameter that has none, so that one mistake gives one fault.
const HARMLESS: &str = "1";

/// What may stand in a template and in a server, whether something is made of it or not.
pub(super) fn check_templates(application: &Application, faults: &mut Faults) {
    for (name, template) in &application.templates {
        let place = Spot::template(name);
        if let Some(inner) = &template.template {
            let message = format!("is made from template {}, but a template has none", shown(inner));
            faults.add(place.field("template".into()), message);
        }
        if !template.with.is_empty() {
            let message = "with stands in servers: a template gives its parameters a default";
            faults.add(place.field("with".into()), message);
        }
        for parameter in template.parameters.keys() {
            if let Err(reason) = check_name("parameter", parameter) {
                faults.add(place.field(Field::Key("parameters", parameter)), reason);
            }
        }
    }
}

/// The template that a server is made from, if it names one, with values for its parameters in the reader's scope.
///
/// # Errors
/// There is none of that name; that is told.
pub(super) fn template_of<'a>(
    application: &'a Application,
    server: &Server,
    reader: &mut Reader<'_, '_, '_>,
) -> Result<Option<&'a Server>, ()> {
    if !server.parameters.is_empty() {
        reader.fault("parameters".into(), "stand only in a template");
    }
    let Some(name) = &server.template else {
        if !server.with.is_empty() {
            let message = "gives values to a template's parameters, but this server names no template";
            reader.fault("with".into(), message);
        }
        return Ok(None);
    };
    let Some(template) = application.templates.get(name) else {
        let near = reader
            .faults
            .did_you_mean(name, application.templates.keys().map(String::as_str));
        let message = format!("\"{}\" is not declared in this application{near}", shown(name));
        reader.fault("template".into(), &message);
        return Err(());
    };
    for unknown in server.with.keys().filter(|key| !template.parameters.contains_key(*key)) {
        let near = reader
            .faults
            .did_you_mean(unknown, template.parameters.keys().map(String::as_str));
        let (name, unknown_) = (shown(name), shown(unknown));
        let message = format!("template {name} has no parameter `{unknown_}`{near}");
        reader.fault(Field::Key("with", unknown), &message);
    }
    give_parameters(name, template, server, reader);
    Ok(Some(template))
}

/// Values are read outside the template: they see the variables of node and application, but no parameter.
fn give_parameters(name: &str, template: &Server, server: &Server, reader: &mut Reader<'_, '_, '_>) {
    let mut values = Vec::new();
    for (parameter, Parameter { default }) in &template.parameters {
        let value = match (server.with.get(parameter), default) {
            (Some(text), _) => reader.deferred(Field::Key("with", parameter), text),
            (None, Some(text)) => default_of(name, parameter, text, reader),
            (None, None) => {
                let (name, parameter) = (shown(name), shown(parameter));
                let cure = format!("write with = {{ {parameter} = \"...\" }}");
                let message = format!("template {name} wants a value for its parameter `{parameter}`: {cure}");
                reader.fault("with".into(), &message);
                None
            }
        };
        values.push((parameter, value.unwrap_or(HARMLESS.to_owned())));
    }
    for (parameter, value) in values {
        reader.scope.give(parameter, value);
    }
}

/// A default stands in the template, but what it says is the server's.
fn default_of(name: &str, parameter: &str, text: &str, reader: &mut Reader<'_, '_, '_>) -> Option<String> {
    let result = reader.scope.defer(text);
    let told = result.map_err(|error| {
        let mut place = Spot::template(name).field(Field::Key("parameters", parameter));
        place.words = Place::from(reader.place).words;
        let message = format!("default of parameter `{}`: {error}", shown(parameter));
        reader.faults.add(place, message);
    });
    told.ok()
}

/// The server with its template's fields where it names none itself. Names and ids are compared as they read in it. `None`,
/// with a fault, when all servers together are too much.
pub(super) fn filled<'a>(
    server: &'a Server,
    template: Option<&Server>,
    reader: &mut Reader<'_, '_, '_>,
) -> Option<Cow<'a, Server>> {
    let Some(template) = template else {
        return Some(Cow::Borrowed(server));
    };
    if let Err(error) = reader.scope.count(weight(template)) {
        reader.fault("template".into(), &error.to_string());
        return None;
    }
    let scope = &mut *reader.scope;
    let mut reading = |text: &str| scope.finish(text).unwrap_or_else(|_error| text.to_owned());
    Some(Cow::Owned(server.laid_over(template, &mut reading)))
}

/// How many things each server of this template is made of.
fn weight(template: &Server) -> usize {
    let files = template.files.iter().map(|file| 1 + file.uses.len() + file.set.len());
    let allocatables = template.allocatables.iter().map(|one| 1 + one.attributes.len());
    let maps = template.environment.len() + template.ports.len() + template.logs.len() + template.labels.len();
    let lists = template.run.len() + template.stop.len() + template.adapters.len() + template.objects.len();
    template.parameters.len() + maps + lists + files.sum::<usize>() + allocatables.sum::<usize>()
}
