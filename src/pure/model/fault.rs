//! Reasons to refuse an application, each with its place, all at once.

use super::nearest::did_you_mean;
use super::place::{Place, Step};
use std::collections::BTreeSet;
use std::fmt;

/// Most faults that one answer names; the rest is counted.
pub const FAULTS_MAX: usize = 100;

/// One reason to refuse an application, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// `node n1, server web-1, adapter http`, or `shop.toml:4:7`.
    pub place: String,
    /// What is wrong, in words.
    pub message: String,
    /// The place as a path into what was written; empty when the place says all, or it is the whole.
    pub path: Vec<Step>,
}
impl Fault {
    /// A fault.
    pub fn new(place: impl Into<Place>, message: impl Into<String>) -> Self {
        let Place { words, path } = place.into();
        Self {
            place: words,
            message: message.into(),
            path,
        }
    }
}
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Faults as they are found: the first `FAULTS_MAX`, and how many more there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    first: Vec<Fault>,
    more: usize,
}
impl Faults {
    /// Adds one.
    pub fn add(&mut self, place: impl Into<Place>, message: impl Into<String>) {
        if self.first.len() < FAULTS_MAX {
            self.first.push(Fault::new(place, message));
        } else {
            self.more += 1;
        }
    }
    /// Adds one that is made already.
    pub fn push(&mut self, fault: Fault) {
        if self.first.len() < FAULTS_MAX {
            self.first.push(fault);
        } else {
            self.more += 1;
        }
    }
    /// Counts one that nobody would read, so that it need not be put into words.
    pub fn count(&mut self) {
        self.more += 1;
    }
    /// Would another one only be counted?
    pub fn is_full(&self) -> bool {
        self.first.len() >= FAULTS_MAX
    }
    /// The nearest known name, while somebody will read it.
    pub(super) fn did_you_mean<'a>(&self, unknown: &str, known: impl Iterator<Item = &'a str>) -> String {
        if self.is_full() {
            String::new()
        } else {
            did_you_mean(unknown, known)
        }
    }
    /// The value if nothing was found, else the faults, each once.
    ///
    /// # Errors
    /// The faults.
    pub fn finish<T>(mut self, value: T) -> Result<T, Vec<Fault>> {
        if self.first.is_empty() {
            return Ok(value);
        }
        let mut seen = BTreeSet::new();
        self.first.retain(|fault| seen.insert(fault.clone()));
        if self.more > 0 {
            self.first
                .push(Fault::new("application", format!("further faults: {}", self.more)));
        }
        Err(self.first)
    }
}

/// A text from outside as it may stand in a message: without control characters, at most 80 characters.
pub fn shown(text: &str) -> String {
    // Nearly every name is plain, and every check of every server asks for its place.
    if text.len() <= 80
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_. ".contains(&byte))
    {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        out.push_str("...");
    }
    out
}
