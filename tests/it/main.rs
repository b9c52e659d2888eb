//! The proofs that need more than one module: one binary, one folder a kind of proof.

mod architecture;
mod cli;
#[expect(clippy::disallowed_methods, reason = "reads a clock")]
mod cost;
#[expect(clippy::disallowed_methods, reason = "starts processes, waits for what they do")]
mod daemons;
mod dashboards;
#[expect(clippy::disallowed_methods, reason = "reads descriptors, starts processes")]
mod import;
#[expect(clippy::disallowed_methods, reason = "writes files, starts processes")]
mod plugins;
mod scenarios;
mod simulation;
