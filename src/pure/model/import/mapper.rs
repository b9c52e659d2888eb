//! Works an application out of the elements: once without targets, and once with each target, of which the difference is
//! kept. Templates that need what floe's templates do not have are found on the way, and written out the next time.

use super::include::Loaded;
use super::notes::{Attributes, Notes, shown_place};
use super::overlay;
use super::template::Template;
use super::tree::Element;
use super::{ImportError, Imported, Kind, WORK_MAX};
use crate::pure::base::{ApplicationName, GroupId, PeerName};
use crate::pure::model::descriptor::Application;
use crate::pure::model::validate::shown;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// One walk through the elements.
pub(super) struct Mapper<'t> {
    pub(super) notes: Notes,
    pub(super) application: Application,
    pub(super) comments: Vec<(String, String)>,
    /// The target whose elements count.
    active: Option<&'t str>,
    /// Templates that are written out for each of their servers.
    pub(super) written_out: &'t BTreeSet<String>,
    /// Those that must be, with the reason.
    pub(super) wanted: BTreeMap<String, String>,
    pub(super) server_templates: BTreeMap<&'t str, Template<'t>>,
    pub(super) service_templates: BTreeMap<&'t str, Template<'t>>,
    /// Templates of servers and services that something uses, by their element's place.
    pub(super) used: BTreeSet<(&'t str, &'t str)>,
    /// Groups that are declared anywhere in the file, in targets, too.
    pub(super) groups: BTreeSet<GroupId>,
    /// Names of nodes as written, with ours.
    pub(super) nodes: BTreeMap<&'t str, PeerName>,
    /// Names of variables that are declared anywhere in the file.
    pub(super) variables: BTreeSet<&'t str>,
    /// Names of those that are not, as far as they were met.
    pub(super) missing: BTreeSet<String>,
    /// Bytes of `substitute`'s own bound.
    pub(super) substituted: Cell<usize>,
    spent: usize,
}

impl<'t> Mapper<'t> {
    fn new(loaded: &'t Loaded, written_out: &'t BTreeSet<String>, spent: usize, name: ApplicationName) -> Self {
        Self {
            notes: loaded.notes.clone(),
            application: Application::new(name),
            comments: Vec::new(),
            active: None,
            written_out,
            wanted: BTreeMap::new(),
            server_templates: BTreeMap::new(),
            service_templates: BTreeMap::new(),
            used: BTreeSet::new(),
            groups: BTreeSet::new(),
            nodes: BTreeMap::new(),
            variables: variables_in(&loaded.root),
            missing: BTreeSet::new(),
            substituted: Cell::new(0),
            spent,
        }
    }
    /// The elements in one, those of the active target among them.
    pub(super) fn children(&mut self, element: &'t Element) -> Vec<&'t Element> {
        self.spend(1);
        let mut found = Vec::new();
        for child in &element.children {
            if child.name != "target" {
                found.push(child);
            } else if self.active.is_some() && child.attribute("name") == self.active {
                let within = self.children(child);
                found.extend(within);
            }
        }
        found
    }
    /// For an element that has only text, or only attributes.
    pub(super) fn no_children(&mut self, element: &'t Element) {
        for child in self.children(element) {
            self.notes.stray(child, element);
        }
    }
    /// Counts work; beyond `WORK_MAX` everything ends soon.
    pub(super) fn spend(&mut self, amount: usize) {
        self.spent = self.spent.saturating_add(amount);
    }
    /// True when no more work may be done.
    pub(super) fn is_spent(&self) -> bool {
        self.spent > WORK_MAX
    }
    /// A template cannot stay one.
    pub(super) fn want_written_out(&mut self, template: &str, reason: &str) {
        self.wanted
            .entry(template.to_owned())
            .or_insert_with(|| reason.to_owned());
    }
    /// A yes or no.
    pub(super) fn flag(&mut self, element: &Element, attributes: &mut Attributes<'t>, name: &str) -> Option<bool> {
        let attribute = attributes.take(name)?;
        match attribute.value.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.notes
                    .attribute_left_out(element, attribute, "it is neither true nor false");
                None
            }
        }
    }
}

/// The names of all variables that are declared in an element.
fn variables_in(element: &Element) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for child in &element.children {
        if child.name == "variable" {
            found.extend(child.attribute("name"));
        }
        found.extend(variables_in(child));
    }
    found
}

