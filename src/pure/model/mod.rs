//! The deployment: applications as written, what they mean for each node, and what an update changes.

pub mod deployment;
pub mod descriptor;
pub mod diff;
pub mod expand;
pub mod spec;
pub mod validate;

pub use deployment::{ApplicationRecord, Deployment, RegistryRecord};
pub use descriptor::Application;
pub use diff::Plan;
pub use spec::{Activation, AdapterSpec, Ready, ServerSpec};
