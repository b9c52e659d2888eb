//! Whom the node obeys: promises, and the judgement of an epoch before anything of it is carried out.

use crate::pure::base::{DatabaseId, Moment, PeerName};
use crate::pure::lineage::Epoch;
use crate::pure::lineage::claim::{RefusalCode, within_reach};
use crate::pure::lineage::rules::Rule;
use crate::pure::node::state::Node;
use crate::pure::protocol::Message;

/// A registry that wants something of the node, and for whom it speaks.
#[derive(Clone, Copy, Debug)]
pub(in crate::pure::node) struct Sender<'a> {
    pub(in crate::pure::node) peer: &'a PeerName,
    pub(in crate::pure::node) epoch: Epoch,
    /// `None` from a registry that holds no database yet.
    pub(in crate::pure::node) database: Option<DatabaseId>,
}

impl Node {
    /// A candidate asks for a promise: first come, sticky, on disk before it is said.
    pub(in crate::pure::node) fn prepare(&mut self, sender: Sender<'_>, moment: &Moment) {
        let (epoch, promise) = (sender.epoch, self.identity.promise);
        let honoured = self.config.rules.hold(Rule::HonourPromise);
        let objection = self.objection(sender);
        let refused = honoured && (objection.is_some() || epoch == Epoch::NONE);
        let answer = if refused {
            Message::Declined { epoch, promise }
        } else {
            self.promise(epoch);
            Message::Promised { epoch, status: None }
        };
        self.send(sender.peer, answer);
        // A promise in the way says enough by its number; another database has to be put in words.
        if refused && objection == Some(RefusalCode::ForeignStore) {
            self.refuse(sender, RefusalCode::ForeignStore, moment);
        }
    }

    /// What stands against obeying the sender, if anything does. Whose data it is comes first: of a foreign master no
    /// number counts. An epoch is told by its id; its number says who is higher.
    pub(in crate::pure::node) fn objection(&self, sender: Sender<'_>) -> Option<RefusalCode> {
        if self.slice.database.is_some() && sender.database != self.slice.database {
            return Some(RefusalCode::ForeignStore);
        }
        let (epoch, promise) = (sender.epoch, self.identity.promise);
        let rules = self.config.rules;
        if epoch.number < promise.number {
            return rules.hold(Rule::NodeObeysHighest).then_some(RefusalCode::StaleMaster);
        }
        if epoch.contests(promise) {
            return rules.hold(Rule::EpochIdDecides).then_some(RefusalCode::Contested);
        }
        (!within_reach(promise.number, epoch.number)).then_some(RefusalCode::EpochJump)
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

    /// Tells a registry why what it sent was refused: both sides by name, and the next step. A foreign one is told of
    /// here as well, once: nobody else may hear of it.
    pub(in crate::pure::node) fn refuse(&mut self, sender: Sender<'_>, code: RefusalCode, moment: &Moment) {
        let promise = self.identity.promise;
        let text = self.refusal_text(sender, code);
        let foreign = Some((sender.peer.clone(), sender.database));
        if code == RefusalCode::ForeignStore && self.said.foreign != foreign {
            self.said.foreign = foreign;
            let name = self.config.card.name.to_string();
            self.happened("node", name, "refused", text.clone(), moment);
        }
        self.send(
            sender.peer,
            Message::Refusal {
                epoch: sender.epoch,
                code,
                promise,
                text,
            },
        );
    }

    pub(in crate::pure::node) fn refusal_text(&self, sender: Sender<'_>, code: RefusalCode) -> String {
        let promise = self.identity.promise;
        let name = &self.config.card.name;
        let Sender { peer, epoch, database } = sender;
        match code {
            RefusalCode::ForeignStore => {
                let of = |id: Option<DatabaseId>| id.map_or_else(|| "no database yet".to_owned(), |id| id.to_string());
                format!(
                    "FOREIGN_STORE: node {name} runs servers of database {}, {peer} speaks for {}; nothing was changed. \
                     {peer} belongs to another grid, or was started on a wrong or empty data folder: compare with `floe \
                     registry show` of both. To move node {name} to the grid of {peer} on purpose, stop the node, set \
                     its data folder aside and start it again",
                    of(self.slice.database),
                    of(database)
                )
            }
            RefusalCode::Contested => format!(
                "CONTESTED: node {name} obeys epoch {promise}, {peer} speaks for epoch {epoch}: two reigns of one number; \
                 compare them with `floe registry compare`, then end it with `floe registry promote NAME`"
            ),
            RefusalCode::EpochJump => format!(
                "EPOCH_JUMP: node {name} obeys epoch {promise}, {peer} speaks for epoch {epoch}, further ahead than \
                 numbers grow; see where it got that number with `floe registry show`"
            ),
            _ => format!(
                "STALE_MASTER: node {name} obeys epoch {promise}, {peer} speaks for the lower epoch {epoch}; find the \
                 master with `floe status`, restart {peer} with role replica, or promote it with `floe registry promote \
                 {peer}`"
            ),
        }
    }
}
