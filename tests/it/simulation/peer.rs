//! One peer as the simulated operator sees it: what it is, what its disk holds, and its core while it runs.

use super::chance::Chance;
use super::core::{Core, Effect, Event};
use super::disk::Disk;
use super::host::Host;
use super::initial::Replaced;
use super::orders::Handing;
use floe::pure::base::{InstanceId, PeerName};
use floe::pure::lineage::{Digest, Epoch};
use floe::pure::membership::{Identity, PeerCard, PeerKind, Record, Role};
use floe::pure::registry::SetAside;
use std::collections::BTreeMap;

/// How the operator starts a registry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Start {
    pub(super) role: Role,
    pub(super) promote: bool,
    pub(super) accept_loss: bool,
    pub(super) force: bool,
    pub(super) readonly: bool,
    /// `--initdb-from-replica`, which registry.
    pub(super) initdb: Option<usize>,
}

/// An effect that waits for its group to be carried out.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) effect: Effect,
    /// Whose epoch and which entry, when it tells a client that an update is safe.
    pub(super) acknowledges: Option<(Epoch, Digest)>,
    /// What the world had counted to when it was asked for.
    pub(super) at: u64,
}

/// One peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) card: PeerCard,
    /// Of a registry.
    pub(super) start: Start,
    pub(super) disk: Disk,
    /// An older state, for disks that lie.
    pub(super) backup: Option<Disk>,
    /// A node's machine; a registry's does nothing.
    pub(super) host: Host,
    pub(super) core: Option<Core>,
    /// A node that was asked to stop.
    pub(super) closing: bool,
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
    /// It stands still: what happens to it meanwhile.
    pub(super) stalled: Option<Vec<Event>>,
    /// How far its wall clock was stepped, in milliseconds.
    pub(super) wall_offset: i64,
    /// When it last heard each of the others say something.
    pub(super) heard: BTreeMap<usize, u64>,
    /// An operator let it lead alone.
    pub(super) alone: bool,
    /// An operator ordered its promotion since it started.
    pub(super) ordered: bool,
    /// An operator ordered its initialisation since it started.
    pub(super) initialising: bool,
    /// Who asked it to hand its reign over.
    pub(super) handing: BTreeMap<PeerName, Handing>,
    /// What it keeps of the database that it is about to give up.
    pub(super) aside: Option<SetAside>,
    /// The databases that it gave up.
    pub(super) replaced: Vec<Replaced>,
}

impl Peer {
    /// The peer at this place among all, the number `number` of its kind.
    pub(super) fn new(index: usize, kind: PeerKind, number: usize, chance: &mut Chance) -> Self {
        let letter = match kind {
            PeerKind::Registry => 'r',
            PeerKind::Node => 'n',
        };
        let card = PeerCard {
            name: format!("{letter}{}", number + 1).parse().expect("a valid name"),
            kind,
            instance: InstanceId::from_bits(chance.bits()),
            generation: 0,
            address: format!("127.0.0.1:{}", 7401 + index).parse().expect("a valid address"),
            http: None,
        };
        let grid = "simulated".parse().expect("a valid name");
        let identity = Identity::new(grid, card.name.clone(), card.kind, card.instance);
        Self {
            card,
            start: Start::default(),
            disk: Disk::new(identity),
            backup: None,
            host: Host::default(),
            core: None,
            closing: false,
            boot: 0,
            wake: 0,
            dials: Vec::new(),
            dial_due: false,
            gossip: None,
            claim: None,
            begun: Vec::new(),
            held: Vec::new(),
            group_due: false,
            stalled: None,
            wall_offset: 0,
            heard: BTreeMap::new(),
            alone: false,
            ordered: false,
            initialising: false,
            handing: BTreeMap::new(),
            aside: None,
            replaced: Vec::new(),
        }
    }
    /// After each event: did a reign begin?
    pub(super) fn note_reign(&mut self) {
        let Some(core) = self.core.as_ref().and_then(Core::registry) else {
            return;
        };
        let claim = core.reign();
        let began = std::mem::replace(&mut self.claim, claim) != claim;
        if let Some(epoch) = claim.filter(|_| began) {
            self.begun.push((epoch, core.database().end().digest));
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
        self.closing = false;
        self.stalled = None;
        self.heard.clear();
        (self.alone, self.ordered, self.initialising) = (false, false, false);
        self.handing.clear();
        self.aside = None;
        self.core.take().is_some()
    }
}
