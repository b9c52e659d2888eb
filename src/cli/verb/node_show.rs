//! `floe node show NAME`: one node in detail.

use crate::cli::rows::or_dash;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::PeerName;
use crate::pure::protocol::node::NodeDetail;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe node show n1
  floe node show n1 --format json";

/// Show one node in detail: host, load, labels, what it obeys and runs, its servers by state, what happened to it last
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The node
    name: PeerName,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let detail = node(&args.name, link, output)?;
    show(&detail, output)
}

/// How a node stands.
pub(super) fn node(name: &PeerName, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<NodeDetail, Failing> {
    let detail = detail_of(Request::Node { name: name.clone() }, link)?;
    output.caution(link.caution());
    Ok(detail)
}

/// The answer to a request that concerns a node.
pub(super) fn detail_of(request: Request, link: &mut dyn Ask) -> Result<NodeDetail, Failing> {
    match link.get(request)? {
        Response::Node(detail) => Ok(*detail),
        _ => Err(Failing::other_answer()),
    }
}

pub(super) fn show(detail: &NodeDetail, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let events = output.table_of(&detail.events);
    output.value(detail, |detail| text_of(detail, &events))?;
    Ok(Exit::Done)
}

fn text_of(detail: &NodeDetail, events: &str) -> String {
    let load = &detail.load;
    let servers: Vec<String> = detail
        .servers
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let labels: Vec<String> = detail
        .labels
        .iter()
        .map(|(name, text)| format!("{name}={text}"))
        .collect();
    let drained = detail.drained.as_ref().map_or_else(String::new, |drained| {
        let kept = if drained.keep_running { "; what ran goes on" } else { "" };
        format!("by {}, at {}{kept}", drained.order.by, drained.order.time)
    });
    let stopping = if detail.stopping { "yes" } else { "" };
    let facts = [
        ("node", detail.name.clone()),
        ("host", detail.host.clone()),
        ("address", detail.address.clone()),
        ("since", detail.since.to_string()),
        ("drained", drained),
        ("stopping", stopping.to_owned()),
        ("obeys epoch", detail.obeys_epoch.to_string()),
        (
            "applied",
            format!("{}, since {}", or_dash(&detail.applied), detail.applied_since),
        ),
        ("load", format!("{} {} {}", load.one, load.five, load.fifteen)),
        ("load factor", detail.load_factor.clone()),
        ("processors", detail.processors.to_string()),
        ("labels", labels.join(" ")),
        ("servers", or_dash(&servers.join(", "))),
        ("processes", detail.running.to_string()),
    ];
    let mut text = super::server_show::lines_of(&facts);
    if !detail.events.is_empty() {
        text.push_str("\nwhat happened to it last:\n");
        text.push_str(events);
        text.push('\n');
    }
    text
}
