//! `floe app validate FILE`: checks a file without a grid.

use crate::cli::application_file::{self, Choice};
use crate::cli::{Exit, Failing, Output};
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe app validate shop.toml
  floe app validate shop.toml --target production --set version=7
  floe app validate shop.json --format json";

/// Check an application by itself, without a registry: every fault at once, with its place
///
/// Without --target the application is checked as it is, and with each of its targets by itself.
/// What only the deployment knows, such as an id that another application has, shows floe app diff.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The application, TOML or JSON; - for standard input
    file: PathBuf,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Serialize)]
struct Valid {
    application: String,
    nodes: usize,
    servers: usize,
    targets: Vec<String>,
}

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let (application, targets) = application_file::read_all(&args.file, &args.choice)?;
    let valid = Valid {
        application: application.name.to_string(),
        nodes: application.nodes.len(),
        servers: application.nodes.values().map(|node| node.servers.len()).sum(),
        targets,
    };
    output.value(&valid, |valid| {
        let targets = match valid.targets.as_slice() {
            [] => String::new(),
            names => format!(", targets: {}", names.join(", ")),
        };
        let (application, servers, nodes) = (&valid.application, valid.servers, valid.nodes);
        format!("{application}: no faults; servers: {servers}, nodes: {nodes}{targets}")
    })?;
    Ok(Exit::Done)
}
