//! What HTTP asks of a daemon: reads from the view, the rest through the loop.

use crate::io::clock;
use crate::io::http::Backend;
use crate::io::net::{Arrival, Reader, Replier};
use crate::pure::base::Time;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Request, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long an HTTP client may wait for an answer.
const DEADLINE: Duration = Duration::from_secs(30);
/// A loop that has not turned for this long is not alive.
const STANDSTILL: Duration = Duration::from_secs(10);

/// The daemon behind its HTTP server.
pub(super) struct Daemon {
    reader: Reader,
    inbox: mpsc::Sender<Arrival>,
    /// Why it is not ready, one reason each; empty when it is.
    unready: watch::Receiver<Vec<String>>,
    beat: Arc<Heartbeat>,
}

/// When the loop last turned: one that stands still is not alive.
#[derive(Debug, Default)]
pub(super) struct Heartbeat(AtomicU64);

impl Heartbeat {
    /// The loop turns.
    pub(super) fn beat(&self) {
        self.0.store(clock::now().as_micros(), Ordering::Relaxed);
    }
    /// Did it turn within the last few seconds? It turns once a second when nothing happens.
    fn is_fresh(&self) -> bool {
        clock::now().since(Time::from_micros(self.0.load(Ordering::Relaxed))) < STANDSTILL
    }
}

impl Daemon {
    /// A backend over the parts of a loop.
    pub(super) fn new(
        reader: Reader,
        inbox: mpsc::Sender<Arrival>,
        unready: watch::Receiver<Vec<String>>,
        beat: Arc<Heartbeat>,
    ) -> Self {
        Self {
            reader,
            inbox,
            unready,
            beat,
        }
    }
}

#[async_trait::async_trait]
impl Backend for Daemon {
    async fn ask(&self, request: Request) -> Response {
        if let Some(response) = self.reader.answer(&request) {
            return response;
        }
        let (reply, mut answers) = Replier::channel(1);
        let arrival = Arrival::Request {
            actor: "http".to_owned(),
            deadline: DEADLINE,
            request: Box::new(request),
            reply,
        };
        let failed = |code, message: &str| Response::Failed(Failure::new(code, message, "come again in a moment"));
        if self.inbox.try_send(arrival).is_err() {
            return failed(ErrorCode::Overloaded, "the inbox is full");
        }
        match tokio::time::timeout(DEADLINE, answers.recv()).await {
            Ok(Some((response, _))) => response,
            Ok(None) => failed(ErrorCode::Unavailable, "the daemon is stopping"),
            Err(_) => failed(ErrorCode::TimedOut, "no answer in time"),
        }
    }
    fn ready(&self) -> Result<(), Vec<String>> {
        let reasons = self.unready.borrow().clone();
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }
    fn live(&self) -> bool {
        self.beat.is_fresh()
    }
}
