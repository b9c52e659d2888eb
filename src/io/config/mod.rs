//! Configuration: defaults < file < environment (`FLOE_REGISTRY__ROLE`) < flags, merged by figment.
//!
//! One table of keys (`schema`) drives everything: what is known, which shape a value has, its default and its help.
//! figment alone reports one error at a time, guesses the types of environment values and knows no lines; so each value
//! enters it already read, as a provider of its own, and comes out with the place that it was written at.
//!
//! Not its job: to open a port or the data folder. It reads the file, the environment and the mode of the key file.
//!
//! Invariant: a `Config` exists only when there is no fault at all; all faults are reported at once.

mod allocation;
mod build;
mod checks;
mod environment;
mod fault;
mod file;
mod getters;
mod layers;
mod load;
mod schema;
mod sections;
mod shape;

pub use allocation::{Allocation, Isolation, Plugin};
pub use environment::Environment;
pub use fault::{Fault, Faults, Origin};
pub use load::{Flag, Overrides, Reading, Shown, load, read};
pub use schema::{KEYS, Key, Preset};
pub use sections::{Config, Dns, Format, Gossip, Http, Kind, Log, Node, OnStop, Peer, Registry};
pub use shape::{Shape, decimal};

#[cfg(test)]
mod config_test;
#[cfg(test)]
mod samples_test;
