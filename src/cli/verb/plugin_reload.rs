//! `floe plugin reload [NAME]`: loads a registry's plugins anew, and tells what became of each.

use super::plugin_list::NONE;
use super::registry_show::address_of;
use crate::cli::args::Global;
use crate::cli::output::Row;
use crate::cli::rows::{or_dash, short, shortfall_of};
use crate::cli::{Ask, Exit, Failing, Output};
use crate::io::clock;
use crate::pure::allocation::PluginReport;
use crate::pure::base::{Address, PeerName};
use crate::pure::protocol::{Request, Response};
use serde::Serialize;
use std::time::Duration;

/// How long plugins may take to load, unless it is said: a file is read, its process started and asked.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the registry is asked how far they are.
const LOOK: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
  floe plugin reload
  floe plugin reload fair-share
  floe plugin reload fair-share --registry r2 --timeout 1m
  floe plugin reload --format json

The registry reads its configuration and the plugins' files again. Each registry loads its own: repeat it for the others, so
that they decide alike when one of them is promoted.";

/// Load the plugins of a registry anew, all or one, and tell what became of each
///
/// Waits until they are loaded, 20s unless --timeout says otherwise. Exits with 1 when none of them could be loaded, with 8
/// when some could not, with 9 when some still load. One that could not be loaded anew goes on as it was.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Only this one
    name: Option<String>,
    /// The registry; without it, the one that answers
    #[arg(long, value_name = "REGISTRY")]
    registry: Option<PeerName>,
}

/// What became of one plugin; the field names are for scripts.
#[derive(Serialize)]
struct Reloaded {
    name: String,
    state: String,
    reason: String,
    not_loaded: String,
    #[serde(skip)]
    shortfall: String,
    generation_before: Option<u64>,
    generation: u64,
    version: String,
    digest_before: Option<String>,
    digest: String,
    file: String,
}

impl Row for Reloaded {
    const HEAD: &'static [&'static str] = &["PLUGIN", "STATE", "GENERATION", "VERSION", "DIGEST", "REASON"];
    fn cells(&self) -> Vec<String> {
        let before = self.generation_before.map(|generation| generation.to_string());
        let digest_before = self.digest_before.as_deref().map(short);
        vec![
            self.name.clone(),
            self.state.clone(),
            from_to(before, self.generation.to_string()),
            or_dash(&self.version),
            from_to(digest_before, short(&self.digest)),
            self.shortfall.clone(),
        ]
    }
}

pub(super) fn run(args: &Args, global: &Global, link: &mut dyn Ask, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let registry = match &args.registry {
        Some(registry) => registry.clone(),
        None => who_answers(link)?,
    };
    let address = address_of(&registry, link)?;
    let before = plugins(&address, Request::Plugins, link)?;
    let request = Request::ReloadPlugins {
        name: args.name.clone(),
    };
    let mut after = plugins(&address, request, link)?;
    let concerned = |row: &PluginReport| args.name.as_ref().is_none_or(|name| *name == row.name);
    let until = clock::now().after(global.timeout.unwrap_or(PATIENCE));
    let mut said = false;
    loop {
        after.retain(concerned);
        let loading = names(after.iter().filter(|row| row.is_loading()));
        if loading.is_empty() || clock::now() >= until {
            break;
        }
        if !std::mem::replace(&mut said, true) {
            output.word(&format!("registry {registry} loads {loading}"));
        }
        link.pause(LOOK);
        after = plugins(&address, Request::Plugins, link)?;
    }
    if let (true, Some(name)) = (after.is_empty(), &args.name) {
        let hint = format!("`floe plugin list {registry}` shows what it has");
        return Err(Failing::not_found(
            format!("registry {registry} has no plugin {name}"),
            hint,
        ));
    }
    let failing = failing(&registry, &after);
    let rows: Vec<Reloaded> = after.into_iter().map(|row| reloaded(row, &before)).collect();
    let table = output.table_of(&rows);
    output.value(&rows, |rows| if rows.is_empty() { NONE.to_owned() } else { table })?;
    failing.map_or(Ok(Exit::Done), Err)
}

/// The registry that answers; all that follows is asked of it.
fn who_answers(link: &mut dyn Ask) -> Result<PeerName, Failing> {
    let Response::Registry(report) = link.get(Request::Registry)? else {
        return Err(Failing::other_answer());
    };
    report.name.parse().ok().ok_or_else(Failing::other_answer)
}

fn plugins(address: &Address, request: Request, link: &mut dyn Ask) -> Result<Vec<PluginReport>, Failing> {
    match link.get_at(address, request)? {
        Response::Plugins(rows) => Ok(rows),
        _ => Err(Failing::other_answer()),
    }
}

fn reloaded(row: PluginReport, before: &[PluginReport]) -> Reloaded {
    let before = before.iter().find(|before| before.name == row.name);
    Reloaded {
        generation_before: before.map(|before| before.generation),
        digest_before: before.map(|before| before.digest.clone()),
        shortfall: shortfall_of(&row),
        name: row.name,
        state: row.state,
        reason: row.reason,
        not_loaded: row.not_loaded,
        generation: row.generation,
        version: row.version,
        digest: row.digest,
        file: row.file,
    }
}

/// The command's failure; `None` when all were loaded.
fn failing(registry: &PeerName, rows: &[PluginReport]) -> Option<Failing> {
    let lost: Vec<&PluginReport> = rows
        .iter()
        .filter(|row| {
            !row.is_loading() && (!row.not_loaded.is_empty() || row.state == "failed" || row.state == "quarantined")
        })
        .collect();
    let loading = names(rows.iter().filter(|row| row.is_loading()));
    let Some(first) = lost.first() else {
        let message = format!("registry {registry} still loads {loading}");
        let hint = format!("it goes on by itself; `floe plugin list {registry}` tells how far it is");
        return (!loading.is_empty()).then(|| Failing::new(Exit::TimedOut, "timed-out", message, hint));
    };
    let told = lost.iter().map(|row| {
        let shortfall = or_dash(&shortfall_of(row));
        format!("plugin {} of registry {registry}: {}, {shortfall}", row.name, row.state)
    });
    let (exit, code) = if lost.len() < rows.len() {
        (Exit::InPart, "in-part")
    } else {
        (Exit::Failed, "not-loaded")
    };
    let told: Vec<String> = told.collect();
    Some(Failing::new(exit, code, told.join("\n"), remedy(first)))
}

fn remedy(row: &PluginReport) -> String {
    let PluginReport { name, file, .. } = row;
    match row.state.as_str() {
        "quarantined" => format!("put a mended file in place of {file}, then floe plugin reload {name}"),
        _ => format!("`floe plugin check {file}` examines it; mend it, then floe plugin reload {name}"),
    }
}

fn names<'a>(rows: impl Iterator<Item = &'a PluginReport>) -> String {
    let names: Vec<&str> = rows.map(|row| row.name.as_str()).collect();
    names.join(", ")
}

/// `3 -> 4`, or `4` where nothing changed; `- -> 4` of what is new.
fn from_to(before: Option<String>, after: String) -> String {
    let before = or_dash(&before.unwrap_or_default());
    let after = or_dash(&after);
    if before == after {
        after
    } else {
        format!("{before} -> {after}")
    }
}
