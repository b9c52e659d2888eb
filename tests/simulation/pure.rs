//! The pure core of floe by itself: the same files, no shell.

#[path = "../../src/pure/mod.rs"]
pub mod pure;
