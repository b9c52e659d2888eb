//! The life of one server: when it is started, watched, stopped and started again. Processes are the shell's.

pub mod report;

pub use report::{ServerReport, ServerState};
