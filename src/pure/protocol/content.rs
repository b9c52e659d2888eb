//! What two registries are compared by: the summary of the log, its entries as rows, and what they add up to as rows.
//! Everything that can be long comes in parts.

use crate::pure::base::WallTime;
use crate::pure::lineage::{Digest, EntryKind, Epoch, Serial, Summary, Version};
use crate::pure::membership::Standing;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A log as a whole, and which part of it is still kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSummary {
    /// What its registry may do now; `None` for a file.
    pub standing: Option<Standing>,
    /// The first entry that is still kept, or the one to come.
    pub first: Serial,
    /// The digest before that entry.
    pub before: Digest,
    /// Lineage, end and the digests that are kept for ever.
    pub summary: Summary,
}

/// One log entry without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    /// Its place.
    pub serial: Serial,
    /// The reign that wrote it.
    pub epoch: Epoch,
    /// When, for people.
    pub time: WallTime,
    /// Who asked for it.
    pub actor: String,
    /// What it does.
    pub kind: EntryKind,
    /// What with: the application, object or registry.
    pub name: String,
    /// The application's revision since; 0 where there is none.
    pub revision: u64,
    /// Chained over everything up to here.
    pub digest: Digest,
}

/// Entries in order of serials, without gaps. Empty when none follow or the next one is kept no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPart {
    /// Entries after the serial that was asked for.
    pub rows: Vec<LogRow>,
    /// The log's end when it was asked.
    pub end: Version,
}

/// What the entries add up to, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentKind {
    /// An application.
    Application,
    /// A well-known object outside all applications.
    Object,
    /// A registry that belongs to the grid.
    Registry,
}
impl fmt::Display for ContentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Application => "application",
            Self::Object => "object",
            Self::Registry => "registry",
        })
    }
}

/// One thing that the database holds, without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentRow {
    /// What it is.
    pub kind: ContentKind,
    /// Its name.
    pub name: String,
    /// An application's revision; 0 where there is none.
    pub revision: u64,
    /// Of the content alone.
    pub digest: Digest,
    /// The serial of the entry that made it so, where that is known; else 0.
    pub serial: Serial,
    /// When that was, where it is known.
    pub time: Option<WallTime>,
    /// Who did it; empty where that is not known.
    pub actor: String,
}

/// Rows in order of kind and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentPart {
    /// Rows after the place that was asked for.
    pub rows: Vec<ContentRow>,
    /// More follow the last one.
    pub more: bool,
    /// The log's end: parts of one whole have the same.
    pub end: Version,
}
