//! Peer to peer. No message is an order by itself: the receiver judges it by the epoch in it and its own promise.

use super::locate::RegistrationRow;
use super::report::{NodeReport, ServerReport};
use super::request::{Request, Response};
use crate::pure::allocation::state::Counters;
use crate::pure::allocation::{Change, Mark, TenureWord};
use crate::pure::base::{DatabaseId, PeerName, ServerId};
pub use crate::pure::lineage::claim::RefusalCode;
use crate::pure::lineage::entry::bytes;
use crate::pure::lineage::{Digest, Entry, Epoch, Serial, Summary, Version};
use crate::pure::membership::{PeerCard, Standing};
use crate::pure::model::ServerSpec;
use serde::{Deserialize, Serialize};

/// A registry's state as it tells every peer that it is linked to, at once and after each change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The highest epoch that it agreed to obey.
    pub promise: Epoch,
    /// The epoch that it reigns in now, if it does.
    pub claim: Option<Epoch>,
    /// Its log.
    pub summary: Summary,
    /// What it may do now.
    pub standing: Standing,
    /// Why it stands so, and the next step, for people; empty when all is well.
    #[serde(default)]
    pub reason: String,
    /// May have lost copies that it acknowledged; does not count in a proof.
    pub unproven: bool,
    /// The highest epoch that it drew itself: no candidate draws one twice.
    #[serde(default)]
    pub drawn: Option<Epoch>,
    /// It collects promises for that epoch now.
    #[serde(default)]
    pub preparing: bool,
    /// How far it knows who holds what.
    #[serde(default)]
    pub allocations: Mark,
}

/// Decisions about sessions, or everything in parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocationPart {
    /// The epoch of the master, or of whoever became it.
    pub epoch: Epoch,
    /// The decision after which these follow; `None`: they are part of everything there is.
    pub after: Option<Mark>,
    /// How far the sender is with them.
    pub counters: Counters,
    /// It is the first part of everything.
    pub first: bool,
    /// Nothing follows that belongs to it.
    pub last: bool,
    /// The decisions.
    pub changes: Vec<Change>,
}

