//! What the process tells about itself: logs.

pub mod logging;
