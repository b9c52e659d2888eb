//! Sight: a master that has not been in contact with enough of the registries that its log names stops writing until it
//! is again. Checked before each write, by a clock that counts suspension: a machine that slept writes nothing before it
//! has looked around.

use super::super::effect::Effect;
use super::super::seat::Seat;
use super::super::state::Registry;
use crate::pure::base::{Moment, PeerName};
use crate::pure::lineage::sight::Sight;
use crate::pure::protocol::Message;
use std::time::Duration;

/// A registry that was not heard for this long is out of sight (design, section 5).
const OUT_OF_SIGHT: Duration = Duration::from_secs(4);
/// How often a master makes contact.
const CONTACT: Duration = Duration::from_secs(1);

impl Registry {
    /// What the operator demands of sight now.
    pub(super) fn sight(&self) -> Sight {
        if self.alone { Sight::Off } else { self.config.sight }
    }

    /// Writes down whether this master sees enough of the others.
    pub(super) fn look_around(&mut self, moment: &Moment) {
        if !matches!(self.seat, Seat::Leading(_)) {
            return;
        }
        let registries = &self.database.deployment().registries;
        let known = u64::try_from(registries.len()).unwrap_or(u64::MAX);
        let needed = self.sight().needed(known);
        let heard = |name: &PeerName| self.peers.get(name).and_then(|peer| peer.heard);
        let seen = |name: &&PeerName| {
            **name == *self.name() || heard(name).is_some_and(|heard| moment.now.since(heard) <= OUT_OF_SIGHT)
        };
        let (seen, missing): (Vec<&PeerName>, Vec<&PeerName>) = registries.keys().partition(seen);
        // A registry that the log does not name yet sees itself as well.
        let unnamed = u64::from(!registries.contains_key(self.name()));
        let count = u64::try_from(seen.len()).unwrap_or(u64::MAX).saturating_add(unnamed);
        let blind = (count < needed).then(|| {
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            format!(
                "{count} of {known} registries in sight, {needed} are needed (sight = \"{}\"); missing: {}. It goes on by itself when they come; if they are gone for good: floe registry lead {} --alone",
                self.sight(),
                missing.join(", "),
                self.name()
            )
        });
        if let Some(reigning) = self.reigning() {
            reigning.blind = blind;
        }
    }

    /// Asks the other registries for a sign of life.
    pub(super) fn keep_contact(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let last = match &mut self.seat {
            Seat::Leading(reigning) => &mut reigning.contacted,
            _ => return,
        };
        if last.is_some_and(|last| moment.now.since(last) < CONTACT) {
            return;
        }
        *last = Some(moment.now);
        for peer in self.peers.values().filter(|peer| peer.linked && peer.is_registry()) {
            out.push(Effect::Send {
                to: peer.card.name.clone(),
                message: Message::Contact { asks: true },
            });
        }
    }

    /// A sign of life; any other message is one as well.
    pub(super) fn contacted(from: &PeerName, asks: bool, out: &mut Vec<Effect>) {
        if asks {
            out.push(Effect::Send {
                to: from.clone(),
                message: Message::Contact { asks: false },
            });
        }
    }
}

#[cfg(test)]
#[path = "sight_test.rs"]
mod tests;
