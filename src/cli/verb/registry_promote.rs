//! `floe registry promote NAME`: make a replica the master, live.

use super::registry_show::address_of;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::PeerName;
use crate::pure::protocol::report::PromotionReport;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe registry promote r2 --dry-run
  floe registry promote r2
  floe registry promote r2 --accept-loss

A master that is in reach stops writing and hands over first. Nothing is changed before every registry in reach was asked what it holds. Exit codes: 0 it leads and everybody who was
asked obeys, 8 it leads and somebody who was asked does not yet, 5 refused.";

/// Make a registry the master, without a restart; the present master hands over first, and no update is lost
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The registry that is to lead
    name: PeerName,
    /// Only tell who holds what, who is ahead or diverged, and whether it may lead
    #[arg(long)]
    dry_run: bool,
    /// Lead although a registry that does not answer held more when it was last heard, or completeness is not proven
    #[arg(long)]
    accept_loss: bool,
    /// Lead although a registry that answers holds more (its data stays untouched there), or the master does not hand over
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let address = address_of(&args.name, link)?;
    let mut ask = |dry_run| {
        let request = Request::Promote {
            dry_run,
            accept_loss: args.accept_loss,
            force: args.force,
        };
        match link.get_at(&address, request)? {
            Response::Promotion(report) => Ok(report),
            _ => Err(Failing::other_answer()),
        }
    };
    let found = ask(true)?;
    let table = output.table_of(&found.registries);
    if args.dry_run {
        output.value(&*found, |report| preflight(report, &table))?;
        return Ok(if found.refusal.is_empty() {
            Exit::Done
        } else {
            Exit::Precondition
        });
    }
    if !found.leads {
        output.word(preflight(&found, &table).trim_end());
    }
    let report = ask(false)?;
    output.value(&*report, outcome)?;
    Ok(if report.acknowledged.len() < report.asked.len() {
        Exit::InPart
    } else {
        Exit::Done
    })
}

/// What was found before anything was changed.
fn preflight(report: &PromotionReport, table: &str) -> String {
    let name = &report.registry;
    let mut lines = vec![format!("{name} is at {}; as it sees the others:", report.version)];
    if report.leads {
        return format!("{name} leads already, in epoch {}\n", report.epoch);
    }
    lines.push(if report.registries.is_empty() {
        "no other registry is known".to_owned()
    } else {
        table.to_owned()
    });
    if !report.hands_over.is_empty() {
        lines.push(format!("{} leads now and hands over first", report.hands_over));
    }
    lines.push(if report.refusal.is_empty() {
        format!("{name} may lead; {}", report.proof)
    } else {
        format!("{name} may not lead: {}", report.refusal)
    });
    lines.join("\n") + "\n"
}

/// What came of it.
fn outcome(report: &PromotionReport) -> String {
    let name = &report.registry;
    let head = format!(
        "{name} leads in epoch {}, at {}; {}",
        report.epoch, report.version, report.proof
    );
    let missing: Vec<&str> = report
        .asked
        .iter()
        .filter(|name| !report.acknowledged.contains(name))
        .map(String::as_str)
        .collect();
    let obey = format!(
        "{} of {} peers that were asked obey it",
        report.acknowledged.len(),
        report.asked.len()
    );
    if report.asked.is_empty() {
        format!("{head}\n")
    } else if missing.is_empty() {
        format!("{head}\n{obey}\n")
    } else {
        format!("{head}\n{obey}; not yet: {}\n", missing.join(", "))
    }
}
