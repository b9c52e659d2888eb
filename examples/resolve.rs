//! Where is it? Asks once for an id and, if one is named, for objects of a type.
//!
//! `cargo run --example resolve -- web --type page`, with the locator list in `FLOE_PEERS` (`HOST:PORT`, by commas).
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use floe::client::{Client, Options};
use floe::pure::base::Address;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::new(peers()?, Options::new("example resolve"));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--type" {
            let kind = arguments.next().ok_or("--type wants a type")?;
            for object in client.find_all(&kind).await? {
                println!("{} {}", object.id, object.endpoints.join(" "));
            }
            continue;
        }
        match client.resolve(&argument).await {
            Ok(resolved) => println!(
                "{argument} {} (version {})",
                resolved.endpoints.join(" "),
                resolved.version
            ),
            Err(error) if error.is_not_found() => println!("{argument} is nowhere: {error}; {}", error.hint()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn peers() -> Result<Vec<Address>, Box<dyn std::error::Error>> {
    let list = std::env::var("FLOE_PEERS").unwrap_or_else(|_| "127.0.0.1:7401".to_owned());
    Ok(list.split(',').map(str::parse).collect::<Result<_, _>>()?)
}
