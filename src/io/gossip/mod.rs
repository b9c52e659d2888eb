//! Gossip: who is there and what each says of itself, over UDP.
//!
//! `task` runs chitchat under supervision, publishes our record and tells of changes in the members; `transport` carries
//! chitchat's messages: compressed, split, sealed when there are keys, and checked before chitchat sees them, because
//! chitchat trusts whatever reaches it and panics on some of it. chitchat's types do not leave this folder.
//!
//! What gossip tells is a hint. Nothing here decides anything, and nothing that comes in can end the task for good.

mod chunk;
mod codec;
mod frame;
mod key;
mod lens;
mod own;
mod rate;
mod reader;
mod roster;
mod round;
mod seal;
mod settings;
mod supervisor;
mod tally;
mod task;
mod transport;
mod validate;
mod zip;

pub use key::{KEYS_MAX, Key};
pub use settings::Settings;
pub use tally::Reason;
pub use task::{Error, Gossip};
