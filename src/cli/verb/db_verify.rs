//! `floe db verify PATH`: the whole check of a database file, without a daemon.

use crate::cli::offline;
use crate::cli::{Exit, Failing, Output};
use crate::pure::registry::audit::audit;
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe db verify /var/lib/floe/r1
  floe db verify /backup/database.redb --format json

Exits with 1 and the place of the damage when something is wrong. The file is only read.";

/// Check the whole database of a stopped registry: every page, every digest, the seal, and that the state is what the log
/// says
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// A registry's data folder, or a database file
    path: PathBuf,
}

/// What was proven; the field names are for scripts.
#[derive(Serialize)]
struct Verified {
    path: String,
    sound: bool,
    version: String,
    digest: String,
    log_first: u64,
    entries: u64,
    values: usize,
    replayed: bool,
}

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let kept = offline::open(&args.path)?;
    let path = &kept.opened.path;
    let audit = audit(&kept.database).map_err(|reason| offline::damaged(path, &reason))?;
    let end = kept.database.end();
    let sound = Verified {
        path: path.display().to_string(),
        sound: true,
        version: end.to_string(),
        digest: end.digest.to_string(),
        log_first: kept.database.log_first(),
        entries: audit.entries,
        values: kept.opened.image.values.len(),
        replayed: audit.replayed,
    };
    output.value(&sound, text_of)?;
    Ok(Exit::Done)
}

fn text_of(sound: &Verified) -> String {
    let state = if sound.replayed {
        "the log adds up to the state from its first entry on".to_owned()
    } else {
        format!("the state is as the entries from {} on left it", sound.log_first)
    };
    format!(
        "{}: sound at version {}\nchecked: every page; {} entries and their digests; {} values and their seal; {state}",
        sound.path, sound.version, sound.entries, sound.values
    )
}
