//! `floe peer list`: everybody in gossip.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe peer list
  floe peer list --peer 127.0.0.1:7501
  floe peer list --format json";

/// List every peer that the answering peer knows; nodes answer too
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {}

pub(super) fn run(_: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let Response::Peers(rows) = link.get(Request::Peers)? else {
        return Err(Failing::other_answer());
    };
    output.rows(&rows)?;
    Ok(Exit::Done)
}
