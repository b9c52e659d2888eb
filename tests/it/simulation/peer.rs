//! One registry as the simulated operator sees it: what it is, what its disk holds, and its core while it runs.

use super::chance::Chance;
use super::disk::Disk;
use floe::pure::base::{InstanceId, PeerName};
use floe::pure::lineage::{Digest, Epoch};
use floe::pure::membership::{Identity, PeerCard, PeerKind, Record, Role};
use floe::pure::registry::{Effect, Registry};

/// How the operator starts a registry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Start {
    pub(super) role: Role,
    pub(super) promote: bool,
    pub(super) accept_loss: bool,
    pub(super) force: bool,
}

/// An effect that waits for its group to be carried out.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) effect: Effect,
    /// Whose epoch and which entry, when it tells a client that an update is safe.
    pub(super) acknowledges: Option<(Epoch, Digest)>,
}

/// One registry.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) card: PeerCard,
    pub(super) start: Start,
    pub(super) disk: Disk,
    /// An older database, for disks that lie.
    pub(super) backup: Option<Disk>,
    pub(super) core: Option<Registry>,
    /// Counts starts, so that what was meant for an earlier life is dropped.
    pub(super) boot: u64,
    /// Counts wishes to be woken: the latest one holds.
    pub(super) wake: u64,
    pub(super) dials: Vec<(usize, Option<PeerName>)>,
    pub(super) dial_due: bool,
    pub(super) gossip: Option<Record>,
    /// The epoch in which it was last seen to reign.
    pub(super) claim: Option<Epoch>,
    /// Reigns that began, with their logs, and that nobody was told of yet.
    pub(super) begun: Vec<(Epoch, Digest)>,
    /// What was asked for and not carried out yet.
    pub(super) held: Vec<Held>,
    pub(super) group_due: bool,
}

impl Peer {
    pub(super) fn new(index: usize, chance: &mut Chance) -> Self {
        let card = PeerCard {
            name: name(index).parse().expect("a valid name"),
            kind: PeerKind::Registry,
            instance: InstanceId::from_bits(chance.bits()),
            generation: 0,
            address: format!("127.0.0.1:{}", 7401 + index).parse().expect("a valid address"),
            http: None,
        };
        let identity = Identity {
            grid: "simulated".parse().expect("a valid name"),
            name: card.name.clone(),
            kind: card.kind,
            instance: card.instance,
            generation: 0,
            promise: Epoch::NONE,
            drawn: None,
            role: None,
            file_role: None,
            initialised: floe::pure::membership::Initialised::default(),
        };
        Self {
            card,
            start: Start::default(),
            disk: Disk::new(identity),
            backup: None,
            core: None,
            boot: 0,
            wake: 0,
            dials: Vec::new(),
            dial_due: false,
            gossip: None,
            claim: None,
            begun: Vec::new(),
            held: Vec::new(),
            group_due: false,
        }
    }
    /// Everything that is not on the disk is gone. False when it was down already.
    pub(super) fn die(&mut self) -> bool {
        self.disk.unsynced.clear();
        self.dials.clear();
        self.dial_due = false;
        self.claim = None;
        self.begun.clear();
        self.held.clear();
        self.group_due = false;
        self.core.take().is_some()
    }
}

/// How a registry is called.
pub(super) fn name(index: usize) -> String {
    format!("r{}", index + 1)
}
