//! The node's state machine: events and time in, effects out.

pub mod config;
pub mod effect;
pub mod event;
mod handle;
pub mod slice;
pub mod state;

pub use config::{About, Config, Memory, OnStop, Restored};
pub use effect::{Asker, Effect};
pub use event::Event;
pub use slice::{Placed, Slice};
pub use state::Node;

#[cfg(test)]
mod node_test;