/// What all walks together come to.
pub(super) fn map(loaded: &Loaded) -> Result<Imported, ImportError> {
    let name = name_of(loaded)?;
    let mut written_out = BTreeSet::new();
    let mut reasons = BTreeMap::new();
    let mut spent = 0;
    loop {
        let mut walks = vec![walk(loaded, None, &written_out, &mut spent, &name)?];
        for target in &loaded.targets {
            walks.push(walk(loaded, Some(target), &written_out, &mut spent, &name)?);
        }
        let before = reasons.len();
        for walk in &walks {
            reasons.extend(walk.wanted.clone());
        }
        if reasons.len() == before {
            return Ok(together(loaded, walks, &reasons));
        }
        drop(walks);
        written_out = reasons.keys().cloned().collect();
    }
}

fn walk<'t>(
    loaded: &'t Loaded,
    target: Option<&'t str>,
    written_out: &'t BTreeSet<String>,
    spent: &mut usize,
    name: &ApplicationName,
) -> Result<Mapper<'t>, ImportError> {
    let mut mapper = Mapper::new(loaded, written_out, *spent, name.clone());
    mapper.active = target;
    mapper.root(&loaded.root);
    *spent = mapper.spent;
    if mapper.is_spent() {
        return Err(ImportError::TooMuch {
            place: loaded.files.first().cloned().unwrap_or_default(),
            message: format!("its templates and targets come to more than {WORK_MAX} bytes when they are written out"),
        });
    }
    Ok(mapper)
}

fn name_of(loaded: &Loaded) -> Result<ApplicationName, ImportError> {
    let missing = |message: &str| ImportError::NoApplication {
        place: shown_place(&loaded.files, loaded.root.place),
        message: message.to_owned(),
    };
    let mut children = loaded.root.children.iter();
    let application = children.find(|child| child.name == "application");
    let application = application.ok_or_else(|| missing("holds no <application>"))?;
    let name = application.attribute("name").unwrap_or_default();
    if name.is_empty() {
        return Err(missing("holds an <application> without a name"));
    }
    let mut ours = super::text::identifier(&name.replace('$', "-"));
    ours.truncate(crate::pure::base::limits::NAME_BYTES_MAX);
    ours.parse().map_err(|error| missing(&format!("{error}")))
}

/// The first walk's application, with the differences of the others as targets.
fn together(loaded: &Loaded, walks: Vec<Mapper<'_>>, reasons: &BTreeMap<String, String>) -> Imported {
    let mut walks = walks.into_iter();
    let Some(base) = walks.next() else {
        unreachable!("there is always a walk without a target");
    };
    let mut notes = base.notes;
    let (mut application, mut comments) = (base.application, base.comments);
    let mut used = base.used;
    let mut changes = overlay::Changes::default();
    for (walk, name) in walks.zip(&loaded.targets) {
        notes.merge(walk.notes);
        used.extend(walk.used);
        let target = overlay::target(&application, &walk.application, name, &mut changes);
        application.targets.insert(name.clone(), target);
        let new = walk.comments.into_iter().filter(|comment| !comments.contains(comment));
        let new: Vec<_> = new
            .map(|(path, text)| (format!("target.{name}.{path}"), text))
            .collect();
        comments.extend(new);
    }
    for message in changes.lost() {
        notes.add(loaded.root.place, Kind::NotMapped, message);
    }
    say_templates(&loaded.root, &used, reasons, &mut notes);
    Imported {
        application,
        notes: notes.finish(&loaded.files),
        comments,
    }
}

/// What became of templates that are none any more.
fn say_templates(
    element: &Element,
    used: &BTreeSet<(&str, &str)>,
    reasons: &BTreeMap<String, String>,
    notes: &mut Notes,
) {
    let id = element.attribute("id").unwrap_or_default();
    let is_used = used.contains(&(element.name.as_str(), id));
    match (element.name.as_str(), is_used, reasons.get(id)) {
        ("server-template", true, Some(reason)) => notes.note(
            element.place,
            format!(
                "template {} is written out for each of its servers: {reason}",
                shown(id)
            ),
        ),
        ("server-template", false, Some(reason)) => {
            notes.left_out(
                element,
                &format!("nothing uses it, and it cannot stay a template: {reason}"),
            );
        }
        ("service-template", true, _) => notes.note(
            element.place,
            format!("service template {} is written out where it is used", shown(id)),
        ),
        ("service-template", false, _) => {
            notes.left_out(element, "nothing uses it, and floe has no templates of services");
        }
        _ => {
            for child in &element.children {
                say_templates(child, used, reasons, notes);
            }
        }
    }
}
