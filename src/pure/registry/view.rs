//! What readers see: one immutable picture of the registry, made after a batch of events is durable and swapped in whole.

use super::peer::{NodeSight, Peer};
use super::seat::Seat;
use super::state::Registry;
use crate::pure::allocation::Tenures;
use crate::pure::base::{Address, PeerName, ServerId, Time};
use crate::pure::lineage::claim::RefusalCode;
use crate::pure::lineage::{Epoch, Lineage, Version};
use crate::pure::locator::{Load, Registered, Sight, Turns};
use crate::pure::membership::{PeerCard, PeerKind, Role, Standing};
use crate::pure::model::Deployment;
use crate::pure::model::deployment::Placed;
use crate::pure::protocol::report::ServerReport;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long a node's load is believed. Nodes say it anew at least every 15 s.
const LOAD_AGE_MAX: Duration = Duration::from_secs(20);

/// The picture.
#[derive(Clone, Debug)]
pub struct View {
    /// The grid's name.
    pub grid: String,
    /// This registry.
    pub card: PeerCard,
    /// Its role now.
    pub role: Role,
    /// `file` or `command`.
    pub role_source: &'static str,
    /// What it may do now.
    pub standing: Standing,
    /// Why; empty when all is well.
    pub reason: String,
    /// The highest epoch that it agreed to obey.
    pub promise: Epoch,
    /// The end of its log.
    pub end: Version,
    /// The same in text, as answers carry it.
    pub end_text: String,
    /// The database's id in text; empty before there is one.
    pub database: String,
    /// Its reigns.
    pub lineage: Arc<Lineage>,
    /// The first entry still in the log.
    pub log_first: u64,
    /// What is deployed.
    pub deployment: Arc<Deployment>,
    /// The leading master that this registry obeys: itself, or the one that it follows.
    pub master: Option<(PeerName, Address)>,
    /// What is known about the completeness of the reign, when it leads.
    pub proof: String,
    /// Attached replicas, when it leads.
    pub followers: BTreeMap<PeerName, Version>,
    /// Replicas that refuse this master.
    pub refusals: BTreeMap<PeerName, (RefusalCode, String)>,
    /// Servers that left a node which was given up, and may still run there.
    pub given_up: BTreeMap<PeerName, Vec<ServerId>>,
    /// Updates that wait for copies.
    pub pending: u64,
    /// Why this registry does not count as a proof; empty when it does.
    pub unproven: String,
    /// The peers.
    pub peers: BTreeMap<PeerName, PeerView>,
    /// What processes have registered.
    pub registered: Registered,
    /// Whose turn it is in each group.
    pub turns: Turns,
    /// How many sessions there are, what they hold, and how many of their requests wait.
    pub sessions: SessionCounts,
    /// Which session has which server for itself.
    pub tenures: Tenures,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Sessions.
    pub open: usize,
    /// Resources that they hold.
    pub leases: usize,
    /// Requests that wait.
    pub waiting: usize,
}

/// One peer in the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Who and where.
    pub card: PeerCard,
    /// A link stands.
    pub linked: bool,
    /// Linked, and silent for longer than its load is believed.
    pub stale: bool,
    /// Linked, or alive by gossip and not known to be out of reach: a link that broke, or a dial that failed, says so at once.
    pub alive: bool,
    /// A registry's role by gossip.
    pub role: Option<Role>,
    /// A registry's standing.
    pub standing: Option<Standing>,
    /// A registry's claim.
    pub claim: Option<Epoch>,
    /// It does not count as a proof, by its own word over the present link.
    pub unproven: bool,
    /// The newest end that was heard of it, or the slice that a node runs.
    pub version: Option<Version>,
    /// The epoch that it obeys.
    pub obeys: u64,
    /// Why a registry stands as it does, in its own words.
    pub reason: String,
    /// Why it cannot be reached.
    pub unreachable: String,
    /// A node's report and servers, while linked.
    pub node: Option<Arc<NodeSight>>,
    /// Servers active and in all by gossip.
    pub servers: Option<(u64, u64)>,
}

