//! What a gossip is told at its start.

use super::key::Key;
use crate::pure::base::{GridName, PeerName};
use std::net::SocketAddr;
use std::time::Duration;

/// How one peer gossips.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The grid; packets of another one are dropped.
    pub grid: GridName,
    /// Our name.
    pub name: PeerName,
    /// Our boot counter: strictly higher than at any start before, or peers keep what they knew of the former run.
    pub generation: u64,
    /// Where the others reach us; its port is the socket's unless an address translator stands between.
    pub advertise: SocketAddr,
    /// Time between two gossip rounds, 50 ms to 5 s. Traffic of the whole pool grows with its square over this.
    pub interval: Duration,
    /// The key ring: the first seals, all open. Empty: packets travel plain, which is for loopback only.
    pub keys: Vec<Key>,
    /// How long a dead member stays known before it is forgotten (`Change::Gone`). Also the longest partition that gossip
    /// heals without `meet`.
    pub dead_after: Duration,
    /// What the failure detector takes for the time between two signs of life until it has seen some. Eight times this is the
    /// patience with a newcomer.
    pub first_interval: Duration,
    /// How often the addresses of `meet` are tried that no live member has.
    pub meet_every: Duration,
}

impl Settings {
    /// The usual settings: a round every 500 ms, 10 minutes of memory, a try of the known addresses every 5 s.
    pub fn new(grid: GridName, name: PeerName, generation: u64, advertise: SocketAddr, keys: Vec<Key>) -> Self {
        Self {
            grid,
            name,
            generation,
            advertise,
            interval: Duration::from_millis(500),
            keys,
            dead_after: Duration::from_mins(10),
            first_interval: Duration::from_secs(2),
            meet_every: Duration::from_secs(5),
        }
    }
}
