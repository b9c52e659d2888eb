//! `floe registry init NAME --from OTHER`: replaces a registry's database by that of another.

use super::registry_show::address_of;
use crate::cli::progress::Progress;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::PeerName;
use crate::pure::protocol::report::{InitialisedReport, InitialisingReport};
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe registry init r2 --from r1
  floe registry init r2 --from r1 --format json
  floe registry init r2 --from r3 --from-unproven";

/// Replace a registry's database by that of another, while it runs
///
/// What only the replaced one held is written to a file that `floe app apply` applies again, the old database is kept beside
/// the new one, and the promise to obey stays. Nothing happens where the registry holds everything that the other does.
/// --timeout is how long to wait for each sign of progress. Exits with 5 when the registry leads, or when what the other
/// holds is in doubt.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The registry whose database is replaced
    name: PeerName,
    /// The registry whose database takes its place
    #[arg(long, value_name = "OTHER")]
    from: PeerName,
    /// Also if what the other holds is itself in doubt: it refuses the master, is superseded, out of date or unproven
    #[arg(long)]
    from_unproven: bool,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    if args.name == args.from {
        let message = format!("registry {} cannot be initialised from itself", args.name);
        return Err(Failing::usage(message));
    }
    let address = address_of(&args.name, link)?;
    let request = Request::Initialise {
        from: args.from.clone(),
        from_unproven: args.from_unproven,
    };
    let mut progress = Progress::new();
    let answer = link.follow_at(&address, request, &mut |response| {
        if let Response::Initialising(report) = response {
            progress.show(&line_of(&report));
        }
    });
    progress.end();
    match answer? {
        Response::Initialised(report) => output.value(&*report, text_of)?,
        Response::Failed(failure) => return Err(failure.into()),
        _ => return Err(Failing::other_answer()),
    }
    Ok(Exit::Done)
}

fn line_of(report: &InitialisingReport) -> String {
    let percent = (report.done * 100).checked_div(report.total);
    match percent {
        Some(percent) => format!(
            "{} {percent:>3} %, {} of {}",
            report.step,
            size_of(report.done),
            size_of(report.total)
        ),
        None => report.step.clone(),
    }
}

/// What was done, a line a fact.
fn text_of(report: &InitialisedReport) -> String {
    if !report.replaced {
        return format!(
            "{} holds everything that {} holds ({}); nothing was changed\n",
            report.registry, report.source, report.version
        );
    }
    let surplus = match report.surplus {
        0 => String::new(),
        1 => format!("1 update, in {}", report.surplus_file),
        count => format!("{count} updates, in {}", report.surplus_file),
    };
    let kept = if report.kept_file.is_empty() {
        String::new()
    } else {
        let total = size_of(report.kept_bytes_total);
        format!(
            "{}, {} (all kept databases: {total}; remove them when nobody needs them)",
            report.kept_file,
            size_of(report.kept_bytes)
        )
    };
    let facts = [
        ("registry", report.registry.clone()),
        ("from", report.source.clone()),
        (
            "was",
            format!("{}; the other was {} then", report.before, report.relation),
        ),
        ("version", report.version.clone()),
        ("surplus", surplus),
        ("kept", kept),
        ("unproven", report.unproven.clone()),
        ("next", report.next.clone()),
    ];
    let lines = facts.iter().filter(|(_, fact)| !fact.is_empty());
    let lines: Vec<String> = lines.map(|(name, fact)| format!("{name:<13}{fact}\n")).collect();
    lines.concat()
}

fn size_of(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / (1024 * 1024)),
    }
}
