//! HTTP: metrics, health, service discovery, and the reads of the protocol as JSON.
//!
//! Decides nothing: requests go to a [`Backend`] that the app implements. Only reads are served, so a request that a web
//! page made a browser send can change nothing; a foreign `Host` is refused, so it can read nothing either.

pub mod answer;
pub mod backend;
mod discovery;
mod find;
mod guard;
mod router;
pub mod server;
mod stream;

pub use backend::Backend;
pub use server::{Settings, serve};
