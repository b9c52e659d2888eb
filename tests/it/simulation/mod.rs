//! Many registries over a simulated network with simulated disks, in virtual time, in one thread.
//!
//! Everything follows from one seed, so a failure is repeated by its seed alone. `world` runs the cores and carries out
//! their effects, `network` and `disk` are what they run on, `oracle` checks the promises after every step, `operator`
//! and `schedule` make trouble, and the files behind them hold the tests.

mod chance;
mod disk;
mod history;
#[cfg(feature = "mutants")]
mod mutants;
mod network;
mod operator;
mod oracle;
mod random;
mod scenarios;
mod schedule;
mod trace;
mod world;
