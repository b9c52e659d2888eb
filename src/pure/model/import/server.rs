//! `<server>` and `<icebox>`: what is run, how, and with which files.

use super::mapper::Mapper;
use super::notes::Attributes;
use super::scope::Scope;
use super::template::Addition;
use super::tree::{Attribute, Element};
use crate::pure::model::descriptor::{File, PropertySet, Ready, Server};
use crate::pure::model::spec::Activation;
use crate::pure::model::validate::shown;

/// A server while it is read.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) server: Server,
    /// What each file holds, by its name; the server's own comes first.
    pub(super) files: Vec<(String, PropertySet)>,
    /// Adapters that IceGrid waits for and that can be tried by TCP.
    pub(super) awaited: Vec<String>,
    /// Services of an IceBox in order.
    pub(super) services: Vec<String>,
    pub(super) descriptions: Vec<String>,
}

impl<'t> Mapper<'t> {
    /// A server or IceBox.
    pub(super) fn map_server(&mut self, element: &'t Element, scope: &Scope<'t>) -> Option<Server> {
        self.map_server_with(element, scope, &[])
    }

    /// The same, with properties that an instance adds.
    pub(super) fn map_server_with(
        &mut self,
        element: &'t Element,
        scope: &Scope<'t>,
        additions: &[Addition<'t>],
    ) -> Option<Server> {
        if self.is_spent() {
            return None;
        }
        let mut builder = Builder {
            files: vec![(super::service::file_name(None), PropertySet::default())],
            ..Builder::default()
        };
        let scope = self.map_head(element, scope, &mut builder)?;
        for child in self.children_of_program(element) {
            self.map_part_of_server(child, element, &scope, &mut builder);
        }
        for addition in additions {
            let name = super::service::file_name(addition.service.as_deref());
            let found = builder.files.iter_mut().find(|(file, _)| *file == name);
            if let Some((_, set)) = found {
                self.map_properties(addition.element, &scope, set);
            } else {
                self.notes.left_out(addition.element, "its server has no such service");
            }
        }
        Some(self.finish_server(element, builder))
    }

    fn map_head(&mut self, element: &'t Element, scope: &Scope<'t>, builder: &mut Builder) -> Option<Scope<'t>> {
        let mut attributes = Attributes::of(element, &mut self.notes);
        let id = attributes.must("id", &mut self.notes)?;
        let exe = attributes.must("exe", &mut self.notes)?;
        let server = &mut builder.server;
        server.id = self.id(&id.value, id.place, scope);
        let scope = Scope {
            server: Some(server.id.clone()),
            ..scope.clone()
        };
        server.run = vec![self.program(exe, &scope)];
        if let Some(activation) = attributes.take("activation") {
            server.activation = self.activation(element, activation, &scope);
        }
        server.activation_timeout = self.seconds(element, attributes.take("activation-timeout"), &scope);
        server.deactivation_timeout = self.seconds(element, attributes.take("deactivation-timeout"), &scope);
        if let Some(directory) = attributes.take("pwd").filter(|pwd| !pwd.value.is_empty()) {
            server.directory = self.directory(directory, &scope);
        }
        let user = attributes.take("user").filter(|user| !user.value.is_empty());
        server.user = user.map(|user| self.text(&user.value, user.place, &scope));
        server.exclusive = self.flag(element, &mut attributes, "allocatable").filter(|flag| *flag);
        // Says only whether the application's files are wanted, of which <distrib> tells.
        self.flag(element, &mut attributes, "application-distrib");
        if let Some(version) = attributes.take("ice-version") {
            self.notes.note(
                version.place,
                "ice-version has no meaning here: floe writes what the file says, for every version of Ice",
            );
        }
        attributes.finish(&mut self.notes);
        Some(scope)
    }

    fn program(&mut self, exe: &'t Attribute, scope: &Scope<'t>) -> String {
        let program = self.text(&exe.value, exe.place, scope);
        if program.contains('/') && !program.starts_with(['/', '$']) {
            let message = format!(
                "exe \"{}\" is relative to the working directory of IceGrid's node; floe starts it from the server's own: write the whole path",
                shown(&program)
            );
            self.notes.note(exe.place, message);
        }
        program
    }

    fn activation(&mut self, element: &'t Element, written: &'t Attribute, scope: &Scope<'t>) -> Option<Activation> {
        match self.fixed(&written.value, written.place, scope)?.as_str() {
            "manual" => Some(Activation::Manual),
            "on-demand" => Some(Activation::OnDemand),
            "always" => Some(Activation::Always),
            "session" => Some(Activation::Session),
            _ => {
                let reason = "activation is manual, on-demand, always or session";
                self.notes.attribute_left_out(element, written, reason);
                None
            }
        }
    }

    /// Seconds, as IceGrid counts, to `30s`.
    fn seconds(&mut self, element: &'t Element, written: Option<&'t Attribute>, scope: &Scope<'t>) -> Option<String> {
        let written = written.filter(|written| !written.value.is_empty())?;
        let text = self.text(written.value.trim(), written.place, scope);
        if text.contains("${") || text.parse::<u32>().is_ok() {
            return Some(format!("{text}s"));
        }
        self.notes
            .attribute_left_out(element, written, "it is no number of seconds from 0 up");
        None
    }

