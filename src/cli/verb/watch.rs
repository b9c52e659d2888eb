//! `floe watch`: how things stand, and each change of that.

use crate::cli::{Ask, Exit, Failing, Output};
use crate::pure::protocol::locate::{Row, RowChange, Subject};
use crate::pure::protocol::report::ServerReport;
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  floe watch
  floe watch --all
  floe watch --subject server,adapter --format json";

/// Show each change of registries, nodes, applications, servers, adapters, groups and objects, until interrupted
///
/// A registry that goes away is replaced by the next one; what changed meanwhile is shown as well. `floe events` shows what
/// happens with its reasons.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Only these: registry, node, application, server, adapter, group, object
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    subject: Vec<Subject>,
    /// First everything as it stands
    #[arg(long)]
    all: bool,
}

/// A line for programs.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    change: &'a RowChange,
    /// It stands so already; else it has just changed.
    snapshot: bool,
    version: &'a str,
}

pub(super) fn run(args: &Args, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    // What was seen: a new snapshot, after a reconnection, is told as what differs.
    let mut held = Held::default();
    // Nobody in reach at the start is the operator's slip; later it is an outage, which is what one watches for.
    let mut next = link.observed(&args.subject)?;
    loop {
        let first = held.complete == 0;
        for change in held.take(&next.changes, next.snapshot, next.first, next.position.is_some()) {
            if first && !args.all {
                continue;
            }
            let (snapshot, version) = (first, next.version.as_str());
            let shown = Line {
                change: &change,
                snapshot,
                version,
            };
            output.line(&shown, |line| text_of(line.change))?;
        }
        next = loop {
            if output.is_closed() {
                return Ok(Exit::Done);
            }
            match link.observed(&args.subject) {
                Ok(part) => break part,
                Err(failing) if matches!(failing.exit, Exit::Unreachable | Exit::TimedOut) => {
                    output.word(&format!("floe: {}; trying again", failing.message));
                }
                Err(failing) => return Err(failing),
            }
        };
    }
}

/// What was told, so that a snapshot after the first shows only what differs.
#[derive(Default)]
struct Held {
    rows: std::collections::BTreeMap<(Subject, String), Row>,
    /// Rows of a snapshot that is not complete.
    fresh: std::collections::BTreeMap<(Subject, String), Row>,
    /// Snapshots that were complete.
    complete: u64,
}

impl Held {
    fn take(&mut self, changes: &[RowChange], snapshot: bool, first: bool, last: bool) -> Vec<RowChange> {
        if !snapshot {
            for RowChange { subject, id, row } in changes {
                match row {
                    Some(row) => drop(self.rows.insert((*subject, id.clone()), row.clone())),
                    None => drop(self.rows.remove(&(*subject, id.clone()))),
                }
            }
            return changes.to_vec();
        }
        if first {
            self.fresh.clear();
        }
        for RowChange { subject, id, row } in changes {
            if let Some(row) = row {
                self.fresh.insert((*subject, id.clone()), row.clone());
            }
        }
        if !last {
            return Vec::new();
        }
        self.complete += 1;
        let before = std::mem::replace(&mut self.rows, std::mem::take(&mut self.fresh));
        let changed = self.rows.iter().filter(|(key, row)| before.get(key) != Some(row));
        let changed = changed.map(|((subject, id), row)| (*subject, id.clone(), Some(row.clone())));
        let gone = before.keys().filter(|key| !self.rows.contains_key(key));
        let gone = gone.map(|(subject, id)| (*subject, id.clone(), None));
        let all = changed.chain(gone);
        all.map(|(subject, id, row)| RowChange { subject, id, row }).collect()
    }
}

fn text_of(change: &RowChange) -> String {
    let words = match &change.row {
        None => "gone".to_owned(),
        Some(Row::Registry(row)) => joined(&[&row.role, &row.standing, &row.version, &row.reason]),
        Some(Row::Node(row)) => {
            let servers = format!("{} of {} servers active", row.servers_active, row.servers_total);
            let drained = if row.drained { "drained" } else { "" };
            joined(&[&row.state, drained, &servers, &format!("load {}", row.load)])
        }
        Some(Row::Application(row)) => joined(&[
            &format!("revision {}", row.revision),
            &format!("{} servers", row.servers),
            &row.version,
            &format!("by {}", row.actor),
        ]),
        Some(Row::Server(row)) => server_words(row),
        Some(Row::Adapter(row)) => {
            let by = match row.registered_by.as_str() {
                "" => String::new(),
                by => format!("registered by {by}"),
            };
            joined(&[row.state.as_str(), &row.endpoints.join(" "), &by])
        }
        Some(Row::Group(row)) => joined(&[&format!("{} members", row.members.len()), &row.members.join(" ")]),
        Some(Row::Object(row)) => joined(&[&row.kind, &row.adapter, &row.group]),
    };
    format!("{} {} {words}", change.subject, change.id)
}

fn server_words(row: &ServerReport) -> String {
    let enabled = if row.enabled { "" } else { "disabled" };
    joined(&[row.state.as_str(), enabled, &format!("on {}", row.node), &row.reason])
}

fn joined(words: &[&str]) -> String {
    let words: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
    words.join(", ")
}
