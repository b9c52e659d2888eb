//! What an operator is told of a promotion, and of how the logs of two registries stand to each other.

use crate::pure::lineage::compare::Relation;
use serde::{Deserialize, Serialize};

/// A promotion: what was found before it, and what came of it. Sent once after the survey and once at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionReport {
    /// The registry that is to lead.
    pub registry: String,
    /// Only asked, nothing done.
    pub dry_run: bool,
    /// It leads now.
    pub leads: bool,
    /// Every other registry known, and what it holds.
    pub registries: Vec<StandingRow>,
    /// The master that is in reach and hands over first; empty when there is none.
    pub hands_over: String,
    /// Why it may not lead, with the next step; empty when it may.
    pub refusal: String,
    /// Every acknowledged update is proven to be in its log.
    pub proven: bool,
    /// What is known about completeness.
    pub proof: String,
    /// The number of the epoch that it reigns in; 0 before.
    pub epoch: u64,
    /// The end of its log.
    pub version: String,
    /// Peers that were asked to obey the new reign, itself included.
    pub asked: Vec<String>,
    /// Those of them that do: registries that are attached, nodes that obey.
    pub acknowledged: Vec<String>,
}

/// A registry as another sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingRow {
    /// Its name.
    pub name: String,
    /// It is in reach and told where it stands.
    pub answers: bool,
    /// What it may do now; empty when it does not answer.
    pub standing: String,
    /// The end of its log, as last heard.
    pub version: String,
    /// How its log stands to that of the registry that tells this: `same`, `lacks 3 updates`, `holds 2 updates more`,
    /// `diverged after entry 42: ...`, `another database`, `damaged`; `unknown` when its log was never heard of.
    pub relation: String,
    /// The epoch that it promised to obey.
    pub promise: u64,
}

/// A relation in words, of the other side's log to ours.
pub fn relation_text(theirs: Relation) -> String {
    let updates = |count: u64| {
        if count == 1 {
            "1 update".to_owned()
        } else {
            format!("{count} updates")
        }
    };
    match theirs {
        Relation::Same => "same".to_owned(),
        Relation::Older(ours) if ours.is_empty() => "same updates".to_owned(),
        Relation::Newer(theirs) if theirs.is_empty() => "same updates".to_owned(),
        Relation::Diverged { ours, theirs } if ours.is_empty() && theirs.is_empty() => "same updates".to_owned(),
        Relation::Older(ours) => format!("lacks {}", updates(ours.updates)),
        Relation::Diverged { ours, theirs } if theirs.is_empty() => format!("lacks {}", updates(ours.updates)),
        Relation::Newer(theirs) => format!("holds {} more", updates(theirs.updates)),
        Relation::Diverged { ours, theirs } if ours.is_empty() => format!("holds {} more", updates(theirs.updates)),
        Relation::Diverged { ours, theirs } => format!(
            "diverged after entry {}: holds {} that are lacking here, lacks {}",
            ours.fork,
            updates(theirs.updates),
            updates(ours.updates)
        ),
        Relation::Foreign => "another database".to_owned(),
        Relation::Corrupt { at } => format!("damaged: other bytes at entry {at}"),
    }
}
