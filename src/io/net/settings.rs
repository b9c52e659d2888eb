//! What the network is told at its start: who we are, and every deadline and bound with its default.

use crate::pure::base::GridName;
use crate::pure::membership::PeerCard;
use crate::pure::protocol::{Request, Response};
use std::sync::Arc;
use std::time::Duration;

/// Answers what can be answered on the spot, in the connection's own task: no lock, no disk, no waiting. Any function from a
/// request to an answer is one.
pub trait Reads: Send + Sync {
    /// The answer; `None`: the loop must be asked.
    fn answer(&self, request: &Request) -> Option<Response>;
    /// Appends the frame of the only answer to the request in this payload. False, and nothing appended: it is to be decoded
    /// and asked as any other.
    fn quick(&self, _payload: &[u8], _frame: &mut Vec<u8>) -> bool {
        false
    }
}
impl<F: Fn(&Request) -> Option<Response> + Send + Sync> Reads for F {
    fn answer(&self, request: &Request) -> Option<Response> {
        self(request)
    }
}
/// See [`Reads`].
pub type Reader = Arc<dyn Reads>;

/// Who we are, and the network's bounds. [`Settings::new`] gives the defaults; tests shorten the deadlines.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What we tell of ourselves in every hello. Its address is the one that others reach.
    pub card: PeerCard,
    /// The grid; peers of another are refused.
    pub grid: GridName,
    /// Most connections at once, default 1024. A quarter of them is kept for peers: clients cannot lock them out.
    pub connections_max: usize,
    /// How long the other side may take to say hello, default 5 s.
    pub hello_timeout: Duration,
    /// A link on which we said nothing for this long gets a ping, default 1 s.
    pub ping_interval: Duration,
    /// A link on which nothing came for this long is closed, default 3 s: a frozen peer is noticed.
    pub silence_max: Duration,
    /// A client from which nothing came for this long is disconnected, default 10 min.
    pub client_idle_max: Duration,
    /// How long one write may take, default 5 s: a peer that does not read is disconnected.
    pub write_timeout: Duration,
    /// How long a host name may take to become an address, and a TCP connection to stand, default 2 s.
    pub connect_timeout: Duration,
    /// Between the first dials of a new set of targets, default 2 ms: 500 targets take a second.
    pub dial_stagger: Duration,
    /// Between the first and the second failed dial, default 100 ms; doubles from there.
    pub backoff_min: Duration,
    /// Between later dials, default 5 s.
    pub backoff_max: Duration,
    /// How long one of two simultaneous connections waits for the fate of the other, default 500 ms.
    pub settle_max: Duration,
    /// Most frames in a connection's write queue, default 4096. More closes the connection.
    pub queue_frames_max: usize,
    /// Most bytes in a connection's write queue, default 32 MiB. More closes the connection.
    pub queue_bytes_max: usize,
    /// Most requests of one client connection that wait for their answers at once, default 64.
    pub requests_in_flight_max: usize,
    /// How long `Network::stop` lets connections send what is queued, default 1 s.
    pub stop_grace: Duration,
}

impl Settings {
    /// The defaults for a peer of a grid.
    pub fn new(card: PeerCard, grid: GridName) -> Self {
        Self {
            card,
            grid,
            connections_max: 1024,
            hello_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(1),
            silence_max: Duration::from_secs(3),
            client_idle_max: Duration::from_mins(10),
            write_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            dial_stagger: Duration::from_millis(2),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
            settle_max: Duration::from_millis(500),
            queue_frames_max: 4096,
            queue_bytes_max: 32 * 1024 * 1024,
            requests_in_flight_max: 64,
            stop_grace: Duration::from_secs(1),
        }
    }
}
