//! Ports for daemons that are stopped and started again, so that nobody else may take the number meanwhile.
//!
//! They lie below the range from which the system takes ports for outgoing connections and for port 0: a connection that
//! happens to be opened while a daemon is down cannot take its port. A locked file per number keeps tests that run beside
//! each other apart.

use floe::pure::base::Address;
use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 10_000;
/// Up to here: Linux takes ports for outgoing connections from 32,768 on.
const COUNT: u32 = 22_000;

/// A number that is free for TCP and UDP, and ours while this lives.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) address: Address,
    _held: Option<File>,
}

impl Port {
    /// A number of a host that nobody else uses.
    pub(super) fn fixed(address: Address) -> Self {
        Self { address, _held: None }
    }
    pub(super) fn find() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let folder = std::env::temp_dir().join("floe-test-ports");
        std::fs::create_dir_all(&folder).expect("a folder for locks");
        // Neighbouring process ids begin far from each other.
        let start = std::process::id().wrapping_mul(7_919);
        for _ in 0..COUNT {
            let number = FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
            let lock = folder.join(number.to_string());
            let held = File::options().create(true).append(true).open(&lock).expect("a lock");
            if held.try_lock().is_err() {
                continue;
            }
            let text = format!("127.0.0.1:{number}");
            if TcpListener::bind(&text).is_ok() && UdpSocket::bind(&text).is_ok() {
                let address = text.parse().expect("an address");
                return Self {
                    address,
                    _held: Some(held),
                };
            }
        }
        panic!("no port is free from {FIRST} on");
    }
}
