//! Server processes: started, found again, watched, signalled. When any of that is to be done is the core's decision.
//!
//! Exactly once: the intent with a random run id is on disk before the process is made, the process carries that id in its
//! environment, and its pid with start time and boot id is on disk before the start is reported. So whenever the node is
//! killed, its next life finds each process again, and never takes a stranger for it.

mod adopt;
mod child;
mod craft;
mod files;
mod find;
mod group;
mod journal;
mod launch;
mod load;
mod logs;
mod make;
mod notify;
mod output;
mod ports;
mod probe;
mod reader;
mod signal;
pub mod step;
mod stream;
mod supervisor;
mod sweep;
mod usage;
mod user;

pub use group::forget_groups;
pub use journal::{JournalError, read_value, replace_value, write_value};
pub use load::{host_load, processors};
pub use reader::LogReader;
pub use supervisor::{ProcessError, Settings, Supervisor};
pub use usage::Meter;

#[cfg(test)]
mod craft_test;
#[cfg(test)]
mod notify_test;
#[cfg(test)]
mod process_test;
