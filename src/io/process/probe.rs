//! Asks a server whether it is ready: connects until somebody accepts.

use crate::pure::base::Address;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// The first pause: a small server is ready within milliseconds.
const PAUSE_FIRST: Duration = Duration::from_millis(5);
/// The longest pause: what a slow server costs at most after it is ready.
const PAUSE_LONGEST: Duration = Duration::from_millis(100);
/// How long one connection may take: on this or a near machine it takes no time.
const CONNECT: Duration = Duration::from_secs(1);

/// Returns when a connection was accepted. Tries for ever; whoever waits cancels it.
pub(super) async fn until_ready(address: &Address) {
    let mut pause = PAUSE_FIRST;
    let target = address.to_string();
    while !matches!(timeout(CONNECT, TcpStream::connect(&target)).await, Ok(Ok(_))) {
        sleep(pause).await;
        pause = (pause * 3 / 2).min(PAUSE_LONGEST);
    }
}
