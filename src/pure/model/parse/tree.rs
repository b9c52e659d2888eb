//! A text as a tree of values, each with the place where it stands.

use std::borrow::Cow;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value, and where in the text it begins, in bytes.
#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) at: usize,
    pub(super) value: Value<'t>,
}

/// What a value is. Numbers keep how they were written.
#[derive(Debug)]
pub(super) enum Value<'t> {
    Text(Cow<'t, str>),
    Whole {
        written: &'t str,
        number: Option<i64>,
    },
    Fraction(&'t str),
    Boolean(bool),
    /// What no application holds: a date, `null`.
    Other(&'static str),
    List(Vec<Node<'t>>),
    Table(Vec<(Key<'t>, Node<'t>)>),
}

/// A key, and where it begins.
#[derive(Debug)]
pub(super) struct Key<'t> {
    pub(super) at: usize,
    pub(super) text: Cow<'t, str>,
}

/// What is wrong at an offset of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Error {
    pub(super) at: usize,
    pub(super) message: String,
}

impl<'t> Value<'t> {
    /// As messages name it.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole { .. } => "a number",
            Self::Fraction(_) => "a number with a fraction",
            Self::Boolean(_) => "true or false",
            Self::Other(what) => what,
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
    /// A text, or a number or truth as it was written.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Whole { written, .. } | Self::Fraction(written) => Some(written),
            Self::Boolean(true) => Some("true"),
            Self::Boolean(false) => Some("false"),
            Self::Other(_) | Self::List(_) | Self::Table(_) => None,
        }
    }
    /// The value of a key of a table.
    pub(super) fn get(&self, key: &str) -> Option<&(Key<'t>, Node<'t>)> {
        match self {
            Self::Table(pairs) => pairs.iter().find(|(one, _)| one.text == key),
            _ => None,
        }
    }
    /// The elements of a list.
    pub(super) fn elements(&self) -> &[Node<'t>] {
        match self {
            Self::List(elements) => elements,
            _ => &[],
        }
    }
}

/// Reads TOML.
///
/// # Errors
/// Every error of the syntax.
pub(super) fn of_toml(text: &str) -> Result<Node<'_>, Vec<Error>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let value = table_of(text, table.into_inner());
        return Ok(Node { at: 0, value });
    }
    let errors = errors.iter().map(|error| Error {
        at: error.span().map_or(0, |span| span.start),
        message: error.message().replace('\n', ", "),
    });
    Err(errors.collect())
}

fn table_of<'t>(text: &'t str, table: DeTable<'t>) -> Value<'t> {
    let pairs = table.into_iter().map(|(key, value)| {
        let at = key.span().start;
        let key = key.into_inner();
        (Key { at, text: key }, node_of(text, value))
    });
    Value::Table(pairs.collect())
}

/// The parser bounds the depth.
fn node_of<'t>(text: &'t str, value: Spanned<DeValue<'t>>) -> Node<'t> {
    let span = value.span();
    let written = text.get(span.clone()).unwrap_or_default();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text),
        DeValue::Integer(number) => Value::Whole {
            written,
            number: i64::from_str_radix(number.as_str(), number.radix()).ok(),
        },
        DeValue::Float(_) => Value::Fraction(written),
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Array(elements) => Value::List(elements.into_iter().map(|one| node_of(text, one)).collect()),
        DeValue::Table(table) => table_of(text, table),
    };
    Node { at: span.start, value }
}
