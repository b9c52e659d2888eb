//! The unproven mark: a registry that was initialised from anybody but the leading master may lack copies that it once
//! acknowledged, and does not count in a proof until that can no longer matter.
//!
//! It ends for a follower when it holds everything that its master held when it attached, and for a master when so many
//! others follow it that nothing acknowledged can be anywhere else.

use super::super::effect::Effect;
use super::super::seat::Seat;
use super::super::state::Registry;
use crate::pure::base::{Moment, PeerName};
use crate::pure::lineage::{Epoch, Version};
use crate::pure::protocol::Message;

/// The end to reach, of a master that is being followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pure::registry) struct Proving {
    master: PeerName,
    epoch: Epoch,
    /// What the master held; `None` until it has told, after this registry attached.
    until: Option<Version>,
}

impl Registry {
    /// Why this registry does not count as a proof; empty when it does.
    pub(in crate::pure::registry) fn unproven_words(&self) -> String {
        let unproven = self.identity.initialised.unproven.as_ref();
        unproven
            .map(crate::pure::membership::Unproven::words)
            .unwrap_or_default()
    }

    /// What the log holds is what an operator chose, or this registry's own reign: that it is not named in it says nothing.
    pub(super) fn is_initialised(&self) -> bool {
        let Some(taken) = &self.identity.initialised.taken else {
            return false;
        };
        let reigned = self
            .database
            .lineage()
            .last()
            .is_some_and(|reign| reign.by == *self.name());
        taken.version == self.database.end() || reigned
    }

    /// Somebody leads, as far as linked registries tell: a registry that was given a database does not depose anybody.
    pub(super) fn sees_a_master(&self) -> bool {
        let mut linked = self
            .peers
            .values()
            .filter(|peer| peer.linked)
            .filter_map(|peer| peer.status.as_ref());
        linked.any(|status| status.claim.is_some() || status.standing == crate::pure::membership::Standing::Following)
    }

    /// After each event: does the mark go?
    pub(super) fn prove(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        if self.identity.initialised.unproven.is_none() {
            self.proving = None;
            return;
        }
        let proven = match &self.seat {
            Seat::Following(following) => {
                let (master, epoch) = (following.master.clone(), following.epoch);
                self.has_caught_up(master, epoch, out)
            }
            Seat::Leading(_) => self.is_followed_by_enough(),
            Seat::Idle | Seat::Reviewing | Seat::Surveying(_) | Seat::Preparing(_) | Seat::Resting { .. } => {
                self.proving = None;
                false
            }
        };
        if proven {
            self.identity.initialised.unproven = None;
            self.proving = None;
            out.push(Effect::Identity(Box::new(self.identity.clone())));
            let reason = "it counts as a proof again: it holds all that the leading master held";
            self.happened(moment, "proven", reason, out);
        }
    }

    /// What the master holds is asked for once, after attaching: what it told before may be old.
    fn has_caught_up(&mut self, master: PeerName, epoch: Epoch, out: &mut Vec<Effect>) -> bool {
        let unproven = |peer: &super::super::peer::Peer| peer.status.as_ref().is_none_or(|status| status.unproven);
        let doubtful = self.peers.get(&master).is_none_or(unproven);
        let same = |proving: &Proving| proving.master == master && proving.epoch == epoch;
        let Some(proving) = self.proving.as_ref().filter(|proving| same(proving)) else {
            out.push(Effect::Send {
                to: master.clone(),
                message: Message::Survey,
            });
            let until = None;
            self.proving = Some(Proving { master, epoch, until });
            return false;
        };
        proving
            .until
            .is_some_and(|until| !doubtful && self.database.end().serial >= until.serial)
    }

    /// The master that is being followed told how its log stands.
    pub(super) fn master_told(&mut self, from: &PeerName, _moment: &Moment, out: &mut Vec<Effect>) {
        let Some(proving) = self
            .proving
            .as_mut()
            .filter(|proving| proving.master == *from && proving.until.is_none())
        else {
            return;
        };
        let told = self.peers.get(from).and_then(|peer| peer.status.as_ref());
        let Some(status) = told.filter(|status| status.claim == Some(proving.epoch)) else {
            return;
        };
        let until = status.summary.end;
        proving.until = Some(until);
        if let Some(unproven) = &mut self.identity.initialised.unproven {
            unproven.until = Some(until);
            out.push(Effect::Identity(Box::new(self.identity.clone())));
        }
    }

    /// With k copies of every update among N registries, any N-k+1 others include one; and beyond all others there is
    /// nobody who could hold anything. Who follows has shown that it holds nothing that this log lacks.
    fn is_followed_by_enough(&self) -> bool {
        let Seat::Leading(reigning) = &self.seat else {
            return false;
        };
        if self.acknowledged() == 0 {
            return false;
        }
        let recorded = &self.database.deployment().registries;
        let others: Vec<&PeerName> = recorded.keys().filter(|name| *name != self.name()).collect();
        let following: Vec<&PeerName> = (others.iter().copied())
            .filter(|name| reigning.followers.contains_key(*name))
            .collect();
        let sound = following.iter().filter(|name| {
            let status = self.peers.get(**name).and_then(|peer| peer.status.as_ref());
            status.is_some_and(|status| !status.unproven)
        });
        let needed = (recorded.len() + 1).saturating_sub(usize::try_from(self.config.min_copies).unwrap_or(usize::MAX));
        sound.count() >= needed.max(1) || following.len() == others.len()
    }
}
