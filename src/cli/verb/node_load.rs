//! `floe node load NAME`: the load averages of a node.

use super::node_show::node;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::PeerName;

const EXAMPLES: &str = "\
Examples:
  floe node load n1
  floe node load n1 --format json";

/// Show the load averages of a node over 1, 5 and 15 minutes, times its load factor
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The node
    name: PeerName,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let detail = node(&args.name, link, output)?;
    output.value(&detail.load, |load| {
        format!("{} {} {}\n", load.one, load.five, load.fifteen)
    })?;
    Ok(Exit::Done)
}
