//! An application as TOML that is pleasant to read and to edit: what is short stands on one line, what is long in sections,
//! everything in the order in which it is read.

use super::Imported;
use crate::pure::model::validate::shown;
use std::fmt::Write as _;
use toml::{Table, Value};

/// Longest line with a table or array in it, in characters.
const LINE_MAX: usize = 120;
/// The order of sections.
const SECTIONS: [&str; 9] = [
    "application",
    "description",
    "variables",
    "properties",
    "template",
    "group",
    "node",
    "target",
    "server",
];
/// The order of keys elsewhere, in all kinds of tables; those that are not named follow by the alphabet.
const KEYS: [&str; 34] = [
    "name",
    "id",
    "template",
    "with",
    "parameters",
    "type",
    "balance",
    "count",
    "run",
    "activation",
    "ready",
    "activation_timeout",
    "deactivation_timeout",
    "exclusive",
    "stop",
    "stop_signal",
    "reload_signal",
    "disable_after",
    "directory",
    "user",
    "environment",
    "port",
    "limits",
    "output",
    "log",
    "labels",
    "metrics",
    "use",
    "set",
    "file",
    "adapter",
    "object",
    "allocatable",
    "group",
];

/// What a table is, which decides how it is laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// An application, a target or a node: sections by their names, in a fixed order.
    Root,
    /// Named things: each has a header, together they have none.
    Named(&'static Shape),
    /// Known keys in a fixed order.
    Fields,
    /// Keys of the operator's, by the alphabet.
    Free,
}

impl Shape {
    /// What stands under a key of a table of this shape.
    fn under(self, name: &str) -> Self {
        match (self, name) {
            (Self::Named(inner), _) => *inner,
            (Self::Root, "variables") => Self::Free,
            (Self::Root, "properties" | "template") => Self::Named(&Self::Fields),
            (Self::Root, "node" | "target") => Self::Named(&Self::Root),
            (
                Self::Fields,
                "set" | "environment" | "with" | "parameters" | "labels" | "log" | "port" | "attributes",
            ) => Self::Free,
            _ => Self::Fields,
        }
    }
}

/// The application of an import as TOML, with a comment that names where it comes from.
pub fn to_toml(imported: &Imported, source: &str) -> String {
    let mut emitter = Emitter {
        out: format!("# Imported from IceGrid's {} by floe app import.\n", shown(source)),
        pending: Vec::new(),
        imported,
    };
    if imported.is_in_part() {
        emitter
            .out
            .push_str("# Not everything has a counterpart: the import said what and why.\n");
    }
    match Value::try_from(&imported.application) {
        Ok(Value::Table(table)) => emitter.section(&mut Vec::new(), &table, Shape::Root),
        other => unreachable!("an application is a table: {other:?}"),
    }
    emitter.out
}

struct Emitter<'a> {
    out: String,
    /// Comments that wait for the next header.
    pending: Vec<&'a str>,
    imported: &'a Imported,
}

impl Emitter<'_> {
    /// The lines of a table whose header, if it has one, is written; then its sections.
    fn section(&mut self, path: &mut Vec<String>, table: &Table, shape: Shape) {
        let mut rest = Vec::new();
        for (name, value) in in_order(table, shape) {
            match line_of(name, value, shape) {
                Some(line) => self.out.push_str(&line),
                None => rest.push((name, value)),
            }
        }
        for (name, value) in rest {
            path.push(name.clone());
            let inner = shape.under(name);
            match value {
                Value::Table(table) => {
                    let is_only_sections = in_order(table, inner)
                        .iter()
                        .all(|(name, value)| line_of(name, value, inner).is_none());
                    self.comment(&path.join("."));
                    // A table of tables needs no header, unless nothing else would tell that it is there.
                    if matches!(shape, Shape::Root) && matches!(inner, Shape::Named(_)) {
                    } else if table.is_empty() || !is_only_sections {
                        self.header(path, "[", "]");
                    }
                    self.section(path, table, inner);
                }
                Value::Array(items) => {
                    for item in items {
                        let Value::Table(table) = item else { continue };
                        let id = table.get("id").and_then(Value::as_str).unwrap_or_default();
                        self.comment(&format!("{}.{id}", path.join(".")));
                        self.header(path, "[[", "]]");
                        self.section(path, table, inner);
                    }
                }
                _ => {}
            }
            path.pop();
        }
    }

    fn comment(&mut self, path: &str) {
        self.pending.extend(self.imported.comments_of(path));
    }

    fn header(&mut self, path: &[String], open: &str, close: &str) {
        self.out.push('\n');
        for text in std::mem::take(&mut self.pending) {
            let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            writeln!(self.out, "# {text}").unwrap_or_default();
        }
        let keys: Vec<String> = path.iter().map(|name| key(name)).collect();
        writeln!(self.out, "{open}{}{close}", keys.join(".")).unwrap_or_default();
    }
}

/// The keys of a table in order.
fn in_order(table: &Table, shape: Shape) -> Vec<(&String, &Value)> {
    let known: &[&str] = match shape {
        Shape::Root => &SECTIONS,
        Shape::Fields => &KEYS,
        Shape::Named(_) | Shape::Free => &[],
    };
    let rank = |name: &str| known.iter().position(|other| *other == name).unwrap_or(known.len());
    let mut keys: Vec<_> = table.iter().collect();
    keys.sort_by(|(a, _), (b, _)| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    keys
}

/// `name = value` on one line, if it is no section of its own and fits.
fn line_of(name: &str, value: &Value, shape: Shape) -> Option<String> {
    let line = |text: String| format!("{} = {text}\n", key(name));
    let is_tables = |items: &[Value]| items.iter().any(Value::is_table);
    match value {
        Value::Table(_) if matches!(shape, Shape::Root | Shape::Named(_)) => None,
        Value::Array(items) if shape == Shape::Root && is_tables(items) => None,
        Value::Table(_) | Value::Array(_) => {
            let short = line(inline(value, shape.under(name)));
            match value {
                _ if short.chars().count() <= LINE_MAX => Some(short),
                Value::Array(items) if !is_tables(items) => {
                    let items = items.iter().map(|item| format!("    {},\n", inline(item, shape)));
                    Some(line(format!("[\n{}]", items.collect::<String>())))
                }
                _ => None,
            }
        }
        _ => Some(line(inline(value, shape))),
    }
}

fn inline(value: &Value, shape: Shape) -> String {
    match value {
        Value::Table(table) if table.is_empty() => "{}".to_owned(),
        Value::Table(table) => {
            let pairs = in_order(table, shape).into_iter();
            let pairs: Vec<String> = pairs
                .map(|(name, value)| format!("{} = {}", key(name), inline(value, shape.under(name))))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| inline(item, shape)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// A key, quoted where it must be.
fn key(name: &str) -> String {
    let is_bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(is_bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => write!(out, "\\u{:04X}", u32::from(c)).unwrap_or_default(),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
#[path = "emit_test.rs"]
mod tests;
