//! Takes one resource of a type for itself, waits for it if others have it, and holds it until Ctrl-C, or until it is told
//! that the session is over. What it gives to whoever guards the resource is the token: a later holder's is higher.
//!
//! `cargo run --example hold -- gpu --ttl 5s`
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use floe::client::{Client, Options, SessionOptions};
use floe::pure::allocation::Wish;
use floe::pure::base::Address;
use std::collections::BTreeMap;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let kind = arguments.first().ok_or("name a type")?.clone();
    let mut options = SessionOptions::new("example hold");
    if let Some(place) = arguments.iter().position(|word| word == "--ttl") {
        let ttl = arguments.get(place + 1).ok_or("--ttl wants a time")?;
        options.ttl = ttl.parse::<jiff::SignedDuration>()?.try_into()?;
    }
    let mut interrupted = signal(SignalKind::interrupt())?;
    let client = Client::new(peers()?, Options::new("example hold"));
    let session = client.session(options).await?;
    println!("session {}", session.id());
    let wish = Wish::Type {
        kind,
        attributes: BTreeMap::new(),
    };
    let lease = tokio::select! {
        lease = session.allocate(wish, None, |queued| println!("waiting, {} ahead", queued.ahead)) => lease?,
        // Dropped, the request is withdrawn.
        _ = interrupted.recv() => return Ok(session.close().await?),
    };
    println!("holds {} token {}", lease.resource, lease.token);
    tokio::select! {
        // Use it no more: it may be another's by now.
        reason = session.over() => return Err(reason.into()),
        _ = interrupted.recv() => {}
    }
    let released = session.release(lease.resource.parse()?).await?;
    println!("released {}", released.resource);
    session.close().await?;
    Ok(())
}

fn peers() -> Result<Vec<Address>, Box<dyn std::error::Error>> {
    let list = std::env::var("FLOE_PEERS").unwrap_or_else(|_| "127.0.0.1:7401".to_owned());
    Ok(list.split(',').map(str::parse).collect::<Result<_, _>>()?)
}
