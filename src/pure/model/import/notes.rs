//! What the operator is told: each remark once, with its place; and the attributes of an element, of which none is forgotten.

use super::tree::{Attribute, Element, Place};
use crate::pure::model::validate::shown;
use std::collections::BTreeSet;
use std::fmt;

/// How much of the input is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing: it became something else, which is worth a look.
    Note,
    /// It is not in the application.
    NotMapped,
}

/// One remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// `FILE:LINE:COLUMN`.
    pub place: String,
    /// How much is lost.
    pub kind: Kind,
    /// What and why, and what to do where something can be done.
    pub message: String,
}
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.kind {
            Kind::Note => "note",
            Kind::NotMapped => "not mapped",
        };
        write!(f, "{}: {word}: {}", self.place, self.message)
    }
}

/// Remarks as they are found, in order of places, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    found: BTreeSet<(Place, Kind, String)>,
}

impl Notes {
    /// Adds one.
    pub(super) fn add(&mut self, place: Place, kind: Kind, message: impl Into<String>) {
        self.found.insert((place, kind, message.into()));
    }
    /// Takes over another's.
    pub(super) fn merge(&mut self, other: Self) {
        self.found.extend(other.found);
    }
    /// It became something else.
    pub(super) fn note(&mut self, place: Place, message: impl Into<String>) {
        self.add(place, Kind::Note, message);
    }
    /// An element that is not in the application, with all that is in it.
    pub(super) fn left_out(&mut self, element: &Element, reason: &str) {
        let within = if element.children.is_empty() {
            ""
        } else {
            " and what is in it"
        };
        let message = format!("{}{within}: {reason}", opened(element));
        self.add(element.place, Kind::NotMapped, message);
    }
    /// An attribute that is not in the application.
    pub(super) fn attribute_left_out(&mut self, element: &Element, attribute: &Attribute, reason: &str) {
        let message = format!(
            "{}=\"{}\" of <{}>: {reason}",
            shown(&attribute.name),
            shown(&attribute.value),
            shown(&element.name)
        );
        self.add(attribute.place, Kind::NotMapped, message);
    }
    /// An element where IceGrid has none of its name.
    pub(super) fn stray(&mut self, element: &Element, within: &Element) {
        self.left_out(
            element,
            &format!(
                "IceGrid's format has no such element in <{}> as far as floe knows",
                shown(&within.name)
            ),
        );
    }
    /// Text in an element that has none, and elements in one that has only text.
    pub(super) fn stray_text(&mut self, element: &Element) {
        let text = element.text.trim();
        if !text.is_empty() {
            let message = format!(
                "text \"{}\" in <{}>: it has no meaning there",
                shown(text),
                shown(&element.name)
            );
            self.add(element.place, Kind::NotMapped, message);
        }
    }
    /// All of them, with the files' names for their numbers.
    pub(super) fn finish(self, files: &[String]) -> Vec<Note> {
        let notes = self.found.into_iter().map(|(place, kind, message)| Note {
            place: shown_place(files, place),
            kind,
            message,
        });
        notes.collect()
    }
}

/// `shop.xml:4:7`.
pub(super) fn shown_place(files: &[String], place: Place) -> String {
    let file = files.get(place.file).map_or("", String::as_str);
    format!("{file}:{}:{}", place.line, place.column)
}

/// `<adapter name="Work">`, with its first attribute to tell it from others.
fn opened(element: &Element) -> String {
    let first = element
        .attributes
        .first()
        .map(|attribute| format!(" {}=\"{}\"", shown(&attribute.name), shown(&attribute.value)));
    format!("<{}{}>", shown(&element.name), first.unwrap_or_default())
}

/// The attributes of an element: each is taken, or said to be left out at the end.
#[derive(Debug)]
pub(super) struct Attributes<'t> {
    element: &'t Element,
    taken: BTreeSet<usize>,
}

impl<'t> Attributes<'t> {
    /// None is taken yet. Text in the element is said to be left out.
    pub(super) fn of(element: &'t Element, notes: &mut Notes) -> Self {
        notes.stray_text(element);
        Self::with_text(element)
    }
    /// As [`Attributes::of`], for an element whose text means something.
    pub(super) fn with_text(element: &'t Element) -> Self {
        Self {
            element,
            taken: BTreeSet::new(),
        }
    }
    /// Takes one.
    pub(super) fn take(&mut self, name: &str) -> Option<&'t Attribute> {
        let found = self.element.attributes.iter().enumerate();
        let (index, attribute) = found.into_iter().find(|(_, attribute)| attribute.name == name)?;
        self.taken.insert(index);
        Some(attribute)
    }
    /// Takes one that must be there; without it the element is left out.
    pub(super) fn must(&mut self, name: &str, notes: &mut Notes) -> Option<&'t Attribute> {
        let found = self.take(name);
        if found.is_none_or(|attribute| attribute.value.is_empty()) {
            notes.left_out(self.element, &format!("it has no {name}"));
            return None;
        }
        found
    }
    /// Takes one that has no counterpart.
    pub(super) fn leave_out(&mut self, name: &str, reason: &str, notes: &mut Notes) {
        if let Some(attribute) = self.take(name) {
            notes.attribute_left_out(self.element, attribute, reason);
        }
    }
    /// Takes all that are left.
    pub(super) fn rest(&mut self) -> Vec<&'t Attribute> {
        let all = self.element.attributes.iter().enumerate();
        let rest: Vec<_> = all.filter(|(index, _)| !self.taken.contains(index)).collect();
        self.taken.extend(rest.iter().map(|(index, _)| *index));
        rest.into_iter().map(|(_, attribute)| attribute).collect()
    }
    /// Whatever is left is unknown.
    pub(super) fn finish(mut self, notes: &mut Notes) {
        for attribute in self.rest() {
            notes.attribute_left_out(
                self.element,
                attribute,
                "IceGrid's format has no such attribute there as far as floe knows",
            );
        }
    }
}