    fn directory(&mut self, written: &'t Attribute, scope: &Scope<'t>) -> Option<String> {
        let path = self.text(&written.value, written.place, scope);
        if path.starts_with(['/', '$']) {
            return Some(path);
        }
        let inner = path.trim_start_matches("./").trim_end_matches('/');
        let directory = (inner != ".").then(|| format!("${{server.data}}/{inner}"));
        let message = format!(
            "pwd \"{}\" is relative to the working directory of IceGrid's node, which floe does not have; it is {} here",
            shown(&path),
            directory
                .as_deref()
                .unwrap_or("the server's own directory, ${server.data},")
        );
        self.notes.note(written.place, message);
        directory
    }

    fn map_part_of_server(
        &mut self,
        child: &'t Element,
        within: &'t Element,
        scope: &Scope<'t>,
        builder: &mut Builder,
    ) {
        let is_icebox = within.name == "icebox";
        match child.name.as_str() {
            "option" => self.map_option(child, scope, builder),
            "env" => self.map_env(child, scope, builder),
            "distrib" => self.leave_distribution(child),
            "adapter" if is_icebox => self
                .notes
                .left_out(child, "an IceBox has adapters only in its services"),
            "service" if is_icebox => self.map_service(child, scope, &[], builder),
            "service-instance" if is_icebox => self.map_service_instance(child, scope, builder),
            _ => {
                let mut set = builder
                    .files
                    .first_mut()
                    .map(|(_, set)| std::mem::take(set))
                    .unwrap_or_default();
                self.map_shared_part(child, within, scope, &mut set, builder);
                if let Some((_, place)) = builder.files.first_mut() {
                    *place = set;
                }
            }
        }
    }

    fn map_option(&mut self, element: &'t Element, scope: &Scope<'t>, builder: &mut Builder) {
        Attributes::with_text(element).finish(&mut self.notes);
        self.no_children(element);
        if element.text.is_empty() {
            self.notes
                .note(element.place, "an empty option is passed over, as in IceGrid");
            return;
        }
        let text = self.text(&element.text, element.place, scope);
        builder.server.run.push(text);
    }

    fn map_env(&mut self, element: &'t Element, scope: &Scope<'t>, builder: &mut Builder) {
        Attributes::with_text(element).finish(&mut self.notes);
        self.no_children(element);
        let Some((name, value)) = element.text.trim().split_once('=') else {
            self.notes.left_out(element, "it is not NAME=value");
            return;
        };
        let Some(name) = self.fixed(name, element.place, scope) else {
            return;
        };
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if name.is_empty() || !is_name || name.starts_with(|c: char| c.is_ascii_digit()) || name.starts_with("FLOE_") {
            let reason = format!(
                "{}: names hold letters, digits and '_', and those that start with FLOE_ are floe's",
                shown(&name)
            );
            self.notes.left_out(element, &reason);
            return;
        }
        let refers = value.match_indices('$').any(|(at, _)| {
            let next = value.get(at + 1..).unwrap_or_default();
            next.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        });
        if refers {
            let message = format!(
                "environment {name}: IceGrid puts the node's own variables where \"{}\" has $NAME, floe passes the text on as it is",
                shown(value)
            );
            self.notes.add(element.place, super::Kind::NotMapped, message);
        }
        let value = self.text(value, element.place, scope);
        if builder.server.environment.insert(name.clone(), value).is_some() {
            let message = format!("environment {name} is set again: the last one counts");
            self.notes.note(element.place, message);
        }
    }

    /// Ends a server: files, the option that names them to Ice, readiness, label.
    fn finish_server(&mut self, element: &'t Element, builder: Builder) -> Server {
        let Builder {
            mut server,
            files,
            awaited,
            services,
            descriptions,
        } = builder;
        let mut files = files.into_iter();
        let (name, mut own) = files.next().unwrap_or_default();
        if !services.is_empty() {
            self.set_property(element, &mut own, "IceBox.LoadOrder", &services.join(" "));
        }
        let file = |(name, set): (String, PropertySet)| File {
            name,
            uses: set.uses,
            set: set.set,
        };
        if own != PropertySet::default() {
            server.run.push(format!("--Ice.Config=${{server.config}}/{name}"));
            server.files.push(file((name, own)));
        }
        server.files.extend(files.map(file));
        if awaited.len() > 1 {
            let message = format!(
                "IceGrid waits for {}; floe counts the server as ready when the first of them accepts",
                awaited.join(", ")
            );
            self.notes.note(element.place, message);
        }
        server.ready = awaited.into_iter().next().map(|adapter| Ready {
            tcp: Some(adapter),
            ..Ready::default()
        });
        if !descriptions.is_empty() {
            server.labels.insert("description".to_owned(), descriptions.join("; "));
        }
        server
    }
}
