//! The history of an application as it is told: one row a revision or removal.

use crate::pure::base::WallTime;
use crate::pure::model::Changes;
use serde::{Deserialize, Serialize};

/// One revision of an application, or its removal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionRow {
    /// Which revision this is; for a removal, the one that it took away.
    pub revision: u64,
    /// What happened: `applied`, `rolled-back`, `removed`.
    pub action: String,
    /// The version of the database that it made.
    pub version: String,
    /// When.
    pub time: WallTime,
    /// Who did it.
    pub actor: String,
    /// What it changed; null for an update from before that was kept.
    pub changes: Option<Changes>,
    /// The revision whose content it repeats, when it was a rollback.
    pub rolled_back_to: Option<u64>,
    /// It is in force.
    pub current: bool,
}
