//! `${name}` in texts: finding it, replacing it, and saying why that cannot be done.
//!
//! Two steps replace variables. The registry's [`Scope`] replaces what it knows and leaves the node's variables
//! (`${node.host}`, `${server.data}`, `${server.config}`, `${port.NAME}`) in place; the result is *deferred* text, in which every literal
//! dollar is written `$$`, so that nothing can look like a variable by accident. [`fill`] ends it: on the node with the
//! node's values, here with none. Values are never scanned again by `fill`.

use super::fault::shown;
use std::cell::Cell;
use std::collections::BTreeMap;

/// Deepest nesting of variables in variables.
pub const DEPTH_MAX: usize = 32;
/// Longest text after substitution, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// What one text costs beside its bytes: an empty one takes room, too.
const TEXT_COST: usize = 16;
/// Most bytes that the expansion of one application may read and write in all: bounds time and memory.
pub const WORK_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Names that an application cannot set: floe gives them.
pub const RESERVED: [&str; 3] = ["application", "node", "server"];

/// Why a text was refused. The texts read after the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubstituteError {
    /// `${` without `}`.
    #[error("`${{` without its `}}` in {0} (a literal dollar is written `$$`)")]
    Unclosed(String),
    /// Nothing, or no name, between the braces.
    #[error(
        "`${{{0}}}` is no variable: names hold letters, digits, '.', '_' and '-' (a literal dollar is written `$$`)"
    )]
    BadName(String),
    /// Nobody gives this variable a value.
    #[error("variable `{0}` has no value here")]
    Missing(String),
    /// Only the node knows it, and this text is needed before.
    #[error("variable `{0}` is known only to the node and cannot stand here")]
    NodeOnly(String),
    /// Variables that need each other.
    #[error("variables go round in a circle: {0}")]
    Cycle(String),
    /// Beyond `DEPTH_MAX`.
    #[error("variables are nested more than {DEPTH_MAX} deep at `{0}`")]
    TooDeep(String),
    /// Beyond `TEXT_BYTES_MAX`.
    #[error("is longer than {TEXT_BYTES_MAX} bytes after substitution")]
    TooLong,
    /// Beyond `WORK_BYTES_MAX`.
    #[error("the application's texts add up to more than {WORK_BYTES_MAX} bytes after substitution")]
    TooMuch,
}