/// Peer to peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Message {
    /// Peers that the sender knows; how the grid is found through any one of them.
    Peers(Vec<PeerCard>),
    /// A registry tells where it stands.
    Status(Box<Status>),
    /// The master tells a replica what it decided about sessions, in order; or any registry tells a new master all it knows.
    Allocations(Box<AllocationPart>),
    /// A replica has the master's decisions up to here on its disk.
    AllocationsHeld {
        /// The master's epoch.
        epoch: Epoch,
        /// How far it is.
        mark: Mark,
    },
    /// The master asks whether it is still obeyed, for renewals that came before.
    AllocationsBeat {
        /// Its epoch.
        epoch: Epoch,
        /// Counts the beats.
        beat: u64,
    },
    /// It still was when this beat came.
    AllocationsBeatHeard {
        /// The epoch obeyed.
        epoch: Epoch,
        /// Which.
        beat: u64,
    },
    /// Everything about sessions is wanted: by a replica that missed something, or by a new master that knows less.
    AllocationsWanted {
        /// The epoch of the master, or of whoever became it.
        epoch: Epoch,
    },
    /// Asks for `Status` or `NodeStatus` at once, without promising anything.
    Survey,
    /// A candidate asks the peer to obey its epoch from now on.
    Prepare {
        /// The epoch to come.
        epoch: Epoch,
        /// The candidate's database; whoever holds or runs another promises nothing. `None` when it founds one.
        database: Option<DatabaseId>,
    },
    /// The promise was stored; nothing lower will be obeyed.
    Promised {
        /// The epoch promised.
        epoch: Epoch,
        /// The promiser's log at that moment; `None` from a node.
        status: Option<Box<Status>>,
    },
    /// The promise was refused: another, equal or higher, stands.
    Declined {
        /// The epoch asked for.
        epoch: Epoch,
        /// What stands against it.
        promise: Epoch,
    },
    /// The receiver's claim or feed was refused, by a stable code, in words that name what to do.
    Refusal {
        /// The epoch that was refused.
        epoch: Epoch,
        /// `STALE_MASTER`, `REPLICA_AHEAD`, `DIVERGED`, `CONTESTED`, `FOREIGN_STORE`, `CORRUPT`.
        code: RefusalCode,
        /// What the refuser promised.
        promise: Epoch,
        /// For people: both sides, the serials, the next step.
        text: String,
    },
    /// A replica asks the master to feed it from its own end on.
    Follow {
        /// The epoch that it obeys.
        epoch: Epoch,
        /// Its log.
        summary: Box<Summary>,
    },
    /// Entries in order. The receiver appends them only if its log ends in `previous`.
    Entries {
        /// The epoch of the master that sends.
        epoch: Epoch,
        /// The serial before the first.
        previous: Serial,
        /// The digest there.
        previous_digest: Digest,
        /// Entries.
        entries: Vec<Entry>,
    },
    /// A replica has everything up to here on its disk.
    Have {
        /// The epoch that it obeys.
        epoch: Epoch,
        /// Its end.
        version: Version,
    },
    /// One part of a snapshot, in order; parts of one snapshot have the same version.
    Snapshot {
        /// The epoch of the master that sends.
        epoch: Epoch,
        /// What the snapshot holds.
        version: Version,
        /// Bytes before this part.
        offset: u64,
        /// Bytes in all.
        total: u64,
        /// The digest of all bytes.
        digest: Digest,
        /// This part.
        #[serde(with = "bytes")]
        bytes: Vec<u8>,
    },
    /// The replica has the parts of the snapshot up to here and wants the next one.
    SnapshotNext {
        /// The epoch that it obeys.
        epoch: Epoch,
        /// The snapshot's.
        version: Version,
        /// Bytes that it has.
        offset: u64,
    },
    /// A registry that is to be initialised wants a consistent copy of the receiver's database, whatever the receiver's
    /// standing. It has the parts before `offset`; at 0 the copy is made. It promises and claims nothing by that.
    CopyWanted {
        /// Chosen by the sender; tells one copy from the next.
        id: u64,
        /// Bytes that it has.
        offset: u64,
        /// Nothing came for a while: go on from `offset`, whatever was sent.
        again: bool,
    },
    /// One part of a copy, in order.
    Copy(Box<CopyPart>),
    /// There is no copy to be had, or not any more.
    CopyDenied {
        /// The `CopyWanted`'s.
        id: u64,
        /// Why, for people.
        reason: String,
    },
    /// A node tells what it is and obeys.
    NodeStatus(Box<NodeReport>),
    /// A node's servers: all of them in parts (first, ..., last), or the changed ones.
    Servers {
        /// True for the first part of a whole report: what is not in it is gone.
        first: bool,
        /// True for the last part, and for every report of changes.
        last: bool,
        /// The servers.
        servers: Vec<ServerReport>,
    },
    /// What the node must run, whole or as changes, in parts; only from the leading master.
    Slice(Box<SlicePart>),
    /// The master tells a node which sessions have its servers with `session` activation, and which are free.
    Tenures {
        /// The epoch of the master.
        epoch: Epoch,
        /// The master's database: a node that runs another carries nothing out.
        database: Option<DatabaseId>,
        /// One a server; what is not named stands as it was.
        words: Vec<TenureWord>,
    },
    /// A client's request passed on to the node that it concerns.
    Ask {
        /// The asking registry's, unique while it runs.
        id: u64,
        /// The highest epoch that the asker obeys: a node refuses a lower one than its own.
        epoch: Epoch,
        /// The asker's database: a node that runs another carries nothing out.
        #[serde(default)]
        database: Option<DatabaseId>,
        /// How long the asker waits, in milliseconds.
        deadline_ms: u64,
        /// Who wants it.
        actor: String,
        /// `Command`, `Activate`, `Logs` or `Shutdown`.
        request: Box<Request>,
    },
    /// A master and its registries keep in contact: `asks` for the same without.
    Contact {
        /// Wants an answer.
        asks: bool,
    },
    /// A registry that is being promoted asks the master to stop writing and to feed it the rest.
    HandOver {
        /// The epoch of the master.
        epoch: Epoch,
    },
    /// The master writes no more for a while, and the asker has everything.
    HandedOver {
        /// The epoch of the master.
        epoch: Epoch,
        /// The end of its log.
        version: Version,
    },
    /// The promotion was given up: the master goes on.
    HandOverEnded {
        /// The epoch of the master.
        epoch: Epoch,
    },
    /// Registrations that the sender took from processes themselves: all that stand, after the link came up, or what
    /// changed.
    Registrations {
        /// New, renewed or over.
        rows: Vec<RegistrationRow>,
    },
    /// The answer to `Ask`.
    Answer {
        /// The `Ask`'s.
        id: u64,
        /// The answer.
        response: Box<Response>,
    },
}

/// One part of a copy of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyPart {
    /// The `CopyWanted`'s.
    pub id: u64,
    /// How the giver stood when the copy was made; in the first part only.
    pub status: Option<Box<Status>>,
    /// The end of the log that was copied.
    pub version: Version,
    /// Bytes before this part.
    pub offset: u64,
    /// Bytes in all.
    pub total: u64,
    /// The digest of all bytes.
    pub digest: Digest,
    /// This part.
    #[serde(with = "bytes")]
    pub bytes: Vec<u8>,
}

/// A part of a node's slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlicePart {
    /// The epoch of the master that sends.
    pub epoch: Epoch,
    /// The database that the slice is of: a node that runs a slice of another takes nothing.
    pub database: DatabaseId,
    /// The version of the database that the slice is of.
    pub version: Version,
    /// `None`: the slice is whole. Else the version that its changes are to be applied to: it holds only servers that are
    /// new or different since then, and only removals since then. A node whose slice is not exactly of that version, and
    /// of the same epoch, changes nothing and asks for the whole by its `NodeStatus`.
    #[serde(default)]
    pub base: Option<Version>,
    /// True for the first part.
    pub first: bool,
    /// True for the last part; the node acts when it has this one.
    pub last: bool,
    /// Servers to have, or those that changed.
    pub servers: Vec<ServerSpec>,
    /// Servers that were removed, with the serial of the removal: the only reason to delete a server's directory.
    pub removals: Vec<(ServerId, Serial)>,
    /// All servers of the slice that another node may still run, whether the slice is whole or changes: they are started
    /// when a later slice, perhaps of the same version, does not name them any more.
    #[serde(default)]
    pub held: Vec<Hold>,
}

/// A server that its node starts only when another node has stopped it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The server.
    pub server: ServerId,
    /// The node that it left.
    pub from: PeerName,
    /// The serial of the entry that moved it. A node that had the server from a later slice, and not held, is past that.
    pub since: Serial,
}
