//! Metrics: one catalogue of all of them, handles to count with, and the text that Prometheus scrapes.
//!
//! Whatever counts, counts by a name, labels and label values that stand in [`CATALOGUE`]; code, dashboards and rules are
//! checked against it. Labels come from closed sets, never from ids, addresses or error texts; the one exception is
//! `server` (see [`servers`]).

pub mod catalogue;
pub mod handles;
pub mod process;
pub mod recorder;
pub mod servers;

pub use catalogue::{CATALOGUE, Kind, Label, Metric, On};
pub use handles::{
    AllocatorMetrics, Counters, EventMetrics, Gauges, GossipMetrics, HttpMetrics, InboxMetrics, LocatorMetrics,
    NetMetrics, NodeMetrics, RegistryMetrics, StoreMetrics,
};
pub use recorder::{InstallError, Metrics};
pub use servers::{NodeUsage, ServerUsage, UsageSource};
