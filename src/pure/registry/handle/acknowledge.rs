//! When an update is acknowledged, and when a registry begins to count as a copy.
//!
//! Copies are counted among the registries that the log itself names, because that is what a candidate's proof counts
//! among. A registry that joins changes both at once for the master, but a candidate that has not heard of it still counts
//! among the old ones. So while one joins, updates need enough copies among the old ones as well; and one joins at a time.

use super::super::effect::Effect;
use super::super::payload::Payload;
use super::super::seat::{Follower, Seat};
use super::super::state::Registry;
use crate::pure::base::{Moment, RequestId};
use crate::pure::lineage::Serial;
use crate::pure::lineage::rules::Rule;
use crate::pure::membership::PeerCard;
use crate::pure::model::RegistryRecord;
use crate::pure::protocol::Response;
use crate::pure::protocol::request::{ErrorCode, Failure};

/// On how many disks something is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copies {
    /// On disks of registries that the log names.
    pub(super) members: u64,
    /// The same, without the one that joins.
    settled: u64,
}

impl Registry {
    /// Acknowledges, in order, every update that enough disks hold, or whose time is up.
    pub(super) fn acknowledge(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let before = self.acknowledged();
        while let Some((serial, until, client)) = self.front() {
            let timed_out = moment.now >= until;
            if timed_out {
                self.stop_waiting_for(serial);
            }
            let copies = self.copies(|follower| follower.have.serial >= serial);
            if self.is_enough(copies, client) && !self.waits_for(serial) {
                self.acknowledge_front(copies.members, out);
                continue;
            }
            if timed_out {
                self.doubt(moment, copies.members, out);
            }
            break;
        }
        if self.acknowledged() > before {
            self.tell_all_nodes(out);
        }
        self.admit(moment, out);
    }

    /// The last entry that this reign has on enough disks.
    pub(super) fn acknowledged(&self) -> Serial {
        match &self.seat {
            Seat::Leading(reigning) => reigning.acknowledged.as_ref().map_or(0, |(version, _)| version.serial),
            _ => 0,
        }
    }

    /// How many disks hold what `holds` says of a replica. Ours does.
    pub(super) fn copies(&self, holds: impl Fn(&Follower) -> bool) -> Copies {
        let Seat::Leading(reigning) = &self.seat else {
            return Copies { members: 0, settled: 0 };
        };
        let holding = reigning
            .followers
            .iter()
            .filter(|(_, follower)| holds(follower))
            .map(|(name, _)| name);
        let registries = &self.database.deployment().registries;
        let joining = self.database.joining().map(|(name, _)| name);
        let members = holding
            .chain([self.name()])
            .filter(|name| registries.contains_key(*name));
        let mut copies = Copies { members: 0, settled: 0 };
        for name in members {
            copies.members += 1;
            copies.settled += u64::from(joining != Some(name));
        }
        copies
    }

    /// Clients are promised `min_copies`. The registry's own entries make do with fewer where there are fewer registries.
    pub(super) fn is_enough(&self, copies: Copies, client: bool) -> bool {
        let wanted = if self.config.rules.hold(Rule::WaitForCopies) {
            self.config.min_copies
        } else {
            1
        };
        let members = u64::try_from(self.database.deployment().registries.len()).unwrap_or(u64::MAX);
        let settled = members - u64::from(self.database.joining().is_some());
        let needed = if client { wanted } else { wanted.min(members) };
        let lifted = matches!(&self.seat, Seat::Leading(reigning) if reigning.unrecorded);
        copies.members >= needed && (lifted || copies.settled >= wanted.min(settled))
    }

    fn front(&self) -> Option<(Serial, crate::pure::base::Time, bool)> {
        let Seat::Leading(reigning) = &self.seat else {
            return None;
        };
        let front = reigning.pending.front()?;
        Some((front.version.serial, front.until, front.client))
    }

    fn stop_waiting_for(&mut self, serial: Serial) {
        let Some(reigning) = self.reigning() else { return };
        let lacking = reigning
            .followers
            .values_mut()
            .filter(|follower| follower.have.serial < serial);
        lacking.for_each(|late| late.late = true);
        reigning.expected.clear();
    }

    fn waits_for(&mut self, serial: Serial) -> bool {
        self.reigning().is_some_and(|reigning| {
            let mut followers = reigning.followers.values();
            !reigning.expected.is_empty() || followers.any(|follower| !follower.late && follower.have.serial < serial)
        })
    }

