//! The accept loop: a bound on connections, a pause when the system has none left, hello, and whose connection it is.

use super::connection::Link;
use super::greeting::{hello, refusal};
use super::links::Admission;
use super::requests::Session;
use super::rule::{Candidate, Dialler};
use super::shared::Shared;
use super::stream::{FrameReader, Outbox, StreamError, Writer, outbox};
use crate::pure::base::limits::HELLO_FRAME_BYTES_MAX;
use crate::pure::membership::PeerCard;
use crate::pure::protocol::{Hello, Who};
use crate::pure::wire::decode;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::Instrument;

/// First and longest pause after a failed accept: the usual cause, too many open files, needs somebody else to close one.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long a refused connection stays open for the other side to read the refusal.
const LINGER: Duration = Duration::from_millis(500);

/// Accepts connections until the network stops.
pub(super) async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let connections_max = shared.settings.connections_max;
    let room = Arc::new(Semaphore::new(connections_max));
    // Clients must not lock peers out.
    let client_room = Arc::new(Semaphore::new(connections_max - connections_max / 4));
    let mut pause = PAUSE_MIN;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stopping() => return,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                tracing::warn!(%error, ?pause, "cannot accept connections, trying again after a pause");
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
                continue;
            }
        };
        pause = PAUSE_MIN;
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            turn_away(stream, &shared);
            continue;
        };
        let (task, client_room) = (Arc::clone(&shared), Arc::clone(&client_room));
        let span = tracing::debug_span!("conn", %remote);
        let serve = async move {
            serve(stream, remote, task, &client_room).await;
            drop(permit);
        };
        shared.spawn(serve.instrument(span));
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Says why and closes, without a task or a wait.
fn turn_away(stream: TcpStream, shared: &Shared) {
    let bound = shared.settings.connections_max;
    tracing::warn!(bound, "connection limit reached, turning a connection away");
    let reason = format!("{} has its {bound} connections already", shared.settings.card.name);
    if let Ok(mut stream) = stream.into_std() {
        // The kernel's buffer is empty, so this is written at once or never.
        stream.write_all(&hello(&shared.settings, Some(&reason))).ok();
    }
}

/// One connection that was accepted, from its first byte to its end.
async fn serve(stream: TcpStream, remote: SocketAddr, shared: Arc<Shared>, client_room: &Arc<Semaphore>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch delays off");
    }
    let (read, write) = stream.into_split();
    let mut reader = FrameReader::new(read, HELLO_FRAME_BYTES_MAX);
    let (outbox, writer) = outbox(write, shared.queue_bounds());
    let theirs = tokio::select! {
        theirs = first_frame(&mut reader, &shared) => theirs,
        () = shared.stopping() => return,
    };
    let entrance = Entrance {
        shared,
        remote: remote.to_string(),
        reader,
        outbox,
        writer,
    };
    match theirs {
        Err(reason) => entrance.refuse("somebody", &reason).await,
        Ok(theirs) => match refusal(&entrance.shared.settings, &theirs, &entrance.remote) {
            Some(reason) => entrance.refuse(&whom(&theirs), &reason).await,
            None => match theirs.who {
                Who::Peer(card) => entrance.peer(card).await,
                Who::Client { actor } => entrance.client(actor, client_room).await,
            },
        },
    }
}

async fn first_frame(reader: &mut FrameReader, shared: &Shared) -> Result<Hello, String> {
    let limit = shared.settings.hello_timeout;
    match timeout(limit, reader.next(limit)).await {
        Err(_) | Ok(Err(StreamError::Silent(_))) => Err(format!("no hello came within {limit:?}")),
        Ok(Err(error)) => Err(format!("no hello came: {error}")),
        Ok(Ok(payload)) => decode(&payload).map_err(|error| format!("the first frame is no hello: {error}")),
    }
}

fn whom(theirs: &Hello) -> String {
    match &theirs.who {
        Who::Peer(card) => card.name.to_string(),
        Who::Client { actor } => actor.chars().take(64).collect(),
    }
}

/// A connection that has said who it is.
struct Entrance {
    shared: Arc<Shared>,
    remote: String,
    reader: FrameReader,
    outbox: Outbox,
    writer: Writer,
}

impl Entrance {
    async fn peer(self, card: PeerCard) {
        self.shared.links.settle(&card, self.shared.settings.settle_max).await;
        let candidate = Candidate {
            card: card.clone(),
            dialler: Dialler::Them,
            remote: self.remote.clone(),
            outbox: self.outbox.clone(),
        };
        match self.shared.links.admit(candidate) {
            Admission::Refused(reason) | Admission::Superfluous(reason) => {
                self.refuse(card.name.as_str(), &reason).await;
            }
            // The rule gives this only for connections that we dialled.
            Admission::Undecided(_) => {}
            Admission::Admitted(seat) => {
                self.outbox.push(hello(&self.shared.settings, None));
                let link = Link {
                    shared: self.shared,
                    card,
                    seat,
                    reader: self.reader,
                    outbox: self.outbox,
                    writer: self.writer,
                };
                link.run().await;
            }
        }
    }

    async fn client(self, actor: String, room: &Arc<Semaphore>) {
        let Ok(permit) = room.try_acquire() else {
            let reason = format!("{} has as many clients as it takes", self.shared.settings.card.name);
            return self.refuse(&actor, &reason).await;
        };
        self.outbox.push(hello(&self.shared.settings, None));
        let session = Session::new(&self.shared, actor, self.reader, self.outbox);
        let reason = session.run(self.writer).await;
        tracing::debug!(reason, "client gone");
        drop(permit);
    }

    /// Says why, and gives the other side a moment to read it.
    async fn refuse(mut self, whom: &str, reason: &str) {
        tracing::info!(peer = whom, address = self.remote, reason, "refused a connection");
        self.outbox.push(hello(&self.shared.settings, Some(reason)));
        if self.writer.drain(LINGER).await.is_ok() {
            self.writer.finish().await;
            self.reader.linger(LINGER).await;
        }
    }
}
