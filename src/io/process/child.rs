//! One process of a server, own or adopted: waited for by its descriptor, reaped after its group is gone.

use super::group::Group;
use super::journal::Mark;
use super::signal;
use super::sweep::Sweeper;
use crate::pure::base::{RunId, Signal};
use crate::pure::supervisor::Exit;
use rustix::process::{WaitId, WaitIdOptions, waitid};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A process that lives or has just ended.
#[derive(Debug)]
pub(super) struct Child {
    run: RunId,
    pid: u32,
    fd: Arc<OwnedFd>,
    group: Group,
    /// Signals go out only while this is true: once the leader was reaped its group's id may be another's.
    lives: Mutex<bool>,
}

impl Child {
    pub(super) fn new(run: RunId, mark: &Mark, fd: OwnedFd, group: Group) -> Self {
        Self {
            run,
            pid: mark.pid,
            fd: Arc::new(fd),
            group,
            lives: Mutex::new(true),
        }
    }
    pub(super) fn run(&self) -> RunId {
        self.run
    }
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }
    pub(super) fn group(&self) -> &Group {
        &self.group
    }
    /// False once its leader has ended.
    pub(super) fn lives(&self) -> bool {
        *self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// A signal to the process group, which goes on if it was stopped. False when its leader has ended.
    pub(super) fn ask(&self, signal: Signal) -> bool {
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        if *lives {
            signal::ask(self.pid, signal);
        }
        *lives
    }
    /// A signal to the leader alone. False when it has ended.
    pub(super) fn tell(&self, signal: Signal) -> bool {
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        *lives && signal::tell(self.pid, &self.fd, signal)
    }
    /// SIGKILL to all of it.
    pub(super) fn kill(&self) {
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        if *lives {
            self.group.kill();
            signal::kill(self.pid, &self.fd);
        }
    }

    /// Waits for the end of the leader, ends what is left of its run, and reaps it. Nothing of it runs afterwards.
    pub(super) async fn ended(&self, sweeper: &Sweeper) -> Exit {
        self.leader_ended().await;
        {
            let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
            // An own leader is not reaped yet, so the group's id is still its own. An adopted one may have been reaped, then
            // the id may be another's; the sweep finds what is left of its group by the run.
            if self.is_own() {
                signal::kill(self.pid, &self.fd);
            }
            *lives = false;
        }
        // A control group knows for certain what is left. Without one, the environment of every process is looked through.
        let group = self.group.clone();
        let ended = tokio::task::spawn_blocking(move || group.end()).await;
        if !ended.unwrap_or(false) {
            sweeper.sweep(self.run).await;
            self.group.remove();
        }
        self.reap()
    }

    #[expect(
        deprecated,
        reason = "its successor is unsafe; what that asks for holds: the Arc keeps one descriptor open as long as the watch"
    )]
    async fn leader_ended(&self) {
        loop {
            match AsyncFd::with_interest(self.fd.clone(), Interest::READABLE) {
                Ok(fd) => match fd.readable().await {
                    Ok(_) => return,
                    Err(error) => tracing::warn!(pid = self.pid, %error, "wait failed, trying again"),
                },
                Err(error) => tracing::warn!(pid = self.pid, %error, "watch failed, trying again"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn is_own(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::PidFd(self.fd.as_fd()), look), Ok(Some(_)))
    }

    fn reap(&self) -> Exit {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        match waitid(WaitId::PidFd(self.fd.as_fd()), options) {
            Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, Some(number)) => Exit::Signal(number),
                (None, None) => Exit::Unknown,
            },
            // Not our child: whoever is its parent learns how it ended.
            Ok(None) | Err(_) => Exit::Unknown,
        }
    }
}
