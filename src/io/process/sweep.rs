//! Ends what a server left behind: processes of its run that outlive its leader, in its group or out of it.
//!
//! One look through `/proc` serves every server that ended meanwhile, so a thousand ends cost few looks.

use super::{find, signal};
use crate::pure::base::RunId;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Servers that may wait for their sweep; beyond, their watchers wait for room.
const WAITING_MAX: usize = 1024;
/// Looks before leftovers that do not die are given up: they hang in the kernel.
const LOOKS_MAX: u32 = 100;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// A handle to the sweeping task, which ends with its last handle.
#[derive(Clone, Debug)]
pub(super) struct Sweeper {
    requests: mpsc::Sender<(RunId, oneshot::Sender<()>)>,
}

impl Sweeper {
    /// Starts the task. Must be called within the runtime.
    pub(super) fn start() -> Self {
        let (requests, mut inbox) = mpsc::channel::<(RunId, oneshot::Sender<()>)>(WAITING_MAX);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while inbox.recv_many(&mut batch, WAITING_MAX).await > 0 {
                let runs: Vec<RunId> = batch.iter().map(|(run, _)| *run).collect();
                if let Err(error) = tokio::task::spawn_blocking(move || end_all(&runs)).await {
                    tracing::error!(%error, "sweep failed");
                }
                for (_, done) in batch.drain(..) {
                    // Whoever asked may be gone with its supervisor.
                    done.send(()).unwrap_or(());
                }
            }
        });
        Self { requests }
    }

    /// Returns when no process of the run is left, or none that can be ended.
    pub(super) async fn sweep(&self, run: RunId) {
        let (done, waiter) = oneshot::channel();
        if self.requests.send((run, done)).await.is_ok() {
            drop(waiter.await);
        }
    }
}

/// Ends every process of these runs. Blocks until they are gone, at most about a second.
pub(super) fn end_all(runs: &[RunId]) {
    for _ in 0..LOOKS_MAX {
        let found = find::all_runs();
        let left = runs.iter().filter_map(|run| Some((*run, found.get(run)?)));
        let left: Vec<(RunId, u32)> = left
            .flat_map(|(run, found)| found.iter().map(move |found| (run, found.pid)))
            .collect();
        if left.is_empty() {
            return;
        }
        for (run, pid) in left {
            signal::kill_of_run(pid, run);
        }
        std::thread::sleep(PAUSE);
    }
    tracing::error!("processes of ended servers outlive SIGKILL: they hang in the kernel");
}
