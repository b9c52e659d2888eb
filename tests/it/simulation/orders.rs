//! What the oracle knows of operators' orders: what a promotion said, what a master that hands over may do, what a reviewing
//! registry may do, and what sight allows.

use super::core::{Core, Effect, Event};
use super::world::{Checked, World};
use floe::pure::base::PeerName;
use floe::pure::lineage::{EntryKind, Epoch};
use floe::pure::membership::Standing;
use floe::pure::model::Deployment;
use floe::pure::protocol::report::PromotionReport;
use floe::pure::protocol::{Message, Request, Response};
use floe::pure::registry::{Batch, Registry};
use std::sync::Arc;

/// How long a master that hands over waits for its successor, in microseconds: its copy deadline and five seconds.
const HANDING: u64 = 7_000_000;
/// How long a registry counts as seen, in microseconds.
const SEEN: u64 = 4_000_000;

/// What an order asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ordered {
    pub(super) dry_run: bool,
    /// Without `--accept-loss` and `--force`.
    pub(super) plain: bool,
}

/// A master was asked to hand over, whether it does or not.
#[derive(Clone, Debug)]
pub(super) struct Handing {
    epoch: Epoch,
    /// Until then it writes nothing, at least.
    until: u64,
    /// It said that its successor has everything.
    told: bool,
}

/// How a registry stood before an event.
#[derive(Clone, Debug)]
pub(super) struct Before {
    standing: Option<Standing>,
    deployment: Option<Arc<Deployment>>,
    /// The event comes from a registry that only looks on.
    from_reviewer: bool,
}

impl World {
    /// Notes what an event means for the oracle, before the core hears of it.
    pub(super) fn before_event(&mut self, index: usize, event: &Event) -> Before {
        let before = self.peers[index].core.as_ref().and_then(Core::registry);
        let (standing, reign) = (before.map(|core| core.standing().0), before.and_then(Registry::reign));
        let deployment = before.map(|core| core.database().deployment().clone());
        let mut from_reviewer = false;
        let now = self.now;
        match event {
            Event::Message { from, message } => {
                if let Some(other) = self.number(from) {
                    self.peers[index].heard.insert(other, now);
                }
                from_reviewer = matches!(&**message, Message::Status(status) if status.standing == Standing::Reviewing);
                self.note_handing(index, from, message, reign);
            }
            Event::Linked { card } => {
                // Both have said hello.
                if let Some(other) = self.number(&card.name) {
                    self.peers[index].heard.insert(other, now);
                }
            }
            Event::Unlinked { peer, .. } => {
                self.peers[index].handing.remove(peer);
            }
            Event::Request { to, request, .. } => {
                match **request {
                    Request::LeadAlone => self.peers[index].alone = true,
                    Request::Promote { dry_run: false, .. } => self.peers[index].ordered = true,
                    Request::Initialise { .. } => self.peers[index].initialising = true,
                    _ => {}
                }
                self.next += 1;
                if let Some(ticket) = self.tickets.get_mut(to) {
                    ticket.heard = self.next;
                }
            }
            _ => {}
        }
        Before {
            standing,
            deployment,
            from_reviewer,
        }
    }
    fn note_handing(&mut self, index: usize, from: &PeerName, message: &Message, reign: Option<Epoch>) {
        let now = self.now;
        let peer = &mut self.peers[index];
        let lasts = |handing: &Handing| handing.until > now && Some(handing.epoch) == reign;
        peer.handing.retain(|_, handing| lasts(handing));
        match message {
            Message::HandOver { epoch } if reign == Some(*epoch) => {
                // Asked again by the same registry: what it has from the first time still holds.
                peer.handing.entry(from.clone()).or_insert(Handing {
                    epoch: *epoch,
                    until: now + HANDING,
                    told: false,
                });
            }
            Message::HandOverEnded { .. } | Message::Refusal { .. } | Message::Follow { .. } => {
                peer.handing.remove(from);
            }
            _ => {}
        }
    }

