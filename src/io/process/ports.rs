//! Chooses ports that are free on the node's host, the previous ones where that is possible.
//!
//! A port is free when it can be bound now. Until the server binds it somebody else may; then the server fails and its next
//! start gets another.

use crate::pure::base::RunId;
use crate::pure::supervisor::Ports;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

/// Tries to get a port that no server of this node has.
const TRIES: u32 = 32;

/// The ports that this node has given out and whose servers live.
#[derive(Debug, Default)]
pub(super) struct PortPool {
    taken: Mutex<BTreeMap<RunId, Vec<u16>>>,
}

impl PortPool {
    /// Ports for one start. `wanted`: 0 lets us choose; others are given as they are.
    ///
    /// # Errors
    /// A text for people when the host has no free port, or is not ours.
    pub(super) fn choose(&self, run: RunId, host: &str, wanted: &Ports, previous: &Ports) -> Result<Ports, String> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut chosen = Ports::new();
        // Held until all are chosen: else one start could get the same port twice.
        let mut held = Vec::new();
        for (name, port) in wanted {
            let port = if *port == 0 {
                let in_use = |port: u16| taken.values().flatten().any(|taken| *taken == port);
                let (port, listener) = free_port(host, previous.get(name).copied(), in_use)?;
                held.push(listener);
                port
            } else {
                *port
            };
            chosen.insert(name.clone(), port);
        }
        taken.insert(run, chosen.values().copied().collect());
        Ok(chosen)
    }
    /// An adopted process has these.
    pub(super) fn adopt(&self, run: RunId, ports: &Ports) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(run, ports.values().copied().collect());
    }
    /// The run has ended.
    pub(super) fn release(&self, run: RunId) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
    }
}

fn free_port(host: &str, previous: Option<u16>, in_use: impl Fn(u16) -> bool) -> Result<(u16, TcpListener), String> {
    let candidates = previous.filter(|port| *port != 0).into_iter();
    let candidates = candidates.chain(std::iter::repeat_n(0, TRIES as usize));
    let mut fault = String::new();
    for candidate in candidates {
        // The advertised host need not be an address of this machine (translation, names): any address serves then.
        let bound = bind(host, candidate).or_else(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => Err(error),
            _ => bind("0.0.0.0", candidate),
        });
        let port = bound.and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
        match port {
            Ok((port, listener)) if !in_use(port) => return Ok((port, listener)),
            Ok((port, _)) => fault = format!("port {port} belongs to another server of this node"),
            Err(error) => fault = error.to_string(),
        }
    }
    Err(format!("find a free port on {host}: {fault}"))
}

fn bind(host: &str, port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(format!("{host}:{port}"))
}
