//! An application's text, TOML or JSON, to the descriptor: every unknown key and wrong type at once, each with file, line
//! and column; and the places of what is found wrong later.
//!
//! The text becomes a tree with places (`tree`), which is checked against what an application may hold (`schema`).

mod check;
mod json;
mod schema;
mod source;
mod tree;

use super::descriptor::Application;
use super::fault::Fault;
use crate::pure::base::limits::APPLICATION_BYTES_MAX;

pub use source::Source;

/// Largest text of an application, in bytes: twice what may be stored, because a text costs more than its encoding.
pub const TEXT_BYTES_MAX: usize = 2 * APPLICATION_BYTES_MAX;

/// How an application is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML.
    Toml,
    /// JSON, with the same names.
    Json,
}

/// Reads an application, for whoever looks for further faults in it. `name` is the file's, for the places of faults. The
/// source finds the places of later faults. Unknown keys and choices that there are not come back as faults beside what was
/// read without them: with any of these, the application is not to be used.
///
/// # Errors
/// A text above `TEXT_BYTES_MAX`, that is no TOML or JSON, or that is no application: every fault, with `FILE:LINE:COLUMN`.
pub fn read<'t>(
    text: &'t str,
    name: &'t str,
    format: Format,
) -> Result<(Application, Source<'t>, Vec<Fault>), Vec<Fault>> {
    let size = text.len();
    if size > TEXT_BYTES_MAX {
        let message = format!("is {size} bytes long, at most {TEXT_BYTES_MAX} are allowed");
        return Err(vec![Fault::new(name, message)]);
    }
    let root = match format {
        Format::Toml => tree::of_toml(text),
        Format::Json => json::of_json(text),
    };
    let root = root.map_err(|errors| source::faults_at(name, text, errors))?;
    let checked = check::application(&root).map_err(|errors| source::faults_at(name, text, errors));
    let (application, errors) = checked?;
    let faults = source::faults_at(name, text, errors);
    Ok((application, Source::new(name, text, root), faults))
}

impl Application {
    /// Reads TOML. `file_name` is only for the places of faults.
    ///
    /// # Errors
    /// As [`read`].
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, Vec<Fault>> {
        faultless(read(text, file_name, Format::Toml)?)
    }

    /// Reads JSON with the same names. `file_name` is only for the places of faults.
    ///
    /// # Errors
    /// As [`read`].
    pub fn from_json(text: &str, file_name: &str) -> Result<Self, Vec<Fault>> {
        faultless(read(text, file_name, Format::Json)?)
    }
}

fn faultless((application, _, faults): (Application, Source<'_>, Vec<Fault>)) -> Result<Application, Vec<Fault>> {
    if faults.is_empty() {
        Ok(application)
    } else {
        Err(faults)
    }
}

#[cfg(test)]
#[path = "parse_test.rs"]
mod tests;
