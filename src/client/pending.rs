//! The requests of one connection that wait for answers.

use super::Connection;
use crate::pure::protocol::Response;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};

/// How many answers to one request may wait to be taken. More, and the request is cancelled.
const ANSWERS_WAITING_MAX: usize = 256;

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The connection is gone.
    #[error("the connection was lost: {reason}")]
    Lost {
        /// Why.
        reason: String,
        /// May the peer have seen the request?
        sent: bool,
    },
    /// No answer came in time; the peer may have seen the request.
    #[error("no answer came within {after:?}")]
    TimedOut {
        /// How long it was waited for.
        after: Duration,
    },
    /// The request does not fit into a frame; it was not sent.
    #[error("the request is larger than a frame may be")]
    TooLarge,
}

/// The requests of one connection that wait for answers.
#[derive(Debug, Default)]
pub(super) struct Pending {
    table: Mutex<Table>,
    begun: Notify,
}

#[derive(Debug, Default)]
struct Table {
    last_id: u64,
    waiting: BTreeMap<u64, mpsc::Sender<(Response, bool)>>,
    closed: Option<String>,
}

/// A request's number on its connection.
#[derive(Debug)]
pub(super) struct Ticket {
    id: u64,
}

impl Ticket {
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl Pending {
    /// A new request, or why the connection is closed.
    pub(super) fn enter(&self) -> Result<(Ticket, mpsc::Receiver<(Response, bool)>), String> {
        let mut table = self.lock();
        if let Some(reason) = &table.closed {
            return Err(reason.clone());
        }
        table.last_id += 1;
        let id = table.last_id;
        let (sender, receiver) = mpsc::channel(ANSWERS_WAITING_MAX);
        table.waiting.insert(id, sender);
        let first = table.waiting.len() == 1;
        drop(table);
        if first {
            self.begun.notify_one();
        }
        Ok((Ticket { id }, receiver))
    }
    /// Nobody waits for this request any more.
    pub(super) fn forget(&self, ticket: &Ticket) {
        self.lock().waiting.remove(&ticket.id);
    }
    /// Hands an answer to who waits for it; nobody does after a cancel.
    pub(super) fn answer(&self, id: u64, last: bool, response: Response) {
        let mut table = self.lock();
        let taken = (table.waiting.get(&id)).is_some_and(|sender| sender.try_send((response, last)).is_ok());
        // Who takes too slowly misses answers, and must know: no more come.
        if last || !taken {
            table.waiting.remove(&id);
        }
    }
    pub(super) fn is_empty(&self) -> bool {
        self.lock().waiting.is_empty()
    }
    /// Waits until the first request enters an empty table.
    pub(super) async fn begun(&self) {
        self.begun.notified().await;
    }
    pub(super) fn close(&self, reason: String) {
        let mut table = self.lock();
        table.closed = Some(reason);
        table.waiting.clear();
    }
    pub(super) fn closed(&self) -> Option<String> {
        self.lock().closed.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answers to one request. Dropping it cancels what has not come yet.
#[derive(Debug)]
pub struct Answers {
    connection: Connection,
    ticket: Ticket,
    incoming: mpsc::Receiver<(Response, bool)>,
    over: bool,
    _turn: OwnedSemaphorePermit,
}

impl Answers {
    pub(super) fn new(
        connection: Connection,
        ticket: Ticket,
        incoming: mpsc::Receiver<(Response, bool)>,
        turn: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            connection,
            ticket,
            incoming,
            over: false,
            _turn: turn,
        }
    }
    /// The next answer; `None` when the last one was taken, or the connection is lost. May be dropped at any time.
    pub async fn next(&mut self) -> Option<Response> {
        if self.over {
            return None;
        }
        let (response, last) = self.incoming.recv().await?;
        self.over = last;
        Some(response)
    }
    /// True when the last answer was taken.
    pub fn is_over(&self) -> bool {
        self.over
    }
    /// Why no more answers come before the last one.
    pub(super) fn reason(&self) -> String {
        self.connection
            .closed()
            .unwrap_or_else(|| "answers came faster than they were taken".to_owned())
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if !self.over {
            self.connection.cancel(&self.ticket);
        }
    }
}
