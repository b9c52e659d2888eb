//! The life of one server: when it is started, watched, stopped and started again. Processes are the shell's.

pub mod backoff;
pub mod event;
pub mod exit;
pub mod launch;
pub mod machine;
pub mod notice;
pub mod properties;
pub mod report;

pub use event::{Action, Event, Running, Why};
pub use exit::Exit;
pub use launch::{Launch, LaunchError, Place, Ports, Probe};
pub use machine::{Failed, Machine, Marks};
pub use notice::{Told, Word};
pub use report::{ServerReport, ServerState};
