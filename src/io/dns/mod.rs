//! DNS: where adapters, replica groups and objects are, as SRV, A and AAAA records under `<grid>.floe.`
//!
//! Authoritative for that one zone, and nothing else: it asks nobody. A question starts no server and waits for nothing.

mod server;
mod zone;

pub use server::{Look, serve};
pub use zone::{Looked, Zone};
