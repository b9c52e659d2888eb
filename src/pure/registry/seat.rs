//! What a registry does about mastership: it leads, tries to, follows, or does none of it.

use super::desk::Desk;
use super::effect::ReplyTo;
use super::moves::Moves;
use crate::pure::allocation::Mark;
use crate::pure::base::{Address, PeerName, Time};
use crate::pure::lineage::claim::RefusalCode;
use crate::pure::lineage::promote::{Answer, Intent, Proof};
use crate::pure::lineage::{Digest, Epoch, Serial, Version};
use crate::pure::membership::Standing;
use crate::pure::model::Deployment;
use crate::pure::protocol::Response;
use crate::pure::protocol::locate::ObjectReport;
use crate::pure::protocol::report::AppliedReport;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What this registry does about mastership.
#[derive(Clone, Debug)]
pub(super) enum Seat {
    /// A replica that looks for a leading master, or a master that may not lead (`trouble` says why).
    Idle,
    /// Wants to lead: asks around, without promises.
    Surveying(Survey),
    /// Wants to lead: collects promises.
    Preparing(Preparation),
    /// Wants to lead, and will ask around again at this time or when a peer comes.
    Resting {
        /// When.
        until: Time,
        /// What for.
        intent: Intent,
    },
    /// Looks on: the operator wants to see first what there is (`--readonly`).
    Reviewing,
    /// Leads.
    Leading(Box<Reigning>),
    /// Attached to a leading master.
    Following(Following),
}

/// A survey under way.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    pub(super) intent: Intent,
    pub(super) until: Time,
    /// Peers that have neither answered nor refused.
    pub(super) names: BTreeSet<PeerName>,
    /// Locator addresses behind which nobody was met yet.
    pub(super) addresses: BTreeSet<Address>,
    pub(super) attempt: u32,
}

/// Promises under way.
#[derive(Clone, Debug)]
pub(super) struct Preparation {
    pub(super) intent: Intent,
    pub(super) epoch: Epoch,
    pub(super) until: Time,
    /// Everybody who was asked.
    pub(super) asked: BTreeSet<PeerName>,
    pub(super) waiting: BTreeSet<PeerName>,
    pub(super) promised: BTreeMap<PeerName, Answer>,
    /// How far each of them knew who holds what, when it promised.
    pub(super) marks: BTreeMap<PeerName, Mark>,
    /// The highest promise that stood against it.
    pub(super) declined: Option<(PeerName, Epoch)>,
    pub(super) attempt: u32,
}

/// A reign.
#[derive(Clone, Debug)]
pub(super) struct Reigning {
    pub(super) epoch: Epoch,
    pub(super) proof: Proof,
    /// The operator let it lead although its log does not name it: those that the log names are not waited for.
    pub(super) unrecorded: bool,
    pub(super) followers: BTreeMap<PeerName, Follower>,
    /// Registries that promised this reign and have not attached yet: updates wait for them as for attached ones, so that
    /// the first update of a reign is on as many disks as the second.
    pub(super) expected: BTreeSet<PeerName>,
    /// Updates stored and not yet acknowledged, in order.
    pub(super) pending: VecDeque<Pending>,
    /// What nodes may hear of: the deployment of the last acknowledged entry. `None` until the reign's own first entry is
    /// on enough disks, because what stands before it may never have been acknowledged.
    pub(super) acknowledged: Option<(Version, Arc<Deployment>)>,
    /// What each node was last told over its present link, or said itself that it runs: changes start there.
    pub(super) told_nodes: BTreeMap<PeerName, (Version, Arc<Deployment>)>,
    /// Servers that left one node for another.
    pub(super) moves: Moves,
    /// Replicas that refuse this master, with their reason.
    pub(super) refusals: BTreeMap<PeerName, (RefusalCode, String)>,
    /// Why it sees too few of the others to write; for people.
    pub(super) blind: Option<String>,
    /// When it last asked the others for a sign of life.
    pub(super) contacted: Option<Time>,
    /// It writes nothing, because another is to take over.
    pub(super) handing: Option<HandingOver>,
    /// Sessions.
    pub(super) desk: Desk,
}

