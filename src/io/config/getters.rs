//! Typed looks at merged values. A look at a bad value gives `None` and adds no second fault.

use super::fault::{Fault, Origin};
use super::layers::Values;
use super::schema::{self, Preset};
use super::shape::Shaped;
use std::str::FromStr;
use std::time::Duration;

/// Looks values up and collects what is wrong with them.
pub(super) struct Getters<'a> {
    pub(super) values: &'a Values,
    /// The file as a whole: where a missing key would have stood.
    pub(super) whole: &'a Origin,
    pub(super) faults: &'a mut Vec<Fault>,
}

impl Getters<'_> {
    /// The value of a key. A missing one that is required is a fault; a bad one has its fault already.
    pub(super) fn get(&mut self, path: &'static str) -> Option<Shaped> {
        if let Some((value, _)) = self.values.get(path) {
            return value.clone();
        }
        if let Some(key) = schema::find(path).filter(|key| key.preset == Preset::Required) {
            let message = format!("missing: {}", key.help);
            self.faults.push(Fault::new(self.whole.clone(), path, message));
        }
        None
    }
    pub(super) fn text(&mut self, path: &'static str) -> Option<String> {
        match self.get(path)? {
            Shaped::Text(text) => Some(text),
            _ => None,
        }
    }
    pub(super) fn count(&mut self, path: &'static str) -> Option<u64> {
        match self.get(path)? {
            Shaped::Count(number) => Some(number),
            _ => None,
        }
    }
    pub(super) fn duration(&mut self, path: &'static str) -> Option<Duration> {
        match self.get(path)? {
            Shaped::Duration(span) => Some(span),
            _ => None,
        }
    }
    pub(super) fn switch(&mut self, path: &'static str) -> Option<bool> {
        match self.get(path)? {
            Shaped::Switch(switch) => Some(switch),
            _ => None,
        }
    }
    pub(super) fn parse<T: FromStr<Err: std::fmt::Display>>(&mut self, path: &'static str) -> Option<T> {
        let text = self.text(path)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let origin = self.origin(path);
                self.faults.push(Fault::new(origin, path, error.to_string()));
                None
            }
        }
    }
    pub(super) fn origin(&self, path: &str) -> Origin {
        self.values
            .get(path)
            .map_or_else(|| self.whole.clone(), |(_, origin)| origin.clone())
    }
}
