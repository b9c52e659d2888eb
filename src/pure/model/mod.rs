//! The deployment: applications as written, what they mean for each node, and what an update changes.

pub mod apply;
pub mod changes;
pub mod conflict;
pub mod deployment;
pub mod descriptor;
pub mod diff;
pub mod durable;
pub mod expand;
pub mod import;
pub mod parse;
mod rules;
pub mod spec;
pub mod substitute;
pub mod validate;

pub use apply::Update;
pub use changes::Changes;
pub use deployment::{ApplicationRecord, Deployment, RegistryRecord};
pub use descriptor::Application;
pub use diff::Plan;
pub use durable::Values;
pub use expand::{Expansion, fill};
pub use spec::{Activation, AdapterSpec, DisableAfter, Limits, Output, PropertyFile, Ready, ServerSpec, Stop};
pub use validate::Fault;

#[cfg(test)]
pub(crate) mod fixture;
