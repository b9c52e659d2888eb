//! Shells: each touches one part of the world and decides nothing. They know `clock`, `telemetry` and `config`, not each
//! other.

pub mod clock;
pub mod config;
pub mod dns;
pub mod gossip;
pub mod http;
pub mod net;
pub mod plugin_host;
pub mod process;
pub mod store;
pub mod telemetry;
