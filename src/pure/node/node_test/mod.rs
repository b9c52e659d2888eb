//! One node against a bench, by promise: tables of what arrives and what follows. Lives with faults are the simulation's
//! (`tests/it/simulation`).

mod answers;
mod bench;
mod held;
mod obedience;
mod orders;
mod peers;
mod slices;
mod tenure;
