//! `floe registry demote NAME`: make a registry a replica.

use super::registry_show::{address_of, show};
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::PeerName;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe registry demote r1
  floe registry demote r1 --force

For an old master that stands by as superseded or contested, and is to follow. To move mastership, promote the other one instead: it takes over without a gap.";

/// Make a registry a replica, without a restart; it follows the master where its data allows that
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The registry
    name: PeerName,
    /// Also when it leads: no master is left then
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let address = address_of(&args.name, link)?;
    let Response::Registry(report) = link.get_at(&address, Request::Demote { force: args.force })? else {
        return Err(Failing::other_answer());
    };
    show(&report, output)
}
