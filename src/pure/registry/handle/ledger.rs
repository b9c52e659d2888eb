//! Decisions about sessions: recorded, told to replicas, taken over by the next master.
//!
//! They stand beside the log. Each has a number within its reign; a replica has them in order, so of two registries the one
//! with the higher mark knows all that the other does. What is said to a client was on as many disks as an update would be,
//! so among the registries that promise a new reign one knows it: the new master takes everything over from the one that
//! knows most. Where not enough of them were heard to be sure, it grants nothing for a while (`Stage::Guarded`).

use super::super::database::Database;
use super::super::desk::{Desk, Stage, Unsaid};
use super::super::effect::{Batch, Effect, ReplyTo};
use super::super::peer::Peer;
use super::super::seat::Seat;
use super::super::state::Registry;
use super::acknowledge::answer_in_doubt;
use crate::pure::allocation::session::TTL_DEFAULT;
use crate::pure::allocation::{Allocations, Change, Held, Mark, News, NewsKind, Session};
use crate::pure::base::limits::PART_BYTES_MAX;
use crate::pure::base::{Moment, PeerName};
use crate::pure::lineage::Epoch;
use crate::pure::lineage::promote::Proof;
use crate::pure::protocol::message::AllocationPart;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Message, Response};
use crate::pure::wire::encoded_len;
use std::time::Duration;

/// How long a new master waits for what another registry knows.
const TAKING: Duration = Duration::from_secs(3);
/// How much longer than a session a guard lasts: a master that hears nobody leads on for 4 s (`sight`), and looks once a second.
const LEADS_ON: Duration = Duration::from_secs(5);
/// Most changes that everything may add up to: bounds what a registry assembles in memory.
const CHANGES_MAX: usize = 500_000;

/// Everything about sessions, as it comes in.
#[derive(Clone, Debug)]
pub(in crate::pure::registry) struct Incoming {
    from: PeerName,
    epoch: Epoch,
    changes: Vec<Change>,
}

impl Registry {
    /// The desk of a reign that begins: whoever promised and knows more is asked first.
    pub(super) fn desk_for(&mut self, epoch: Epoch, proof: &Proof, moment: &Moment, out: &mut Vec<Effect>) -> Desk {
        let own = self.database.allocations().mark();
        let marks = match &self.seat {
            Seat::Preparing(preparation) => Some(&preparation.marks),
            _ => None,
        };
        let marks = marks.into_iter().flatten();
        // A mark of a reign to come is a lie.
        let more = marks.filter(|(_, mark)| **mark > own && mark.epoch < epoch.number);
        let most = more.max_by_key(|(_, mark)| **mark);
        if let Some(from) = most.map(|(name, _)| name.clone()) {
            let until = moment.now.after(TAKING);
            out.push(Effect::Send {
                to: from.clone(),
                message: Message::AllocationsWanted { epoch },
            });
            return Desk::new(Stage::Taking { from, until });
        }
        Desk::new(self.stage_after(proof, moment))
    }

    /// What a master may do that knows all it will know.
    fn stage_after(&self, proof: &Proof, moment: &Moment) -> Stage {
        // Where the last reign was its own, and nothing is known of a later one, nobody else has decided anything.
        let mark = self.database.allocations().mark();
        let last = self.database.lineage().0.iter().rev();
        let mut last = last.filter(|reign| Some(reign.epoch) != self.reign());
        let own = last
            .next()
            .is_none_or(|reign| reign.by == *self.name() && mark.epoch <= reign.epoch.number);
        if proof.proven || own {
            return Stage::Open;
        }
        self.guarded(moment)
    }

    /// As long as a session can live on that the former master renewed last, who may have led on until it noticed.
    fn guarded(&self, moment: &Moment) -> Stage {
        let sessions = self.database.allocations().sessions().values();
        let ttl = sessions.map(Session::ttl).max();
        let until = moment.now.after(ttl.unwrap_or_default().max(TTL_DEFAULT) + LEADS_ON);
        Stage::Guarded { until }
    }

