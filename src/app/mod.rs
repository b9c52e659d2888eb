//! Builds a registry or a node out of the parts and runs its loop.

mod backend;
pub mod failure;
mod gauges;
pub mod ground;
pub mod initdb;
pub mod node;
mod observers;
mod outside;
mod publish;
pub mod registry;
mod signals;

pub use failure::Failure;
