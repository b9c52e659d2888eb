//! What a master knows of sessions beyond what is durable: when each ends, which clients wait, what is not yet said.

use super::decisions::Decisions;
use super::effect::ReplyTo;
use super::peer::Peer;
use crate::pure::allocation::market::ZONE;
use crate::pure::allocation::{Activity, Lease, Load, Market, Offer, SessionId, Waiting, Wish};
use crate::pure::base::{ObjectId, PeerName, ServerId, Time};
use crate::pure::locator;
use crate::pure::model::{AllocatableRecord, Deployment};
use crate::pure::protocol::Response;
use crate::pure::protocol::report::{NodeReport, ServerState};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The desk.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) stage: Stage,
    /// When each session ends without a renewal.
    pub(super) ends: BTreeMap<SessionId, Time>,
    /// Requests that wait, by place in the queue.
    waits: BTreeMap<u64, Wait>,
    /// When something is due for which of them.
    due: BTreeSet<(Time, u64)>,
    /// What is decided, and said when it is on enough disks, in order.
    pub(super) unsaid: VecDeque<Unsaid>,
    /// Renewals that wait until the reign is known to have gone on.
    pub(super) beats: Beats,
    pub(super) shelf: Shelf,
    /// What came free since the queue was looked at.
    pub(super) freed: Freed,
    /// When an allocator that gave nothing wants to be asked again.
    pub(super) again: Option<Time>,
    /// How the last requests were decided.
    pub(super) decisions: Decisions,
    /// Servers whose node is to hear which session has them, each when the decision of that number is on enough disks.
    pub(super) tenures: BTreeMap<ServerId, u64>,
}

/// How far a new master is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Another registry knows more about sessions: until that has come, or this time, nothing is decided.
    Taking { from: PeerName, until: Time },
    /// The former master may have granted what nobody who was heard knows of: nothing is granted before this time, when
    /// whoever holds it has noticed or is gone.
    Guarded { until: Time },
    /// All is decided as it comes.
    Open,
}

/// A request that waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Wait {
    /// Since when, as far as this master knows.
    pub(super) since: Option<Time>,
    /// Why nothing was given when it was looked at last; empty where others hold it.
    pub(super) why: String,
    /// The allocator gave nothing of what was free: it is asked again whatever comes free.
    pub(super) held_back: bool,
    /// How often somebody who came later was served before it.
    pub(super) passed: u32,
    /// When it has waited long enough; `None`: never.
    pub(super) until: Option<Time>,
    /// Who is to hear of it, and until when.
    pub(super) clients: Vec<(ReplyTo, Time)>,
}

impl Wait {
    fn due(&self) -> Option<Time> {
        let clients = self.clients.iter().map(|(_, until)| *until);
        clients.chain(self.until).min()
    }
}

/// What is decided and not yet said.
#[derive(Clone, Debug)]
pub(super) struct Unsaid {
    /// The number of the decision.
    pub(super) number: u64,
    pub(super) until: Time,
    pub(super) replies: Vec<(ReplyTo, Response)>,
}

/// Another beat is sent when the last one was not heard of for this long.
pub(super) const BEAT_AGAIN: Duration = Duration::from_millis(500);

/// Renewals, and what was asked for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Beats {
    /// The last one.
    pub(super) sent: u64,
    /// When the next one is due although nothing was heard.
    pub(super) again: Time,
    /// Renewals, each with the beat that must be heard of and until when that may take.
    pub(super) waiting: VecDeque<(u64, Time, ReplyTo, Response)>,
}

/// What came free.
#[derive(Clone, Debug, Default)]
pub(super) struct Freed {
    /// Whoever waits is to be looked at.
    pub(super) all: bool,
    ids: BTreeSet<ObjectId>,
    kinds: BTreeSet<String>,
}

impl Freed {
    pub(super) fn is_empty(&self) -> bool {
        !self.all && self.ids.is_empty()
    }
    /// Might this request have some of it?
    pub(super) fn concerns(&self, waiting: &Waiting) -> bool {
        self.all
            || match &waiting.wish {
                Wish::Id(id) => self.ids.contains(id),
                Wish::Type { kind, .. } => self.kinds.contains(kind),
            }
    }
}

