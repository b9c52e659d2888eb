//! How fast a registry answers: objects and active adapters, one by one, by 8 clients, pipelined, and while updates come in;
//! beside IceGrid where Debian's packages `zeroc-icegrid` and `zeroc-ice-utils` are installed, in the same run.
//! `cargo bench --bench locate`.
//!
//! Both are asked by the same bare client over plain sockets, with requests that were encoded before. Machines are noisy:
//! the rounds of both alternate, each figure is a median, and ratios say more than numbers. Nothing here is asserted.

#![expect(
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a bench starts daemons, reads clocks and prints figures"
)]

mod locate {
    pub(crate) mod floe;
    pub(crate) mod icegrid;
    pub(crate) mod load;
}

use locate::floe::Floe;
use locate::load::{Figures, Way, measure};
use std::time::Duration;

/// Servers, each with one adapter, and objects in each of them.
pub(crate) const SERVERS: usize = 1000;
pub(crate) const OBJECTS_EACH: usize = 10;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(1);

fn main() {
    let floe = locate::floe::start();
    println!(
        "{SERVERS} adapters and {} objects are loaded; floe holds {} MiB",
        SERVERS * OBJECTS_EACH,
        floe.memory_mib()
    );
    let icegrid = locate::icegrid::start();
    match &icegrid {
        Some(icegrid) => println!("icegridregistry holds {} MiB with as many", icegrid.memory_mib()),
        None => println!("icegridregistry is not installed: floe alone"),
    }
    for (what, ids) in [("object", Floe::objects()), ("active adapter", Floe::adapters())] {
        for (way, words) in [
            (Way::OneByOne { clients: 1 }, "one by one"),
            (Way::Awake, "one, awake"),
            (Way::OneByOne { clients: 8 }, "8 clients"),
            (Way::Together { clients: 8 }, "8 together"),
            (Way::Pipelined { in_flight: 256 }, "pipelined"),
        ] {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                ours.push(measure(&floe, &ids, way, ROUND));
                if let Some(icegrid) = &icegrid {
                    theirs.push(measure(icegrid, &ids, way, ROUND));
                }
            }
            say(what, words, &Figures::median(ours), theirs);
        }
    }
    let way = Way::OneByOne { clients: 1 };
    let quiet = measure(&floe, &Floe::adapters(), way, ROUND * 3);
    let updates = floe.updates();
    let busy = measure(&floe, &Floe::adapters(), way, ROUND * 3);
    let count = updates.stop();
    println!(
        "one by one while {count} updates were applied: {:.0} a second, p50 {:.0} us, p99 {:.0} us (quiet: p50 {:.0} us, p99 {:.0} us)",
        busy.rate, busy.p50_us, busy.p99_us, quiet.p50_us, quiet.p99_us
    );
}

fn say(what: &str, way: &str, ours: &Figures, theirs: Vec<Figures>) {
    print!(
        "{what:<15} {way:<11} floe {:>9.0} a second ({:.0} to {:.0}), p50 {:>5.0} us, p99 {:>5.0} us",
        ours.rate, ours.least, ours.most, ours.p50_us, ours.p99_us
    );
    if theirs.is_empty() {
        println!();
        return;
    }
    let theirs = Figures::median(theirs);
    println!(
        "; IceGrid {:>8.0} ({:.0} to {:.0}), p50 {:>5.0} us, p99 {:>5.0} us: {:.1}x",
        theirs.rate,
        theirs.least,
        theirs.most,
        theirs.p50_us,
        theirs.p99_us,
        ours.rate / theirs.rate
    );
}
