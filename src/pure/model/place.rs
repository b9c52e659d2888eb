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

/// Where something stands, not yet put into words or steps: every check of every server has one, and nearly none is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot<'a> {
    part: Part<'a>,
    /// An element of one of the part's lists, by name or id.
    element: Option<(&'static str, &'a str)>,
}

/// A part of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Application,
    Group(&'a str),
    Node(&'a PeerName),
    Template(&'a str),
    PropertySet(Option<&'a PeerName>, &'a str),
    /// Of a node, at this place among those written there, with this id.
    Server(&'a PeerName, usize, &'a str),
}

impl<'a> Spot<'a> {
    const fn of(part: Part<'a>) -> Self {
        Self { part, element: None }
    }
    /// The application itself.
    pub const fn application() -> Self {
        Self::of(Part::Application)
    }
    /// `group web`.
    pub const fn group(id: &'a str) -> Self {
        Self::of(Part::Group(id))
    }
    /// `node n1`.
    pub const fn node(name: &'a PeerName) -> Self {
        Self::of(Part::Node(name))
    }
    /// `template web`.
    pub const fn template(name: &'a str) -> Self {
        Self::of(Part::Template(name))
    }
    /// `node n1, server web-1`; `index` is its place among the node's servers.
    pub const fn server(node: &'a PeerName, index: usize, id: &'a str) -> Self {
        Self::of(Part::Server(node, index, id))
    }
    /// A property set of the application, or of a node.
    pub const fn property_set(node: Option<&'a PeerName>, name: &'a str) -> Self {
        Self::of(Part::PropertySet(node, name))
    }
    /// An element of one of its lists, by name or id: `adapter http` within this. Elements have no elements.
    #[must_use]
    pub const fn within(self, list: &'static str, name: &'a str) -> Self {
        Self {
            element: Some((list, name)),
            ..self
        }
    }
    /// A field of it. The words stay: messages name the field.
    pub fn field(self, field: Field<'_>) -> Place {
        Place::from(self).field(field)
    }
}

impl Part<'_> {
    fn words(self) -> String {
        match self {
            Self::Application => "application".to_owned(),
            Self::Group(id) => format!("group {}", shown(id)),
            Self::Node(name) => format!("node {name}"),
            Self::Template(name) => format!("template {}", shown(name)),
            Self::PropertySet(None, name) => format!("properties {}", shown(name)),
            Self::PropertySet(Some(node), name) => format!("node {node}, properties {}", shown(name)),
            Self::Server(node, _, id) => format!("node {node}, server {}", shown(id)),
        }
    }
    fn path(self) -> Vec<Step> {
        let key = |key: &str| Step::Key(key.to_owned());
        let of_node = |node: &PeerName| vec![key("node"), key(node.as_str())];
        match self {
            Self::Application => Vec::new(),
            Self::Group(id) => vec![key("group"), Step::Named(id.to_owned())],
            Self::Node(name) => of_node(name),
            Self::Template(name) => vec![key("template"), key(name)],
            Self::PropertySet(node, name) => {
                let mut path = node.map(of_node).unwrap_or_default();
                path.extend([key("properties"), key(name)]);
                path
            }
            Self::Server(node, index, _) => {
                let mut path = of_node(node);
                path.extend([key("server"), Step::Item(index)]);
                path
            }
        }
    }
}

impl From<Spot<'_>> for Place {
    fn from(spot: Spot<'_>) -> Self {
        let (mut words, mut path) = (spot.part.words(), spot.part.path());
        if let Some((list, name)) = spot.element {
            words = format!("{words}, {list} {}", shown(name));
            path.extend([Step::Key(list.to_owned()), Step::Named(name.to_owned())]);
        }
        Self { words, path }
    }
}

impl Place {
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
