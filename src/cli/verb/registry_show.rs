//! `floe registry show [NAME]`: one registry in detail.

use crate::cli::rows::or_dash;
use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::base::{Address, PeerName};
use crate::pure::protocol::report::RegistryReport;
use crate::pure::protocol::{Request, Response};

const EXAMPLES: &str = "\
Examples:
  floe registry show
  floe registry show r2
  floe registry show r2 --format json";

/// Show one registry in detail: its role and where that comes from, its standing and why, its log, its followers
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The registry; without it, the one that answers
    name: Option<PeerName>,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let response = match &args.name {
        Some(name) => {
            let address = address_of(name, link)?;
            link.get_at(&address, Request::Registry)?
        }
        None => link.get(Request::Registry)?,
    };
    let Response::Registry(report) = response else {
        return Err(Failing::other_answer());
    };
    show(&report, output)
}

pub(super) fn show(report: &RegistryReport, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let tables = [output.table_of(&report.followers), output.table_of(&report.others)];
    output.value(report, |report| text_of(report, &tables))?;
    Ok(Exit::Done)
}

/// Where a registry of the grid listens.
pub(super) fn address_of(name: &PeerName, link: &mut dyn Ask) -> Result<Address, Failing> {
    let Response::Status(report) = link.get(Request::Status)? else {
        return Err(Failing::other_answer());
    };
    let Some(row) = report.registries.into_iter().find(|row| row.name == name.as_str()) else {
        let message = format!("there is no registry {name}");
        return Err(Failing::not_found(message, "floe registry list shows all"));
    };
    row.address
        .parse()
        .map_err(|error| Failing::unreachable(format!("failed to find registry {name}: {error}")))
}

fn text_of(report: &RegistryReport, [followers, others]: &[String; 2]) -> String {
    let facts = [
        ("registry", report.name.clone()),
        ("role", format!("{} ({})", report.role, report.role_source)),
        ("standing", report.standing.clone()),
        ("reason", report.reason.clone()),
        ("unproven", report.unproven.clone()),
        ("epoch", report.epoch.to_string()),
        ("version", or_dash(&report.version)),
        ("digest", report.digest.clone()),
        ("log", format!("entries {} to {}", report.log_first, report.serial)),
        ("database", or_dash(&report.database)),
    ];
    let lines = facts
        .iter()
        .filter(|(_, fact)| !fact.is_empty())
        .map(|(name, fact)| format!("{name:<13}{fact}\n"));
    let mut text: String = lines.collect();
    if !report.followers.is_empty() {
        text.push('\n');
        text.push_str(followers);
    }
    if !report.others.is_empty() {
        text.push_str("\nthe others, and how their databases stand to this one:\n");
        text.push_str(others);
    }
    text
}
