//! Many registries and nodes over a simulated network with simulated disks, in virtual time, in one thread.
//!
//! Everything follows from one seed, so a failure is repeated by its seed alone. `world` holds the peers, `shell` carries
//! out what their cores ask for, `network`, `disk` and `host` are what they run on, `oracle` and `wards` (for nodes) check
//! the promises after every step, `operator` and `node_trouble` make trouble, `schedule` and `node_rest` lead through a
//! life; `leasers` hold what is deployed for sessions; `scenarios`, `node_scenarios`, `random` and `mutants` are the tests.

mod calm;
mod chance;
mod core;
mod disk;
mod history;
mod host;
mod initial;
mod leasers;
mod links;
#[cfg(feature = "mutants")]
mod mutants;
mod network;
mod node_rest;
mod node_scenarios;
mod node_trouble;
mod operator;
mod oracle;
mod order_trouble;
mod orders;
mod pause;
mod peer;
mod random;
mod scenarios;
mod schedule;
mod shell;
mod time;
mod trace;
mod trap;
mod wards;
mod workload;
mod world;
