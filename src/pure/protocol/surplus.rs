//! What only a replaced database held: the file that an initialisation leaves, and that `floe app apply` applies again.
//! Field names are a promise to scripts, as those of every report.

use crate::pure::base::{Address, RequestId};
use crate::pure::lineage::Serial;
use crate::pure::model::Application;
use crate::pure::model::descriptor::ObjectRecord;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The format of the file.
pub const SURPLUS_FORMAT: u32 = 1;

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SurplusFile {
    /// The format, `SURPLUS_FORMAT`. First, so that the file is known by its first line.
    pub floe_surplus: u32,
    /// The grid.
    pub grid: String,
    /// Whose database was replaced.
    pub registry: String,
    /// From whom it was initialised.
    pub source: String,
    /// The id of the replaced database.
    pub database: String,
    /// The end of the replaced database, as `4.93`.
    pub held: String,
    /// The end of what took its place.
    pub taken: String,
    /// The last entry that both had.
    pub fork: Serial,
    /// True: entry by entry. False: the log began after the fork, so this is the difference between the two states.
    pub complete: bool,
    /// What a reader should know, for people.
    pub note: String,
    /// In order.
    pub updates: Vec<SurplusUpdate>,
}

/// One update that only the replaced database held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SurplusUpdate {
    /// Its place in the replaced log.
    pub serial: Serial,
    /// The number of the reign that wrote it.
    pub epoch: u64,
    /// Its request id: with it, the update is applied once, however often it is sent.
    pub request: RequestId,
    /// Who asked for it.
    pub actor: String,
    /// When.
    pub time: String,
    /// What it did.
    pub kind: SurplusKind,
    /// The application, object or registry that it was about.
    pub name: String,
    /// The revision that the application had before; 0: it did not exist. `None`: not known, or no application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_revision: Option<u64>,
    /// The application as written, where it was put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Application>,
    /// The object, where it was put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRecord>,
    /// The registry's address, where it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

/// What an update did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SurplusKind {
    /// An application, new or changed.
    PutApplication,
    /// An application went.
    RemoveApplication,
    /// A well-known object.
    PutObject,
    /// A well-known object went.
    RemoveObject,
    /// A registry was recorded.
    PutRegistry,
    /// A registry was forgotten.
    ForgetRegistry,
}
impl fmt::Display for SurplusKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::PutApplication => "put-application",
            Self::RemoveApplication => "remove-application",
            Self::PutObject => "put-object",
            Self::RemoveObject => "remove-object",
            Self::PutRegistry => "put-registry",
            Self::ForgetRegistry => "forget-registry",
        })
    }
}
