//! A TCP connection to an address, with a deadline on each step.

use crate::pure::base::Address;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connects to an address: its host name is resolved off the loop, each of its addresses is tried in turn, `limit` each.
///
/// # Errors
/// A sentence that names the step, of the last address.
pub async fn open(address: &Address, limit: Duration) -> Result<TcpStream, String> {
    let host = address.host().trim_start_matches('[').trim_end_matches(']');
    let places: Vec<SocketAddr> = match timeout(limit, tokio::net::lookup_host((host, address.port()))).await {
        Err(_) => return Err(format!("resolving {host} took longer than {limit:?}")),
        Ok(Err(error)) => return Err(format!("resolving {host}: {error}")),
        Ok(Ok(places)) => places.collect(),
    };
    let mut reason = format!("{host} has no address");
    for place in places {
        match timeout(limit, TcpStream::connect(place)).await {
            Err(_) => reason = format!("connect: no answer within {limit:?}"),
            Ok(Err(error)) => reason = format!("connect: {error}"),
            Ok(Ok(stream)) => match usable(stream) {
                Ok(stream) => return Ok(stream),
                Err(error) => reason = format!("connect: {error}"),
            },
        }
    }
    Err(reason)
}

fn usable(stream: TcpStream) -> io::Result<TcpStream> {
    // On loopback the kernel may connect a socket to itself when nobody listens on a port that it hands out; such a
    // connection would also keep the real owner from coming back.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}
