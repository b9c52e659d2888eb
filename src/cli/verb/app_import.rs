//! `floe app import FILE.xml`: IceGrid's descriptors to ours.

use crate::cli::{Exit, Failing, Output};
use crate::pure::model::import::{self, FILE_BYTES_MAX, Kind, Note};
use serde::Serialize;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  floe app import shop.xml > shop.toml
  floe app import shop.xml --format json

The TOML goes to stdout. What became something else (note) or is not in it (not mapped) goes to stderr, a line each, with
file, line, column, the reason and what to do. Included files are read beside the file that names them.

Exit codes: 0 all of it is mapped; 8 something is not; 1 the file is no IceGrid descriptor, and nothing is printed.
Look it over, then: floe app validate shop.toml";

/// Turn IceGrid's XML descriptors into an application of floe's, and list what does not map and why
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// IceGrid's descriptor, as given to icegridadmin's application add
    file: PathBuf,
}

/// What programs read.
#[derive(Serialize)]
struct Imported {
    application: crate::pure::model::Application,
    toml: String,
    notes: Vec<NoteRow>,
}
#[derive(Serialize)]
struct NoteRow {
    place: String,
    mapped: bool,
    message: String,
}
impl From<&Note> for NoteRow {
    fn from(note: &Note) -> Self {
        Self {
            place: note.place.clone(),
            mapped: note.kind == Kind::Note,
            message: note.message.clone(),
        }
    }
}

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let name = args.file.display().to_string();
    let text = read(&args.file).map_err(Failing::local)?;
    let imported = import::import(&text, &name, &mut |path| read(Path::new(path)))
        .map_err(|error| Failing::new(Exit::Failed, "invalid", error.to_string(), ""))?;
    for note in &imported.notes {
        output.word(&note.to_string());
    }
    let is_in_part = imported.is_in_part();
    if is_in_part {
        let count = imported
            .notes
            .iter()
            .filter(|note| note.kind == Kind::NotMapped)
            .count();
        output.word(&format!("{name}: not mapped: {count}; each is named above"));
    }
    let toml = import::to_toml(&imported, &name);
    let value = Imported {
        toml,
        notes: imported.notes.iter().map(NoteRow::from).collect(),
        application: imported.application,
    };
    output.value(&value, |value| value.toml.clone())?;
    Ok(if is_in_part { Exit::InPart } else { Exit::Done })
}

/// The text of an ordinary file of at most `FILE_BYTES_MAX`; the size is looked at before anything is read.
fn read(path: &Path) -> Result<String, String> {
    let name = path.display();
    let about = std::fs::metadata(path).map_err(|error| format!("failed to open {name}: {error}"))?;
    if !about.is_file() {
        return Err(format!("{name} is not an ordinary file"));
    }
    let bound = FILE_BYTES_MAX as u64;
    let too_large = || format!("{name} is larger than {FILE_BYTES_MAX} bytes");
    if about.len() > bound {
        return Err(too_large());
    }
    let file = File::open(path).map_err(|error| format!("failed to open {name}: {error}"))?;
    let mut bytes = Vec::new();
    let read = file.take(bound + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("failed to read {name}: {error}"))?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(too_large());
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("{name} is not UTF-8: {}; convert it with iconv", error.utf8_error()))
}
