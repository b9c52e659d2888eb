//! `floe adapter register ID`: registers an adapter of a process that no node runs, until interrupted.

use crate::cli::args::time;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::client::RegisterOptions;
use crate::pure::base::{AdapterId, GroupId};
use crate::pure::protocol::locate::Registration;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  floe adapter register printer-7 --endpoint tcp://10.0.0.7:9100
  floe adapter register printer-7 --endpoint tcp://10.0.0.7:9100 --group printers --ttl 5s

It is found through every registry while this command runs, and no longer than its time to live after it was killed.";

/// Register the endpoints of a process that no node runs, and renew that until interrupted
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The id of the adapter; not one that an application deploys
    id: AdapterId,
    /// Where the process listens; repeat it for more
    #[arg(long, value_name = "URI", required = true)]
    endpoint: Vec<String>,
    /// The group that it joins; not one that an application deploys
    #[arg(long, value_name = "ID")]
    group: Option<GroupId>,
    /// How long it is found after this command has died, 1s to 1h
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "15s")]
    ttl: Duration,
    /// Take it over from another process that has registered it
    #[arg(long)]
    take_over: bool,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let registration = Registration {
        adapter: args.id.clone(),
        group: args.group.clone(),
        endpoints: args.endpoint.clone(),
    };
    let options = RegisterOptions {
        ttl: args.ttl,
        take_over: args.take_over,
    };
    link.register(registration, options, &mut |words| output.word(words))?;
    Ok(Exit::Done)
}
