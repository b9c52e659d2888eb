//! What follows from each event: one file a kind, all of them `impl Node`.

pub(super) mod ask;
pub(super) mod command;
pub(super) mod drain;
mod held;
pub(super) mod obey;
pub(super) mod past;
pub(super) mod peers;
pub(super) mod servers;
pub(super) mod settle;
pub(super) mod slice;
mod tenure;
