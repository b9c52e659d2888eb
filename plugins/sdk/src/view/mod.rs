//! The host's records as values that cannot be misread: bounds, steps and nulls are checked here and nowhere else.
//!
//! Views live as long as the call. Events and leases are small and copied out.

mod attribute;
mod candidate;
mod event;
mod records;
mod request;
mod waiting;

pub use attribute::Value;
pub use candidate::{Candidate, Candidates, State};
pub use event::{Event, Lease};
pub(crate) use event::{events, leases};
pub use request::{Operation, Request};
pub use waiting::{Waiting, WaitingList};
