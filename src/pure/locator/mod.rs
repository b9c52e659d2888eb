//! Where something is: an adapter, a replica group or a well-known object, turned into endpoints or a reason.
//!
//! Reads a deployment and what is known of servers and nodes; starts nothing by itself.

pub mod balance;
pub mod load;
pub mod resolve;
mod stand;

pub use load::Load;
pub use resolve::{Resolution, ResolvedKind, Sight, resolve};
