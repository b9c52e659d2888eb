//! What HTTP asks of a daemon: reads from the view where they can be, the rest through the loop.

use crate::io::clock;
use crate::io::http::Backend;
use crate::io::net::{Arrival, Reader, Replier};
use crate::pure::base::Time;
use crate::pure::base::limits::REQUEST_DEADLINE_MAX;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Request, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How much longer than its own deadline the loop is waited for.
const MARGIN: Duration = Duration::from_secs(5);
/// Most parts of a stream that wait for an HTTP client to take them.
const FOLLOWED: usize = 64;
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

impl Daemon {
    /// Puts a request into the loop's inbox; so many answers may wait to be taken.
    fn hand_in(
        &self,
        actor: &str,
        request: Request,
        deadline: Duration,
        room: usize,
    ) -> Result<mpsc::Receiver<(Response, bool)>, Failure> {
        let (reply, answers) = Replier::channel(room);
        let arrival = Arrival::Request {
            actor: actor.to_owned(),
            deadline,
            request: Box::new(request),
            reply,
        };
        let sent = self.inbox.try_send(arrival);
        sent.map(|()| answers)
            .map_err(|_full| failure(ErrorCode::Overloaded, "the inbox is full"))
    }
}

fn failure(code: ErrorCode, message: &str) -> Failure {
    Failure::new(code, message, "come again in a moment")
}

/// A change that was handed in and not answered.
fn in_doubt() -> Failure {
    Failure::new(
        ErrorCode::InDoubt,
        "there was no answer: whether it was carried out is not known",
        "repeat the same request: it is carried out once",
    )
}

#[async_trait::async_trait]
impl Backend for Daemon {
    async fn ask(&self, actor: &str, request: Request, limit: Duration) -> Response {
        if let Some(response) = self.reader.answer(&request) {
            return response;
        }
        let changes = request.is_update();
        let mut answers = match self.hand_in(actor, request, limit, 1) {
            Ok(answers) => answers,
            Err(failure) => return Response::Failed(failure),
        };
        match tokio::time::timeout(limit + MARGIN, answers.recv()).await {
            Ok(Some((response, _))) => response,
            Ok(None) | Err(_) if changes => Response::Failed(in_doubt()),
            Ok(None) => Response::Failed(failure(ErrorCode::Unavailable, "the daemon is stopping")),
            Err(_) => Response::Failed(failure(ErrorCode::TimedOut, "no answer in time")),
        }
    }
    fn follow(&self, request: Request) -> Result<mpsc::Receiver<(Response, bool)>, Failure> {
        self.hand_in("http", request, REQUEST_DEADLINE_MAX, FOLLOWED)
    }
    fn ready(&self) -> Result<(), Vec<String>> {
        let reasons = self.unready.borrow().clone();
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }
    fn live(&self) -> bool {
        self.beat.is_fresh()
    }
}
