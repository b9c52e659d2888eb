//! The only printer: results to stdout as a table or JSON, made from the same values; words to stderr.
//!
//! A pipe that nobody reads any more is no error: `floe server list | head -1` ends quietly. No colours, so that what is
//! seen is what is piped.

use super::failing::Failing;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write};

/// How results look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Style {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// A value that is one line of a table. Its JSON is its serde form.
pub trait Row: Serialize {
    /// The names of the columns.
    const HEAD: &'static [&'static str];
    /// One text a column.
    fn cells(&self) -> Vec<String>;
}

/// Where everything that a command says goes.
pub struct Output<'a> {
    results: &'a mut dyn Write,
    words: &'a mut dyn Write,
    terminal: bool,
    style: Style,
    closed: bool,
}

impl std::fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("style", &self.style)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl<'a> Output<'a> {
    /// Results and words to these; `terminal` when a person looks at the results: then wide tables are wrapped.
    pub fn new(results: &'a mut dyn Write, words: &'a mut dyn Write, terminal: bool) -> Self {
        Self {
            results,
            words,
            terminal,
            style: Style::Table,
            closed: false,
        }
    }
    /// How results look from now on.
    pub fn set_style(&mut self, style: Style) {
        self.style = style;
    }
    /// True once nobody reads the results any more: a verb that goes on for ever may stop.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// A result: for programs the value, for people the text that `human` makes of it.
    ///
    /// # Errors
    /// When stdout refuses; not when it is closed.
    pub fn value<T: Serialize + ?Sized>(&mut self, value: &T, human: impl FnOnce(&T) -> String) -> Result<(), Failing> {
        match self.style {
            Style::Table => self.text(&human(value)),
            Style::Json => self.text(&json(value, true)?),
        }
    }
    /// A result of many rows.
    ///
    /// # Errors
    /// As [`Output::value`].
    pub fn rows<T: Row>(&mut self, rows: &[T]) -> Result<(), Failing> {
        let terminal = self.terminal;
        self.value(rows, |rows| table(rows, terminal))
    }
    /// One of many results that come in time: a line each.
    ///
    /// # Errors
    /// As [`Output::value`].
    pub fn line<T: Serialize>(&mut self, value: &T, human: impl FnOnce(&T) -> String) -> Result<(), Failing> {
        match self.style {
            Style::Table => self.text(&human(value)),
            Style::Json => self.text(&json(value, false)?),
        }
    }
    /// A part of a text that goes on: nothing is added for people; programs get a value a line.
    ///
    /// # Errors
    /// As [`Output::value`].
    pub fn piece<T: Serialize>(&mut self, value: &T, human: impl FnOnce(&T) -> String) -> Result<(), Failing> {
        match self.style {
            Style::Table => self.raw(&human(value)),
            Style::Json => self.text(&json(value, false)?),
        }
    }
    /// Rows as a table, to be put into a larger text.
    pub fn table_of<T: Row>(&self, rows: &[T]) -> String {
        table(rows, self.terminal)
    }
    /// A result that is a text in either style. A missing last line break is added.
    ///
    /// # Errors
    /// As [`Output::value`].
    pub fn text(&mut self, text: &str) -> Result<(), Failing> {
        let ending = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        self.raw(&format!("{text}{ending}"))
    }
    fn raw(&mut self, text: &str) -> Result<(), Failing> {
        if self.closed || text.is_empty() {
            return Ok(());
        }
        let written = self.results.write_all(text.as_bytes());
        match written.and_then(|()| self.results.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(Failing::local(format!("failed to write to stdout: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Words for people beside the result.
    pub fn word(&mut self, text: &str) {
        self.say(&format!("{text}\n"));
    }
    /// Words of caution beside the result, where there are any.
    pub(super) fn caution(&mut self, caution: Option<String>) {
        if let Some(text) = caution {
            self.word(&text);
        }
    }
    /// The last words of a command that failed.
    pub fn failing(&mut self, failing: &Failing) {
        let text = match self.style {
            Style::Json => {
                let error = Error {
                    code: &failing.code,
                    message: &failing.message,
                    hint: &failing.hint,
                };
                json(&Wrapped { error }, false).unwrap_or_else(|error| error.message)
            }
            // It comes from clap, which has its own way of saying so.
            Style::Table if failing.code == "usage" => failing.message.clone(),
            Style::Table => {
                let mut text = format!("floe: {}", failing.message);
                if !failing.hint.is_empty() {
                    write!(text, "\nhint: {}", failing.hint).expect("writing to memory cannot fail");
                }
                text
            }
        };
        self.say(&format!("{text}\n"));
    }

    fn say(&mut self, text: &str) {
        // Nobody left to tell that stderr is gone.
        drop(self.words.write_all(text.as_bytes()).and_then(|()| self.words.flush()));
    }
}

/// The error on stderr under `--format json`; the field names are a promise.
#[derive(Serialize)]
struct Wrapped<'a> {
    error: Error<'a>,
}
#[derive(Serialize)]
struct Error<'a> {
    code: &'a str,
    message: &'a str,
    hint: &'a str,
}

fn json<T: Serialize + ?Sized>(value: &T, pretty: bool) -> Result<String, Failing> {
    let text = if pretty {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    text.map_err(|error| Failing::internal(format!("failed to write the answer as JSON: {error}")))
}

/// Aligned columns without lines; ids are never cut when nobody looks.
fn table<T: Row>(rows: &[T], terminal: bool) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(if terminal {
        ContentArrangement::Dynamic
    } else {
        ContentArrangement::Disabled
    });
    table.set_header(T::HEAD.to_vec());
    for row in rows {
        table.add_row(row.cells());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}
