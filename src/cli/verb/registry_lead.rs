//! `floe registry lead NAME --alone`: let a master lead although too few others are in sight.

use super::registry_show::{address_of, show};
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::PeerName;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe registry lead r2 --alone

Say this only when the others are known to be gone: a master that is merely cut off from them may have a successor there,
and what both write must be sorted out by hand. It holds until the registry stops.";

/// Let a master that waits for others lead without them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The registry
    name: PeerName,
    /// Although too few of the other registries are in sight
    #[arg(long, required = true)]
    alone: bool,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    debug_assert!(args.alone, "the flag is required");
    let address = address_of(&args.name, link)?;
    let Response::Registry(report) = link.get_at(&address, Request::LeadAlone)? else {
        return Err(Failing::other_answer());
    };
    show(&report, output)
}
