//! The registry's state machine: events and time in, effects out.

pub mod effect;
pub mod event;

pub use effect::{Batch, Effect, Image, ReplyTo};
pub use event::Event;