    /// Begins to decide: from here on the numbers are this reign's.
    fn open_desk(&mut self, stage: Stage, moment: &Moment, out: &mut Vec<Effect>) {
        let Some(epoch) = self.reign() else { return };
        let mark = Mark {
            epoch: epoch.number,
            number: 0,
        };
        out.push(Effect::Commit(self.decided(&[], mark)));
        self.config.allocator.forget();
        let sessions = self.database.allocations().sessions().values();
        let ends = sessions.map(|session| (session.id, moment.now.after(session.ttl())));
        let ends = ends.collect();
        let waiting: Vec<u64> = self.database.allocations().waiting().keys().copied().collect();
        if matches!(stage, Stage::Guarded { .. }) {
            let reason = "the former master may have granted what no registry that was heard knows of: nothing is granted until whoever holds it is gone";
            self.happened(moment, "allocation guarded", reason, out);
        }
        let Some(reigning) = self.reigning() else { return };
        reigning.desk.stage = stage;
        reigning.desk.ends = ends;
        reigning.desk.freed.all = true;
        for place in waiting {
            reigning.desk.wait(place, |wait| wait.since = Some(moment.now));
        }
        let followers: Vec<PeerName> = reigning.followers.keys().cloned().collect();
        for follower in followers {
            self.tell_allocations(&follower, out);
        }
    }

    fn decided(&mut self, changes: &[Change], mark: Mark) -> Batch {
        let batch = self.database.allocate(changes, mark);
        batch.expect("what is decided here keeps the invariants")
    }

    /// Records a decision and tells the replicas. Its number.
    pub(super) fn record(&mut self, changes: Vec<Change>, moment: &Moment, out: &mut Vec<Effect>) -> u64 {
        let Some(epoch) = self.reign() else { return 0 };
        let after = self.database.allocations().mark();
        let mark = Mark {
            number: after.number + 1,
            ..after
        };
        let lent = self.lent_by(&changes);
        self.tell_allocator(&changes, moment);
        out.push(Effect::Commit(self.decided(&changes, mark)));
        self.owe_tenures(lent);
        let part = AllocationPart {
            epoch,
            after: Some(after),
            counters: self.database.allocations().counters(),
            first: false,
            last: true,
            changes,
        };
        let Some(reigning) = self.reigning() else {
            return mark.number;
        };
        out.extend(reigning.followers.keys().map(|name| Effect::Send {
            to: name.clone(),
            message: Message::Allocations(Box::new(part.clone())),
        }));
        mark.number
    }

    /// An allocator that learns is told what is about to be so: what ends is still known then.
    fn tell_allocator(&self, changes: &[Change], moment: &Moment) {
        let (allocator, allocations) = (&self.config.allocator, self.database.allocations());
        let Seat::Leading(reigning) = &self.seat else { return };
        if !allocator.learns() {
            return;
        }
        let stall = self.stall(&reigning.desk.shelf, moment.now);
        for change in changes {
            let (kind, about) = match change {
                Change::Opened(_) | Change::Closed(_) => continue,
                Change::Granted(lease) => (NewsKind::Granted, Held::of(lease, allocations, &stall)),
                Change::Released(resource) => {
                    let Some(lease) = allocations.lease(resource) else {
                        continue;
                    };
                    (NewsKind::Released, Held::of(lease, allocations, &stall))
                }
                Change::Queued(waiting) => (NewsKind::Queued, Held::waiting(waiting, allocations)),
                Change::Left(place) => {
                    let Some(waiting) = allocations.waiting().get(place) else {
                        continue;
                    };
                    (NewsKind::Left, Held::waiting(waiting, allocations))
                }
            };
            let at = moment.now;
            allocator.observe(News { kind, at, about });
        }
    }

    /// Says this when the decision of that number is on enough disks.
    pub(super) fn say(
        &mut self,
        number: u64,
        replies: Vec<(ReplyTo, Response)>,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let until = moment.now.after(self.config.copy_deadline);
        let Some(reigning) = self.reigning() else { return };
        if !replies.is_empty() {
            reigning.desk.unsaid.push_back(Unsaid { number, until, replies });
            self.say_held(moment, out);
        }
    }

