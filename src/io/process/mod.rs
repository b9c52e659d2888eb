//! Server processes: started, found again, watched, signalled. When any of that is to be done is the core's decision.
//!
//! Exactly once: the intent with a random run id is on disk before the process is made, the process carries that id in its
//! environment, and its pid with start time and boot id is on disk before the start is reported. So whenever the node is
//! killed, its next life finds each process again, and never takes a stranger for it.

mod child;
mod find;
mod journal;
mod launch;
mod load;
mod logs;
mod notify;
mod ports;
mod probe;
mod signal;
mod supervisor;
mod sweep;

pub use journal::{JournalError, read_value, replace_value, write_value};
pub use load::{host_load, processors};
pub use supervisor::{ProcessError, Settings, Supervisor};

#[cfg(test)]
mod notify_test;
#[cfg(test)]
mod process_test;
