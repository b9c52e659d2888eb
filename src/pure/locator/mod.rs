//! Where something is: an adapter, a replica group or a well-known object, turned into endpoints or a reason; and what
//! processes register of themselves.
//!
//! Reads a deployment and what is known of servers and nodes; starts nothing by itself.

pub mod balance;
pub mod find;
pub mod glance;
pub mod load;
pub mod locate;
mod members;
pub mod registration;
pub mod registrations;
pub mod resolve;
mod stand;
pub mod turns;

pub use glance::glance;
pub use load::Load;
pub use locate::{Location, Place, locate};
pub use registrations::{Registered, Registrations};
pub use resolve::{Resolution, ResolvedKind, ServerPlace, Sight, Wish, resolve};
pub use turns::Turns;
