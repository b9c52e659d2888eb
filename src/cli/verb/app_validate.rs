//! `floe app validate FILE`: checks a file without a grid.

use crate::cli::application_file;
use crate::cli::{Exit, Failing, Output};
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe app validate shop.toml
  floe app validate shop.json --format json";

/// Check an application by itself, without a registry: every fault at once, with its place
///
/// What only the deployment knows, such as an id that another application has, shows floe app diff.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The application, TOML or JSON; - for standard input
    file: PathBuf,
}

#[derive(Serialize)]
struct Valid {
    application: String,
    nodes: usize,
    servers: usize,
}

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let application = application_file::read(&args.file)?;
    let valid = Valid {
        application: application.name.to_string(),
        nodes: application.nodes.len(),
        servers: application.nodes.values().map(|node| node.servers.len()).sum(),
    };
    output.value(&valid, |valid| {
        format!(
            "{}: no faults; servers: {}, nodes: {}",
            valid.application, valid.servers, valid.nodes
        )
    })?;
    Ok(Exit::Done)
}
