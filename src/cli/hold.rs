//! Runs a command while a session holds what it is to have.
//!
//! The session ends with the command, and the command with the session: what was held may be another's then.

use super::ask::Holding;
use super::connect::failing;
use super::{Exit, Failing};
use crate::client::{Client, Session};
use crate::pure::protocol::allocation::LeaseReport;
use std::cell::Cell;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

/// How long a command has for ending when its session is over, before it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// How long nothing is said while it waits.
const QUIET: Duration = Duration::from_secs(1);

pub(super) async fn hold(client: Client, holding: Holding<'_>, said: &mut dyn FnMut(&str)) -> Result<Exit, Failing> {
    let mut signals = Signals::new()?;
    let session = client
        .session(holding.session.clone())
        .await
        .map_err(|error| failing(&error))?;
    let held = tokio::select! {
        held = take(&client, &session, &holding, said) => held,
        _ = signals.next() => Err(Failing::new(Exit::Command(130), "interrupted", "interrupted while waiting; nothing is held", "")),
    };
    let exit = match held {
        Ok(leases) => run(&session, &leases, &holding, &mut signals, said).await,
        Err(failing) => Err(failing),
    };
    // It ends by itself where nobody can be reached any more.
    if let Err(error) = session.close().await {
        said(&format!("the session could not be closed and ends by itself: {error}"));
    }
    exit
}

async fn take(
    client: &Client,
    session: &Session,
    holding: &Holding<'_>,
    said: &mut dyn FnMut(&str),
) -> Result<Vec<LeaseReport>, Failing> {
    let mut leases = Vec::new();
    for _ in 0..holding.count {
        let ahead = Cell::new(None);
        let waiting = session.allocate(holding.wish.clone(), holding.limit, |report| {
            ahead.set(Some(report.ahead));
        });
        tokio::pin!(waiting);
        let mut told = None;
        let lease = loop {
            tokio::select! {
                lease = &mut waiting => break lease,
                () = sleep(QUIET) => {}
            }
            // A word for whoever sits there, and again when the queue moves.
            if told.replace(ahead.get()) != Some(ahead.get()) {
                let ahead = ahead.get().map_or_else(String::new, |ahead| format!("; {ahead} ahead"));
                said(&format!("waiting for {}{ahead}", holding.wish));
            }
        };
        leases.push(lease.map_err(|error| failing(&error))?);
    }
    for lease in &mut leases {
        reach(client, lease, said).await;
    }
    Ok(leases)
}

/// Has the server of what is held started, if nothing of it runs yet: the command is to find an endpoint.
async fn reach(client: &Client, lease: &mut LeaseReport, said: &mut dyn FnMut(&str)) {
    let Some(adapter) = lease.adapter.as_deref().filter(|_| lease.endpoint.is_none()) else {
        return;
    };
    match client.resolve(adapter).await {
        Ok(resolved) => lease.endpoint = resolved.endpoints.into_iter().next(),
        Err(error) => said(&format!("{} has no endpoint now: {error}", lease.resource)),
    }
}

async fn run(
    session: &Session,
    leases: &[LeaseReport],
    holding: &Holding<'_>,
    signals: &mut Signals,
    said: &mut dyn FnMut(&str),
) -> Result<Exit, Failing> {
    let Some((program, arguments)) = holding.command.split_first() else {
        return Err(Failing::internal("there is no command".to_owned()));
    };
    let listed = |part: fn(&LeaseReport) -> &str| leases.iter().map(part).collect::<Vec<_>>().join(" ");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("FLOE_SESSION", session.id().to_string())
        .env("FLOE_OBJECT", listed(|lease| &lease.resource))
        .env("FLOE_TOKEN", listed(|lease| &lease.token))
        .env("FLOE_ENDPOINT", listed(|lease| lease.endpoint.as_deref().unwrap_or("")))
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| {
        // As a shell tells it.
        let message = format!("failed to start {}: {error}", program.display());
        Failing::new(Exit::Command(127), "local", message, "")
    })?;
    loop {
        tokio::select! {
            ended = child.wait() => {
                let status = ended.map_err(|error| Failing::internal(format!("failed to wait for the command: {error}")))?;
                return Ok(Exit::Command(code(status)));
            }
            error = session.over() => {
                said(&format!("the session is over: {error}; the command is told to end"));
                end(&mut child).await?;
                return Err(failing(&error));
            }
            // Of the terminal the command has heard it itself; what only this process was sent is handed on.
            sent = signals.next() => pass_on(&child, sent),
        }
    }
}

/// SIGTERM, and SIGKILL when that was not enough.
async fn end(child: &mut Child) -> Result<(), Failing> {
    pass_on(child, SignalKind::terminate());
    if timeout(GRACE, child.wait()).await.is_err() {
        child
            .kill()
            .await
            .map_err(|error| Failing::internal(format!("failed to kill the command: {error}")))?;
    }
    Ok(())
}

fn pass_on(child: &Child, kind: SignalKind) {
    let pid = child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(rustix::process::Pid::from_raw);
    let sent = rustix::process::Signal::from_named_raw(kind.as_raw_value());
    if let (Some(pid), Some(sent)) = (pid, sent)
        && let Err(error) = rustix::process::kill_process(pid, sent)
    {
        tracing::debug!(%error, "the command has ended");
    }
}

/// As a shell tells it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// What asks this process to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failing> {
        let listen =
            |kind| signal(kind).map_err(|error| Failing::internal(format!("failed to listen for signals: {error}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }
    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        }
    }
}
