//! An application's text, TOML or JSON, to the descriptor: refused with file, line and column, and with the known key
//! that comes nearest to an unknown one.

use super::descriptor::Application;
use super::fault::Fault;
use super::nearest::did_you_mean;
use crate::pure::base::limits::APPLICATION_BYTES_MAX;

impl Application {
    /// Reads TOML. `file_name` is only for the places of faults.
    ///
    /// # Errors
    /// A text above `APPLICATION_BYTES_MAX`, that is no TOML, or that is no application, with `FILE:LINE:COLUMN`.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, Vec<Fault>> {
        check_size(text, file_name)?;
        toml::from_str(text).map_err(|error| {
            let place = match error.span() {
                Some(span) => place_at(file_name, text, span.start),
                None => file_name.to_owned(),
            };
            vec![Fault::new(place, in_words(error.message()))]
        })
    }

    /// Reads JSON with the same names. `file_name` is only for the places of faults.
    ///
    /// # Errors
    /// As [`Application::from_toml`].
    pub fn from_json(text: &str, file_name: &str) -> Result<Self, Vec<Fault>> {
        check_size(text, file_name)?;
        serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            let ending = format!(" at line {} column {}", error.line(), error.column());
            let message = message.strip_suffix(&ending).unwrap_or(&message);
            let place = format!("{file_name}:{}:{}", error.line(), error.column());
            vec![Fault::new(place, in_words(message))]
        })
    }
}

fn check_size(text: &str, file_name: &str) -> Result<(), Vec<Fault>> {
    let size = text.len();
    if size > APPLICATION_BYTES_MAX {
        let message = format!("is {size} bytes long, at most {APPLICATION_BYTES_MAX} are allowed");
        return Err(vec![Fault::new(file_name, message)]);
    }
    Ok(())
}

/// `shop.toml:4:7`, counted from 1, columns in characters.
fn place_at(file_name: &str, text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{file_name}:{line}:{column}")
}

/// The parser's message on one line, and for an unknown key the nearest known one.
fn in_words(message: &str) -> String {
    let message = message.replace('\n', ", ");
    let mut quoted = message.split('`').skip(1).step_by(2);
    match (message.starts_with("unknown "), quoted.next()) {
        (true, Some(unknown)) => {
            let near = did_you_mean(unknown, quoted);
            format!("{message}{near}")
        }
        _ => message,
    }
}

#[cfg(test)]
#[path = "parse_test.rs"]
mod tests;
