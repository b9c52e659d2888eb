//! `floe db info PATH`: what a database file holds, without a daemon.

use crate::cli::offline::{self, Kept};
use crate::cli::output::Row;
use crate::cli::rows::or_dash;
use crate::cli::{Exit, Failing, Output};
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  floe db info /var/lib/floe/r1
  floe db info /var/lib/floe/r1/database-4.93-20260102T030405Z.replaced --format json

The file is only read: not a byte of it changes. A registry that runs is asked with floe registry show.";

/// Show what the database of a stopped registry holds: id, version, digest, reigns, log, counts
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// A registry's data folder, or a database file
    path: PathBuf,
}

/// What is told; the field names are for scripts.
#[derive(Serialize)]
struct Info {
    path: String,
    size_bytes: u64,
    format: u64,
    database: String,
    version: String,
    epoch: u64,
    serial: u64,
    digest: String,
    log_first: u64,
    log_entries: u64,
    applications: usize,
    servers: usize,
    objects: usize,
    registries: Vec<String>,
    reigns: Vec<ReignRow>,
}

#[derive(Serialize)]
struct ReignRow {
    epoch: u64,
    id: String,
    by: String,
    first: u64,
}

impl Row for ReignRow {
    const HEAD: &'static [&'static str] = &["EPOCH", "ID", "BY", "FIRST ENTRY"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.epoch.to_string(),
            self.id.clone(),
            self.by.clone(),
            self.first.to_string(),
        ]
    }
}

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let info = info(&offline::open(&args.path)?);
    let reigns = output.table_of(&info.reigns);
    output.value(&info, |info| text_of(info, &reigns))?;
    Ok(Exit::Done)
}

fn info(kept: &Kept) -> Info {
    let database = &kept.database;
    let (end, deployment) = (database.end(), database.deployment());
    let reigns = database.lineage().0.iter().map(|reign| ReignRow {
        epoch: reign.epoch.number,
        id: reign.epoch.id.to_string(),
        by: reign.by.to_string(),
        first: reign.first,
    });
    Info {
        path: kept.opened.path.display().to_string(),
        size_bytes: kept.opened.size,
        format: kept.opened.format,
        database: database.id().map(|id| id.to_string()).unwrap_or_default(),
        version: end.to_string(),
        epoch: end.epoch,
        serial: end.serial,
        digest: end.digest.to_string(),
        log_first: database.log_first(),
        log_entries: (end.serial + 1).saturating_sub(database.log_first()),
        applications: deployment.applications.len(),
        servers: deployment.servers.len(),
        objects: deployment.all_objects.len(),
        registries: deployment.registries.keys().map(ToString::to_string).collect(),
        reigns: reigns.collect(),
    }
}

fn text_of(info: &Info, reigns: &str) -> String {
    let log = match info.log_entries {
        0 => format!("no entries; the next one is {}", info.log_first),
        count => format!("entries {} to {} ({count})", info.log_first, info.serial),
    };
    let facts = [
        (
            "file",
            format!("{} ({} bytes, format {})", info.path, info.size_bytes, info.format),
        ),
        ("database", or_dash(&info.database)),
        ("version", info.version.clone()),
        ("digest", info.digest.clone()),
        ("log", log),
        ("applications", info.applications.to_string()),
        ("servers", info.servers.to_string()),
        ("objects", info.objects.to_string()),
        ("registries", or_dash(&info.registries.join(", "))),
    ];
    let lines = facts.iter().map(|(name, fact)| format!("{name:<14}{fact}\n"));
    let mut text: String = lines.collect();
    if !info.reigns.is_empty() {
        text.push('\n');
        text.push_str(reigns);
    }
    text
}