    /// Says to all of these that it came to nothing, when the decision of that number is on enough disks.
    pub(super) fn say_failure(
        &mut self,
        number: u64,
        clients: Vec<ReplyTo>,
        failure: &Failure,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let replies = clients.into_iter().map(|to| (to, Response::Failed(failure.clone())));
        self.say(number, replies.collect(), moment, out);
    }

    /// Says, in order, what is on enough disks, or whose time is up.
    pub(super) fn say_held(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        loop {
            let Seat::Leading(reigning) = &self.seat else { return };
            let Some(front) = reigning.desk.unsaid.front() else {
                return;
            };
            let (number, late) = (front.number, moment.now >= front.until);
            let lacking = reigning
                .followers
                .values()
                .any(|follower| !follower.late && !follower.slow && follower.holds.is_none_or(|holds| holds < number));
            let waits = !late && (lacking || !reigning.expected.is_empty());
            let copies = self.copies(|follower| follower.holds.is_some_and(|holds| holds >= number));
            let enough = self.is_enough(copies, true);
            if waits || (!enough && !late) {
                return;
            }
            let Some(reigning) = self.reigning() else { return };
            if late {
                let slow = reigning.followers.values_mut();
                let slow = slow.filter(|follower| follower.holds.is_none_or(|holds| holds < number));
                slow.for_each(|follower| follower.slow = true);
                reigning.expected.clear();
            }
            let Some(front) = reigning.desk.unsaid.pop_front() else {
                return;
            };
            out.extend(front.replies.into_iter().map(|(to, response)| Effect::Reply {
                to,
                response: if enough {
                    response
                } else {
                    Response::Failed(in_doubt("the deadline for copies passed"))
                },
                last: true,
            }));
        }
    }

    /// Whoever missed a deadline is told everything anew.
    pub(super) fn tell_slow(&mut self, out: &mut Vec<Effect>) {
        let Some(reigning) = self.reigning() else { return };
        let slow = reigning.followers.iter().filter(|(_, follower)| follower.slow);
        let slow: Vec<PeerName> = slow.map(|(name, _)| name.clone()).collect();
        for name in slow {
            self.tell_allocations(&name, out);
        }
    }

    /// The reign ends: whoever waits asks the next master.
    pub(super) fn abandon_desk(&mut self, reason: &str, out: &mut Vec<Effect>) {
        let Some(reigning) = self.reigning() else { return };
        answer_in_doubt(reigning.desk.clients().collect(), in_doubt(reason), out);
        reigning.desk = Desk::new(Stage::Open);
    }

    /// Tells a registry everything.
    pub(super) fn tell_allocations(&mut self, to: &PeerName, out: &mut Vec<Effect>) {
        let Seat::Leading(reigning) = &self.seat else { return };
        // Before its desk is open it may know less than whom it tells.
        if self.database.allocations().mark().epoch == reigning.epoch.number {
            out.extend(self.whole(to, reigning.epoch));
        }
    }

    fn whole(&self, to: &PeerName, epoch: Epoch) -> Vec<Effect> {
        let allocations = self.database.allocations();
        let empty = AllocationPart {
            epoch,
            after: None,
            counters: allocations.counters(),
            first: false,
            last: false,
            changes: Vec::new(),
        };
        let (mut parts, mut room) = (vec![empty.clone()], PART_BYTES_MAX);
        for change in allocations.whole() {
            let size = encoded_len(&change);
            if size > room {
                parts.push(empty.clone());
                room = PART_BYTES_MAX;
            }
            room = room.saturating_sub(size);
            if let Some(part) = parts.last_mut() {
                part.changes.push(change);
            }
        }
        if let Some(first) = parts.first_mut() {
            first.first = true;
        }
        if let Some(last) = parts.last_mut() {
            last.last = true;
        }
        let parts = parts.into_iter().map(|part| Effect::Send {
            to: to.clone(),
            message: Message::Allocations(Box::new(part)),
        });
        parts.collect()
    }

