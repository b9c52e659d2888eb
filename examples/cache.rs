//! Asks for one id again and again, from memory that a registry keeps up to date: no polling, and no registry is asked
//! while nothing changes. Prints the answer whenever it is another one; `--count 3` ends after three of them.
//!
//! `cargo run --example cache -- web --count 3`
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "an example waits between two questions and shows what it finds"
)]

use floe::client::{CacheOptions, Client, Options};
use floe::pure::base::Address;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let id = arguments.first().ok_or("name an id")?;
    let count: usize = match arguments.iter().position(|word| word == "--count") {
        Some(place) => arguments.get(place + 1).ok_or("--count wants a number")?.parse()?,
        None => usize::MAX,
    };
    let cache = Client::new(peers()?, Options::new("example cache")).cache(CacheOptions::default());
    let (mut last, mut seen) = (String::new(), 0);
    while seen < count {
        let now = match cache.resolve(id).await {
            Ok(cached) if cached.age > Duration::from_secs(1) => {
                format!("{id} {} (no registry has confirmed it)", cached.endpoints.join(" "))
            }
            Ok(cached) => format!("{id} {}", cached.endpoints.join(" ")),
            Err(error) => format!("{id} cannot be had: {error}"),
        };
        if now != last {
            println!("{now}");
            last = now;
            seen += 1;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn peers() -> Result<Vec<Address>, Box<dyn std::error::Error>> {
    let list = std::env::var("FLOE_PEERS").unwrap_or_else(|_| "127.0.0.1:7401".to_owned());
    Ok(list.split(',').map(str::parse).collect::<Result<_, _>>()?)
}
