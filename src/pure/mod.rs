//! The core: events and time in, effects out. It knows no tokio, clock, socket, file or random source, so it runs the
//! same in a daemon and in the simulation. Modules stand in dependency order.

pub mod allocation;
pub mod base;
pub mod lineage;
pub mod locator;
pub mod membership;
pub mod model;
pub mod node;
pub mod protocol;
pub mod registry;
pub mod supervisor;
pub mod wire;