    /// What the core did with it.
    pub(super) fn after_event(&self, index: usize, before: &Before, effects: &[Effect]) -> Checked {
        let peer = &self.peers[index];
        let Some(core) = peer.core.as_ref().and_then(Core::registry) else {
            return Ok(());
        };
        let name = &peer.card.name;
        let after = core.standing().0;
        let looked_on = before.standing == Some(Standing::Reviewing);
        if looked_on && after == Standing::Reviewing && effects.iter().any(Effect::is_durable) {
            return Err(format!("promise 3: {name} is under review and writes"));
        }
        if looked_on && after != Standing::Reviewing && !peer.ordered {
            return Err(format!("promise 3: {name} ends its review as {after} by itself"));
        }
        if before.from_reviewer && before.standing == Some(Standing::Leading) && after != Standing::Leading {
            return Err(format!(
                "promise 3: {name} led and is {after} because of a registry under review"
            ));
        }
        let writes = effects.iter().any(|effect| match effect {
            Effect::Commit(batch) => core.reign().is_some_and(|epoch| has_update(batch, epoch)),
            _ => false,
        });
        match before.deployment.as_ref().filter(|_| writes) {
            Some(deployment) => self.may_write(index, core, deployment),
            None => Ok(()),
        }
    }
    fn may_write(&self, index: usize, core: &Registry, deployment: &Deployment) -> Checked {
        let peer = &self.peers[index];
        let name = &peer.card.name;
        let relied =
            |handing: &Handing| handing.told && Some(handing.epoch) == core.reign() && self.now < handing.until;
        if let Some((to, handing)) = peer.handing.iter().find(|(_, handing)| relied(handing)) {
            return Err(format!(
                "promise 1: {name} told {to} that it has everything of epoch {}, and writes on",
                handing.epoch
            ));
        }
        let registries = &deployment.registries;
        let seen = |other: &PeerName| {
            let number = self.number(other);
            let heard = number.and_then(|number| peer.heard.get(&number));
            other == name || heard.is_some_and(|heard| self.now - heard <= SEEN)
        };
        let known = u64::try_from(registries.len()).expect("few");
        let unnamed = usize::from(!registries.contains_key(name));
        let seen = registries.keys().filter(|other| seen(other)).count() + unnamed;
        let seen = u64::try_from(seen).expect("few");
        if !peer.alone && seen < self.setup.sight.needed(known) {
            return Err(format!(
                "promise 5: {name} writes and sees {seen} of {known} registries"
            ));
        }
        Ok(())
    }

    /// A master says that its successor has everything.
    pub(super) fn says_handed_over(&mut self, index: usize, to: usize, message: &Message) -> Checked {
        let Message::HandedOver { epoch, version } = message else {
            return Ok(());
        };
        let (name, end) = (&self.peers[index].card.name, self.peers[to].disk.end);
        // A successor whose disk lies held it, and holds an older copy again.
        let honest = self.setup.shell_breaks.is_none() && !self.oracle.disks_lie;
        // One that obeys a later reign by now takes nothing over by this word: it may come from a master that stood still.
        let takes = self.peers[to].disk.identity.promise.number <= epoch.number;
        if honest && takes && !self.oracle.history.contains(end, version.digest) {
            return Err(format!(
                "promise 1: {name} hands over at {version}, which its successor does not hold"
            ));
        }
        self.oracle.hands_over(*epoch, version.digest)?;
        let successor = self.peers[to].card.name.clone();
        if let Some(handing) = self.peers[index].handing.get_mut(&successor) {
            handing.told |= handing.epoch == *epoch;
        }
        Ok(())
    }

    /// What a client is told of its promotion.
    pub(super) fn says_promoted(&self, index: usize, ordered: Ordered, response: &Response) -> Checked {
        let Response::Promotion(report) = response else {
            return Ok(());
        };
        let PromotionReport {
            leads, proven, epoch, ..
        } = **report;
        if ordered.dry_run || !ordered.plain || !leads || !proven {
            return Ok(());
        }
        self.oracle.promoted(epoch, self.peers[index].disk.end)
    }
}

/// Does a client's update stand in it?
fn has_update(batch: &Batch, epoch: Epoch) -> bool {
    batch.append.iter().any(|entry| {
        let update = matches!(entry.kind, EntryKind::PutApplication | EntryKind::RemoveApplication);
        update && entry.epoch == epoch
    })
}