/// What is deployed for sessions, indexed.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    pub(super) deployment: Arc<Deployment>,
    kinds: BTreeMap<String, Vec<ObjectId>>,
    servers: BTreeMap<ServerId, Vec<ObjectId>>,
}

impl Shelf {
    /// Another deployment counts; indexed anew only where what sessions may hold is another.
    pub(super) fn follow(&mut self, deployment: Arc<Deployment>) {
        let before = &self.deployment.allocatables;
        if before.changed_keys(&deployment.allocatables).is_empty() {
            self.deployment = deployment;
        } else {
            *self = Self::new(deployment);
        }
    }
    fn new(deployment: Arc<Deployment>) -> Self {
        let (mut kinds, mut servers) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for one in deployment.allocatables.values() {
            kinds.entry(one.kind.clone()).or_default().push(one.id.clone());
            servers.entry(one.server.clone()).or_default().push(one.id.clone());
        }
        Self {
            deployment,
            kinds,
            servers,
        }
    }
    pub(super) fn record(&self, id: &ObjectId) -> Option<&AllocatableRecord> {
        self.deployment.allocatables.get(id).map(Arc::as_ref)
    }
}

impl Desk {
    pub(super) fn new(stage: Stage) -> Self {
        Self {
            stage,
            ends: BTreeMap::new(),
            waits: BTreeMap::new(),
            due: BTreeSet::new(),
            unsaid: VecDeque::new(),
            beats: Beats::default(),
            shelf: Shelf::default(),
            freed: Freed::default(),
            again: None,
            decisions: Decisions::default(),
            tenures: BTreeMap::new(),
        }
    }
    /// A lease is over: what may others have now?
    pub(super) fn free(&mut self, lease: &Lease) {
        let server = self.shelf.servers.get(&lease.server);
        let rest = server.filter(|_| lease.exclusive).into_iter().flatten();
        for id in rest.chain([&lease.resource]) {
            if let Some(record) = self.shelf.deployment.allocatables.get(id) {
                self.freed.kinds.insert(record.kind.clone());
            }
            self.freed.ids.insert(id.clone());
        }
    }
    /// How a request waits.
    pub(super) fn waits(&self, place: u64) -> Option<&Wait> {
        self.waits.get(&place)
    }
    /// Somebody at this place was given this: those of `waiting` who came earlier and would have taken it were passed over.
    pub(super) fn passed(&mut self, served: u64, given: &ObjectId, waiting: &[Waiting]) {
        let Some(given) = self.shelf.record(given) else { return };
        let earlier = waiting.iter().filter(|waiting| waiting.place < served);
        for earlier in earlier.filter(|waiting| waiting.wish.takes(given)) {
            if let Some(wait) = self.waits.get_mut(&earlier.place) {
                wait.passed = wait.passed.saturating_add(1);
            }
        }
    }
    /// A request waits, or differently than before.
    pub(super) fn wait(&mut self, place: u64, change: impl FnOnce(&mut Wait)) {
        let wait = self.waits.entry(place).or_default();
        let before = wait.due();
        change(wait);
        let after = wait.due();
        if let Some(before) = before {
            self.due.remove(&(before, place));
        }
        self.due.extend(after.map(|after| (after, place)));
    }
    /// A request waits no longer. Who is to hear of it.
    pub(super) fn stop_waiting(&mut self, place: u64) -> Vec<ReplyTo> {
        let Some(wait) = self.waits.remove(&place) else {
            return Vec::new();
        };
        if let Some(due) = wait.due() {
            self.due.remove(&(due, place));
        }
        wait.clients.into_iter().map(|(to, _)| to).collect()
    }
    /// A client is gone; its request keeps its place.
    pub(super) fn hung_up(&mut self, to: ReplyTo) {
        let place = self
            .waits
            .iter()
            .find(|(_, wait)| wait.clients.iter().any(|(client, _)| *client == to));
        if let Some(place) = place.map(|(place, _)| *place) {
            self.wait(place, |wait| wait.clients.retain(|(client, _)| *client != to));
        }
    }
    /// The first request for which something is due.
    pub(super) fn due(&self, now: Time) -> Option<(u64, &Wait)> {
        let (_, place) = self.due.first().filter(|(due, _)| *due <= now)?;
        Some((*place, self.waits.get(place)?))
    }
    /// Everybody who waits for anything.
    pub(super) fn clients(&self) -> impl Iterator<Item = ReplyTo> {
        let waits = self.waits.values().flat_map(|wait| &wait.clients);
        let unsaid = self.unsaid.iter().flat_map(|unsaid| &unsaid.replies);
        let renewals = self.beats.waiting.iter().map(|(_, _, to, _)| *to);
        waits
            .map(|(to, _)| *to)
            .chain(unsaid.map(|(to, _)| *to))
            .chain(renewals)
    }
    /// The next time at which something is due. Sessions end at the next tick after their time.
    pub(super) fn next(&self) -> Option<Time> {
        let stage = match self.stage {
            Stage::Taking { until, .. } | Stage::Guarded { until } => Some(until),
            Stage::Open => None,
        };
        let unsaid = self.unsaid.front().map(|unsaid| unsaid.until);
        let due = self.due.first().map(|(due, _)| *due);
        let beats = self
            .beats
            .waiting
            .front()
            .map(|(_, until, ..)| self.beats.again.min(*until));
        let due = due.into_iter().chain(beats).chain(self.again).min();
        stage.into_iter().chain(due).chain(unsaid).min()
    }
}

