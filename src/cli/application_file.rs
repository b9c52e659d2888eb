//! Reads the file of an application: TOML, or JSON by its ending or its first letter.

use super::failing::Failing;
use crate::pure::base::limits::APPLICATION_BYTES_MAX;
use crate::pure::model::{Application, Deployment};
use std::io::Read;
use std::path::Path;

/// Reads, parses and checks `path`, as far as that goes without a registry; `-` is standard input.
///
/// # Errors
/// A file that cannot be read, is too large or is no application; every fault with its place.
pub(super) fn read(path: &Path) -> Result<Application, Failing> {
    let name = path.display().to_string();
    let text = if path == Path::new("-") {
        text_of(std::io::stdin().lock(), "standard input")?
    } else {
        let file =
            std::fs::File::open(path).map_err(|error| Failing::local(format!("failed to open {name}: {error}")))?;
        text_of(file, &name)?
    };
    let json = path.extension().is_some_and(|ending| ending == "json") || text.trim_start().starts_with('{');
    let application = parse(&text, &name, json).map_err(|faults| refused(&name, &faults))?;
    let faults = faults_of(&application);
    if faults.is_empty() {
        Ok(application)
    } else {
        Err(refused(&name, &faults))
    }
}

fn text_of(source: impl Read, name: &str) -> Result<String, Failing> {
    // Twice as much as may be stored: what a text costs more than its encoding.
    let limit = 2 * APPLICATION_BYTES_MAX;
    let mut text = String::new();
    let read = source.take(limit as u64 + 1).read_to_string(&mut text);
    read.map_err(|error| Failing::local(format!("failed to read {name}: {error}")))?;
    if text.len() > limit {
        return Err(Failing::local(format!("{name} is larger than {limit} bytes")));
    }
    Ok(text)
}

fn parse(text: &str, name: &str, json: bool) -> Result<Application, Vec<String>> {
    let parsed = if json {
        Application::from_json(text, name)
    } else {
        Application::from_toml(text, name)
    };
    parsed.map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

/// What is wrong with an application by itself.
fn faults_of(application: &Application) -> Vec<String> {
    let faults = Deployment::default().check(application).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

fn refused(name: &str, faults: &[String]) -> Failing {
    let count = match faults.len() {
        1 => "a fault".to_owned(),
        count => format!("{count} faults"),
    };
    let message = format!("{name} has {count}\n{}", faults.join("\n"));
    Failing::new(super::exit::Exit::Failed, "invalid", message, "")
}
