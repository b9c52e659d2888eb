//! How a registry judges a master's claim: the meeting table, one row a line.
//!
//! Authority and data are two questions. The epoch number says whom to obey; the relation of the logs says whose data may
//! be taken. A replica may obey a master for fencing and still refuse its data.

use super::compare::Relation;
use super::rules::{Rule, Rules};
use super::version::{Epoch, Serial};
use crate::pure::base::limits::{EPOCH_FIRST_MAX, EPOCH_JUMP_MAX};
use serde::{Deserialize, Serialize};

/// Why a claim or feed was refused. Codes are stable; scripts and alerts may match them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefusalCode {
    /// The refuser obeys a higher epoch.
    StaleMaster,
    /// The refuser holds updates that the claimant lacks.
    ReplicaAhead,
    /// Both hold updates that the other lacks.
    Diverged,
    /// Two claims of one number.
    Contested,
    /// Another database.
    ForeignStore,
    /// Same place, other digest.
    Corrupt,
    /// The number is further ahead than numbers grow.
    EpochJump,
}

impl RefusalCode {
    /// All codes, for metrics and tests.
    pub const ALL: [Self; 7] = [
        Self::StaleMaster,
        Self::ReplicaAhead,
        Self::Diverged,
        Self::Contested,
        Self::ForeignStore,
        Self::Corrupt,
        Self::EpochJump,
    ];
    /// As in logs, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StaleMaster => "STALE_MASTER",
            Self::ReplicaAhead => "REPLICA_AHEAD",
            Self::Diverged => "DIVERGED",
            Self::Contested => "CONTESTED",
            Self::ForeignStore => "FOREIGN_STORE",
            Self::Corrupt => "CORRUPT",
            Self::EpochJump => "EPOCH_JUMP",
        }
    }
}
impl std::fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// How an epoch number stands to a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// Higher, within reach of a normal life.
    Higher,
    /// The very epoch that was promised.
    Same,
    /// The promised number with another id.
    Contest,
    /// Lower.
    Lower,
    /// So high that only a mistake or a lie can have made it.
    Jump,
}

/// How `epoch` stands to `promise`.
pub fn authority(promise: Epoch, epoch: Epoch, rules: Rules) -> Authority {
    if epoch.number > promise.number {
        let reachable = within_reach(promise.number, epoch.number);
        return if reachable { Authority::Higher } else { Authority::Jump };
    }
    if epoch.number == promise.number {
        let same = epoch == promise || !rules.hold(Rule::EpochIdDecides);
        return if same { Authority::Same } else { Authority::Contest };
    }
    if rules.hold(Rule::HonourPromise) {
        Authority::Lower
    } else {
        Authority::Higher
    }
}

/// Can a grid have come to `number` since it was at `known` (0: nothing is known)? What is beyond is a mistake or a lie: it
/// is neither obeyed nor counted from, or one wrong number would use up all of them.
pub fn within_reach(known: u64, number: u64) -> bool {
    let jump = if known == 0 { EPOCH_FIRST_MAX } else { EPOCH_JUMP_MAX };
    number < u64::MAX && number.saturating_sub(known) <= jump
}

/// What a registry does about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Store the claim's epoch as the promise: nothing lower will be obeyed.
    pub obey: bool,
    /// What becomes of the data.
    pub data: Data,
}

/// What becomes of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// Take entries from the claimant.
    Follow,
    /// First drop the own empty surplus after this serial, then take entries.
    DropAndFollow(Serial),
    /// Take nothing.
    Refuse(RefusalCode),
}

/// Judges a claim of `epoch` by a registry whose log stands to ours as `theirs`. The whole meeting table.
pub fn judge(promise: Epoch, epoch: Epoch, theirs: Relation, rules: Rules) -> Verdict {
    use Data::{DropAndFollow, Follow, Refuse};
    let (obey, data) = match (authority(promise, epoch, rules), theirs) {
        // Numbers of another database say nothing here, neither higher nor lower ones.
        (_, Relation::Foreign) => (false, Refuse(RefusalCode::ForeignStore)),
        (Authority::Higher, Relation::Same | Relation::Newer(_)) => (true, Follow),
        (Authority::Higher, Relation::Older(ours)) if ours.is_empty() => (true, DropAndFollow(ours.fork)),
        (Authority::Higher, Relation::Diverged { ours, .. }) if ours.is_empty() => (true, DropAndFollow(ours.fork)),
        (Authority::Higher, Relation::Older(ours) | Relation::Diverged { ours, .. })
            if !rules.hold(Rule::RefuseOverwrite) =>
        {
            (true, DropAndFollow(ours.fork))
        }
        (Authority::Higher, Relation::Older(_)) => (true, Refuse(RefusalCode::ReplicaAhead)),
        // The claimant's own surplus is only its `Reign` entry: it lacks what we have and has nothing that we lack.
        (Authority::Higher, Relation::Diverged { theirs, .. }) if theirs.is_empty() => {
            (true, Refuse(RefusalCode::ReplicaAhead))
        }
        (Authority::Higher, Relation::Diverged { .. }) => (true, Refuse(RefusalCode::Diverged)),
        (Authority::Higher, Relation::Corrupt { .. }) => (true, Refuse(RefusalCode::Corrupt)),
        (Authority::Same, Relation::Same | Relation::Newer(_)) => (false, Follow),
        // Ours may simply be fresher than what the claimant told of its log a moment ago: it will say so when we ask to
        // follow, and knows for sure.
        (Authority::Same, Relation::Older(_)) => (false, Follow),
        // We promised this epoch before we dropped what nobody was promised.
        (Authority::Same, Relation::Diverged { ours, .. }) if ours.is_empty() => (false, DropAndFollow(ours.fork)),
        (Authority::Same, Relation::Diverged { ours: _, theirs }) => {
            let code = if theirs.is_empty() {
                RefusalCode::ReplicaAhead
            } else {
                RefusalCode::Diverged
            };
            (false, Refuse(code))
        }
        (Authority::Same, Relation::Corrupt { .. }) => (false, Refuse(RefusalCode::Corrupt)),
        (Authority::Contest, _) => (false, Refuse(RefusalCode::Contested)),
        (Authority::Lower, _) => (false, Refuse(RefusalCode::StaleMaster)),
        (Authority::Jump, _) => (false, Refuse(RefusalCode::EpochJump)),
    };
    Verdict { obey, data }
}

#[cfg(test)]
#[path = "claim_test.rs"]
mod tests;
