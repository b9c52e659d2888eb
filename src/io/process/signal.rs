//! Signals: to a whole process group, or to one process that was identified.

use super::find;
use crate::pure::base::{RunId, Signal as Number};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use std::os::fd::OwnedFd;

/// A descriptor that stands for the process, also after its pid was used again.
pub(super) fn pidfd(pid: u32) -> Result<OwnedFd, Errno> {
    pidfd_open(as_pid(pid).ok_or(Errno::SRCH)?, PidfdFlags::empty())
}

/// Asks every process of the group to end, by the signal that it is asked by. The caller knows that the leader was not
/// reaped.
pub(super) fn ask(leader: u32, number: Number) {
    group(leader, named(number).unwrap_or(Signal::TERM));
    // A stopped process takes no other signal before it goes on.
    group(leader, Signal::CONT);
}

/// Sends a signal to one process. False when it could not be sent.
pub(super) fn tell(pid: u32, fd: &OwnedFd, number: Number) -> bool {
    let sent = named(number).map(|signal| pidfd_send_signal(fd, signal));
    match sent {
        Some(Ok(())) => true,
        Some(Err(error)) => {
            tracing::warn!(pid, %error, signal = %number, "signal failed");
            false
        }
        None => false,
    }
}

/// Real-time signals have no name, and nobody asks for one.
fn named(number: Number) -> Option<Signal> {
    let signal = Signal::from_named_raw(number.number());
    if signal.is_none() {
        tracing::warn!(signal = %number, "this signal cannot be sent");
    }
    signal
}

/// Ends every process of the group, and the leader wherever it is. The caller knows that the leader was not reaped.
pub(super) fn kill(leader: u32, fd: &OwnedFd) {
    group(leader, Signal::KILL);
    ignore_gone("kill", leader, pidfd_send_signal(fd, Signal::KILL));
}

/// Ends one process if it is of this run. Told apart by its descriptor: a pid may be another's between look and signal.
pub(super) fn kill_of_run(pid: u32, run: RunId) {
    if let Ok(fd) = pidfd(pid)
        && find::run_of(pid) == Some(run)
    {
        ignore_gone("kill", pid, pidfd_send_signal(fd, Signal::KILL));
    }
}

fn group(leader: u32, signal: Signal) {
    if let Some(pid) = as_pid(leader) {
        ignore_gone("signal the group of", leader, kill_process_group(pid, signal));
    }
}

fn ignore_gone(step: &'static str, pid: u32, result: Result<(), Errno>) {
    match result {
        Ok(()) | Err(Errno::SRCH) => (),
        Err(error) => tracing::warn!(pid, %error, step, "signal failed"),
    }
}

fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}
