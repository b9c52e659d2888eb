//! `floe status`: the whole grid in one page.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::report::StatusReport;
use crate::pure::protocol::{Request, Response};
use std::fmt::Write as _;

const EXAMPLES: &str = "\
Examples:
  floe status
  floe status --format json
  floe status --peer 10.0.0.2:7401";

/// Show the whole grid: who leads, how far behind each registry is, which nodes are up, what needs attention
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {}

pub(super) fn run(_: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let Response::Status(report) = link.get(Request::Status)? else {
        return Err(Failing::other_answer());
    };
    let page = page(&report, output);
    output.value(&*report, |_| page)?;
    Ok(Exit::Done)
}

fn page(report: &StatusReport, output: &Output<'_>) -> String {
    let mut page = format!("grid {}, as {} sees it\n", report.grid, report.answered_by);
    match &report.master {
        Some(master) => writeln!(
            page,
            "master {}: {}, epoch {}, version {}",
            master.name, master.standing, master.epoch, master.version
        ),
        None => writeln!(page, "no master leads: reads go on, updates are refused"),
    }
    .expect("writing to memory cannot fail");
    for table in [output.table_of(&report.registries), output.table_of(&report.nodes)] {
        page.push('\n');
        page.push_str(&table);
        page.push('\n');
    }
    for warning in &report.warnings {
        write!(page, "\nwarning: {warning}").expect("writing to memory cannot fail");
    }
    page
}
