//! Reads texts at one place of an application; a text that cannot be read leaves a fault.

use super::super::fault::{Faults, shown};
use super::super::place::{Field, Spot};
use super::super::substitute::{Scope, SubstituteError};
use std::str::FromStr;

/// The scope of a place, and where its faults go.
pub(in crate::pure::model) struct Reader<'r, 'a, 'p> {
    pub(in crate::pure::model) scope: &'r mut Scope<'a>,
    pub(in crate::pure::model) faults: &'r mut Faults,
    pub(in crate::pure::model) place: Spot<'p>,
}

impl<'r, 'a, 'p> Reader<'r, 'a, 'p> {
    pub(in crate::pure::model) fn new(scope: &'r mut Scope<'a>, faults: &'r mut Faults, place: Spot<'p>) -> Self {
        Self { scope, faults, place }
    }

    /// Does something with this reader at an element of one of the place's lists.
    pub(super) fn within<T>(&mut self, list: &'static str, name: &'p str, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.place;
        self.place = outer.within(list, name);
        let result = read(self);
        self.place = outer;
        result
    }

    /// A text that must have nothing left for the node, read as something: `HUP` as a signal.
    pub(super) fn read<T>(
        &mut self,
        field: Field<'_>,
        text: Option<&String>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.finished(field, text?)?;
        parse(&text)
            .map_err(|reason| self.fault(field, &format!("\"{}\" {reason}", shown(&text))))
            .ok()
    }
    /// Such a text as an id, whose error names the text.
    pub(in crate::pure::model) fn id<T: FromStr<Err: ToString>>(&mut self, field: Field<'_>, text: &str) -> Option<T> {
        let text = self.finished(field, text)?;
        self.parsed(field, &text)
    }
    pub(super) fn parsed<T: FromStr<Err: ToString>>(&mut self, field: Field<'_>, text: &str) -> Option<T> {
        text.parse()
            .map_err(|error: T::Err| self.fault(field, &error.to_string()))
            .ok()
    }
    pub(in crate::pure::model) fn deferred(&mut self, field: Field<'_>, text: &str) -> Option<String> {
        let result = self.scope.defer(text);
        self.kept(field, result)
    }
    pub(super) fn finished(&mut self, field: Field<'_>, text: &str) -> Option<String> {
        let result = self.scope.finish(text);
        self.kept(field, result)
    }
    fn kept(&mut self, field: Field<'_>, result: Result<String, SubstituteError>) -> Option<String> {
        result.map_err(|error| self.fault(field, &error.to_string())).ok()
    }
    pub(in crate::pure::model) fn fault(&mut self, field: Field<'_>, message: &str) {
        if self.faults.is_full() {
            self.faults.count();
        } else {
            self.faults.add(self.place.field(field), format!("{field}: {message}"));
        }
    }
}
