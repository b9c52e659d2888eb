//! IceGrid's XML descriptors to an application of ours, and a list of everything that became something else or nothing.
//!
//! Nothing is dropped without a word: each element and attribute is mapped, or named in a note with its place. Files are
//! read by the caller: the core asks for the text of each included file by its path.
//!
//! The way: `tree` reads XML into elements with places, `include` puts included files in; `mapper` makes an application of
//! the elements without the targets, and one with each target, of which `overlay` keeps the difference; `emit` writes TOML.

mod adapter;
mod application;
mod emit;
mod endpoint;
mod groups;
mod include;
mod mapper;
mod node;
mod notes;
mod overlay;
mod scope;
mod server;
mod service;
mod template;
mod text;
mod tree;

pub use emit::to_toml;
pub use notes::{Kind, Note};

use super::descriptor::Application;

/// Largest file, included or not, in bytes: a descriptor of 10,000 servers takes about a quarter.
pub const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most bytes of all files together, each counted as often as it is included.
pub const ALL_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Deepest nesting of includes, IceGrid's own bound.
pub const INCLUDE_DEPTH_MAX: usize = 100;
/// Most includes in all.
pub const INCLUDES_MAX: usize = 10_000;
/// Deepest nesting of elements, included files counted in: a real descriptor has 8.
pub const DEPTH_MAX: usize = 128;
/// Most elements in all: bounds what notes can take.
pub const ELEMENTS_MAX: usize = 400_000;
/// Most targets: the application is worked out once for each.
pub const TARGETS_MAX: usize = 32;
/// Most elements and bytes of text that are looked at while templates are written out: bounds time and memory.
pub const WORK_MAX: usize = 64 * 1024 * 1024;

/// What came of a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The application. It may still break a rule that IceGrid does not have: `floe app validate` tells.
    pub application: Application,
    /// What became something else, and what became nothing, in order of places.
    pub notes: Vec<Note>,
    /// Descriptions that have no key in our language, as comments, by the header that they stand above (`node.n1`).
    pub comments: Vec<(String, String)>,
}

impl Imported {
    /// True when something of the input is not in the application.
    pub fn is_in_part(&self) -> bool {
        self.notes.iter().any(|note| note.kind == Kind::NotMapped)
    }
}

/// Why nothing came of a descriptor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// No XML, or XML with something that is refused.
    #[error("{place}: {message}")]
    Xml {
        /// `FILE:LINE:COLUMN`.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// Beyond one of the bounds.
    #[error("{place}: {message}")]
    TooMuch {
        /// The file, or the place in it.
        place: String,
        /// Which bound.
        message: String,
    },
    /// XML, but no IceGrid application.
    #[error("{place}: {message}")]
    NoApplication {
        /// The file, or the place in it.
        place: String,
        /// What is missing.
        message: String,
    },
}

/// Gives the text of an included file, or the reason why not.
pub type Read<'a> = &'a mut dyn FnMut(&str) -> Result<String, String>;

/// Makes an application of IceGrid's XML. `file_name` is the path of the text: places name it, and included files are
/// looked for beside it, by `read`.
///
/// # Errors
/// Bad XML, XML beyond the bounds, no application.
///
/// ```
/// use floe::pure::model::import::{import, to_toml};
/// let xml = r#"<icegrid><application name="Shop"><node name="n1">
///   <server id="cart" exe="/opt/shop/cart" activation="on-demand"><option>-v</option></server>
/// </node></application></icegrid>"#;
/// let imported = import(xml, "shop.xml", &mut |_| Err("no file".into())).unwrap();
/// assert!(!imported.is_in_part());
/// assert!(to_toml(&imported, "shop.xml").contains("run = [\"/opt/shop/cart\", \"-v\"]"));
/// ```
pub fn import(text: &str, file_name: &str, read: Read<'_>) -> Result<Imported, ImportError> {
    let loaded = include::load(text, file_name, read)?;
    mapper::map(&loaded)
}

#[cfg(test)]
#[path = "import_test.rs"]
mod tests;