/// A reign that is being handed over.
#[derive(Clone, Debug)]
pub(super) struct HandingOver {
    pub(super) to: PeerName,
    pub(super) until: Time,
    /// The successor was told that it has everything.
    pub(super) told: bool,
}

/// An attached replica.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    /// On its disk.
    pub(super) have: Version,
    /// Sent up to here.
    pub(super) sent: Serial,
    /// When it was last heard or sent something to while something was open.
    pub(super) moved: Time,
    /// Missed a deadline, or has not caught up yet: no update waits for it.
    pub(super) late: bool,
    /// A snapshot on its way.
    pub(super) snapshot: Option<Outgoing>,
    /// Decisions about sessions up to this one are on its disk; `None`: not since it attached.
    pub(super) holds: Option<u64>,
    /// It missed a deadline with them: no decision waits for it until it has all.
    pub(super) slow: bool,
    /// It still obeyed when it heard this beat.
    pub(super) beat: u64,
}

/// A snapshot on its way to a replica.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) version: Version,
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) digest: Digest,
    pub(super) offset: u64,
    /// The part at `offset` was asked for and not sent yet.
    pub(super) wanted: bool,
}

/// An update that is stored and waits for copies.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) version: Version,
    pub(super) until: Time,
    /// A client asked for it: it is promised `min_copies`, however few registries there are.
    pub(super) client: bool,
    /// Who waits, with the answer that it gets; internal updates have none.
    pub(super) reply: Option<(Vec<ReplyTo>, Receipt)>,
    pub(super) deployment: Arc<Deployment>,
    /// The deadline passed with too few copies and the client was told so.
    pub(super) in_doubt: bool,
    /// Replicas that were attached when it was stored, and left before they confirmed it.
    pub(super) left: BTreeSet<PeerName>,
}

/// What a client is answered once its update is on enough disks.
#[derive(Clone, Debug)]
pub(super) enum Receipt {
    Application(Box<AppliedReport>),
    Object(ObjectReport),
}

impl Receipt {
    /// What is known only at the end.
    pub(super) fn complete(&mut self, copies: u64, behind: Vec<String>) {
        match self {
            Self::Application(report) => (report.copies, report.behind) = (copies, behind),
            Self::Object(report) => (report.copies, report.behind) = (copies, behind),
        }
    }
    pub(super) fn response(&self) -> Response {
        match self {
            Self::Application(report) => Response::Applied(report.clone()),
            Self::Object(report) => Response::ObjectStored(report.clone()),
        }
    }
}

impl Reigning {
    /// A replica is attached no longer. Updates that it did not confirm will name it.
    pub(super) fn detach(&mut self, name: &PeerName) {
        let Some(gone) = self.followers.remove(name) else {
            return;
        };
        let lacking = self.pending.iter_mut().rev();
        for pending in lacking.take_while(|pending| pending.version.serial > gone.have.serial) {
            pending.left.insert(name.clone());
        }
    }
    /// Who was attached when an update was stored, or is now, and does not have it as far as is known.
    pub(super) fn behind(&self, update: &Pending) -> Vec<String> {
        let has = |follower: &Follower| follower.have.serial >= update.version.serial;
        let attached = self.followers.iter().filter(|(_, follower)| !has(follower));
        let left = update
            .left
            .iter()
            .filter(|name| !self.followers.get(*name).is_some_and(has));
        let names: BTreeSet<&PeerName> = attached.map(|(name, _)| name).chain(left).collect();
        names.into_iter().map(ToString::to_string).collect()
    }
}

/// Attached to a master.
#[derive(Clone, Debug)]
pub(super) struct Following {
    pub(super) master: PeerName,
    pub(super) epoch: Epoch,
    /// When the feed was last asked for.
    pub(super) asked: Time,
    /// Since when it has been behind the master, and at which entry.
    pub(super) behind: Option<(Time, Serial)>,
    /// A snapshot that is coming in.
    pub(super) incoming: Option<Incoming>,
}

/// A snapshot that is coming in.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) version: Version,
    pub(super) digest: Digest,
    pub(super) total: u64,
    pub(super) bytes: Vec<u8>,
}

/// Why a registry does not do what its role asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) standing: Standing,
    /// What it is, who has what, and the next step.
    pub(super) reason: String,
}
