//! `floe node drain NAME` and `floe node undrain NAME`: a node that starts nothing for a while.

use super::node_show::{detail_of, show};
use crate::cli::args::Global;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::PeerName;
use crate::pure::protocol::Request;
use std::time::{Duration, Instant};

/// How often the node is asked how far it is.
const LOOK: Duration = Duration::from_millis(100);

/// Let a node start nothing more, and stop what runs on it; its members of groups are not offered any more
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  floe node drain n1
  floe node drain n1 --timeout 5m
  floe node drain n1 --keep-running

It waits until all servers of the node have ended, at most for the timeout, after which the node goes on by itself. It
stays drained when it is started again, until floe node undrain.")]
pub(in crate::cli) struct Drain {
    /// The node
    name: PeerName,
    /// Leave running what runs
    #[arg(long)]
    keep_running: bool,
}

/// Let a drained node start servers again; those that must run are started
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  floe node undrain n1")]
pub(in crate::cli) struct Undrain {
    /// The node
    name: PeerName,
}

pub(super) fn drain(
    args: &Drain,
    global: &Global,
    link: &mut dyn Ask,
    output: &mut Output<'_>,
) -> Result<Exit, Failing> {
    let end = Instant::now() + global.timeout();
    let name = &args.name;
    let mut detail = detail_of(
        Request::Drain {
            node: name.clone(),
            keep_running: args.keep_running,
        },
        link,
    )?;
    let mut said = None;
    while !args.keep_running && detail.running > 0 {
        if said != Some(detail.running) {
            said = Some(detail.running);
            output.word(&format!("node {name}: {} servers still run", detail.running));
        }
        if Instant::now() >= end {
            show(&detail, output)?;
            let message = format!(
                "node {name} is drained, and {} servers had not ended in time",
                detail.running
            );
            let hint = format!("it goes on by itself; floe node show {name} tells how far it is");
            return Err(Failing::new(Exit::TimedOut, "timed-out", message, hint));
        }
        std::thread::sleep(LOOK);
        detail = detail_of(Request::Node { name: name.clone() }, link)?;
    }
    output.caution(link.caution());
    show(&detail, output)
}

pub(super) fn undrain(args: &Undrain, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let node = args.name.clone();
    let detail = detail_of(Request::Undrain { node }, link)?;
    output.caution(link.caution());
    show(&detail, output)
}
