//! The simulated world of `tests/it/simulation`, the same files, over the pure core alone.

// The files say `floe::pure`, as they do in floe's own tests.
extern crate floe_pure as floe;

#[path = "../it/simulation/mod.rs"]
mod simulation;