/// What there is to be had now.
#[derive(Debug)]
pub(super) struct Stall<'a> {
    pub(super) shelf: &'a Shelf,
    pub(super) peers: &'a BTreeMap<PeerName, Peer>,
    pub(super) now: Time,
}

fn activity(state: ServerState) -> Activity {
    match state {
        ServerState::Active => Activity::Active,
        ServerState::Inactive | ServerState::BackingOff => Activity::Inactive,
        ServerState::Activating | ServerState::ActivationTimedOut => Activity::Starting,
        ServerState::Deactivating => Activity::Stopping,
        ServerState::Unknown => Activity::Unknown,
    }
}

fn load(peer: &Peer, report: &NodeReport, now: Time) -> Option<Load> {
    let (five, fifteen) = report.load_longer;
    let heard = peer.load_heard?;
    let averages = [report.load, five, fifteen];
    if averages.contains(&locator::Load::UNKNOWN) {
        return None;
    }
    Some(Load {
        averages: averages.map(locator::Load::as_number),
        age: now.since(heard),
    })
}

impl Market for Stall<'_> {
    fn offer(&self, id: &ObjectId) -> Option<Offer<'_>> {
        let record = self.shelf.record(id)?;
        let placed = self.shelf.deployment.servers.get(&record.server)?;
        let peer = self.peers.get(&placed.node).filter(|peer| peer.linked);
        let node = peer.and_then(|peer| peer.node.as_ref());
        let server = node.and_then(|node| node.servers.get(&record.server));
        let out = if peer.is_none() {
            Some("its node is out of reach")
        } else if server.is_some_and(|server| !server.enabled) {
            Some("its server is disabled")
        } else if node.is_some_and(|node| node.report.drained) {
            Some("its node is drained")
        } else {
            None
        };
        Some(Offer {
            record,
            node: &placed.node,
            exclusive: placed.spec.exclusive,
            out,
            activity: server.map_or_else(Activity::default, |server| activity(server.state)),
            load: peer
                .zip(node)
                .and_then(|(peer, node)| load(peer, &node.report, self.now)),
            node_zone: node.and_then(|node| node.report.labels.get(ZONE)).map(String::as_str),
        })
    }
    fn offers(&self, kind: &str) -> Vec<Offer<'_>> {
        let ids = self.shelf.kinds.get(kind).into_iter().flatten();
        ids.filter_map(|id| self.offer(id)).collect()
    }
}
