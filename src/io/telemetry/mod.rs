//! What the daemons tell of themselves: `logging` sets up logs, `metrics` the one catalogue of every metric.

pub mod logging;
pub mod metrics;
