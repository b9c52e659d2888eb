//! `floe node shutdown NAME`: ends a node's daemon.

use super::node_show::{detail_of, show};
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::PeerName;
use crate::pure::protocol::Request;

const EXAMPLES: &str = "\
Examples:
  floe node shutdown n1
  floe node shutdown n1 --stop-servers
  floe node shutdown n1 --leave-servers

The daemon ends with exit code 0, which systemd's Restart=on-failure takes for an end. Servers that were left go on and are
found again when the node is started.";

/// End a node's daemon; its servers are stopped or left as its configuration says (on_stop)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The node
    name: PeerName,
    /// Stop its servers first
    #[arg(long, conflicts_with = "leave_servers")]
    stop_servers: bool,
    /// Let its servers go on
    #[arg(long)]
    leave_servers: bool,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let stop_servers = match (args.stop_servers, args.leave_servers) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    };
    let node = args.name.clone();
    let detail = detail_of(Request::StopNode { node, stop_servers }, link)?;
    output.caution(link.caution());
    show(&detail, output)
}
