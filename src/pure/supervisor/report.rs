//! How one server stands, as its node tells it to every registry. Data only: the life cycle is decided elsewhere.

use crate::pure::allocation::Tenure;
use crate::pure::base::{ApplicationName, PeerName, ServerId, WallTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How one server stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerReport {
    /// Its id.
    pub id: ServerId,
    /// Its application.
    pub application: ApplicationName,
    /// Its node.
    pub node: PeerName,
    /// Its state.
    pub state: ServerState,
    /// May it be started?
    pub enabled: bool,
    /// Its process, while it runs.
    pub pid: Option<u32>,
    /// How often it was started again after ending by itself.
    pub restarts: u64,
    /// Why it stands as it does; empty when all is well.
    pub reason: String,
    /// Endpoints of its adapters while it is active, by adapter id.
    pub endpoints: BTreeMap<String, String>,
    /// When the next start is tried, for `backing-off`.
    pub next_try: Option<WallTime>,
    /// The session that has it, for a server with `session` activation, as its node was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenure: Option<Tenure>,
}

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerState {
    /// No process.
    #[default]
    Inactive,
    /// Started, not yet ready.
    Activating,
    /// Started, not ready in time; the process runs on.
    ActivationTimedOut,
    /// Running and ready.
    Active,
    /// Told to stop, not yet gone.
    Deactivating,
    /// Ended by itself; waits before the next start.
    BackingOff,
    /// Its node is out of reach; nothing is known.
    Unknown,
}
impl ServerState {
    /// All states, for metrics.
    pub const ALL: [Self; 7] = [
        Self::Inactive,
        Self::Activating,
        Self::ActivationTimedOut,
        Self::Active,
        Self::Deactivating,
        Self::BackingOff,
        Self::Unknown,
    ];
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Activating => "activating",
            Self::ActivationTimedOut => "activation-timed-out",
            Self::Active => "active",
            Self::Deactivating => "deactivating",
            Self::BackingOff => "backing-off",
            Self::Unknown => "unknown",
        }
    }
}
impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