    /// A replica missed something, or a new master knows less.
    pub(super) fn allocations_wanted(&mut self, from: &PeerName, epoch: Epoch, out: &mut Vec<Effect>) {
        if !self.peers.get(from).is_some_and(Peer::is_registry) {
            return;
        }
        if self.reign() == Some(epoch) {
            self.tell_allocations(from, out);
        } else if self.identity.promise == epoch {
            // It was promised this reign, so it may know.
            out.extend(self.whole(from, epoch));
        }
    }

    /// A replica has decisions on its disk.
    pub(super) fn follower_holds(
        &mut self,
        from: &PeerName,
        epoch: Epoch,
        mark: Mark,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        if self.reign() != Some(epoch) || mark.epoch != epoch.number {
            return;
        }
        let known = self.database.allocations().mark().number;
        let Some(follower) = self.reigning().and_then(|reigning| reigning.followers.get_mut(from)) else {
            return;
        };
        if mark.number <= known {
            follower.holds = follower.holds.max(Some(mark.number));
            follower.slow &= mark.number < known;
        }
        self.say_held(moment, out);
    }

    /// Decisions came, or a part of everything.
    pub(super) fn heard_allocations(
        &mut self,
        from: &PeerName,
        part: AllocationPart,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let follows = self.follows(from, part.epoch);
        let takes = match &self.seat {
            Seat::Leading(reigning) => {
                let asked = matches!(&reigning.desk.stage, Stage::Taking { from: asked, .. } if asked == from);
                asked && reigning.epoch == part.epoch
            }
            _ => false,
        };
        match part.after {
            Some(after) if follows => self.follow_decision(from, after, part, out),
            None if follows || takes => {
                if let Some(whole) = self.assemble(from, part) {
                    self.take_over(from, whole, takes, moment, out);
                }
            }
            Some(_) | None => {}
        }
    }

    fn follow_decision(&mut self, from: &PeerName, after: Mark, part: AllocationPart, out: &mut Vec<Effect>) {
        let mine = self.database.allocations().mark();
        let fits = mine == after && part.counters.mark.epoch == part.epoch.number;
        if fits && let Ok(batch) = self.database.allocate(&part.changes, part.counters.mark) {
            out.push(Effect::Commit(batch));
            return self.hold(from, part.epoch, out);
        }
        out.push(Effect::Send {
            to: from.clone(),
            message: Message::AllocationsWanted { epoch: part.epoch },
        });
    }

    fn hold(&self, master: &PeerName, epoch: Epoch, out: &mut Vec<Effect>) {
        let mark = self.database.allocations().mark();
        out.push(Effect::Send {
            to: master.clone(),
            message: Message::AllocationsHeld { epoch, mark },
        });
    }

    fn assemble(&mut self, from: &PeerName, part: AllocationPart) -> Option<Result<Allocations, String>> {
        if part.first {
            self.incoming_allocations = Some(Incoming {
                from: from.clone(),
                epoch: part.epoch,
                changes: Vec::new(),
            });
        }
        let incoming = self.incoming_allocations.as_mut();
        let incoming = incoming.filter(|incoming| incoming.from == *from && incoming.epoch == part.epoch)?;
        if incoming.changes.len() + part.changes.len() > CHANGES_MAX {
            self.incoming_allocations = None;
            return Some(Err(format!("more than {CHANGES_MAX} sessions, leases and requests")));
        }
        incoming.changes.extend(part.changes);
        if !part.last {
            return None;
        }
        let incoming = self.incoming_allocations.take()?;
        Some(Allocations::of_whole(&incoming.changes, part.counters))
    }

