//! What a program embeds: connects through a locator list, with fail-over, and asks.
//!
//! Decides nothing about the grid: it goes where the peers send it.

mod cache;
mod call;
mod connection;
mod error;
mod following;
mod handle;
mod locate;
mod observing;
mod options;
mod pending;
mod registering;
mod repeated;
mod search;
mod session;
mod watch;

pub use cache::{Cache, CacheOptions, Cached};
pub use connection::Connection;
pub use error::Error;
pub use handle::Client;
pub use locate::Resolve;
pub use observing::Observing;
pub use options::Options;
pub use pending::{Answers, CallError};
pub use registering::{RegisterOptions, Registering};
pub use repeated::Repeated;
pub use session::{Session, SessionOptions};
pub use watch::Watch;
