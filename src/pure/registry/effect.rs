//! Everything that the registry's core can ask for.
//!
//! The shell carries out what one batch of events asked for in two steps: first everything durable (`Identity`,
//! `Commit`), synced; then the rest, in order. So nothing is said that is not on disk.

use crate::pure::base::{PeerName, Time, WallTime};
use crate::pure::lineage::{Entry, Serial, Version};
use crate::pure::membership::{Identity, Record, Remembered};
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::{Message, Response, SurplusFile};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use crate::pure::protocol::{ReplyTo, Target};

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write the identity file; durable before anything is sent.
    Identity(Box<Identity>),
    /// Write to the database in one transaction; durable before anything is sent.
    Commit(Batch),
    /// Write the file of remembered peers. A hint: it may be lost.
    Remember(Vec<Remembered>),
    /// Send to a linked peer; silently dropped when it no longer is.
    Send {
        /// The peer.
        to: PeerName,
        /// What.
        message: Message,
    },
    /// Answer a client.
    Reply {
        /// Which request.
        to: ReplyTo,
        /// What.
        response: Response,
        /// False while more follow.
        last: bool,
    },
    /// Keep a copy of the database as it is on disk, and what only it holds, in files of their own; then hand in
    /// `Event::SetAside`. Carried out beside the loop: until then the core asks for no `Commit`.
    SetAside(Box<SetAside>),
    /// Publish in gossip.
    Publish(Box<Record>),
    /// Keep a link to each of these, dialling for ever.
    Dial(Vec<Target>),
    /// Something happened: log it, count it, tell who watches.
    Happened(Box<Happening>),
    /// Hand in `Event::Wake` at this time. Only the latest one counts.
    Wake(Time),
}

/// What is kept of a database that is to be replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct SetAside {
    /// Its end, for the file's name.
    pub version: Version,
    /// Now, for the file's name.
    pub time: WallTime,
    /// What only it holds; `None` when that is nothing.
    pub surplus: Option<Box<SurplusFile>>,
    /// Bytes that must be free on the disk afterwards for what takes its place.
    pub room: u64,
}

/// What was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The file of the database.
    pub database: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// The size of all that were ever kept in the data folder, in bytes.
    pub bytes_total: u64,
    /// The file of the surplus; empty when there was none.
    pub surplus: String,
}

/// One transaction on the database: a log of entries and a map of named values, changed together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// First of all, drop everything: a snapshot replaces it.
    pub wipe: bool,
    /// Then drop log entries after this serial (an empty surplus).
    pub cut_after: Option<Serial>,
    /// Then append these.
    pub append: Vec<Arc<Entry>>,
    /// Then drop log entries before this serial; their effect stays in the values.
    pub trim_before: Option<Serial>,
    /// Set these values.
    pub put: BTreeMap<String, Vec<u8>>,
    /// Remove these values.
    pub delete: Vec<String>,
}

impl Batch {
    /// This batch and then `later`, as one.
    pub fn merge(&mut self, later: Self) {
        if later.wipe {
            *self = later;
            return;
        }
        if let Some(cut) = later.cut_after {
            self.append.retain(|entry| entry.serial <= cut);
            self.cut_after = Some(self.cut_after.map_or(cut, |before| before.min(cut)));
        }
        self.append.extend(later.append);
        self.trim_before = later.trim_before.or(self.trim_before);
        for (key, bytes) in later.put {
            self.delete.retain(|deleted| *deleted != key);
            self.put.insert(key, bytes);
        }
        for key in later.delete {
            self.put.remove(&key);
            self.delete.push(key);
        }
    }
}

/// The whole database as the store loads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The named values.
    pub values: BTreeMap<String, Vec<u8>>,
    /// The log, in order of serials, without gaps.
    pub log: Vec<Entry>,
}
