//! JSON as a tree with places. serde_json judges the syntax; this only finds where things stand in what is valid.

use super::tree::{Error, Key, Node, Value};
use std::borrow::Cow;

/// Reads JSON.
///
/// # Errors
/// The first error of the syntax; nesting above 127 levels.
pub(super) fn of_json(text: &str) -> Result<Node<'_>, Vec<Error>> {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        let message = error.to_string();
        let ending = format!(" at line {} column {}", error.line(), error.column());
        let message = message.strip_suffix(&ending).unwrap_or(&message).to_owned();
        let at = offset_of(text, error.line(), error.column());
        return Err(vec![Error { at, message }]);
    }
    let mut reader = Reader { text, at: 0 };
    reader.node().ok_or_else(|| {
        let message = "cannot be read".to_owned();
        vec![Error { at: reader.at, message }]
    })
}

/// The column counts bytes; 0 stands for the line's beginning.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    before + column.saturating_sub(1)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&mut self) -> &'t str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.at += rest.len() - trimmed.len();
        trimmed
    }
    fn next_is(&mut self, letter: char) -> bool {
        let found = self.rest().starts_with(letter);
        self.at += usize::from(found);
        found
    }

    fn node(&mut self) -> Option<Node<'t>> {
        let rest = self.rest();
        let at = self.at;
        let value = match rest.chars().next()? {
            '"' => Value::Text(self.string()?),
            '[' => self.list()?,
            '{' => self.table()?,
            _ => self.word(),
        };
        Some(Node { at, value })
    }

    fn list(&mut self) -> Option<Value<'t>> {
        self.at += 1;
        let mut elements = Vec::new();
        while !self.next_is(']') {
            elements.push(self.node()?);
            self.next_is(',');
        }
        Some(Value::List(elements))
    }

    fn table(&mut self) -> Option<Value<'t>> {
        self.at += 1;
        let mut pairs = Vec::new();
        while !self.next_is('}') {
            self.rest();
            let at = self.at;
            let text = self.string()?;
            self.next_is(':');
            pairs.push((Key { at, text }, self.node()?));
            self.next_is(',');
        }
        Some(Value::Table(pairs))
    }

    fn string(&mut self) -> Option<Cow<'t, str>> {
        let rest = self.text.get(self.at..)?;
        let mut escaped = false;
        let inner = rest.strip_prefix('"')?;
        let length = inner.find(|c| {
            let end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            end
        })?;
        self.at += length + 2;
        let inner = inner.get(..length)?;
        if !inner.contains('\\') {
            return Some(Cow::Borrowed(inner));
        }
        serde_json::from_str(rest.get(..length + 2)?).ok().map(Cow::Owned)
    }

    fn word(&mut self) -> Value<'t> {
        let rest = self.rest();
        let length = rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
        self.at += length;
        match rest.get(..length).unwrap_or_default() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            "null" => Value::Other("null"),
            written if written.contains(['.', 'e', 'E']) => Value::Fraction(written),
            written => Value::Whole {
                written,
                number: written.parse().ok(),
            },
        }
    }
}
