//! The master's side of a live promotion: it stops writing, lets the successor have the rest of the log, and says so. It
//! stays master until the successor asks for its promise, and goes on when that does not happen in time.

use super::super::effect::Effect;
use super::super::order::HandedOver;
use super::super::seat::{HandingOver, Seat};
use super::super::state::Registry;
use crate::pure::base::{Moment, PeerName};
use crate::pure::lineage::Epoch;
use crate::pure::lineage::promote::Intent;
use crate::pure::lineage::rules::Rule;
use crate::pure::membership::{Role, RoleSource};
use crate::pure::protocol::Message;
use crate::pure::protocol::request::{ErrorCode, Failure};
use std::time::Duration;

/// How long a master writes nothing for a successor that does not come, beyond its own copy deadline.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after it gave its promise a former master waits for a successor that is not heard, before it may lead again.
const SUCCESSION: Duration = Duration::from_secs(10);

impl Registry {
    /// A follower is being promoted.
    pub(super) fn asked_to_hand_over(&mut self, from: &PeerName, epoch: Epoch, moment: &Moment, out: &mut Vec<Effect>) {
        let until = moment.now.after(self.config.copy_deadline + PATIENCE);
        let attached = |reigning: &super::super::seat::Reigning| {
            reigning.epoch == epoch && reigning.followers.contains_key(from) && reigning.handing.is_none()
        };
        if let Some(reigning) = self.reigning().filter(|reigning| attached(reigning)) {
            reigning.handing = Some(HandingOver {
                to: from.clone(),
                until,
                told: false,
            });
            self.happened(moment, "handing over", format!("to {from}"), out);
            self.hand_over_progress(moment, out);
        } else {
            let status = Box::new(self.status());
            out.push(Effect::Send {
                to: from.clone(),
                message: Message::Status(status),
            });
        }
    }

    /// Says so when the successor has everything and nobody waits for an update any more; goes on when it does not come.
    pub(super) fn hand_over_progress(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let version = self.database.end();
        let Some(reigning) = self.reigning() else { return };
        let Some(handing) = &mut reigning.handing else { return };
        let epoch = reigning.epoch;
        let to = handing.to.clone();
        let follower = reigning.followers.get(&to);
        if follower.is_none() || moment.now >= handing.until {
            reigning.handing = None;
            return self.happened(moment, "goes on", format!("{to} did not take over"), out);
        }
        let has_all = follower.is_some_and(|follower| follower.have == version);
        let quiet = reigning.pending.iter().all(|pending| pending.reply.is_none());
        if has_all && quiet && !handing.told {
            handing.told = true;
            let message = Message::HandedOver { epoch, version };
            out.push(Effect::Send { to, message });
        }
    }

    /// The successor gave up.
    pub(super) fn hand_over_ended(&mut self, from: &PeerName, epoch: Epoch, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(reigning) = self.reigning().filter(|reigning| reigning.epoch == epoch) else {
            return;
        };
        if reigning.handing.as_ref().is_some_and(|handing| handing.to == *from) {
            reigning.handing = None;
            self.happened(moment, "goes on", format!("{from} gave up taking over"), out);
        }
    }

    /// Nothing is written while a reign is handed over.
    pub(super) fn may_write(&self) -> Result<(), Failure> {
        let Seat::Leading(reigning) = &self.seat else {
            return Err(self.not_master());
        };
        let rules = self.config.rules;
        if let Some(blind) = reigning.blind.as_ref().filter(|_| rules.hold(Rule::SightBeforeWriting)) {
            let message = format!("registry {} is waiting: {blind}; nothing was stored", self.name());
            let hint = "`floe registry list` shows who is there";
            return Err(Failure::new(ErrorCode::Precondition, message, hint));
        }
        if let Some(handing) = reigning
            .handing
            .as_ref()
            .filter(|_| rules.hold(Rule::HandOverStopsWriting))
        {
            let to = &handing.to;
            let message = format!("registry {} hands over to {to}; nothing was stored", self.name());
            let hint = "come again in a moment: the new master takes it";
            return Err(Failure::new(ErrorCode::Overloaded, message, hint));
        }
        Ok(())
    }

    /// A promise deposes this master while it hands over; `from` told of it.
    pub(super) fn remember_successor(&mut self, from: &PeerName, epoch: Epoch, moment: &Moment) {
        let Seat::Leading(reigning) = &self.seat else { return };
        if let Some(handing) = &reigning.handing {
            self.handed = Some(HandedOver {
                epoch,
                own_word: handing.to == *from,
                since: moment.now,
            });
        }
    }

    /// The epoch that was handed over for, when its candidate had time enough.
    pub(super) fn handed_in_vain(&self, moment: &Moment) -> Option<Epoch> {
        let handed = self
            .handed
            .filter(|handed| handed.own_word && moment.now.since(handed.since) >= SUCCESSION);
        handed.map(|handed| handed.epoch)
    }

    /// The successor reigns, or whoever came after it, and this registry follows: it is a replica from now on. The successor
    /// may have drawn a higher number since, or have handed over itself before it was heard.
    pub(super) fn succeeded(&mut self, epoch: Epoch, out: &mut Vec<Effect>) {
        if self
            .handed
            .take_if(|handed| handed.epoch.number <= epoch.number)
            .is_some()
        {
            self.assign(Role::Replica, RoleSource::Command, out);
        }
    }

    /// A master that was deposed by a promise alone looks again whether it may lead: whoever asked for that may have
    /// given up.
    pub(super) fn look_again(&mut self, moment: &Moment) {
        if self.role == Role::Master {
            self.rest(Intent::Resume, moment);
        }
    }
}