    fn acknowledge_front(&mut self, copies: u64, out: &mut Vec<Effect>) {
        let Some(reigning) = self.reigning() else { return };
        let Some(front) = reigning.pending.pop_front() else {
            return;
        };
        let behind = reigning.behind(&front);
        reigning.moves.acknowledged(&front.deployment, front.version.serial);
        reigning.acknowledged = Some((front.version, front.deployment));
        let Some((to, mut receipt)) = front.reply else { return };
        receipt.complete(copies, behind);
        out.extend(to.into_iter().map(|to| Effect::Reply {
            to,
            response: receipt.response(),
            last: true,
        }));
    }

    /// Tells everybody whose time is up that the update is stored and not known to be safe.
    fn doubt(&mut self, moment: &Moment, copies: u64, out: &mut Vec<Effect>) {
        let min_copies = self.config.min_copies;
        let Some(reigning) = self.reigning() else { return };
        for (place, pending) in reigning.pending.iter_mut().enumerate() {
            if moment.now < pending.until || pending.in_doubt {
                continue;
            }
            pending.in_doubt = true;
            let Some((to, _)) = pending.reply.take() else { continue };
            let (copies, reason) = match place {
                0 => (copies, "the deadline for copies passed"),
                _ => (1, "an earlier update waits for copies"),
            };
            answer_in_doubt(to, in_doubt(pending.version.serial, copies, min_copies, reason), out);
        }
    }

    /// The reign ends: what was stored and not acknowledged is in doubt, never failed.
    pub(super) fn abandon_pending(&mut self, reason: &str, out: &mut Vec<Effect>) {
        self.abandon_desk(reason, out);
        let min_copies = self.config.min_copies;
        let Some(reigning) = self.reigning() else { return };
        for pending in std::mem::take(&mut reigning.pending) {
            let Some((to, _)) = pending.reply else { continue };
            answer_in_doubt(to, in_doubt(pending.version.serial, 1, min_copies, reason), out);
        }
    }

    /// Records whoever is attached and not recorded, or at another address: one at a time, and only when the reign's own
    /// first entry is acknowledged, because what stands before it may not be on enough disks.
    pub(super) fn admit(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(record) = self.record_to_write() else { return };
        let salt = self.database.end().serial + 7;
        let request = RequestId::from_bits(moment.dice ^ u128::from(moment.roll(salt, u64::MAX)));
        self.append_own(Payload::PutRegistry(record), request, moment, out);
    }
}

impl Registry {
    fn record_to_write(&self) -> Option<RegistryRecord> {
        let acknowledged = self.acknowledged();
        let Seat::Leading(reigning) = &self.seat else {
            return None;
        };
        if acknowledged == 0 {
            return None;
        }
        let registries = &self.database.deployment().registries;
        let followers = reigning.followers.keys().filter_map(|name| self.peers.get(name));
        let followers = followers.map(|peer| &peer.card);
        let mut cards = [&self.config.card].into_iter().chain(followers);
        match self.database.joining() {
            // The second record says that the first is on enough disks.
            Some((name, at)) if acknowledged >= at => {
                let card = cards.find(|card| card.name == *name);
                card.map(record_of).or_else(|| registries.get(name).cloned())
            }
            Some(_) => None,
            None => cards
                .map(record_of)
                .find(|record| registries.get(&record.name) != Some(record)),
        }
    }
}

fn record_of(card: &PeerCard) -> RegistryRecord {
    RegistryRecord {
        name: card.name.clone(),
        address: card.address.clone(),
    }
}

pub(super) fn answer_in_doubt(to: Vec<super::super::effect::ReplyTo>, failure: Failure, out: &mut Vec<Effect>) {
    out.extend(to.into_iter().map(|to| Effect::Reply {
        to,
        response: Response::Failed(failure.clone()),
        last: true,
    }));
}

fn in_doubt(serial: u64, copies: u64, min_copies: u64, reason: &str) -> Failure {
    Failure::new(
        ErrorCode::InDoubt,
        format!(
            "the update is stored as entry {serial} and known to be on {copies} of {min_copies} disks wanted: {reason}"
        ),
        "it may still take hold; repeat the same command: the same request is applied once",
    )
}
