//! Reads the file of what only a replaced database held, as an initialisation leaves it.

use super::failing::Failing;
use crate::pure::base::limits::SNAPSHOT_BYTES_MAX;
use crate::pure::protocol::surplus::{SURPLUS_FORMAT, SurplusFile};
use std::io::Read;
use std::path::Path;

/// How far into a file its first key is looked for.
const HEAD_BYTES: u64 = 256;
/// The first key of the file.
const MARK: &str = "\"floe_surplus\"";

/// The surplus in `path`, or `None` when the file is something else. Standard input never is one: it can be read only once.
///
/// # Errors
/// A file that begins as a surplus and is none, or of another format, or too large.
pub(super) fn read(path: &Path) -> Result<Option<SurplusFile>, Failing> {
    if path == Path::new("-") || !begins_as_surplus(path) {
        return Ok(None);
    }
    let name = path.display();
    let failed =
        |step: &str, error: &dyn std::fmt::Display| Failing::local(format!("failed to {step} {name}: {error}"));
    let file = std::fs::File::open(path).map_err(|error| failed("open", &error))?;
    let length = file.metadata().map_err(|error| failed("look at", &error))?.len();
    let bound = u64::try_from(SNAPSHOT_BYTES_MAX).unwrap_or(u64::MAX).saturating_mul(4);
    if length > bound {
        return Err(Failing::local(format!("{name} is larger than {bound} bytes")));
    }
    let reader = std::io::BufReader::new(file.take(bound));
    let surplus: SurplusFile = serde_json::from_reader(reader).map_err(|error| failed("read", &error))?;
    if surplus.floe_surplus != SURPLUS_FORMAT {
        let found = surplus.floe_surplus;
        return Err(Failing::local(format!(
            "{name} has format {found}, this build reads format {SURPLUS_FORMAT}"
        )));
    }
    Ok(Some(surplus))
}

/// Anything that cannot be read here is told by whoever reads it next.
fn begins_as_surplus(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
    read.is_ok() && String::from_utf8_lossy(&head).contains(MARK)
}
