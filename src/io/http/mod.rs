//! HTTP: metrics, health, service discovery, the reads of the protocol as JSON, and sessions with their leases.
//!
//! Decides nothing: requests go to a [`Backend`] that the app implements. What a web page made a browser send changes nothing:
//! whoever holds a session shows its secret in a header, and comes without an `Origin`. A foreign `Host` is refused, so a page
//! can read nothing either.

pub mod answer;
pub mod backend;
mod discovery;
mod find;
mod guard;
mod router;
pub mod server;
mod sessions;
mod stream;

pub use backend::Backend;
pub use server::{Settings, serve};
