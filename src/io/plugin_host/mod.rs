//! Allocators that an operator's files bring: what a file is before any of it runs, how one behaves that does, and the host
//! that asks it on a registry.
//!
//! ```text
//!   file      looks at bytes, owner and mode            copy     the bytes that were checked, in a file of our own
//!   load      loads them: the only unsafe code          serve    where a plugin runs: a process, or a thread
//!   wire      the frames between                        lane     the registry's end, with a deadline
//!   breaker   when it is asked, and when it counts      plugin   one plugin, as the loop asks it
//!   keeper    the thread that loads and replaces it     host     the registry's allocator
//!   question  from the core's terms to the ABI's     
//!   exam, examine, questions    `floe plugin check`: everything is asked, in a process that may be lost
//! ```

mod breaker;
mod copy;
pub mod exam;
pub mod examine;
pub mod file;
pub mod host;
mod keeper;
mod lane;
mod load;
mod plugin;
mod question;
mod questions;
pub mod serve;
mod wire;
