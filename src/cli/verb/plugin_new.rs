//! `floe plugin new NAME`: a project of an allocator that builds and passes `floe plugin check` as it is.

use crate::cli::{Exit, Failing, Output};
use serde::Serialize;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  floe plugin new roomy --sdk ~/src/floe/plugins/sdk
  floe plugin new roomy --folder /tmp/roomy";

/// Longest name, in bytes: the descriptor has room for 32 with the zero at the end.
const NAME_BYTES_MAX: usize = 31;

/// Make a project of an allocator in Rust: it builds as it is, has tests, and takes the most free slots
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// What the policy is called: small letters, digits and dashes
    #[arg(value_parser = name)]
    name: String,
    /// Where the SDK is (plugins/sdk of floe's sources); without it, the crate floe-plugin-sdk of this version
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
    /// Where to put it; must not exist [default: the name]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

#[derive(Serialize)]
struct Made {
    folder: String,
    files: Vec<&'static str>,
}

pub(super) fn run(args: &Args, output: &mut Output<'_>) -> Result<Exit, Failing> {
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    let sdk = match &args.sdk {
        None => format!("\"{}\"", env!("CARGO_PKG_VERSION")),
        Some(path) => format!("{{ path = \"{}\" }}", sdk_at(path)?.display()),
    };
    let failing =
        |what: &Path, error: std::io::Error| Failing::local(format!("failed to make {}: {error}", what.display()));
    if folder.exists() {
        let message = format!("{} exists already", folder.display());
        return Err(Failing::new(
            Exit::Precondition,
            "exists",
            message,
            "choose another --folder",
        ));
    }
    let files = files(&args.name, &sdk);
    for (name, text) in &files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(&folder);
        std::fs::create_dir_all(parent).map_err(|error| failing(parent, error))?;
        std::fs::write(&path, text).map_err(|error| failing(&path, error))?;
    }
    let made = Made {
        folder: folder.display().to_string(),
        files: files.iter().map(|(name, _)| *name).collect(),
    };
    let library = format!("target/release/lib{}.so", args.name.replace('-', "_"));
    output.value(&made, |made| {
        format!(
            "made {}\nnext:\n  cd {} && cargo test && cargo build --release\n  floe plugin check {library}\n",
            made.folder, made.folder
        )
    })?;
    Ok(Exit::Done)
}

fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(plain) && !text.ends_with('-');
    if good && text.len() <= NAME_BYTES_MAX {
        return Ok(text.to_owned());
    }
    Err(format!(
        "wants small letters, digits and dashes, a letter first, at most {NAME_BYTES_MAX} bytes"
    ))
}

fn sdk_at(path: &Path) -> Result<PathBuf, Failing> {
    let found = path
        .canonicalize()
        .ok()
        .filter(|path| path.join("src/abi.rs").is_file());
    found.ok_or_else(|| {
        let message = format!("{} is not the SDK: there is no src/abi.rs in it", path.display());
        Failing::not_found(message, "name plugins/sdk of floe's sources")
    })
}

fn files(name: &str, sdk: &str) -> [(&'static str, String); 4] {
    let words = name.split('-').filter_map(|word| word.split_at_checked(1));
    let type_name: String = words.map(|(first, rest)| first.to_uppercase() + rest).collect();
    let filled = |text: &str| {
        text.replace("{name}", name)
            .replace("{type}", &type_name)
            .replace("{sdk}", sdk)
    };
    [
        ("Cargo.toml", filled(MANIFEST)),
        ("src/lib.rs", filled(SOURCE)),
        ("README.md", filled(README)),
        (".gitignore", "/target\n".to_owned()),
    ]
}

const MANIFEST: &str = "\
[package]
name = \"{name}\"
version = \"0.1.0\"
edition = \"2024\"
description = \"An allocator of floe.\"
publish = false

[lib]
crate-type = [\"cdylib\"]

[dependencies]
floe-plugin-sdk = {sdk}

# A project of its own, also inside of another's folder.
[workspace]
";

const SOURCE: &str = "\
//! Prefers what has the most free slots. Change `evaluate` to what you want.

use floe_plugin_sdk::{Allocator, Candidates, Error, Host, Outcome, Request, Slots, Verdict};

/// The policy. State is a cache: it may be made anew at any time.
struct {type};

impl Allocator for {type} {
    const NAME: &'static str = \"{name}\";
    const VERSION: &'static str = env!(\"CARGO_PKG_VERSION\");
    const SLOTS: Slots = Slots::EVALUATE;

    fn create(config: &str, _host: Host) -> Result<Self, Error> {
        if config.trim() == \"{}\" {
            return Ok(Self);
        }
        Err(Error::config(\"there is nothing to configure, wanted {}\"))
    }

    fn evaluate(&mut self, _: Request<'_>, candidates: Candidates<'_>, verdicts: &mut [Verdict]) -> Result<Outcome, Error> {
        for (candidate, verdict) in candidates.iter().zip(verdicts) {
            // Full, or to be emptied: nothing that a policy could take.
            let eligible = || Verdict::eligible(i64::from(candidate.free()));
            *verdict = candidate.refusal().unwrap_or_else(eligible);
        }
        Ok(Outcome::Done)
    }
}

floe_plugin_sdk::export_allocator!({type});

#[cfg(test)]
mod tests {
    use super::{type};
    use floe_plugin_sdk::harness::{CandidateSpec, Harness, RequestSpec};

    #[test]
    fn the_one_with_more_room_is_chosen() {
        let mut harness = Harness::create::<{type}>(\"{}\").expect(\"it has no configuration\");
        let candidates = [
            CandidateSpec { capacity: 4, in_use: 3, ..CandidateSpec::named(\"a\") },
            CandidateSpec { capacity: 4, in_use: 1, ..CandidateSpec::named(\"b\") },
        ];
        let decided = harness.decide(&RequestSpec::default(), &candidates).expect(\"a valid answer\");
        assert_eq!(decided.chosen, [1]);
    }
}
";

const README: &str = "\
# {name}

An allocator of floe. It gives what has the most free slots.

```sh
cargo test
cargo build --release
floe plugin check target/release/lib*.so
```
";