    fn take_over(
        &mut self,
        from: &PeerName,
        whole: Result<Allocations, String>,
        reigns: bool,
        moment: &Moment,
        out: &mut Vec<Effect>,
    ) {
        let allocations = match whole {
            Ok(allocations) => allocations,
            Err(reason) => {
                let reason = format!("what {from} tells of sessions is refused: {reason}");
                return self.happened(moment, "allocations refused", reason, out);
            }
        };
        if !reigns {
            out.push(Effect::Commit(self.database.replace_allocations(allocations)));
            if let Seat::Following(following) = &self.seat {
                let epoch = following.epoch;
                self.hold(from, epoch, out);
            }
            return;
        }
        // Only what is more than is known here: a liar gains nothing.
        if allocations.mark() > self.database.allocations().mark() {
            let (sessions, leases) = (allocations.sessions().len(), allocations.leases().len());
            out.push(Effect::Commit(self.database.replace_allocations(allocations)));
            let reason = format!("{sessions} sessions and {leases} leases, as {from} knows them");
            self.happened(moment, "sessions taken over", reason, out);
        }
        let Some(proof) = self.reigning().map(|reigning| reigning.proof.clone()) else {
            return;
        };
        let stage = self.stage_after(&proof, moment);
        self.settle_stage(stage);
    }

    /// All is known that will be: the desk opens when the reign is on enough disks.
    fn settle_stage(&mut self, stage: Stage) {
        if let Some(reigning) = self.reigning() {
            reigning.desk.stage = stage;
        }
    }

    /// Moves a new master on: what does not come is not waited for, and a guard ends.
    pub(super) fn desk_progress(&mut self, moment: &Moment, out: &mut Vec<Effect>) {
        let mark = self.database.allocations().mark();
        let Seat::Leading(reigning) = &self.seat else { return };
        let begun = mark.epoch == reigning.epoch.number;
        match &reigning.desk.stage {
            Stage::Taking { from, until } => {
                let linked = self.peers.get(from).is_some_and(|peer| peer.linked);
                if linked && moment.now < *until {
                    return;
                }
                let reason = format!("{from}, which knew more about sessions, did not tell it in time");
                self.happened(moment, "sessions not taken over", reason, out);
                let stage = self.guarded(moment);
                self.settle_stage(stage);
                self.desk_progress(moment, out);
            }
            // Not before the reign is on enough disks: else its numbers would stand above those of a reign that decided more,
            // and that whoever comes next would have to know.
            stage if !begun => {
                if reigning.acknowledged.is_some() {
                    let stage = stage.clone();
                    self.open_desk(stage, moment, out);
                }
            }
            Stage::Guarded { until } if moment.now >= *until => {
                if let Some(reigning) = self.reigning() {
                    reigning.desk.stage = Stage::Open;
                    reigning.desk.freed.all = true;
                }
                self.happened(moment, "allocation open", "whoever held anything unseen is gone", out);
            }
            Stage::Guarded { .. } | Stage::Open => {}
        }
    }

    /// May this registry decide about sessions now?
    pub(super) fn may_decide(&self) -> Result<(), Failure> {
        self.may_write()?;
        self.has_copyists()?;
        let Seat::Leading(reigning) = &self.seat else {
            return Err(self.not_master());
        };
        if self.database.allocations().mark().epoch != reigning.epoch.number {
            let message = format!("registry {} is taking the sessions over", self.name());
            return Err(Failure::new(ErrorCode::Overloaded, message, "come again in a moment"));
        }
        Ok(())
    }

    /// Another database takes the place of ours. What is known of sessions stays, where it is the same grid's.
    pub(super) fn replace_database(&mut self, database: Database, batch: Batch, keep: bool, out: &mut Vec<Effect>) {
        let allocations = keep.then(|| self.database.allocations().clone());
        self.database = database;
        out.push(Effect::Commit(batch));
        if let Some(allocations) = allocations.filter(|known| *known != Allocations::default()) {
            out.push(Effect::Commit(self.database.replace_allocations(allocations)));
        }
    }
}

fn in_doubt(reason: &str) -> Failure {
    Failure::new(
        ErrorCode::InDoubt,
        format!("what was decided about the session is not known to be on enough disks: {reason}"),
        "repeat the same request: it is carried out once",
    )
}

#[cfg(test)]
#[path = "ledger_test.rs"]
mod tests;
