//! Reads the file of an application: TOML, or JSON by its ending or its first letter, with the targets that are chosen.

use super::failing::Failing;
use crate::pure::model::parse::{self, Format, Source, TEXT_BYTES_MAX};
use crate::pure::model::{Application, Deployment, Fault};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

/// What is chosen of a file.
#[derive(Debug, clap::Args)]
pub(super) struct Choice {
    /// Lay this target of the file over the application; repeatable, a later one wins
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Give a variable of the application this value; repeatable. A node's own variables still win
    #[arg(long = "set", value_name = "VARIABLE=VALUE")]
    values: Vec<String>,
}

impl Choice {
    /// Nothing is chosen.
    pub(super) fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.values.is_empty()
    }
}

/// Reads, parses and checks `path` with what is chosen of it, as far as that goes without a registry; `-` is standard input.
///
/// # Errors
/// A file that cannot be read, is too large or is no application; every fault with its place; a choice that the file does
/// not offer.
pub(super) fn read(path: &Path, choice: &Choice) -> Result<Application, Failing> {
    with_file(path, |application, source, mut faults| {
        let chosen = choose(&application, &choice.targets, choice)?;
        faults.extend(faults_of(&chosen, source, &choice.targets));
        refused_if_any(path, &faults)?;
        Ok(chosen)
    })
}

/// As [`read`]; when no target is chosen each target is checked by itself, too. Also tells the names of the targets.
///
/// # Errors
/// As [`read`], with the faults of all.
pub(super) fn read_all(path: &Path, choice: &Choice) -> Result<(Application, Vec<String>), Failing> {
    if !choice.targets.is_empty() {
        return Ok((read(path, choice)?, choice.targets.clone()));
    }
    with_file(path, |application, source, mut faults| {
        let chosen = choose(&application, &[], choice)?;
        faults.extend(faults_of(&chosen, source, &[]));
        let of_base: BTreeSet<String> = faults.iter().cloned().collect();
        for name in application.targets.keys() {
            let target = [name.clone()];
            let with = faults_of(&choose(&application, &target, choice)?, source, &target);
            let own = with.into_iter().filter(|fault| !of_base.contains(fault));
            faults.extend(own.map(|fault| format!("{fault} (with target {name})")));
        }
        refused_if_any(path, &faults)?;
        Ok((chosen, application.targets.keys().cloned().collect()))
    })
}

fn with_file<T>(
    path: &Path,
    then: impl FnOnce(Application, &Source<'_>, Vec<String>) -> Result<T, Failing>,
) -> Result<T, Failing> {
    let name = path.display().to_string();
    let text = if path == Path::new("-") {
        text_of(std::io::stdin().lock(), "standard input")?
    } else {
        let file =
            std::fs::File::open(path).map_err(|error| Failing::local(format!("failed to open {name}: {error}")))?;
        text_of(file, &name)?
    };
    let json = path.extension().is_some_and(|ending| ending == "json") || text.trim_start().starts_with('{');
    let format = if json { Format::Json } else { Format::Toml };
    let read = parse::read(&text, &name, format).map_err(|faults| refused(&name, &lines(&faults)));
    let (application, source, faults) = read?;
    then(application, &source, lines(&faults))
}

fn choose(application: &Application, targets: &[String], choice: &Choice) -> Result<Application, Failing> {
    let chosen = application.clone().choose(targets, &choice.values);
    chosen.map_err(|error| Failing::usage(error.to_string()))
}

fn text_of(source: impl Read, name: &str) -> Result<String, Failing> {
    let limit = TEXT_BYTES_MAX;
    let mut text = String::new();
    let read = source.take(limit as u64 + 1).read_to_string(&mut text);
    read.map_err(|error| Failing::local(format!("failed to read {name}: {error}")))?;
    if text.len() > limit {
        return Err(Failing::local(format!("{name} is larger than {limit} bytes")));
    }
    Ok(text)
}

/// What is wrong with an application by itself.
fn faults_of(application: &Application, source: &Source<'_>, targets: &[String]) -> Vec<String> {
    let faults = Deployment::default().check(application).err().unwrap_or_default();
    lines(&source.place(faults, targets))
}

fn lines(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

fn refused_if_any(path: &Path, faults: &[String]) -> Result<(), Failing> {
    if faults.is_empty() {
        return Ok(());
    }
    Err(refused(&path.display().to_string(), faults))
}

fn refused(name: &str, faults: &[String]) -> Failing {
    let count = match faults.len() {
        1 => "a fault".to_owned(),
        count => format!("{count} faults"),
    };
    let message = format!("{name} has {count}\n{}", faults.join("\n"));
    Failing::new(super::exit::Exit::Failed, "invalid", message, "")
}
