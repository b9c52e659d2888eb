//! The deployment: applications as written, what they mean for each node, and what an update changes.

pub mod apply;
pub mod changes;
pub mod choose;
pub mod conflict;
pub mod deployment;
pub mod descriptor;
mod details;
pub mod diff;
pub mod durable;
pub mod expand;
pub mod fault;
pub mod import;
mod measure;
mod nearest;
mod overlay;
pub mod parse;
pub mod place;
mod properties;
mod rules;
pub mod spec;
pub mod substitute;
mod template;
pub mod validate;

pub use apply::Update;
pub use changes::Changes;
pub use deployment::{ApplicationRecord, Deployment, RegistryRecord};
pub use descriptor::{AllocatableRecord, Application, Balance, ObjectHome, ObjectRecord};
pub use diff::Plan;
pub use durable::Values;
pub use expand::{Expansion, fill};
pub use fault::Fault;
pub use spec::{Activation, AdapterSpec, DisableAfter, Limits, Output, PropertyFile, Ready, ServerSpec, Stop};

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod language_test;
#[cfg(test)]
mod scenario_test;
