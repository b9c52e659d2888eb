//! What the verbs that run daemons share: a runtime, the end with the parent, the exit code.

use super::{Exit, Failing};
use crate::app::Failure;
use crate::io::telemetry::logging::Chain;
use std::future::Future;

/// Runs a daemon to its end.
pub(super) fn run(daemon: impl Future<Output = Result<(), Failure>>) -> Result<Exit, Failing> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failing::internal(format!("failed to start the runtime: {error}")))?;
    let outcome = runtime.block_on(daemon);
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match outcome {
        Ok(()) => Ok(Exit::Done),
        Err(failure) => {
            let hint = failure.hint();
            tracing::error!(error = %Chain(&failure), hint, "the daemon ends");
            let exit = match failure.exit_code {
                73 => Exit::CannotCreate,
                75 => Exit::InUse,
                77 => Exit::Permission,
                78 => Exit::Configuration,
                _ => Exit::Failed,
            };
            Err(Failing::new(exit, "daemon", Chain(&failure).to_string(), hint))
        }
    }
}

/// Asks the kernel to end this process when the one that started it ends, and ends at once if that has happened already.
pub(super) fn end_with_parent() -> Result<(), Failing> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    let parent = getppid();
    let asked = set_parent_process_death_signal(Some(Signal::TERM));
    asked.map_err(|error| Failing::internal(format!("failed to tie this process to its parent: {error}")))?;
    if getppid() == parent {
        Ok(())
    } else {
        Err(Failing::internal("the parent process has ended"))
    }
}
