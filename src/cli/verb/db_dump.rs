//! `floe db dump PATH`: a whole database as JSON, without a daemon.

use crate::cli::offline;
use crate::cli::{Exit, Failing, Output};
use crate::pure::registry::dump;
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  floe db dump /var/lib/floe/r1 --output r1.json
  floe db dump /var/lib/floe/r1/database-4.93-20260102T030405Z.replaced
  floe db dump /var/lib/floe/r1 > r1.json

A dump holds everything: applications with their revisions, objects, registries, the kept log and its digests. It ends in a
digest over itself; floe db load refuses one that was changed. The database is only read.";

/// Write the database of a stopped registry as JSON, to be kept, read, or loaded again
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// A registry's data folder, or a database file
    path: PathBuf,
    /// Write to this new file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What was written to a file; the field names are for scripts.
#[derive(Serialize)]
struct Dumped {
    file: String,
    bytes: usize,
    version: String,
    digest: String,
}

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let kept = offline::open(&args.path)?;
    let path = kept.opened.path.display();
    let text =
        dump::write(&kept.opened.image).map_err(|error| Failing::local(format!("failed to dump {path}: {error}")))?;
    let Some(file) = &args.output else {
        output.text(&text)?;
        return Ok(Exit::Done);
    };
    write_new(file, text.as_bytes())?;
    let end = kept.database.end();
    let dumped = Dumped {
        file: offline::absolute(file).display().to_string(),
        bytes: text.len(),
        version: end.to_string(),
        digest: end.digest.to_string(),
    };
    output.value(&dumped, |dumped| {
        format!(
            "version {} written to {} ({} bytes)",
            dumped.version, dumped.file, dumped.bytes
        )
    })?;
    Ok(Exit::Done)
}

/// Writes a file that is not there yet, durable when this returns. What a failure leaves of it is removed.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failing> {
    let place = path.display();
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let write = |mut file: File| file.write_all(bytes).and_then(|()| file.sync_all());
    match file {
        Ok(file) => write(file).map_err(|error| {
            // It was made here, so nothing of anybody's is lost; why it failed is worth more than a second error.
            std::fs::remove_file(path).unwrap_or_default();
            Failing::local(format!("failed to write {place}: {error}"))
        }),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Failing::new(
            Exit::Precondition,
            "precondition",
            format!("{place} is there already"),
            "nothing was changed; name another file, or move that one away",
        )),
        Err(error) => Err(Failing::local(format!("failed to create {place}: {error}"))),
    }
}
