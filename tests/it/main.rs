//! The proofs that need more than one module: one binary, one folder a kind of proof.

mod architecture;
mod cli;
mod daemons;
mod dashboards;
mod simulation;
