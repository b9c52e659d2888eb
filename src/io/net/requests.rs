//! A client's connection: requests in, answers out in whatever order they come.
//!
//! The reader answers what it can on the spot; the rest goes to the loop. A full inbox is said at once, never waited for:
//! a client can come again, the peers' messages behind it cannot.

use super::brisk::Brisk;
use super::connection::envelope_frame;
use super::shared::{Counted, Shared};
use super::stream::{FrameReader, Outbox, Writer};
use super::{Arrival, Replier};
use crate::pure::base::limits::{FRAME_BYTES_MAX, REQUEST_DEADLINE_MAX};
use crate::pure::protocol::{Envelope, ErrorCode, Failure, Request, Response};
use crate::pure::wire::decode;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How many answers to one request may wait to be written (`Watch` has many). More, and the replier says false.
const ANSWERS_WAITING_MAX: usize = 256;

/// How many bytes of quick answers are gathered before they go to the write queue.
const ANSWERS_BYTES: usize = 64 * 1024;

/// One client, hellos said.
pub(super) struct Session<'a> {
    shared: &'a Shared,
    actor: String,
    reader: FrameReader,
    outbox: Outbox,
    waiting: Waiting,
    brisk: Brisk,
    /// Resolves that were answered at a glance.
    resolves: metrics::Counter,
}

impl<'a> Session<'a> {
    pub(super) fn new(shared: &'a Shared, actor: String, reader: FrameReader, outbox: Outbox) -> Self {
        Self {
            shared,
            actor,
            reader,
            outbox,
            waiting: Waiting::default(),
            brisk: Brisk::default(),
            resolves: metrics::counter!("floe_net_requests_total", "kind" => "resolve", "outcome" => "answered"),
        }
    }

    /// Serves the client until its end; says why it ended.
    pub(super) async fn run(mut self, mut writer: Writer) -> String {
        let counted = Counted::client();
        let shared = self.shared;
        let outbox = self.outbox.clone();
        self.reader.allow(FRAME_BYTES_MAX);
        let (reason, stopping) = tokio::select! {
            biased;
            reason = outbox.closing() => (reason, false),
            () = shared.stopping() => (format!("{} stops", shared.settings.card.name), true),
            error = writer.run(None) => (error.to_string(), false),
            reason = self.serve() => (reason, false),
        };
        if stopping {
            self.queue_last_answers().await;
            if writer.drain(shared.settings.stop_grace / 2).await.is_ok() {
                writer.finish().await;
            }
        }
        drop(counted);
        reason
    }

    async fn serve(&mut self) -> String {
        loop {
            if let Err(reason) = self.stay_awake().await {
                return reason;
            }
            let step = tokio::select! {
                filled = self.reader.fill(self.shared.settings.client_idle_max) => match filled {
                    Ok(()) => self.take_all().await,
                    Err(error) => Err(error.to_string()),
                },
                (id, kind, answer) = self.waiting.next() => {
                    let (response, last) = answer.unwrap_or_else(|| (gone(&self.shared.settings.card.name), true));
                    if last {
                        count(kind, &response);
                    }
                    self.answer(id, last, response).await
                }
            };
            if let Err(reason) = step {
                return reason;
            }
        }
    }

    /// Looks for the next request of a brisk client for a moment, instead of falling asleep.
    async fn stay_awake(&mut self) -> Result<(), String> {
        let shared = self.shared;
        if !self.waiting.requests.is_empty() {
            return Ok(());
        }
        let Some(vigil) = self.brisk.answered(&shared.awake) else {
            return Ok(());
        };
        while !vigil.is_over() {
            let idle_max = shared.settings.client_idle_max;
            tokio::select! {
                biased;
                filled = self.reader.fill(idle_max) => return filled.map_err(|error| error.to_string()),
                () = tokio::task::yield_now() => {}
            }
        }
        self.brisk.in_vain();
        Ok(())
    }

    /// Takes the frames that were read. What can be answered at a glance is gathered into one piece for the write queue.
    async fn take_all(&mut self) -> Result<(), String> {
        self.brisk.asked();
        let mut answers = Vec::new();
        let mut count = 0;
        while let Some(payload) = self.reader.take().map_err(|error| error.to_string())? {
            // A request that waits may not have its id used again: only the slow way looks for that.
            let quick = self.waiting.requests.is_empty() && self.shared.reader.quick(payload, &mut answers);
            if !quick {
                let payload = payload.to_vec();
                self.take(&payload).await?;
            }
            count += u64::from(quick);
            if answers.len() >= ANSWERS_BYTES {
                self.queue(std::mem::take(&mut answers)).await?;
            }
        }
        self.resolves.increment(count);
        if answers.is_empty() {
            Ok(())
        } else {
            self.queue(answers).await
        }
    }

