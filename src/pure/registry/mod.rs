//! The registry's state machine: events and time in, effects out.

mod affected;
mod asks;
pub mod audit;
#[cfg(test)]
mod cluster;
mod config;
pub mod contents;
pub mod database;
mod decisions;
mod desk;
pub mod difference;
pub mod dump;
pub mod effect;
pub mod event;
mod finding;
#[cfg(test)]
mod fixture;
#[cfg(test)]
pub(crate) mod fixture_log;
mod handle;
pub mod history;
mod initialisation;
#[cfg(test)]
mod lies_test;
mod moves;
pub mod observe;
mod order;
mod outcome;
pub mod payload;
pub mod peer;
pub mod query;
pub mod requests;
mod scrape;
mod seal;
mod seat;
pub mod state;
mod surplus;
pub mod view;

pub use config::Config;
pub use database::Database;
pub use effect::{Batch, Effect, Image, Kept, ReplyTo, SetAside};
pub use event::Event;
pub use initialisation::Initdb;
pub use state::Registry;
pub use view::View;
