//! XML to elements with places. Names keep their prefixes, because IceGrid knows no namespaces.

use super::notes::{Kind, Notes};
use super::{DEPTH_MAX, ELEMENTS_MAX, ImportError};
use roxmltree::{Document, ParsingOptions};

/// Where something stands: the number of the file, line and column from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// `name="value"`.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) place: Place,
}

/// An element with all that is in it. `text` is that of its text nodes, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) attributes: Vec<Attribute>,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

impl Element {
    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|attribute| attribute.name == name);
        found.map(|attribute| attribute.value.as_str())
    }
}

/// Reads one file. `file` is its number, `name` its path for messages.
pub(super) fn parse(text: &str, file: usize, name: &str, notes: &mut Notes) -> Result<Element, ImportError> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: u32::try_from(3 * ELEMENTS_MAX).unwrap_or(u32::MAX),
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|error| in_words(&error, name))?;
    let lines = Lines::of(text, file);
    for node in document.descendants() {
        let place = lines.place(node.range().start);
        if node.is_pi() {
            notes.add(
                place,
                Kind::NotMapped,
                "a processing instruction means nothing to IceGrid or floe",
            );
        }
        let outer = node.parent().map_or(0, |parent| parent.namespaces().count());
        if node.is_element() && node.namespaces().count() > outer {
            notes.add(
                place,
                Kind::Note,
                "a namespace declaration (xmlns) means nothing to IceGrid or floe",
            );
        }
    }
    let comments = document.descendants().filter(roxmltree::Node::is_comment);
    let mut comments = comments.map(|comment| lines.place(comment.range().start));
    if let Some(first) = comments.next() {
        let more = comments.count();
        let others = if more == 0 {
            String::new()
        } else {
            format!(", nor are {more} more in this file")
        };
        notes.add(
            first,
            Kind::Note,
            format!("this XML comment is not carried over{others}"),
        );
    }
    element_of(document.root_element(), text, &lines, name, 1)
}

fn element_of(
    node: roxmltree::Node<'_, '_>,
    text: &str,
    lines: &Lines<'_>,
    name: &str,
    depth: usize,
) -> Result<Element, ImportError> {
    let place = lines.place(node.range().start);
    if depth > DEPTH_MAX {
        return Err(ImportError::TooMuch {
            place: format!("{name}:{}:{}", place.line, place.column),
            message: format!("elements are nested more than {DEPTH_MAX} deep"),
        });
    }
    let attributes = node.attributes().map(|attribute| Attribute {
        name: text.get(attribute.range_qname()).unwrap_or_default().to_owned(),
        value: attribute.value().to_owned(),
        place: lines.place(attribute.range().start),
    });
    let mut element = Element {
        name: qualified(text.get(node.range()).unwrap_or_default()),
        place,
        attributes: attributes.collect(),
        children: Vec::new(),
        text: String::new(),
    };
    for child in node.children() {
        if child.is_element() {
            element.children.push(element_of(child, text, lines, name, depth + 1)?);
        } else if child.is_text() {
            element.text.push_str(child.text().unwrap_or_default());
        }
    }
    Ok(element)
}

/// `a:b` of `<a:b c="d">`.
fn qualified(source: &str) -> String {
    let inner = source.strip_prefix('<').unwrap_or(source);
    let end = inner.find(|c: char| c.is_whitespace() || c == '/' || c == '>');
    inner.get(..end.unwrap_or(inner.len())).unwrap_or_default().to_owned()
}

/// The parser's error without the place that it adds.
fn in_words(error: &roxmltree::Error, name: &str) -> ImportError {
    let (place, message) = (error.pos(), error.to_string());
    let ending = format!(" at {}:{}", place.row, place.col);
    let message = message.strip_suffix(&ending).unwrap_or(&message).to_owned();
    let message = match error {
        roxmltree::Error::DtdDetected => {
            "a document type (DTD) is refused: it could pull in other files; delete the <!DOCTYPE ...>".to_owned()
        }
        roxmltree::Error::NodesLimitReached => format!("holds more than {ELEMENTS_MAX} elements"),
        _ => message,
    };
    ImportError::Xml {
        place: format!("{name}:{}:{}", place.row, place.col),
        message,
    }
}

/// Where each line starts, so that a place is found without reading the text again.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    file: usize,
}
impl<'a> Lines<'a> {
    fn of(text: &'a str, file: usize) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(ends).collect(),
            file,
        }
    }
    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        // A file of one line must not cost a walk through it for each element.
        let before = self.text.get(start..offset).unwrap_or_default();
        let column = if before.len() > 4096 {
            before.len()
        } else {
            before.chars().count()
        };
        Place {
            file: self.file,
            line,
            column: column + 1,
        }
    }
}
