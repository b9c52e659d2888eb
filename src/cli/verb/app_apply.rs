//! `floe app apply FILE`: deploys an application.

use super::app_apply_surplus;
use crate::cli::application_file::{self, Choice};
use crate::cli::args::Global;
use crate::cli::surplus_file;
use crate::cli::update::{self, Flags};
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::update::Change;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe app apply shop.toml
  floe app apply shop.toml --target production --set version=7
  floe app apply shop.toml --if-version 4.93 --no-restart
  floe app apply shop.toml --wait --timeout 2m
  floe app apply shop.toml --rollback-on-failure
  floe app apply - --format json
  floe app apply surplus-4.93-20261123T043626Z.json";

/// Deploy an application, new or changed
///
/// Returns when the update is on as many disks as the master's configuration asks for. While the outcome is in doubt,
/// because copies are missing or the master is gone, it asks again, until --timeout and wherever the master is by then:
/// the same request is applied once. Exits with 5 when a condition does not hold, with 8 when the outcome is still in
/// doubt: then run it again with the --request that the message names.
///
/// With --wait it follows the servers that the update touches until always servers and restarted ones are active by the
/// new definition, removed ones are gone, and moved ones have left their old node. Exits with 8 when some fail, with 9
/// when the time is over; both name them. With --rollback-on-failure the update is undone then, and the exit code is 1.
///
/// The file may be the surplus that a registry's initialisation left: its updates are applied again in order, each once
/// however often this is run. Exits with 8 when some of them conflict with what was done meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The application, TOML or JSON, or a surplus; - for standard input
    file: PathBuf,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    flags: Flags,
    /// Undo the update when a server fails or the time is over, unless somebody else updated it since; waits as --wait does
    #[arg(long)]
    rollback_on_failure: bool,
}

pub(super) fn run(
    args: &Args,
    global: &Global,
    open: &mut dyn FnMut() -> Result<Box<dyn Ask>, Failing>,
    output: &mut Output<'_>,
) -> Result<Exit, Failing> {
    let flags = &args.flags;
    if let Some(surplus) = surplus_file::read(&args.file)? {
        let conditional = flags.if_revision.is_some() || flags.if_version.is_some() || flags.request.is_some();
        let chosen = !args.choice.is_empty();
        if conditional || chosen || flags.no_restart || flags.wait || args.rollback_on_failure {
            let message = "a surplus brings its own content, revisions and request ids: leave all flags of updates, --target \
                           and --set out";
            return Err(Failing::usage(message));
        }
        return app_apply_surplus::run(surplus, &args.file, &mut *open()?, output);
    }
    let application = application_file::read(&args.file, &args.choice)?;
    let change = Change::Put(Box::new(application));
    let mut link = open()?;
    update::run(change, flags, args.rollback_on_failure, (global, &mut *link), output)
}
