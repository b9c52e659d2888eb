//! One connection to one peer: hello, then requests by number, answered in any order.
//!
//! Knows no other peer and retries nothing. While answers are owed, the peer is pinged, so that a frozen one is noticed.

use super::Options;
use super::pending::{Answers, CallError, Pending, Ticket};
use crate::io::net::stream::{FrameReader, Outbox, QueueBounds, StreamError, Writer, outbox};
use crate::io::net::tcp::open;
use crate::pure::base::Address;
use crate::pure::base::limits::{FRAME_BYTES_MAX, HELLO_FRAME_BYTES_MAX, REQUEST_DEADLINE_MAX};
use crate::pure::membership::PeerCard;
use crate::pure::protocol::hello::{PROTOCOL, PROTOCOL_MIN};
use crate::pure::protocol::{Envelope, Hello, Request, Response, Who};
use crate::pure::wire::{decode, encode, frame};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

/// Most requests in flight on one connection: what a peer takes by default. More wait for their turn.
const IN_FLIGHT_MAX: usize = 64;
/// How often an idle connection is pinged: well below the time after which a peer drops an idle client.
const IDLE_PING: Duration = Duration::from_mins(1);
/// How long an idle connection may be silent: several unanswered pings.
const IDLE_SILENCE: Duration = Duration::from_mins(5);
/// What the other side may keep for itself of a deadline, so that its own words arrive before we give up.
const DEADLINE_MARGIN: Duration = Duration::from_millis(100);
/// Bounds of what we queue: a client that is not read from waits.
const QUEUE: QueueBounds = QueueBounds {
    frames_max: 2 * IN_FLIGHT_MAX,
    bytes_max: 8 * 1024 * 1024,
    write_timeout: Duration::from_secs(5),
};

/// One connection to one peer. Clones share it; it closes when the last one and every [`Answers`] is dropped.
#[derive(Clone, Debug)]
pub struct Connection {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    address: Address,
    peer: PeerCard,
    outbox: Outbox,
    pending: Arc<Pending>,
    turns: Arc<Semaphore>,
}

impl Connection {
    /// Connects and says hello.
    ///
    /// # Errors
    /// A sentence: no address, refused, no hello in time, another grid, or what the peer said when it refused.
    pub async fn open(address: &Address, options: &Options) -> Result<Self, String> {
        let limit = options.connect_timeout;
        match timeout(limit, Self::greet(address, options)).await {
            Ok(opened) => opened,
            Err(_) => Err(format!("said no hello within {limit:?}")),
        }
    }

    async fn greet(address: &Address, options: &Options) -> Result<Self, String> {
        let stream = open(address, options.connect_timeout).await?;
        let (read, write) = stream.into_split();
        let mut reader = FrameReader::new(read, HELLO_FRAME_BYTES_MAX);
        let (outbox, mut writer) = outbox(write, QUEUE);
        outbox.push(hello(options)?);
        writer
            .drain(options.connect_timeout)
            .await
            .map_err(|error| error.to_string())?;
        let payload = reader.next(options.connect_timeout).await;
        let payload = payload.map_err(|error| match error {
            StreamError::Silent(limit) => format!("said no hello within {limit:?}"),
            error => format!("said no hello: {error}"),
        })?;
        let theirs: Hello = decode(&payload).map_err(|error| format!("its first frame is no hello: {error}"))?;
        let peer = judge(theirs, options)?;
        reader.allow(FRAME_BYTES_MAX);
        let pending = Arc::new(Pending::default());
        let serve = Serve {
            reader,
            writer,
            outbox: outbox.clone(),
            pending: Arc::clone(&pending),
            silence_max: options.silence_max,
        };
        tokio::spawn(serve.run());
        Ok(Self {
            inner: Arc::new(Inner {
                address: address.clone(),
                peer,
                outbox,
                pending,
                turns: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            }),
        })
    }

    /// Who answers there.
    pub fn peer(&self) -> &PeerCard {
        &self.inner.peer
    }
    /// The address that was dialled.
    pub fn address(&self) -> &Address {
        &self.inner.address
    }
    /// Why the connection is closed; `None` while it stands.
    pub fn closed(&self) -> Option<String> {
        self.inner.pending.closed()
    }

    /// Asks and waits for one answer, which may be `Response::Failed`.
    ///
    /// # Errors
    /// [`CallError`]; it tells whether the peer may have seen the request.
    pub async fn call(&self, request: Request, limit: Duration) -> Result<Response, CallError> {
        let mut answers = self.ask(request, limit).await?;
        match timeout(limit, answers.next()).await {
            Err(_) => Err(CallError::TimedOut { after: limit }),
            Ok(None) => Err(CallError::Lost {
                reason: answers.reason(),
                sent: true,
            }),
            Ok(Some(response)) => Ok(response),
        }
    }

