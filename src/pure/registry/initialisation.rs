//! An initialisation from another registry that is under way, on either side of it. Volatile: after a crash the database is
//! the old one or the new one, and whoever asked asks again.

use super::database::Database;
use super::effect::{Batch, ReplyTo};
use crate::pure::base::{PeerName, Time};
use crate::pure::lineage::{Digest, Relation, Version};
use crate::pure::protocol::Status;
use std::collections::BTreeMap;
use std::sync::Arc;

/// `--initdb-from-replica`: what a start asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initdb {
    /// The registry whose database is to be taken.
    pub from: PeerName,
    /// Also if what it holds is itself in doubt.
    pub from_unproven: bool,
    /// The own database was damaged and set aside whole, so that there is none now.
    pub damaged: bool,
}

/// The side that takes.
#[derive(Clone, Debug)]
pub(super) struct Initialisation {
    /// Whose database is taken.
    pub(super) source: PeerName,
    pub(super) from_unproven: bool,
    pub(super) origin: Origin,
    /// When it is given up; a master's start never gives up: it would lead with what it was told to replace.
    pub(super) until: Option<Time>,
    pub(super) step: Step,
    /// At a start: why it does not go on, for people.
    pub(super) obstacle: String,
}

/// Who wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A client, who waits for the answer.
    Command {
        to: ReplyTo,
        /// For the log.
        actor: String,
    },
    /// The flag of a start; the registry takes no seat before it is through.
    Start,
}

/// How far it is.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// At a start only: the source is not in reach, or will not do now. Looks again at this time.
    Seeking(Time),
    /// The source was asked how its log stands.
    Asking(Time),
    /// The copy comes in.
    Copying(Box<Copying>),
    /// The copy is whole and sound; the shell keeps the old database.
    Keeping(Box<Keeping>),
}

/// A copy that comes in.
#[derive(Clone, Debug)]
pub(super) struct Copying {
    pub(super) id: u64,
    /// When the last part came.
    pub(super) moved: Time,
    /// When it was asked for again.
    pub(super) nudged: Time,
    /// What the client was told last, in percent.
    pub(super) told: u64,
    /// From the first part on.
    pub(super) incoming: Option<IncomingCopy>,
}

/// What is there of a copy.
#[derive(Clone, Debug)]
pub(super) struct IncomingCopy {
    pub(super) status: Status,
    pub(super) version: Version,
    pub(super) digest: Digest,
    pub(super) total: u64,
    pub(super) bytes: Vec<u8>,
}

/// A copy that is about to take the place of the database.
#[derive(Clone, Debug)]
pub(super) struct Keeping {
    pub(super) database: Database,
    pub(super) batch: Batch,
    /// How the source stood when the copy was made.
    pub(super) status: Status,
    pub(super) relation: Relation,
    /// The end of the old database: it must not have moved when it is replaced.
    pub(super) end: Version,
    /// How many updates only the old one has.
    pub(super) surplus: u64,
    /// Nobody waits any more: nothing is to be replaced.
    pub(super) abandoned: bool,
}

/// The side that gives: copies that other registries are taking.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies(pub(super) BTreeMap<PeerName, OutgoingCopy>);

/// A copy that another registry is taking.
#[derive(Clone, Debug)]
pub(super) struct OutgoingCopy {
    pub(super) id: u64,
    pub(super) status: Status,
    pub(super) version: Version,
    pub(super) digest: Digest,
    pub(super) bytes: Arc<Vec<u8>>,
    /// Sent up to here.
    pub(super) sent: usize,
    /// When it was last asked for.
    pub(super) asked: Time,
}
