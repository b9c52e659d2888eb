//! floe: a gossip-based peer registry with plugin nodes.
//!
//! Registries hold the deployment database and answer "where is X?"; nodes start, watch and stop server processes; all
//! of them are peers that gossip who is there and how far each is. `ARCHITECTURE.md` is the map; the modules below stand
//! in reading order, and imports point upwards only (`tests/it/architecture.rs` checks it).

pub mod pure;

#[expect(clippy::disallowed_methods, reason = "the shells touch the world")]
pub mod io;

#[expect(clippy::disallowed_methods, reason = "runs the loops")]
pub mod app;

#[expect(clippy::disallowed_methods, reason = "waits for answers")]
pub mod client;

#[expect(clippy::disallowed_methods, reason = "starts daemons, waits for answers")]
pub mod cli;
