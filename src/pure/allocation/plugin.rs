//! Allocators that come out of files, as operators see them.

use serde::{Deserialize, Serialize};

/// One plugin of a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginReport {
    /// As in the configuration.
    pub name: String,
    /// It is the registry's policy.
    pub policy: bool,
    /// Where it is loaded from.
    pub file: String,
    /// `process` or `thread`.
    pub isolation: String,
    /// `loading`, `active`, `trial`, `set aside`, `failed` or `quarantined`.
    pub state: String,
    /// Why it is not active; empty when it is.
    pub reason: String,
    /// A newer file or configuration is being looked at; what is loaded answers meanwhile.
    pub replacing: bool,
    /// Why the newest file or configuration was not loaded; empty where what is loaded is the newest.
    pub not_loaded: String,
    /// Its own version, `0.1.0`; empty before it was read.
    pub version: String,
    /// BLAKE3 of its bytes, in hexadecimal digits; empty before it was read.
    pub digest: String,
    /// Counts what was loaded: files and configurations.
    pub generation: u64,
    /// The process that it runs in; `None` for a thread, and while there is none.
    pub pid: Option<u32>,
    /// How often it was asked.
    pub asked: u64,
    /// How often it answered late, wrongly or not at all.
    pub faults: u64,
    /// The last fault; empty when there was none.
    pub last_fault: String,
    /// How often its process or its thread was lost.
    pub crashes: u64,
    /// How long its answers take, the median of the last ones in microseconds; `None` before the first.
    pub median_us: Option<u64>,
}

impl PluginReport {
    /// Is anything being loaded of which nobody knows yet what becomes of it?
    #[must_use]
    pub fn is_loading(&self) -> bool {
        self.replacing || self.state == "loading"
    }
}
