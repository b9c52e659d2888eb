//! Examines a plugin in a child process and tells how far it came, whatever becomes of the child.

use super::copy;
use super::exam::{Line, Order, VERB};
use super::file::Checked;
use serde::Serialize;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long one step may take before the child is ended: a thousand instances with a debug build take seconds.
pub const STEP_MAX: Duration = Duration::from_secs(20);

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What a plugin should do.
    pub step: String,
    /// Did it?
    pub passed: bool,
    /// What was seen, or why not.
    pub words: String,
}

/// Asks it everything, in a child of `program`, which has the hidden verb. Ends at the first step that the child does not survive.
///
/// # Errors
/// The child cannot be started; nothing is known of the plugin then.
pub fn examine(program: &Path, checked: &Checked, config: &str, step_max: Duration) -> std::io::Result<Vec<Step>> {
    let copy = Copy::of(checked)?;
    let (mut own, other) = UnixStream::pair()?;
    own.set_read_timeout(Some(step_max))?;
    own.set_write_timeout(Some(step_max))?;
    let child = Command::new(program)
        .arg(VERB)
        .stdin(Stdio::from(OwnedFd::from(other)))
        .stdout(Stdio::null())
        .spawn()?;
    let mut child = Owned(child);
    let order = Order {
        library: copy.file.clone(),
        config: config.to_owned(),
    };
    let mut text = serde_json::to_string(&order)?;
    text.push('\n');
    own.write_all(text.as_bytes())?;
    Ok(follow(BufReader::new(own), &mut child, step_max))
}

fn follow(lines: BufReader<UnixStream>, child: &mut Owned, step_max: Duration) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut begun = "start".to_owned();
    let mut done = |begun: &str, passed, words| {
        let step = begun.to_owned();
        steps.push(Step { step, passed, words });
    };
    for line in lines.lines() {
        let line = line.map(|line| serde_json::from_str::<Line>(&line));
        match line {
            Ok(Ok(Line::Begun(name))) => begun = name,
            Ok(Ok(Line::Passed(words))) => done(&begun, true, words),
            Ok(Ok(Line::Failed(words))) => done(&begun, false, words),
            Ok(Ok(Line::Over)) => return steps,
            Ok(Err(error)) => {
                done(&begun, false, format!("it wrote over the way back: {error}"));
                return steps;
            }
            Err(_) => {
                done(
                    &begun,
                    false,
                    format!("no answer within {} s; its process was ended", step_max.as_secs_f64()),
                );
                return steps;
            }
        }
    }
    let end = child
        .0
        .wait()
        .map_or_else(|error| error.to_string(), |status| status.to_string());
    done(&begun, false, format!("its process ended with {end}"));
    steps
}

/// A child that does not outlive us.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        // Ended already is as good.
        self.0.kill().unwrap_or(());
        self.0.wait().map_or_else(drop, drop);
    }
}

/// The bytes that were checked, in a file that nobody else can reach.
struct Copy {
    folder: PathBuf,
    file: PathBuf,
}

impl Copy {
    fn of(checked: &Checked) -> std::io::Result<Self> {
        let digest = checked.digest.get(..12).unwrap_or_default();
        let folder = std::env::temp_dir().join(format!("floe-plugin-{}-{digest}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let file = folder.join("plugin.so");
        let copy = Self { folder, file };
        copy::write(&copy.file, &checked.bytes)?;
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // A leftover in the folder for temporary files harms nobody.
        std::fs::remove_dir_all(&self.folder).unwrap_or(());
    }
}
