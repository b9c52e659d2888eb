//! The sockets: UDP and TCP on one number, bounded and patient for so long only.

use super::zone::{Looked, Zone};
use crate::io::telemetry::metrics::Metrics;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Most TCP connections at a time; further ones are closed at once.
const CONNECTIONS_MAX: usize = 64;
/// How long a TCP client may take for a question, and to read its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest question, in bytes: none of ours is larger.
const QUESTION_BYTES_MAX: usize = 4096;
/// How long to wait after a failed accept or read, as when no file descriptor is left.
const PAUSE: Duration = Duration::from_millis(100);

/// What is asked about an id, from memory.
pub type Look = Arc<dyn Fn(&str) -> Looked + Send + Sync>;

/// Serves for ever.
pub async fn serve(udp: UdpSocket, tcp: TcpListener, zone: Zone, look: Look, metrics: Metrics) {
    let desk = Arc::new(Desk { zone, look, metrics });
    tokio::join!(datagrams(udp, &desk), connections(tcp, &desk));
}

async fn datagrams(socket: UdpSocket, desk: &Desk) {
    let mut packet = vec![0; QUESTION_BYTES_MAX];
    loop {
        let (length, from) = match socket.recv_from(&mut packet).await {
            Ok(received) => received,
            // Somebody's port was closed before our answer came (ICMP); others go on asking.
            Err(error) => {
                tracing::debug!(%error, "dns: nothing was read");
                sleep(PAUSE).await;
                continue;
            }
        };
        if let Some(answer) = desk.answer(packet.get(..length).unwrap_or_default(), false) {
            // A full send buffer drops it: the client asks again.
            if let Err(error) = socket.try_send_to(&answer, from) {
                tracing::debug!(%error, "dns: an answer was not sent");
            }
        }
    }
}

async fn connections(listener: TcpListener, desk: &Arc<Desk>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(slot) = Arc::clone(&room).try_acquire_owned() else {
                    continue;
                };
                let desk = Arc::clone(desk);
                tokio::spawn(async move {
                    connection(stream, &desk).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "dns: cannot accept a connection");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Questions and answers, each with its length before it, until the client ends or is too slow.
async fn connection(mut stream: TcpStream, desk: &Desk) {
    loop {
        let question = async {
            let length = usize::from(stream.read_u16().await.ok()?);
            if length > QUESTION_BYTES_MAX {
                return None;
            }
            let mut packet = vec![0; length];
            stream.read_exact(&mut packet).await.ok()?;
            Some(packet)
        };
        let Ok(Some(packet)) = timeout(PATIENCE, question).await else {
            return;
        };
        let Some(answer) = desk.answer(&packet, true) else {
            return;
        };
        let Ok(length) = u16::try_from(answer.len()) else {
            return;
        };
        let bytes = [&length.to_be_bytes()[..], &answer].concat();
        if !matches!(timeout(PATIENCE, stream.write_all(&bytes)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// What every question needs.
struct Desk {
    zone: Zone,
    look: Look,
    metrics: Metrics,
}

impl Desk {
    fn answer(&self, packet: &[u8], stream: bool) -> Option<Vec<u8>> {
        let (answer, outcome) = self.zone.answer(&*self.look, packet, stream);
        self.metrics.registry.dns_queries.add(&[outcome.as_str()], 1);
        answer
    }
}
