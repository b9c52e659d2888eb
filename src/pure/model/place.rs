//! Where in an application something stands: in words for people, and as a path that `source` turns into line and column.

use super::fault::shown;
use crate::pure::base::PeerName;
use std::fmt;

/// One step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// An element of a list by its place, counted from 0.
    Item(usize),
    /// The element of a list that has this name or id.
    Named(String),
}

/// A place. Made from a text it has words only.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// `node n1, server web-1, adapter http`.
    pub words: String,
    /// From the application to there.
    pub path: Vec<Step>,
}

/// A field inside a place, as messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// `run`.
    Of(&'a str),
    /// `run[1]`.
    Item(&'a str, usize),
    /// `environment A`: a key of a map.
    Key(&'a str, &'a str),
    /// `ready.tcp`: a part that has a name of its own.
    Part(&'a str, &'a str),
}

impl Place {
    /// The application itself.
    pub fn application() -> Self {
        Self::from("application")
    }
    /// `group web`.
    pub fn group(id: &str) -> Self {
        Self::application()
            .within("group", id)
            .named(format!("group {}", shown(id)))
    }
    /// `node n1`.
    pub fn node(name: &PeerName) -> Self {
        Self::part("node", name.as_str())
    }
    /// `template web`.
    pub fn template(name: &str) -> Self {
        Self::part("template", name)
    }
    /// `node n1, server web-1`; `index` is its place among the node's servers.
    pub fn server(node: &PeerName, index: usize, id: &str) -> Self {
        let mut place = Self::node(node);
        place.words = server_words(node, id);
        place.path.push(Step::Key("server".to_owned()));
        place.path.push(Step::Item(index));
        place
    }
    /// A property set of the application, or of a node.
    pub fn property_set(node: Option<&PeerName>, name: &str) -> Self {
        let mut place = Self::part("properties", name);
        if let Some(node) = node {
            place.words = format!("node {node}, {}", place.words);
            place.path.splice(0..0, Self::node(node).path);
        }
        place
    }
    /// An element of one of its lists, by name or id: `adapter http` within this.
    pub fn within(&self, list: &str, name: &str) -> Self {
        let mut place = self.clone();
        place.words = format!("{}, {list} {}", self.words, shown(name));
        place.path.push(Step::Key(list.to_owned()));
        place.path.push(Step::Named(name.to_owned()));
        place
    }
    /// A field of it. The words stay: messages name the field.
    pub fn field(&self, field: Field<'_>) -> Self {
        let mut place = self.clone();
        let key = |key: &str| Step::Key(key.to_owned());
        match field {
            Field::Of(name) => place.path.push(key(name)),
            Field::Item(name, index) => place.path.extend([key(name), Step::Item(index)]),
            Field::Key(name, inner) | Field::Part(name, inner) => place.path.extend([key(name), key(inner)]),
        }
        place
    }

    fn part(what: &str, name: &str) -> Self {
        Self {
            words: format!("{what} {}", shown(name)),
            path: vec![Step::Key(what.to_owned()), Step::Key(name.to_owned())],
        }
    }
    fn named(mut self, words: String) -> Self {
        self.words = words;
        self
    }
}

/// `node n1, server web-1`.
pub fn server_words(node: &PeerName, server: &str) -> String {
    format!("node {node}, server {}", shown(server))
}

impl From<&str> for Place {
    fn from(words: &str) -> Self {
        Self::from(words.to_owned())
    }
}
impl From<String> for Place {
    fn from(words: String) -> Self {
        let path = Vec::new();
        Self { words, path }
    }
}
impl From<&Place> for Place {
    fn from(place: &Place) -> Self {
        place.clone()
    }
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(name: &'a str) -> Self {
        Self::Of(name)
    }
}

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(name) => f.write_str(name),
            Self::Item(name, index) => write!(f, "{name}[{index}]"),
            Self::Key(name, key) => write!(f, "{name} {}", shown(key)),
            Self::Part(name, part) => write!(f, "{name}.{part}"),
        }
    }
}