    /// Asks for one or more answers; dropping them cancels the request. `limit` bounds the wait for a turn, and is told
    /// to the peer.
    ///
    /// # Errors
    /// [`CallError`]; the peer has not seen the request.
    pub async fn ask(&self, request: Request, limit: Duration) -> Result<Answers, CallError> {
        let deadline = Instant::now() + limit;
        let turn = timeout_at(deadline, Arc::clone(&self.inner.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(CallError::TimedOut { after: limit });
        };
        let remaining = deadline.saturating_duration_since(Instant::now());
        let told = remaining.min(REQUEST_DEADLINE_MAX);
        let told = told.checked_sub(DEADLINE_MARGIN).unwrap_or(told / 2);
        let (ticket, answers) = self.inner.pending.enter().map_err(lost_before)?;
        let id = ticket.id();
        // From here on, giving up in any way takes the request back.
        let answers = Answers::new(self.clone(), ticket, answers, turn);
        let envelope = Envelope::Request {
            id,
            deadline_ms: u64::try_from(told.as_millis()).unwrap_or(u64::MAX),
            request,
        };
        let frame = frame(&encode(&envelope), FRAME_BYTES_MAX).ok_or(CallError::TooLarge)?;
        match timeout_at(deadline, self.inner.outbox.push_when_room(frame)).await {
            Ok(true) => Ok(answers),
            Ok(false) => Err(lost_before(self.closed().unwrap_or_default())),
            Err(_) => Err(CallError::TimedOut { after: limit }),
        }
    }

    /// The peer need not answer this request any more.
    pub(super) fn cancel(&self, ticket: &Ticket) {
        self.inner.pending.forget(ticket);
        if let Some(frame) = frame(&encode(&Envelope::Cancel { id: ticket.id() }), FRAME_BYTES_MAX) {
            self.inner.outbox.push(frame);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.outbox.close("nobody uses it any more");
    }
}

fn lost_before(reason: String) -> CallError {
    CallError::Lost { reason, sent: false }
}

fn hello(options: &Options) -> Result<Vec<u8>, String> {
    let hello = Hello {
        protocol: PROTOCOL,
        protocol_min: PROTOCOL_MIN,
        grid: options.grid.clone(),
        who: Who::Client {
            actor: options.actor.clone(),
        },
        refusal: None,
    };
    frame(&encode(&hello), HELLO_FRAME_BYTES_MAX).ok_or_else(|| "the actor's name is too long for a hello".to_owned())
}

/// Who answered, if it will talk and we understand it.
fn judge(theirs: Hello, options: &Options) -> Result<PeerCard, String> {
    if let Some(refusal) = theirs.refusal {
        let words: String = refusal.chars().filter(|c| !c.is_control()).take(2_000).collect();
        return Err(format!("refused: {words}"));
    }
    if theirs.protocol < PROTOCOL_MIN || theirs.protocol_min > PROTOCOL {
        return Err(format!(
            "no common protocol version: it speaks {} to {}, this client {PROTOCOL_MIN} to {PROTOCOL}",
            theirs.protocol_min, theirs.protocol
        ));
    }
    if let (Some(wanted), Some(grid)) = (&options.grid, &theirs.grid)
        && wanted != grid
    {
        return Err(format!("it belongs to grid {grid}, not to grid {wanted}"));
    }
    match theirs.who {
        Who::Peer(card) => Ok(card),
        Who::Client { .. } => Err("it is a client, no peer".to_owned()),
    }
}

/// The task of a connection.
struct Serve {
    reader: FrameReader,
    writer: Writer,
    outbox: Outbox,
    pending: Arc<Pending>,
    silence_max: Duration,
}

impl Serve {
    async fn run(mut self) {
        let reason = self.serve().await;
        self.pending.close(reason);
    }

    async fn serve(&mut self) -> String {
        let ping = frame(&encode(&Envelope::Ping), FRAME_BYTES_MAX).expect("a ping is a small frame");
        loop {
            let (ping_after, silence_max) = if self.pending.is_empty() {
                (IDLE_PING, IDLE_SILENCE)
            } else {
                (self.silence_max / 3, self.silence_max)
            };
            let payload = tokio::select! {
                reason = self.outbox.closing() => {
                    // A last cancel may still be queued.
                    self.writer.drain(DEADLINE_MARGIN).await.ok();
                    return reason;
                }
                () = self.pending.begun() => {
                    self.reader.touch();
                    continue;
                }
                error = self.writer.run(Some((ping_after, &ping))) => return error.to_string(),
                payload = self.reader.next(silence_max) => match payload {
                    Ok(payload) => payload,
                    Err(error) => return error.to_string(),
                },
            };
            match decode::<Envelope>(&payload) {
                Ok(Envelope::Response { id, last, response }) => self.pending.answer(id, last, response),
                Ok(Envelope::Pong) => {}
                Ok(Envelope::Ping) => {
                    if let Some(pong) = frame(&encode(&Envelope::Pong), FRAME_BYTES_MAX) {
                        self.outbox.push(pong);
                    }
                }
                Ok(Envelope::Message(_) | Envelope::Request { .. } | Envelope::Cancel { .. }) => {
                    return "the peer sent a frame that no client expects".to_owned();
                }
                Err(error) => return format!("the peer sent a frame that cannot be read: {error}"),
            }
        }
    }
}

#[cfg(test)]
#[path = "connection_test.rs"]
mod tests;
