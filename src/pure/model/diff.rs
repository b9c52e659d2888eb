//! Two deployments of one application compared: what an update changes, and what it does to running servers.

use crate::pure::base::ServerId;
use serde::{Deserialize, Serialize};

/// What an update changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Servers that come.
    pub added: Vec<ServerId>,
    /// Servers that go: stopped, then deleted.
    pub removed: Vec<ServerId>,
    /// Servers that are stopped and started again if they run.
    pub restarted: Vec<ServerId>,
    /// Servers that change without a restart.
    pub changed: Vec<ServerId>,
    /// Servers that stay as they are.
    pub unchanged: Vec<ServerId>,
    /// What changes in words, one line each: for `floe app diff`.
    pub details: Vec<String>,
}
