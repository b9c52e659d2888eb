//! Whom the node obeys: promises, and the judgement of an epoch before anything of it is carried out.

use crate::pure::base::PeerName;
use crate::pure::base::limits::EPOCH_JUMP_MAX;
use crate::pure::lineage::Epoch;
use crate::pure::lineage::claim::RefusalCode;
use crate::pure::lineage::rules::Rule;
use crate::pure::node::state::Node;
use crate::pure::protocol::Message;

impl Node {
    /// A candidate asks for a promise: first come, sticky, on disk before it is said.
    pub(in crate::pure::node) fn prepare(&mut self, from: &PeerName, epoch: Epoch) {
        let promise = self.identity.promise;
        let honoured = self.config.rules.hold(Rule::HonourPromise);
        let refused = honoured && (self.objection(epoch).is_some() || epoch == Epoch::NONE);
        let answer = if refused {
            Message::Declined { epoch, promise }
        } else {
            self.promise(epoch);
            Message::Promised { epoch, status: None }
        };
        self.send(from, answer);
    }

    /// What stands against obeying `epoch`, if anything does. An epoch is told by its id; its number says who is higher.
    pub(in crate::pure::node) fn objection(&self, epoch: Epoch) -> Option<RefusalCode> {
        let promise = self.identity.promise;
        let rules = self.config.rules;
        if epoch.number < promise.number {
            return rules.hold(Rule::NodeObeysHighest).then_some(RefusalCode::StaleMaster);
        }
        if epoch.contests(promise) {
            return rules.hold(Rule::EpochIdDecides).then_some(RefusalCode::Contested);
        }
        let jump = epoch.number - promise.number;
        (promise.number != 0 && jump > EPOCH_JUMP_MAX).then_some(RefusalCode::EpochJump)
    }

    /// Agrees to obey `epoch`, which was judged before; durable before anything of it is said or done.
    pub(in crate::pure::node) fn promise(&mut self, epoch: Epoch) {
        if self.identity.promise == epoch {
            return;
        }
        self.identity.promise = epoch;
        // An assembly of a lower epoch must not be completed.
        if self.assembly.as_ref().is_some_and(|assembly| assembly.epoch != epoch) {
            self.assembly = None;
        }
        self.dirty.identity = self.config.rules.hold(Rule::PromiseIsDurable);
    }

    /// Tells a registry why what it sent in `epoch` was refused: both sides by name, and the next step.
    pub(in crate::pure::node) fn refuse(&mut self, to: &PeerName, epoch: Epoch, code: RefusalCode) {
        let promise = self.identity.promise;
        let text = self.refusal_text(to, epoch, code);
        self.send(
            to,
            Message::Refusal {
                epoch,
                code,
                promise,
                text,
            },
        );
    }

    pub(in crate::pure::node) fn refusal_text(&self, to: &PeerName, epoch: Epoch, code: RefusalCode) -> String {
        let promise = self.identity.promise;
        let name = &self.config.card.name;
        match code {
            RefusalCode::Contested => format!(
                "CONTESTED: node {name} obeys epoch {promise}, {to} speaks for epoch {epoch}: two reigns of one number; \
                 compare them with `floe registry compare`, then end it with `floe registry promote NAME`"
            ),
            RefusalCode::EpochJump => format!(
                "EPOCH_JUMP: node {name} obeys epoch {promise}, {to} speaks for epoch {epoch}, further ahead than numbers \
                 grow; see where it got that number with `floe registry show`"
            ),
            _ => format!(
                "STALE_MASTER: node {name} obeys epoch {promise}, {to} speaks for the lower epoch {epoch}; find the master \
                 with `floe status`, restart {to} with role replica, or promote it with `floe registry promote {to}`"
            ),
        }
    }
}
