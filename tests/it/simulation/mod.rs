//! Many registries over a simulated network with simulated disks, in virtual time, in one thread.
//!
//! Everything follows from one seed, so a failure is repeated by its seed alone. `world` holds the registries, `shell`
//! carries out what their cores ask for, `network` and `disk` are what they run on, `oracle` checks the promises after
//! every step, `operator` and `schedule` make trouble; `scenarios`, `random` and `mutants` are the tests.

mod chance;
mod disk;
mod history;
mod links;
#[cfg(feature = "mutants")]
mod mutants;
mod network;
mod operator;
mod oracle;
mod peer;
mod random;
mod scenarios;
mod schedule;
mod shell;
mod time;
mod trace;
mod world;
