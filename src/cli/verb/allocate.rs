//! `floe allocate`: runs a command while it holds a resource; or tells what it would hold, and why.

use crate::cli::args::time;
use crate::cli::ask::Holding;
use crate::cli::{Ask, Exit, Failing, Output, decision};
use crate::client::SessionOptions;
use crate::pure::allocation::Wish;
use crate::pure::base::ObjectId;
use crate::pure::protocol::{Request, Response};
use std::ffi::OsString;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  floe allocate --type gpu -- python3 train.py
  floe allocate --type gpu --where memory=80GiB --wait 10m -- python3 train.py
  floe allocate --id gpu-0 --wait 0s -- nvidia-smi
  floe allocate --type licence --count 2 -- make
  floe allocate --type gpu --where memory=80GiB --dry-run
  floe allocate --id gpu-0 --dry-run --format json

The command finds what it holds in FLOE_OBJECT, FLOE_ENDPOINT and FLOE_TOKEN (several are separated by blanks), and its session in
FLOE_SESSION. Its exit code is that of this command. What it holds is free when it ends, or a time to live after this command was
killed. When the session is over before, the command is told to end with SIGTERM, and killed 5 s later.

With --dry-run no session is opened and nothing is given. `floe lease explain` tells the same of what is held.";

/// Run a command while it holds a resource that one session at a time may have
///
/// Waits for the resource if need be. Exits as the command does; with 9 when the resource was not free in time, with 4 when
/// there is none. With --dry-run it exits with 9 when nothing would be given now.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Any resource of this type
    #[arg(long = "type", value_name = "TYPE", required_unless_present = "id")]
    kind: Option<String>,
    /// This very resource
    #[arg(long, value_name = "ID", conflicts_with_all = ["kind", "attributes", "count"])]
    id: Option<ObjectId>,
    /// Only a resource with this attribute; repeat it for more
    #[arg(long = "where", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// How many
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// How long to wait for each, 0s for not at all [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = time)]
    wait: Option<Duration>,
    /// How long it stays held after this command was killed, 1s to 24h; as long without a registry ends the command
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    ttl: Duration,
    /// What the session is called in lists [default: the command]
    #[arg(long)]
    name: Option<String>,
    /// Give nothing: tell what a new session would be given now, and why
    #[arg(long, conflicts_with_all = ["command", "count", "wait", "ttl", "name"])]
    dry_run: bool,
    /// The command and its arguments
    #[arg(last = true, required_unless_present = "dry_run", value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let wish = wish_of(args);
    if args.dry_run {
        return probe(wish, link, output);
    }
    let program = args
        .command
        .first()
        .map(|program| program.to_string_lossy().into_owned());
    let name = args.name.clone().or(program).unwrap_or_default();
    let holding = Holding {
        session: SessionOptions {
            ttl: args.ttl,
            ..SessionOptions::new(name.chars().filter(|c| !c.is_control()).take(16).collect::<String>())
        },
        wish,
        count: usize::from(args.count),
        limit: args.wait,
        command: &args.command,
    };
    link.hold(holding, &mut |words| output.word(words))
}

fn wish_of(args: &Args) -> Wish {
    match (&args.id, &args.kind) {
        (Some(id), _) => Wish::Id(id.clone()),
        (None, kind) => Wish::Type {
            kind: kind.clone().unwrap_or_default(),
            attributes: args.attributes.iter().cloned().collect(),
        },
    }
}

/// What would be given. A request that would wait ends as one that will not wait.
fn probe(wish: Wish, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let Response::Decision(report) = link.get(Request::Probe { wish })? else {
        return Err(Failing::other_answer());
    };
    decision::show(&report, output)?;
    if report.resource.is_some() {
        return Ok(Exit::Done);
    }
    let message = format!("{} would not be given now: {} lets it wait", report.wish, report.by);
    let hint = "`floe session list` shows who waits, `floe lease list` who holds what";
    Err(Failing::new(Exit::TimedOut, "timed-out", message, hint))
}

fn attribute(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or_else(|| "wants NAME=VALUE".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}