    /// Takes one frame.
    async fn take(&mut self, payload: &[u8]) -> Result<(), String> {
        match decode::<Envelope>(payload) {
            Ok(Envelope::Request {
                id,
                deadline_ms,
                request,
            }) => {
                let kind = kind(&request);
                let deadline = Duration::from_millis(deadline_ms).min(REQUEST_DEADLINE_MAX);
                match self.ask(id, deadline, request)? {
                    None => Ok(()),
                    Some(response) => {
                        count(kind, &response);
                        self.answer(id, true, response).await
                    }
                }
            }
            Ok(Envelope::Cancel { id }) => {
                if let Some(kind) = self.waiting.cancel(id) {
                    metrics::counter!("floe_net_requests_total", "kind" => kind, "outcome" => "cancelled").increment(1);
                }
                Ok(())
            }
            Ok(Envelope::Ping) => {
                let pong = envelope_frame(&Envelope::Pong).expect("a pong is a small frame");
                self.queue(pong).await
            }
            Ok(Envelope::Pong) => Ok(()),
            Ok(Envelope::Message(_) | Envelope::Response { .. }) => {
                Err("a client sent a frame that only peers send".to_owned())
            }
            Err(error) => Err(format!("a client sent a frame that cannot be read: {error}")),
        }
    }

    /// Answers a request on the spot, or hands it to the loop.
    fn ask(&mut self, id: u64, deadline: Duration, request: Request) -> Result<Option<Response>, String> {
        if self.waiting.holds(id) {
            return Err(format!("a client used request id {id} twice at once"));
        }
        if let Some(response) = self.shared.reader.answer(&request) {
            return Ok(Some(response));
        }
        let bound = self.shared.settings.requests_in_flight_max;
        if self.waiting.requests.len() >= bound {
            let message = format!("{bound} requests of this connection wait for their answers already");
            return Ok(Some(failed(ErrorCode::Overloaded, message, "wait for some of them")));
        }
        let kind = kind(&request);
        let (reply, answers) = Replier::channel(ANSWERS_WAITING_MAX);
        let arrival = Arrival::Request {
            actor: self.actor.clone(),
            deadline,
            request: Box::new(request),
            reply,
        };
        let name = &self.shared.settings.card.name;
        Ok(match self.shared.arrivals.try_send(arrival) {
            Ok(()) => {
                self.waiting.requests.push(InFlight { id, kind, answers });
                None
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                metrics::counter!("floe_inbox_dropped_total").increment(1);
                let message = format!("{name} has more to do than it can take");
                Some(failed(ErrorCode::Overloaded, message, "try again in a moment"))
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Some(gone(name)),
        })
    }

    /// What the loop has answered by now, without waiting for more.
    async fn queue_last_answers(&mut self) {
        while let Ok((id, _, Some((response, last)))) = timeout(Duration::ZERO, self.waiting.next()).await {
            if !self.outbox.push(answer_frame(id, last, response)) {
                return;
            }
        }
    }

    async fn answer(&mut self, id: u64, last: bool, response: Response) -> Result<(), String> {
        self.queue(answer_frame(id, last, response)).await
    }

    async fn queue(&mut self, frame: Vec<u8>) -> Result<(), String> {
        if !self.outbox.push_when_room(frame).await {
            return Err("the connection is closed".to_owned());
        }
        // While the client did not read, neither did we.
        self.reader.touch();
        Ok(())
    }
}

/// The requests that wait for the loop's answers.
#[derive(Debug, Default)]
struct Waiting {
    requests: Vec<InFlight>,
    /// Where the next look begins, so that one busy request does not starve the others.
    turn: usize,
}

#[derive(Debug)]
struct InFlight {
    id: u64,
    kind: &'static str,
    answers: mpsc::Receiver<(Response, bool)>,
}

impl Waiting {
    fn holds(&self, id: u64) -> bool {
        self.requests.iter().any(|request| request.id == id)
    }
    /// Forgets a request; its replier is closed by that.
    fn cancel(&mut self, id: u64) -> Option<&'static str> {
        let index = self.requests.iter().position(|request| request.id == id)?;
        Some(self.requests.swap_remove(index).kind)
    }
    /// The next answer to any request; `None` for one whose replier was dropped without a last answer.
    async fn next(&mut self) -> (u64, &'static str, Option<(Response, bool)>) {
        let count = self.requests.len();
        self.turn = self.turn.wrapping_add(1);
        let turn = self.turn.checked_rem(count).unwrap_or(0);
        let (id, kind, answer) = poll_fn(|context| {
            for index in (turn..count).chain(0..turn) {
                if let Some(request) = self.requests.get_mut(index)
                    && let Poll::Ready(answer) = request.answers.poll_recv(context)
                {
                    return Poll::Ready((request.id, request.kind, answer));
                }
            }
            Poll::Pending
        })
        .await;
        let over = answer.as_ref().is_none_or(|(_, last)| *last);
        if over {
            self.cancel(id);
        }
        (id, kind, answer)
    }
}

