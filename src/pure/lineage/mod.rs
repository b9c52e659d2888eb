//! Versions, digests, epochs and claims: whose data contains whose, and whom to obey. Two questions, never mixed.

mod candidate;
pub mod claim;
pub mod compare;
pub mod entry;
pub mod promote;
pub mod rules;
pub mod sight;
pub mod version;

pub use compare::{Relation, Summary, Surplus};
pub use entry::{Entry, EntryKind};
pub use version::{Digest, Epoch, Lineage, Reign, Serial, Version};
