//! What a program embeds: connects through a locator list, with fail-over, and asks.
//!
//! Decides nothing about the grid: it goes where the peers send it.

mod call;
mod connection;
mod error;
mod handle;
mod options;
mod pending;
mod repeated;
mod search;
mod watch;

pub use connection::Connection;
pub use error::Error;
pub use handle::Client;
pub use options::Options;
pub use pending::{Answers, CallError};
pub use repeated::Repeated;
pub use watch::Watch;