/// An answer as a frame; a failure instead when it is too large for one.
fn answer_frame(id: u64, last: bool, response: Response) -> Vec<u8> {
    envelope_frame(&Envelope::Response { id, last, response }).unwrap_or_else(|| {
        let message = format!("the answer is larger than a frame of {FRAME_BYTES_MAX} bytes");
        let response = failed(ErrorCode::Internal, message, "ask for less at once");
        let last = true;
        envelope_frame(&Envelope::Response { id, last, response }).expect("a short failure is a small frame")
    })
}

fn gone(name: impl std::fmt::Display) -> Response {
    failed(
        ErrorCode::Unavailable,
        format!("{name} stopped before it answered"),
        "ask another peer, or again",
    )
}

fn failed(code: ErrorCode, message: String, hint: &str) -> Response {
    Response::Failed(Failure::new(code, message, hint))
}

/// Counts a request that is answered.
fn count(kind: &'static str, response: &Response) {
    let outcome = match response {
        Response::Failed(failure) => match failure.code {
            ErrorCode::Overloaded => "overloaded",
            ErrorCode::TimedOut | ErrorCode::InDoubt => "late",
            ErrorCode::Internal => "broken",
            ErrorCode::Invalid
            | ErrorCode::NotFound
            | ErrorCode::NotMaster
            | ErrorCode::Reviewing
            | ErrorCode::Precondition
            | ErrorCode::Unavailable
            | ErrorCode::StaleEpoch => "refused",
        },
        _ => "answered",
    };
    metrics::counter!("floe_net_requests_total", "kind" => kind, "outcome" => outcome).increment(1);
}

/// The label of a request: a closed set.
fn kind(request: &Request) -> &'static str {
    match request {
        Request::Status => "status",
        Request::Peers => "peers",
        Request::Registry => "registry",
        Request::Nodes => "nodes",
        Request::Applications => "applications",
        Request::Application { .. } => "application",
        Request::Servers { .. } => "servers",
        Request::Server { .. } => "server",
        Request::Resolve { .. } => "resolve",
        Request::Find { .. } => "find",
        Request::Locate { .. } => "locate",
        Request::Observe { .. } => "observe",
        Request::ScrapeTargets => "scrape-targets",
        Request::Adapters { .. } => "adapters",
        Request::Objects { .. } => "objects",
        Request::PutObject { .. } => "put-object",
        Request::RemoveObject { .. } => "remove-object",
        Request::Register(_) => "register",
        Request::Unregister { .. } => "unregister",
        Request::Watch => "watch",
        Request::Plan { .. } => "plan",
        Request::Apply { .. } => "apply",
        Request::History { .. } => "history",
        Request::Revision { .. } => "revision",
        Request::PlanRollback { .. } => "plan-rollback",
        Request::Rollback { .. } => "rollback",
        Request::Remove { .. } => "remove",
        Request::RemoveAt { .. } => "remove-at",
        Request::Initialise { .. } => "initialise",
        Request::Command { .. } => "command",
        Request::Activate { .. } => "activate",
        Request::Logs { .. } => "logs",
        Request::Usage { .. } => "usage",
        Request::Promote { .. } => "promote",
        Request::Demote { .. } => "demote",
        Request::LeadAlone => "lead-alone",
        Request::LogSummary => "log-summary",
        Request::LogRows { .. } => "log-rows",
        Request::Contents { .. } => "contents",
        Request::Update { .. } => "update",
        Request::Forecast { .. } => "forecast",
        Request::Outcome { .. } => "outcome",
        Request::Explain { .. } => "explain",
        Request::Node { .. } => "node",
        Request::Drain { .. } => "drain",
        Request::Undrain { .. } => "undrain",
        Request::StopNode { .. } => "stop-node",
        Request::OpenSession { .. } => "open-session",
        Request::RenewSession { .. } => "renew-session",
        Request::CloseSession { .. } => "close-session",
        Request::EndSession { .. } => "end-session",
        Request::Sessions { .. } => "sessions",
        Request::Leases { .. } => "leases",
        Request::Allocate(_) => "allocate",
        Request::Withdraw { .. } => "withdraw",
        Request::Probe { .. } => "probe",
        Request::ExplainLease { .. } => "explain-lease",
        Request::Plugins => "plugins",
        Request::ReloadPlugins { .. } => "reload-plugins",
        Request::Release { .. } => "release",
    }
}

#[cfg(test)]
#[path = "requests_test.rs"]
mod tests;