/// Replaces every `${name}` by what `lookup` gives, and `$$` by `$`. The node ends the deferred texts of a
/// `ServerSpec` (`run`, `environment`, `directory`, endpoints) with it.
///
/// # Errors
/// [`SubstituteError`] when a variable has no value, the text is malformed, or the result is above `TEXT_BYTES_MAX`.
///
/// ```
/// use floe::pure::model::expand::fill;
/// let port = |name: &str| (name == "port.http").then(|| "8080".to_owned());
/// assert_eq!(fill("--port=${port.http} cost=$$5", &port).unwrap(), "--port=8080 cost=$5");
/// assert!(fill("${port.other}", &port).is_err());
/// ```
pub fn fill(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, SubstituteError> {
    let mut out = String::with_capacity(text.len());
    for piece in Pieces(text) {
        match piece? {
            Piece::Literal(literal) => out.push_str(literal),
            Piece::Dollar => out.push('$'),
            Piece::Variable(name) => {
                out.push_str(&lookup(name).ok_or_else(|| SubstituteError::Missing(name.to_owned()))?);
            }
        }
        if out.len() > TEXT_BYTES_MAX {
            return Err(SubstituteError::TooLong);
        }
    }
    Ok(out)
}

/// Left in place for the node: `node.host`, `server.data`, `server.config`, `port.NAME`.
pub fn is_for_node(name: &str) -> bool {
    matches!(name, "node.host" | "server.data" | "server.config") || port_of(name).is_some()
}

/// May an application use this name for a variable or a parameter? In words why not.
pub fn check_name(what: &str, name: &str) -> Result<(), String> {
    if !is_variable_name(name) {
        let name = shown(name);
        return Err(format!(
            "{what} \"{name}\" may hold only letters, digits, '.', '_' and '-'"
        ));
    }
    if RESERVED.contains(&name) || is_for_node(name) {
        return Err(format!("{what} `{name}` is reserved: floe gives it its value"));
    }
    Ok(())
}

/// `http` of `port.http`.
pub fn port_of(name: &str) -> Option<&str> {
    name.strip_prefix("port.")
}

/// The names of all variables in a text, malformed parts left out.
pub fn variables_of(text: &str) -> impl Iterator<Item = &str> {
    Pieces(text).filter_map(|piece| match piece {
        Ok(Piece::Variable(name)) => Some(name),
        Ok(Piece::Literal(_) | Piece::Dollar) | Err(_) => None,
    })
}

fn is_variable_name(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// What the registry can replace at one place of an application. Each variable is worked out once.
#[derive(Debug)]
pub struct Scope<'a> {
    layers: Vec<&'a BTreeMap<String, String>>,
    reserved: BTreeMap<&'static str, String>,
    given: BTreeMap<String, String>,
    ready: BTreeMap<String, String>,
    work: &'a Cell<usize>,
}

impl<'a> Scope<'a> {
    /// `layers`: the first that has a name wins. `work` counts over all scopes of an application.
    pub fn new(layers: Vec<&'a BTreeMap<String, String>>, work: &'a Cell<usize>) -> Self {
        Self {
            layers,
            reserved: BTreeMap::new(),
            given: BTreeMap::new(),
            ready: BTreeMap::new(),
            work,
        }
    }
    /// Gives a reserved name its value; what was worked out before is forgotten.
    pub fn reserve(&mut self, name: &'static str, value: &str) {
        self.reserved.insert(name, value.to_owned());
        self.ready.clear();
    }
    /// Gives a parameter its value, a deferred text, which wins over all layers; what was worked out before is forgotten.
    pub fn give(&mut self, name: &str, deferred: String) {
        self.given.insert(name.to_owned(), deferred);
        self.ready.clear();
    }
    /// Counts something that is no text, but is there once for each server.
    pub fn count(&self, items: usize) -> Result<(), SubstituteError> {
        self.spend(items.saturating_mul(TEXT_COST))
    }
    /// The text with everything replaced but the node's variables: deferred text, to be ended by [`fill`].
    pub fn defer(&mut self, text: &str) -> Result<String, SubstituteError> {
        self.defer_within(text, &mut Vec::new())
    }
    /// The text with everything replaced.
    pub fn finish(&mut self, text: &str) -> Result<String, SubstituteError> {
        let deferred = self.defer(text)?;
        if !deferred.contains('$') {
            return Ok(deferred);
        }
        fill(&deferred, &|_| None).map_err(|error| match error {
            SubstituteError::Missing(name) => SubstituteError::NodeOnly(name),
            other => other,
        })
    }

    fn defer_within(&mut self, text: &str, inside: &mut Vec<String>) -> Result<String, SubstituteError> {
        self.spend(text.len() + TEXT_COST)?;
        let mut out = String::with_capacity(text.len());
        for piece in Pieces(text) {
            match piece? {
                Piece::Literal(literal) => out.push_str(literal),
                Piece::Dollar => out.push_str("$$"),
                Piece::Variable(name) if is_for_node(name) => {
                    out.push_str("${");
                    out.push_str(name);
                    out.push('}');
                }
                Piece::Variable(name) => {
                    let value = self.value(name, inside)?;
                    self.spend(value.len())?;
                    out.push_str(&value);
                }
            }
            if out.len() > TEXT_BYTES_MAX {
                return Err(SubstituteError::TooLong);
            }
        }
        Ok(out)
    }

    fn value(&mut self, name: &str, inside: &mut Vec<String>) -> Result<String, SubstituteError> {
        let own = self.reserved.get(name).or_else(|| self.given.get(name));
        if let Some(value) = own.or_else(|| self.ready.get(name)) {
            return Ok(value.clone());
        }
        if let Some(start) = inside.iter().position(|outer| outer == name) {
            let circle = inside.iter().skip(start).map(|outer| shown(outer));
            let circle: Vec<String> = circle.chain([shown(name)]).collect();
            return Err(SubstituteError::Cycle(circle.join(" -> ")));
        }
        if inside.len() >= DEPTH_MAX {
            return Err(SubstituteError::TooDeep(name.to_owned()));
        }
        let written = self.layers.iter().find_map(|layer| layer.get(name));
        let Some(written) = written.filter(|_| !RESERVED.contains(&name)).cloned() else {
            return Err(SubstituteError::Missing(name.to_owned()));
        };
        inside.push(name.to_owned());
        let value = self.defer_within(&written, inside)?;
        inside.pop();
        self.ready.insert(name.to_owned(), value.clone());
        Ok(value)
    }

    fn spend(&self, bytes: usize) -> Result<(), SubstituteError> {
        let work = self.work.get().saturating_add(bytes);
        self.work.set(work);
        if work > WORK_BYTES_MAX {
            return Err(SubstituteError::TooMuch);
        }
        Ok(())
    }
}

enum Piece<'a> {
    Literal(&'a str),
    /// `$$`, or a dollar that opens nothing.
    Dollar,
    Variable(&'a str),
}

/// A text cut into pieces; ends after the first error.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, SubstituteError>;
    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0;
        if text.is_empty() {
            return None;
        }
        let Some(rest) = text.strip_prefix('$') else {
            let (literal, rest) = text.split_at(text.find('$').unwrap_or(text.len()));
            self.0 = rest;
            return Some(Ok(Piece::Literal(literal)));
        };
        let Some(inner) = rest.strip_prefix('{') else {
            self.0 = rest.strip_prefix('$').unwrap_or(rest);
            return Some(Ok(Piece::Dollar));
        };
        self.0 = "";
        let Some((name, rest)) = inner.split_once('}') else {
            return Some(Err(SubstituteError::Unclosed(shown(text))));
        };
        if !is_variable_name(name) {
            return Some(Err(SubstituteError::BadName(shown(name))));
        }
        self.0 = rest;
        Some(Ok(Piece::Variable(name)))
    }
}

#[cfg(test)]
#[path = "substitute_test.rs"]
mod tests;
