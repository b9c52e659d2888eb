//! The registry's state machine: events and time in, effects out.

mod asks;
pub mod database;
pub mod effect;
pub mod event;
#[cfg(test)]
mod fixture;
mod handle;
mod initialisation;
pub mod payload;
pub mod peer;
pub mod query;
pub mod requests;
mod seal;
mod seat;
pub mod state;
mod surplus;
pub mod view;

pub use database::Database;
pub use effect::{Batch, Effect, Image, Kept, ReplyTo, SetAside};
pub use event::Event;
pub use initialisation::Initdb;
pub use state::{Config, Registry};
pub use view::View;