impl Registry {
    /// The picture now.
    pub fn view(&self) -> View {
        let (standing, reason) = self.standing();
        let mut view = View {
            grid: self.config.grid.to_string(),
            card: self.config.card.clone(),
            role: self.role,
            role_source: self.identity.role_source.as_str(),
            standing,
            reason,
            promise: self.identity.promise,
            end: self.database.end(),
            end_text: self.database.end().to_string(),
            database: self.database.id().map(|id| id.to_string()).unwrap_or_default(),
            lineage: Arc::new(self.database.lineage().clone()),
            log_first: self.database.log_first(),
            deployment: self.database.deployment().clone(),
            master: None,
            proof: String::new(),
            followers: BTreeMap::new(),
            refusals: BTreeMap::new(),
            given_up: BTreeMap::new(),
            pending: 0,
            unproven: self.unproven_words(),
            peers: self
                .peers
                .iter()
                .map(|(name, peer)| (name.clone(), peer_view(peer, self.now)))
                .collect(),
            registered: self.registrations.shown().clone(),
            turns: self.turns.clone(),
            sessions: SessionCounts {
                open: self.database.allocations().sessions().len(),
                leases: self.database.allocations().leases().len(),
                waiting: self.database.allocations().waiting().len(),
            },
            tenures: self.database.allocations().tenures(),
        };
        match &self.seat {
            Seat::Leading(reigning) => {
                view.master = Some((self.name().clone(), self.config.card.address.clone()));
                view.proof.clone_from(&reigning.proof.text);
                view.followers = reigning
                    .followers
                    .iter()
                    .map(|(name, follower)| (name.clone(), follower.have))
                    .collect();
                view.refusals.clone_from(&reigning.refusals);
                view.given_up = reigning.moves.given_up();
                view.pending = u64::try_from(reigning.pending.len()).unwrap_or(u64::MAX);
            }
            Seat::Following(following) => {
                let address = self.peers.get(&following.master).map(|peer| peer.card.address.clone());
                view.master = address.map(|address| (following.master.clone(), address));
            }
            Seat::Idle | Seat::Reviewing | Seat::Surveying(_) | Seat::Preparing(_) | Seat::Resting { .. } => {}
        }
        view
    }
}

fn peer_view(peer: &Peer, now: Time) -> PeerView {
    let record = peer.record.as_ref();
    let status = peer.status.as_ref();
    let applied = peer.node.as_ref().and_then(|node| node.report.applied);
    // Gossip takes seconds to miss a peer; until then its last words stand, which must not pass for the present.
    let alive = peer.linked || (peer.alive && peer.unreachable.is_empty());
    let obeys = match (&peer.node, status, record) {
        (Some(node), ..) => node.report.obeys.number,
        (None, Some(status), _) => status.promise.number,
        (None, None, Some(record)) => record.obeys.number,
        (None, None, None) => 0,
    };
    PeerView {
        card: peer.card.clone(),
        linked: peer.linked,
        stale: peer.linked && peer.load_heard.is_none_or(|heard| now.since(heard) > LOAD_AGE_MAX),
        alive,
        role: record.and_then(|record| record.role),
        standing: status
            .map(|status| status.standing)
            .or_else(|| record.and_then(|record| record.standing)),
        claim: status
            .and_then(|status| status.claim)
            .or_else(|| record.filter(|_| status.is_none() && alive)?.claim),
        unproven: status.is_some_and(|status| status.unproven),
        version: if peer.card.kind == PeerKind::Node {
            applied.or_else(|| record?.version)
        } else {
            peer.told_version()
        },
        obeys,
        reason: status.map(|status| status.reason.clone()).unwrap_or_default(),
        unreachable: peer.unreachable.clone(),
        node: peer.node.clone(),
        servers: record.and_then(|record| record.servers),
    }
}

impl Sight for View {
    fn server(&self, placed: &Placed) -> Option<&ServerReport> {
        let node = self.peers.get(&placed.node)?.node.as_ref()?;
        node.servers.get(&placed.spec.id)
    }
    fn node(&self, name: &PeerName) -> Option<Load> {
        let peer = self.peers.get(name).filter(|peer| peer.linked)?;
        let load = peer.node.as_ref()?.report.load;
        // A node that has not spoken for a while may be busier than it said: it comes after all others.
        Some(if peer.stale { Load::UNKNOWN } else { load })
    }
    fn registered(&self) -> Option<&Registered> {
        Some(&self.registered)
    }
    fn tenures(&self) -> Option<&Tenures> {
        Some(&self.tenures)
    }
    fn drained(&self, name: &PeerName) -> bool {
        let peer = self.peers.get(name).filter(|peer| peer.linked);
        peer.and_then(|peer| peer.node.as_ref())
            .is_some_and(|node| node.report.drained)
    }
}
