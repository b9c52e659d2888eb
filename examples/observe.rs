//! Keeps a table of adapters and servers up to date: first how everything stands, then every change, over reconnections.
//! Prints a line for each; `--count 5` ends after five changes.
//!
//! `cargo run --example observe -- --count 5`
#![expect(clippy::print_stdout, reason = "an example shows what it hears")]

use floe::client::{Client, Options};
use floe::pure::base::Address;
use floe::pure::protocol::locate::Subject;
use std::collections::BTreeMap;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count: usize = match arguments.as_slice() {
        [flag, count] if flag == "--count" => count.parse()?,
        _ => usize::MAX,
    };
    let client = Client::new(peers()?, Options::new("example observe"));
    let mut observing = client.observe(vec![Subject::Server, Subject::Adapter], None);
    let (mut table, mut changes) = (BTreeMap::new(), 0);
    while changes < count {
        let part = match observing.next().await {
            Ok(part) => part,
            // Nobody is in reach: the next call tries again.
            Err(error) if error.is_retryable() => {
                println!("waiting: {error}");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if part.first {
            table.clear();
        }
        for change in part.changes {
            let key = (change.subject, change.id.clone());
            if !part.snapshot {
                changes += 1;
                let what = if change.row.is_some() { "changed" } else { "gone" };
                println!("{} {} {what} (version {})", change.subject, change.id, part.version);
            }
            match change.row {
                Some(row) => drop(table.insert(key, row)),
                None => drop(table.remove(&key)),
            }
        }
        if part.snapshot && part.position.is_some() {
            println!("{} rows as of version {}", table.len(), part.version);
        }
    }
    Ok(())
}

fn peers() -> Result<Vec<Address>, Box<dyn std::error::Error>> {
    let list = std::env::var("FLOE_PEERS").unwrap_or_else(|_| "127.0.0.1:7401".to_owned());
    Ok(list.split(',').map(str::parse).collect::<Result<_, _>>()?)
}
