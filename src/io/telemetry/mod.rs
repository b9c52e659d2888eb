//! What the process tells about itself: metrics.

pub mod metrics;
