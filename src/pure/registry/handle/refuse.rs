//! Refusals: said to a claimant, taken from a replica, each naming both sides, the serials and the next step.

use super::super::effect::Effect;
use super::super::seat::Trouble;
use super::super::state::Registry;
use crate::pure::base::{DatabaseId, Moment, PeerName};
use crate::pure::lineage::Epoch;
use crate::pure::lineage::claim::RefusalCode;
use crate::pure::lineage::compare::Relation;
use crate::pure::membership::Standing;
use crate::pure::protocol::Message;

impl Registry {
    /// Obeys the master's epoch, takes none of its data, and says so on both sides.
    pub(super) fn refuse_data(
        &mut self,
        master: &PeerName,
        claim: Epoch,
        code: RefusalCode,
        relation: Relation,
        out: &mut Vec<Effect>,
    ) {
        let reigned = self
            .database
            .lineage()
            .last()
            .is_some_and(|reign| reign.by == *self.name());
        let standing = match code {
            RefusalCode::ForeignStore => Standing::Detached,
            _ if reigned => Standing::Superseded,
            _ => Standing::Refusing,
        };
        let trouble = Trouble {
            standing,
            reason: self.refusal_text(master, claim, code, relation),
        };
        if self.trouble.as_ref() != Some(&trouble) {
            self.trouble = Some(trouble);
            // A master of another database was told when it told its claim.
            if code != RefusalCode::ForeignStore {
                self.refuse(master, claim, code, out);
            }
        }
    }

    /// Says no to a claimant.
    pub(super) fn refuse(&self, to: &PeerName, epoch: Epoch, code: RefusalCode, out: &mut Vec<Effect>) {
        let relation = self
            .peers
            .get(to)
            .and_then(|peer| peer.summary.as_ref())
            .map_or(Relation::Same, |theirs| self.relation(theirs));
        let text = self.refusal_text(to, epoch, code, relation);
        let promise = self.identity.promise;
        out.push(Effect::Send {
            to: to.clone(),
            message: Message::Refusal {
                epoch,
                code,
                promise,
                text,
            },
        });
    }

    /// Both sides, the serials, and the next step.
    pub(super) fn refusal_text(&self, other: &PeerName, epoch: Epoch, code: RefusalCode, relation: Relation) -> String {
        let me = self.name();
        let mine = self.database.end();
        let theirs = self
            .peers
            .get(other)
            .and_then(|peer| peer.summary.as_ref())
            .map(|summary| summary.end)
            .unwrap_or_default();
        let (fork, surplus) = match relation {
            Relation::Older(ours) | Relation::Diverged { ours, .. } => (ours.fork, ours.updates),
            _ => (0, 0),
        };
        let s = if surplus == 1 { "" } else { "s" };
        let choose = format!(
            "`floe registry compare {me} {other}` shows what each has. To go on with what {other} holds: `floe registry init {me} --from {other}`, which keeps what {me} holds in files. To go on with what {me} holds: restart {me} with role = \"master\", or {other} with --initdb-from-replica {me}"
        );
        match code {
            RefusalCode::StaleMaster => format!(
                "{code}: {other} claims epoch {}, {me} obeys epoch {}; {other} writes no more and can be started as replica",
                epoch.number, self.identity.promise.number
            ),
            RefusalCode::ReplicaAhead => format!(
                "{code}: {me} at {mine} holds {surplus} update{s} after entry {fork} that master {other} at {theirs} lacks; nothing was overwritten. {choose}"
            ),
            RefusalCode::Diverged => format!(
                "{code} at entry {fork}: {me} is at {mine}, master {other} at {theirs}, each holds updates that the other lacks; nothing was overwritten. {choose}"
            ),
            RefusalCode::Contested => format!(
                "{code}: epoch {} is claimed by {other}, {me} obeys another epoch of that number; restart the one that is to lead with --promote",
                epoch.number
            ),
            RefusalCode::ForeignStore => format!(
                "{code}: {other} holds database {}, {me} holds {}; wrong address or wrong data folder",
                self.peers
                    .get(other)
                    .and_then(|peer| peer.summary.as_ref()?.database)
                    .map_or_else(|| "none".to_owned(), DatabaseId::short),
                self.database.id().map_or_else(|| "none".to_owned(), DatabaseId::short)
            ),
            RefusalCode::Corrupt => format!(
                "{code}: {me} at {mine} and {other} at {theirs} have other bytes in the same place; stop both, check their disks, start the intact one with role = \"master\" and the other one with --initdb-from-replica and its name"
            ),
            RefusalCode::EpochJump => format!(
                "{code}: {other} claims epoch {}, {me} knows of {}; numbers do not grow that fast",
                epoch.number, self.identity.promise.number
            ),
        }
    }

    /// A peer refused our claim or feed.
    #[expect(clippy::too_many_arguments, reason = "the fields of one message")]
    pub(super) fn refused(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        code: RefusalCode,
        promise: Epoch,
        text: String,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let summary = self.peers.get(from).and_then(|peer| peer.summary.as_ref());
        let foreign = self.is_foreign(summary.and_then(|summary| summary.database));
        if self.reign() != Some(epoch) || (foreign && code != RefusalCode::ForeignStore) {
            return;
        }
        match code {
            RefusalCode::StaleMaster | RefusalCode::Contested => self.heard_promise(from, promise, moment, out),
            RefusalCode::Corrupt => self.step_down(Standing::Outdated, text.clone(), moment, out),
            RefusalCode::ReplicaAhead | RefusalCode::Diverged | RefusalCode::ForeignStore | RefusalCode::EpochJump => {}
        }
        if self.reigning().is_some_and(|reigning| reigning.expected.remove(from)) {
            self.acknowledge(moment, out);
        }
        if let Some(reigning) = self.reigning()
            && reigning.refusals.insert(from.clone(), (code, text.clone())).is_none()
        {
            self.happened(moment, code.as_str(), text, out);
        }
    }
}
