//! `floe plugin list [REGISTRY]`: the allocators that a registry loaded, and how they do.

use super::registry_show::address_of;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::PeerName;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe plugin list
  floe plugin list r2
  floe plugin list r2 --format json

Each registry loads its own; those of the master decide.";

/// What is said where a registry has none.
pub(super) const NONE: &str = "no plugins: a built-in allocator decides. [allocation] in a registry's configuration names the policy and the plugins";

/// List the plugins of a registry: which is its policy, how each stands and why, how often it was asked and failed
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The registry; without it, the one that answers
    registry: Option<PeerName>,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let response = match &args.registry {
        Some(name) => {
            let address = address_of(name, link)?;
            link.get_at(&address, Request::Plugins)?
        }
        None => link.get(Request::Plugins)?,
    };
    let Response::Plugins(rows) = response else {
        return Err(Failing::other_answer());
    };
    let table = output.table_of(&rows);
    output.value(&rows, |rows| if rows.is_empty() { NONE.to_owned() } else { table })?;
    Ok(Exit::Done)
}
