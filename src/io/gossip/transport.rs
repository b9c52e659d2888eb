//! chitchat's transport over our own UDP socket.
//!
//! Nothing that comes in makes `recv` fail: a bad packet is counted and dropped. Nothing that goes out waits: what the
//! socket does not take is dropped, as the network would.

use super::codec::Codec;
use super::frame::PACKET_BYTES_MAX;
use super::tally::{Reason, Tally};
use super::task::Error;
use super::validate::Claims;
use crate::io::clock;
use async_trait::async_trait;
use chitchat::transport::{Socket, Transport};
use chitchat::{ChitchatMessage, Serializable};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;

/// Asked of the kernel for received packets: a full pool's answers to one round come at once. It may give less.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Longest wait for the socket to take a packet.
const SEND_PATIENCE: Duration = Duration::from_millis(5);
/// Wait after an error of the socket. There is none to give up at: it is bound for as long as we run.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// The socket and all that must outlive a breakdown of chitchat.
#[derive(Debug)]
pub(super) struct Link {
    socket: UdpSocket,
    codec: Mutex<Codec>,
    tally: Arc<Tally>,
    forged_version: AtomicU64,
    usurped: AtomicBool,
    #[cfg(test)]
    pub(super) sabotage: AtomicBool,
}

impl Link {
    /// Takes over a bound socket.
    pub(super) fn new(
        socket: std::net::UdpSocket,
        codec: impl FnOnce(SocketAddr) -> std::io::Result<Codec>,
        tally: Arc<Tally>,
    ) -> Result<Arc<Self>, Error> {
        let fault = |step| move |source| Error::Socket { step, source };
        let bound = socket.local_addr().map_err(fault("reading the address"))?;
        socket
            .set_nonblocking(true)
            .map_err(fault("switching to non-blocking use"))?;
        enlarge(&socket);
        let socket = UdpSocket::from_std(socket).map_err(fault("registration"))?;
        Ok(Arc::new(Self {
            socket,
            codec: Mutex::new(codec(bound).map_err(fault("setting up the compression"))?),
            tally,
            forged_version: AtomicU64::new(0),
            usurped: AtomicBool::new(false),
            #[cfg(test)]
            sabotage: AtomicBool::new(false),
        }))
    }

    /// The codec. A holder never waits.
    pub(super) fn codec(&self) -> MutexGuard<'_, Codec> {
        self.codec.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The highest version of our own keys that others claimed since the last question; 0 for none.
    pub(super) fn take_forged_version(&self) -> u64 {
        self.forged_version.swap(0, Ordering::Relaxed)
    }

    /// Did anybody claim a heartbeat of ours that we never had, since the last question?
    pub(super) fn take_usurped(&self) -> bool {
        self.usurped.swap(false, Ordering::Relaxed)
    }

    async fn send(&self, to: SocketAddr, message: &ChitchatMessage) {
        let packed = self.codec().pack(clock::dice(), to, &message.serialize_to_vec());
        let sent = match packed {
            Ok(packets) => self.send_all(to, &packets).await,
            Err(_) => false,
        };
        if sent {
            metrics::counter!("floe_gossip_messages_total", "direction" => "out").increment(1);
        } else {
            self.tally.reject(Reason::Unsent);
        }
    }

    async fn send_all(&self, to: SocketAddr, packets: &[Vec<u8>]) -> bool {
        for packet in packets {
            let send = self.socket.send_to(packet, to);
            match tokio::time::timeout(SEND_PATIENCE, send).await {
                Ok(Ok(bytes)) => count_bytes("out", bytes),
                Ok(Err(error)) => {
                    tracing::debug!(peer = %to, %error, "gossip packet not sent");
                    return false;
                }
                Err(_) => return false,
            }
        }
        true
    }

    /// The next good message. Safe to cancel: it waits for the socket only, and holds nothing then.
    async fn receive(&self) -> (SocketAddr, ChitchatMessage) {
        // One byte more than the longest packet, to tell that one is longer.
        let mut packet = [0; PACKET_BYTES_MAX + 1];
        loop {
            match self.socket.recv_from(&mut packet).await {
                Ok((length, source)) => {
                    if let Some(message) = self.accept(source, packet.get(..length).unwrap_or_default()) {
                        return (source, message);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "gossip socket did not receive");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
    }

    fn accept(&self, source: SocketAddr, packet: &[u8]) -> Option<ChitchatMessage> {
        count_bytes("in", packet.len());
        #[cfg(test)]
        assert!(!self.sabotage.swap(false, Ordering::Relaxed), "sabotaged by a test");
        let unpacked = self.codec().unpack(clock::now(), source, packet);
        match unpacked {
            Ok(None) => None,
            Ok(Some(checked)) => {
                metrics::counter!("floe_gossip_messages_total", "direction" => "in").increment(1);
                self.note(checked.claims);
                Some(checked.message)
            }
            Err(reason) => {
                tracing::trace!(peer = %source, %reason, "gossip packet dropped");
                self.tally.reject(reason);
                None
            }
        }
    }

    fn note(&self, claims: Claims) {
        if let Some(version) = claims.version {
            self.forged_version.fetch_max(version, Ordering::Relaxed);
        }
        if claims.heartbeat {
            self.tally.reject(Reason::Forged);
            self.usurped.store(true, Ordering::Relaxed);
        }
    }
}

/// Best effort: a privileged process may pass the system's limit, others get what that allows.
fn enlarge(socket: &std::net::UdpSocket) {
    use rustix::net::sockopt;
    if sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER_BYTES).is_err()
        && let Err(error) = sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER_BYTES)
    {
        tracing::debug!(%error, "gossip socket keeps its receive buffer");
    }
}

fn count_bytes(direction: &'static str, bytes: usize) {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    metrics::counter!("floe_gossip_bytes_total", "direction" => direction).increment(bytes);
}

/// Gives chitchat the one link there is, whatever address it asks for.
pub(super) struct LinkTransport(pub(super) Arc<Link>);

#[async_trait]
impl Transport for LinkTransport {
    async fn open(&self, _listen: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        Ok(Box::new(LinkSocket(Arc::clone(&self.0))))
    }
}

struct LinkSocket(Arc<Link>);

#[async_trait]
impl Socket for LinkSocket {
    async fn send(&mut self, to: SocketAddr, message: ChitchatMessage) -> anyhow::Result<()> {
        self.0.send(to, &message).await;
        Ok(())
    }
    async fn recv(&mut self) -> anyhow::Result<(SocketAddr, ChitchatMessage)> {
        Ok(self.0.receive().await)
    }
}
