//! The log subscriber, set up once from `[log]`, and the printer of error chains.
//!
//! Lines go to stderr, as text for people or as JSON. A daemon logs an error or returns it, never both.

use crate::io::config::{Format, Log};
use std::error::Error;
use std::fmt;
use std::io::IsTerminal as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt as lines};

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// `log.level` is no filter.
    #[error("failed to read the log filter {level:?}")]
    Filter {
        /// As configured.
        level: String,
        /// What the filter says.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody set up logging before.
    #[error("failed to set up logging a second time")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up logging for the whole process.
///
/// # Errors
/// When the filter is none, or logging was set up before.
pub fn init(log: &Log) -> Result<(), LoggingError> {
    let filter: Targets = log.level.parse().map_err(|source| LoggingError::Filter {
        level: log.level.clone(),
        source,
    })?;
    let layer = match log.format {
        Format::Json => lines::layer()
            .json()
            .flatten_event(true)
            .with_writer(std::io::stderr)
            .boxed(),
        Format::Text => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            lines::layer().with_ansi(colour).with_writer(std::io::stderr).boxed()
        }
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init()?;
    Ok(())
}

/// An error with everything behind it: `failed to open x: permission denied`. Printed once, at the edge.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        f.write_str(&text)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            let cause = error.to_string();
            // Some foreign errors repeat their source in their own text.
            if !text.ends_with(&cause) {
                write!(f, ": {cause}")?;
            }
            text = cause;
            next = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to open a")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_chain_names_each_cause_once() {
        let cause = std::io::Error::other(std::io::Error::other("disk on fire"));
        assert_eq!(Chain(&Outer(cause)).to_string(), "failed to open a: disk on fire");
    }
}
