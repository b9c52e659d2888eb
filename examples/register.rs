//! A server that no node runs: it listens, registers where, and says its name to whoever connects. It is found through every
//! registry while it lives, and no longer than its time to live after it was killed.
//!
//! `cargo run --example register -- greeter --group greeters --ttl 5s`
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use floe::client::{Client, Options, RegisterOptions};
use floe::pure::base::Address;
use floe::pure::protocol::locate::Registration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| {
        let place = arguments.iter().position(|word| word == name)?;
        arguments.get(place + 1)
    };
    let id = arguments.first().ok_or("name an adapter")?.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let registration = Registration {
        adapter: id.parse()?,
        group: flag("--group").map(|group| group.parse()).transpose()?,
        endpoints: vec![format!("tcp://{}", listener.local_addr()?)],
    };
    let mut options = RegisterOptions::default();
    if let Some(ttl) = flag("--ttl") {
        options.ttl = ttl.parse::<jiff::SignedDuration>()?.try_into()?;
    }
    let mut interrupted = signal(SignalKind::interrupt())?;
    let client = Client::new(peers()?, Options::new("example register"));
    let registered = client.register(registration, options).await?;
    println!("registered {id} at tcp://{}", listener.local_addr()?);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (mut stream, _) = accepted?;
                // Who goes away at once misses nothing.
                stream.write_all(format!("hello from {id}\n").as_bytes()).await.ok();
            }
            reason = registered.lost() => return Err(reason.into()),
            _ = interrupted.recv() => break,
        }
    }
    registered.close().await?;
    println!("taken back {id}");
    Ok(())
}

fn peers() -> Result<Vec<Address>, Box<dyn std::error::Error>> {
    let list = std::env::var("FLOE_PEERS").unwrap_or_else(|_| "127.0.0.1:7401".to_owned());
    Ok(list.split(',').map(str::parse).collect::<Result<_, _>>()?)
}
