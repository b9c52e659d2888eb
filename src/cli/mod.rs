//! The command line: one verb a file, results on stdout, all else on stderr.
//!
//! `args` says what can be written, `verb` builds a request and hands the answer to `output`, the only printer; `exit`
//! holds the promise about exit codes.

mod actor;
mod application_file;
mod args;
mod ask;
mod compare;
mod connect;
mod daemon;
mod decision;
pub mod dev;
mod exit;
mod failing;
mod hold;
mod offline;
mod output;
mod plan;
mod progress;
mod rows;
mod surplus_file;
mod update;
mod verb;
mod wait;

pub use ask::Ask;
pub use exit::Exit;
pub use failing::Failing;
pub use output::{Output, Style};

use crate::io::plugin_host::{exam, serve};
use crate::io::process::step;
use args::{Arguments, Global};
use clap::{CommandFactory as _, Parser as _};
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;

/// Opens the way to the grid, for verbs that ask it something.
pub type Connect<'a> = &'a mut dyn FnMut(&Global) -> Result<Box<dyn Ask>, Failing>;

/// The whole program: this process's arguments, one verb, its exit code.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        // Between a node and a server's program: no help, no colours, no time to lose.
        Some(verb) if verb == step::VERB => return step::run(arguments.collect()),
        Some(verb) if verb == exam::VERB => return exam::run(),
        Some(verb) if verb == serve::VERB => return serve::run(),
        _ => {}
    }
    let (mut results, mut words) = (std::io::stdout(), std::io::stderr());
    let mut output = Output::new(&mut results, &mut words, std::io::stdout().is_terminal());
    run(std::env::args_os().collect(), &mut output, &mut connect::connect).into()
}

/// Runs one verb. Nothing outside `output` and what `connect` opens is touched by verbs that ask the grid.
pub fn run(arguments: Vec<OsString>, output: &mut Output<'_>, connect: Connect<'_>) -> Exit {
    let outcome = match Arguments::try_parse_from(&arguments) {
        Ok(arguments) => {
            output.set_style(arguments.global.format);
            verb::run(&arguments, output, connect)
        }
        Err(error) => {
            if wants_json(&arguments) {
                output.set_style(Style::Json);
            }
            usage(&error, output)
        }
    };
    outcome.unwrap_or_else(|failing| {
        output.failing(&failing);
        failing.exit
    })
}

/// The tree of verbs, for completions and for tests.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Help and version are results; anything else that clap has to say is wrong usage.
fn usage(error: &clap::Error, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let text = error.render().to_string();
    if error.use_stderr() {
        return Err(Failing::usage(text.trim_end()));
    }
    output.text(&text)?;
    Ok(Exit::Done)
}

/// Arguments that do not parse may still say how errors are to look.
fn wants_json(arguments: &[OsString]) -> bool {
    let pairs = arguments.iter().zip(arguments.iter().skip(1));
    arguments.iter().any(|argument| argument == "--format=json")
        || pairs
            .into_iter()
            .any(|(flag, value)| flag == "--format" && value == "json")
}

#[cfg(test)]
mod canned;
#[cfg(test)]
mod choice_test;
#[cfg(test)]
mod cli_test;
#[cfg(test)]
mod compare_test;
#[cfg(test)]
mod decision_test;
#[cfg(test)]
mod help_test;
#[cfg(test)]
mod init_test;
#[cfg(test)]
mod plugin_test;
