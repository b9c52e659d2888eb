//! `floe plugin check FILE`: looks at an allocator's file, then asks it everything in a process of its own.

use crate::cli::{Exit, Failing, Output};
use crate::io::plugin_host::examine::{STEP_MAX, Step, examine};
use crate::io::plugin_host::file::{Checked, check};
use floe_plugin_sdk::abi;
use serde::Serialize;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  floe plugin check target/release/libroomy.so
  floe plugin check /usr/lib/floe/spread.so --config spread.json
  floe plugin check libroomy.so --format json

Exits with 0 when it passed, with 1 when it failed a step, with 5 when the file is refused before any of it runs.";

/// Check an allocator: the file without running it, then its answers in a process of their own
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The shared object
    file: PathBuf,
    /// A file with its configuration, a JSON object of at most 1 MiB
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What was found; the field names are for scripts.
#[derive(Serialize)]
struct Report {
    file: String,
    name: String,
    version: String,
    interface: String,
    built_with: String,
    digest: String,
    passed: bool,
    steps: Vec<Step>,
}

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let checked = check(&args.file)
        .map_err(|refusal| Failing::new(Exit::Precondition, "plugin-refused", refusal.message, refusal.hint))?;
    let config = args
        .config
        .as_deref()
        .map_or_else(|| Ok("{}".to_owned()), configuration)?;
    let steps = examine(Path::new("/proc/self/exe"), &checked, &config, STEP_MAX)
        .map_err(|error| Failing::local(format!("failed to start the process that asks the plugin: {error}")))?;
    let report = report(checked, steps);
    output.value(&report, text_of)?;
    Ok(if report.passed { Exit::Done } else { Exit::Failed })
}

fn configuration(path: &Path) -> Result<String, Failing> {
    let shown = path.display();
    let failing = |why: String| Failing::usage(format!("{shown} is no configuration of a plugin: {why}"));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| failing(error.to_string()))?;
    let bound = u64::from(abi::CONFIG_BYTES_MAX);
    let read = file.take(bound + 1).read_to_string(&mut text);
    if read.map_err(|error| failing(error.to_string()))? as u64 > bound {
        return Err(failing("it is larger than 1 MiB".to_owned()));
    }
    match serde_json::from_str(&text) {
        Ok(serde_json::Value::Object(_)) => Ok(text),
        Ok(_) => Err(failing("wanted a JSON object such as {\"max_skew\": 1}".to_owned())),
        Err(error) => Err(failing(format!("wanted a JSON object: {error}"))),
    }
}

fn report(checked: Checked, steps: Vec<Step>) -> Report {
    let facts = checked.facts;
    Report {
        file: checked.path.display().to_string(),
        name: facts.name,
        version: facts.version,
        interface: format!("{}.{}", facts.abi_major, facts.abi_minor),
        built_with: facts.built_with,
        digest: checked.digest,
        passed: steps.iter().all(|step| step.passed),
        steps,
    }
}

fn text_of(report: &Report) -> String {
    let mut text = format!(
        "{} {} (interface {}, built with {})\n{}\nblake3 {}\n\n",
        report.name, report.version, report.interface, report.built_with, report.file, report.digest
    );
    text.extend(report.steps.iter().map(line_of));
    text.push_str(if report.passed {
        "\nit passed\n"
    } else {
        "\nit failed; plugins/README.md says what a plugin must keep\n"
    });
    text
}

fn line_of(Step { step, passed, words }: &Step) -> String {
    let mark = if *passed { "passed" } else { "FAILED" };
    let gap = if words.is_empty() { "" } else { ": " };
    format!("{mark}  {step}{gap}{words}\n")
}
