//! `floe config check FILE`: reads a configuration as the daemon would.

use crate::cli::{Exit, Failing, Output};
use crate::io::config::{self, Overrides};
use crate::pure::membership::PeerKind;
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe config check /etc/floe/registry.toml
  floe config check node.toml --format json";

/// Check a configuration as the daemon would, without starting anything
///
/// Tells every fault at once, each with its place, and exits with 78 when there is one. The environment counts, as it
/// would for the daemon.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The configuration
    #[arg(value_name = "FILE", env = "FLOE_CONFIG", hide_env_values = true)]
    file: PathBuf,
}

#[derive(Serialize)]
struct Checked {
    grid: String,
    kind: PeerKind,
    name: String,
    warnings: Vec<String>,
}

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let config = config::load(&args.file, &Overrides::default())?;
    let checked = Checked {
        grid: config.grid.to_string(),
        kind: config.kind.of(),
        name: config.peer.name.to_string(),
        warnings: config.warnings(),
    };
    output.value(&checked, |checked| {
        let headline = format!("{} {} of grid {}: no faults", checked.kind, checked.name, checked.grid);
        let warnings = checked.warnings.iter().map(|warning| format!("\nwarning: {warning}"));
        std::iter::once(headline).chain(warnings).collect()
    })?;
    Ok(Exit::Done)
}
