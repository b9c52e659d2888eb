//! `floe node run`: the node daemon.

use super::registry_run::begin_log;
use crate::cli::{Exit, Failing, daemon};
use crate::io::config::{self, Overrides};
use crate::pure::membership::PeerKind;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe node run --config /etc/floe/node.toml

A configuration that is not good ends it with 78 before any port opens; floe config check tells the same.";

/// Run a node until it is told to stop
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", env = "FLOE_CONFIG", hide_env_values = true)]
    config: PathBuf,
    /// End when the process that started this one ends
    #[arg(long, hide = true)]
    with_parent: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failing> {
    let overrides = Overrides {
        kind: Some(PeerKind::Node),
        ..Overrides::default()
    };
    let config = config::load(&args.config, &overrides)?;
    begin_log(&config)?;
    if args.with_parent {
        daemon::end_with_parent()?;
    }
    daemon::run(crate::app::node::run(config))
}
