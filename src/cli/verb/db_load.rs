//! `floe db load FILE --into FOLDER`: a database out of a dump, without a daemon.

use crate::cli::offline;
use crate::cli::{Exit, Failing, Output};
use crate::io::store::offline as store;
use crate::pure::registry::dump::{self, DUMP_BYTES_MAX, DumpError};
use serde::Serialize;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  floe db load r1.json --into /var/lib/floe/r1
  floe db load r1.json --into /var/lib/floe/new --format json

The folder must hold no database, and no process may use it. A dump may be older than what its registry acknowledged later:
the registry that starts with it counts as unproven until it has caught up with a leading master.";

/// Make the database of a stopped registry out of a dump: the very same version, digests and log
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// What floe db dump wrote
    file: PathBuf,
    /// The registry's data folder; it is made where it is missing
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
}

/// What was made; the field names are for scripts.
#[derive(Serialize)]
struct Loaded {
    path: String,
    database: String,
    version: String,
    digest: String,
    log_first: u64,
    entries: usize,
    applications: usize,
}

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let bytes = read(&args.file)?;
    let (database, image) = dump::read(&bytes).map_err(|error| refused(&args.file, &args.into, &error))?;
    drop(bytes);
    let (end, entries) = (database.end(), image.log.len());
    let origin = format!(
        "the database was loaded from the dump {} at version {end}",
        offline::absolute(&args.file).display()
    );
    let path = store::load(&args.into, image, &origin, "floe db load").map_err(|error| offline::refused(&error))?;
    let again = offline::open(&path)?;
    if again.database.summary() != database.summary() {
        return Err(offline::damaged(&path, &"what was written is not what the dump holds"));
    }
    let loaded = Loaded {
        path: path.display().to_string(),
        database: database.id().map(|id| id.to_string()).unwrap_or_default(),
        version: end.to_string(),
        digest: end.digest.to_string(),
        log_first: database.log_first(),
        entries,
        applications: database.deployment().applications.len(),
    };
    output.value(&loaded, |loaded| {
        format!(
            "version {} loaded into {}; digest {}\nthe registry that starts with it counts as unproven until it has caught up with a leading master",
            loaded.version, loaded.path, loaded.digest
        )
    })?;
    Ok(Exit::Done)
}

fn read(path: &Path) -> Result<Vec<u8>, Failing> {
    let place = path.display();
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Failing::not_found(format!("there is no {place}"), "floe db dump makes a dump"),
        _ => Failing::local(format!("failed to read {place}: {error}")),
    };
    let file = File::open(path).map_err(failed)?;
    let bound = u64::try_from(DUMP_BYTES_MAX).unwrap_or(u64::MAX);
    let length = file.metadata().map_err(failed)?.len();
    if length > bound {
        return Err(Failing::local(format!(
            "{place} has {length} bytes, a dump has at most {bound}"
        )));
    }
    let mut bytes = Vec::new();
    file.take(bound).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Why a file cannot be loaded, with what to do.
fn refused(file: &Path, folder: &Path, error: &DumpError) -> Failing {
    let (file, folder) = (file.display(), folder.display());
    let hint = match error {
        DumpError::Database => format!(
            "nothing was changed; dump it first: floe db dump {file} --output dump.json; then: floe db load dump.json --into {folder}"
        ),
        DumpError::Foreign => "floe db dump PATH --output FILE makes a dump".to_owned(),
        DumpError::Cut | DumpError::Digest { .. } | DumpError::Unsound(_) | DumpError::Contradiction { .. } => {
            "nothing was changed; take another copy of the dump, or make it again with floe db dump".to_owned()
        }
        DumpError::Format(_) | DumpError::Content(_) | DumpError::TooLarge(_) | DumpError::Lossy => {
            "nothing was changed".to_owned()
        }
    };
    Failing::new(Exit::Failed, "dump", format!("failed to load {file}: {error}"), hint)
}
