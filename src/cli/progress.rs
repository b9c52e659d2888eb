//! One line on stderr that is written over as something goes on, when somebody looks.

use std::io::{IsTerminal as _, Write as _};

/// The line.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    terminal: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            shown: false,
            terminal: std::io::stderr().is_terminal(),
        }
    }
    /// False when nobody looks.
    pub(super) fn show(&mut self, line: &str) -> bool {
        if self.terminal {
            self.shown = true;
            say(&format!("\r\x1b[K{line}"));
        }
        self.terminal
    }
    /// Takes the line away.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.shown) {
            say("\r\x1b[K");
        }
    }
}

/// Progress only: nobody is left to tell when stderr is gone.
fn say(text: &str) {
    let mut stderr = std::io::stderr();
    drop(stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()));
}
