//! Gives events to the cores and carries out what they ask for, as the shells promise to: everything durable first, then
//! the rest, in order; often for several events at once. A peer may die at any point of that.

use super::core::{Core, Effect, Event};
use super::disk::Write;
use super::peer::Held;
use super::time::Todo;
use super::trace::{effect_words, event_words};
use super::trap::{Step, Trap};
use super::world::{Checked, World};
use floe::pure::base::{Address, Moment, PeerName, RequestId, Time};
use floe::pure::lineage::rules::Rule;
use floe::pure::lineage::{Digest, Epoch};
use floe::pure::membership::PeerKind;
use floe::pure::protocol::message::SlicePart;
use floe::pure::protocol::{Message, ReplyTo, Response};
use floe::pure::registry::Batch;

/// Where in the carrying out of a group a peer dies.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// After so many durable effects, before anything is sent.
    Writing(usize),
    /// After so many of the rest.
    Sending(usize),
}

impl World {
    /// Something happens to a peer.
    pub(super) fn event(&mut self, index: usize, event: Event) -> Checked {
        let moment = Moment {
            now: Time::from_micros(self.now),
            wall: self.wall(index),
            dice: self.chance.bits(),
        };
        if self.peers[index].core.is_none() {
            return Ok(());
        }
        let Some(event) = self.stalls(index, event) else {
            return Ok(());
        };
        self.trace.say(self.now, || {
            format!("{} <- {}", self.peers[index].card.name, event_words(&event))
        });
        let leash = self.leash(index, &event);
        let before = self.before_event(index, &event);
        let peer = &mut self.peers[index];
        let Some(core) = &mut peer.core else { return Ok(()) };
        let effects = core.handle(event, &moment);
        if let Some(core) = core.registry().filter(|_| self.setup.self_check) {
            core.check();
        }
        peer.note_reign();
        let (name, tracing) = (&self.peers[index].card.name, self.trace.on);
        for words in effects.iter().filter(|_| tracing).filter_map(effect_words) {
            self.trace.say(self.now, || format!("{name} -> {words}"));
        }
        leash.check(name, &effects)?;
        self.after_event(index, &before, &effects)?;
        self.check_order(index, &effects)?;
        for effect in effects {
            let acknowledges = self.acknowledgement(index, &effect)?;
            let at = self.next;
            let held = Held {
                effect,
                acknowledges,
                at,
            };
            self.peers[index].held.push(held);
        }
        if self.nodes().contains(&index) {
            // A node's shell carries out each event's effects at once.
            return self.flush(index);
        }
        if self.peers[index].group_due {
            return Ok(());
        }
        if self.chance.hits(self.groups, 100) {
            let (boot, wait) = (self.peers[index].boot, self.chance.below(3_000));
            self.peers[index].group_due = true;
            self.later(self.now + wait, Todo::Group { peer: index, boot });
            return Ok(());
        }
        self.flush(index)
    }

    /// A node's shell writes in the order of its list: what is durable comes first.
    fn check_order(&self, index: usize, effects: &[Effect]) -> Checked {
        let mut rest = effects.iter().skip_while(|effect| effect.is_durable());
        if self.nodes().contains(&index) && rest.any(Effect::is_durable) {
            let name = &self.peers[index].card.name;
            return Err(format!(
                "{name} wants something written after something was said or done"
            ));
        }
        Ok(())
    }
    /// What a client is about to be told is safe.
    fn acknowledgement(&self, index: usize, effect: &Effect) -> Result<Option<(Epoch, Digest)>, String> {
        let Effect::Reply {
            to,
            response: Response::Applied(_),
            ..
        } = effect
        else {
            return Ok(None);
        };
        let Some(ticket) = self.tickets.get(to) else {
            return Err(format!("reply {} was not asked for", to.0));
        };
        let core = self.peers[index].core.as_ref().and_then(Core::registry);
        let (Some(core), Some(request)) = (core, ticket.request) else {
            return Ok(None);
        };
        let name = &self.peers[index].card.name;
        let Some(epoch) = core.reign() else {
            return Err(format!("promise 5: {name} acknowledges without reigning"));
        };
        let Some(done) = core.database().find(request) else {
            return Err(format!("promise 1: {name} acknowledges what is not in its log"));
        };
        let trimmed = || self.oracle.history.at(self.peers[index].disk.end, done.serial);
        let digest = core.database().digest_at(done.serial).unwrap_or_else(trimmed);
        Ok(Some((epoch, digest)))
    }

    /// Carries out what is held back.
    pub(super) fn flush(&mut self, index: usize) -> Checked {
        self.peers[index].group_due = false;
        let held = std::mem::take(&mut self.peers[index].held);
        let death = self.chance.hits(self.deaths, 10_000).then(|| {
            let count = self.chance.index(held.len() + 1);
            if self.chance.hits(1, 2) {
                Death::Writing(count)
            } else {
                Death::Sending(count)
            }
        });
        self.carry_out(index, held, death)
    }
    fn carry_out(&mut self, index: usize, held: Vec<Held>, death: Option<Death>) -> Checked {
        let (durable, rest): (Vec<Held>, Vec<Held>) = held.into_iter().partition(|held| held.effect.is_durable());
        for (written, held) in durable.into_iter().enumerate() {
            if matches!(death, Some(Death::Writing(count)) if count == written) {
                break;
            }
            let step = match &held.effect {
                Effect::Commit(batch) => Trap::of_batch(batch),
                Effect::Identity(_) => Some(Step::Identity),
                _ => None,
            };
            self.write(index, held.effect)?;
            if self.springs(step, None) {
                self.crash(index);
                return Ok(());
            }
        }
        if let Some(Death::Writing(_)) = death {
            self.crash(index);
            return Ok(());
        }
        for (epoch, end) in std::mem::take(&mut self.peers[index].begun) {
            self.oracle.begins(epoch, end)?;
        }
        self.compare_memory(index)?;
        for (sent, held) in rest.into_iter().enumerate() {
            if matches!(death, Some(Death::Sending(count)) if count == sent) {
                break;
            }
            if self.release(index, held)? {
                self.crash(index);
                return Ok(());
            }
        }
        if death.is_some() {
            self.crash(index);
        }
        Ok(())
    }

    /// Does the shell of this peer leave this write for later?
    fn is_lazy(&self, index: usize, effect: &Effect) -> bool {
        let core = self.peers[index].core.as_ref();
        let leads = core.is_some_and(|core| core.reign().is_some());
        match (self.setup.shell_breaks, effect) {
            (Some(Rule::PromiseIsDurable), Effect::Identity(_)) => true,
            (Some(Rule::MasterSyncsFirst), Effect::Commit(_)) => leads,
            (Some(Rule::ReplicaSyncsFirst), Effect::Commit(_)) => !leads,
            _ => false,
        }
    }
    fn write(&mut self, index: usize, effect: Effect) -> Checked {
        let lazy = self.is_lazy(index, &effect);
        let write = match effect {
            Effect::Identity(identity) => Write::Identity(identity),
            Effect::Commit(batch) => Write::Batch(batch),
            Effect::Slice(slice) => Write::Slice(slice),
            Effect::Marks(marks) => Write::Marks(marks),
            _ => return Ok(()),
        };
        // Batches keep their order among each other.
        let mut waiting = self.peers[index].disk.unsynced.iter();
        let behind = matches!(write, Write::Batch(_)) && waiting.any(|write| matches!(write, Write::Batch(_)));
        if lazy || behind {
            if let Write::Batch(batch) = &write {
                let mut unsynced = self.peers[index].disk.unsynced.iter().rev();
                let last = unsynced.find_map(|write| match write {
                    Write::Batch(batch) => Some(batch.append.last()?.digest),
                    Write::Identity(_) | Write::Slice(_) | Write::Marks(_) => None,
                });
                let end = last.unwrap_or(self.peers[index].disk.end);
                self.oracle.written(end, batch)?;
            }
            self.peers[index].disk.unsynced.push_back(write);
            let (boot, delay) = (self.peers[index].boot, self.chance.between(1_000, 300_000));
            self.later(self.now + delay, Todo::Sync { peer: index, boot });
            return Ok(());
        }
        self.store(index, write)
    }
    pub(super) fn sync(&mut self, index: usize) -> Checked {
        while let Some(write) = self.peers[index].disk.unsynced.pop_front() {
            self.store(index, write)?;
        }
        Ok(())
    }
    fn store(&mut self, index: usize, write: Write) -> Checked {
        match write {
            Write::Identity(identity) => {
                let peer = &mut self.peers[index];
                let (before, after) = (peer.disk.identity.promise, identity.promise);
                if after.number < before.number {
                    let name = &peer.card.name;
                    return Err(format!(
                        "promise 6: {name} stored promise {before} and now stores {after}"
                    ));
                }
                // What a registry's group says may be older than what the group wrote; a node has no groups.
                if peer.card.kind == PeerKind::Node {
                    self.oracle.obeys(index, after)?;
                }
                self.note_mark(index, &identity);
                self.peers[index].disk.identity = *identity;
            }
            Write::Batch(batch) => self.commit(index, &batch)?,
            Write::Slice(slice) => {
                let peer = &mut self.peers[index];
                self.oracle.takes(index, &peer.card.name, &peer.disk.slice, &slice)?;
                peer.disk.slice = *slice;
            }
            Write::Marks(marks) => self.peers[index].disk.marks = marks,
        }
        Ok(())
    }
    fn commit(&mut self, index: usize, batch: &Batch) -> Checked {
        let disk = &mut self.peers[index].disk;
        let before = disk.end;
        let cut = self.oracle.before_commit(index, disk, batch)?;
        disk.commit(batch, cut)?;
        let after = disk.end;
        if batch.wipe {
            self.after_swap(index, before, after)
        } else {
            Ok(())
        }
    }
    /// What the core holds is what its disk holds, unless its shell breaks a rule.
    fn compare_memory(&self, index: usize) -> Checked {
        let peer = &self.peers[index];
        let name = &peer.card.name;
        let promise = peer.disk.identity.promise;
        match &peer.core {
            _ if self.setup.shell_breaks.is_some() => {}
            None => {}
            Some(Core::Registry(core)) => {
                if core.database().end().digest != peer.disk.end {
                    return Err(format!("{name} holds another log in memory than on disk"));
                }
                if core.promise() != promise && promise != Epoch::NONE {
                    return Err(format!("{name} holds another promise in memory than on disk"));
                }
            }
            Some(Core::Node(core)) => {
                if *core.slice() != peer.disk.slice {
                    return Err(format!("{name} holds another slice in memory than on disk"));
                }
                if core.obeys() != promise && self.setup.self_check {
                    return Err(format!("{name} holds another promise in memory than on disk"));
                }
            }
        }
        Ok(())
    }

    /// Does what is not durable. True: the peer dies of a trap.
    fn release(&mut self, index: usize, held: Held) -> Result<bool, String> {
        match held.effect {
            Effect::Send { to, message } => {
                self.oracle.says(index, &message)?;
                self.has_stored(index, &message)?;
                if let Message::Slice(part) = &message {
                    self.tells_node(index, part, held.at)?;
                }
                if let Some(other) = self.number(&to) {
                    self.says_handed_over(index, other, &message)?;
                    let step = Trap::of_message(&message);
                    let arrivals = self.network.send(index, other, message, self.now, &mut self.chance);
                    self.arrive(arrivals);
                    return Ok(self.springs(step, Some(other)));
                }
            }
            // How far an initialisation is.
            Effect::Reply { last: false, .. } => {}
            Effect::Reply { to, response, .. } => self.reply(index, to, response, held.acknowledges)?,
            Effect::Publish(record) => {
                self.peers[index].gossip = Some(*record);
                for to in (0..self.peers.len()).filter(|to| *to != index) {
                    let delay = self.chance.between(50_000, 1_000_000);
                    self.later(self.now + delay, Todo::Gossip { from: index, to });
                }
            }
            Effect::Dial(targets) => {
                let found = |address: &Address| self.peers.iter().position(|peer| peer.card.address == *address);
                let dials = targets
                    .into_iter()
                    .filter_map(|target| Some((found(&target.address)?, target.name)))
                    .collect();
                self.peers[index].dials = dials;
                self.dial_soon(index, 1);
            }
            Effect::SetAside(aside) => {
                self.peers[index].aside = Some(*aside);
                // Files beside the database: what matters is when they are there, and that the peer may die before.
                let (boot, delay) = (self.peers[index].boot, self.chance.between(1_000, 300_000));
                self.later(self.now + delay, Todo::Kept { peer: index, boot });
                return Ok(self.springs(Some(Step::SetAside), None));
            }
            Effect::Remember(remembered) => {
                // A hint: now and then it gets lost.
                if self.chance.hits(9, 10) {
                    self.peers[index].disk.remembered = remembered;
                }
            }
            Effect::Wake(at) => {
                let peer = &mut self.peers[index];
                peer.wake += 1;
                let (boot, wake) = (peer.boot, peer.wake);
                self.later(
                    at.as_micros(),
                    Todo::Wake {
                        peer: index,
                        boot,
                        wake,
                    },
                );
            }
            Effect::Process(act) => self.act(index, *act)?,
            Effect::Happened(_) | Effect::Identity(_) | Effect::Commit(_) | Effect::Slice(_) | Effect::Marks(_) => {}
        }
        Ok(false)
    }
    fn reply(
        &mut self,
        index: usize,
        to: ReplyTo,
        response: Response,
        acknowledges: Option<(Epoch, Digest)>,
    ) -> Checked {
        let Some(ticket) = self.tickets.get_mut(&to) else {
            return Err(format!("reply {} was not asked for", to.0));
        };
        if ticket.response.is_some() {
            return Err(format!("request {} was answered twice", to.0));
        }
        let copies = match &response {
            Response::Applied(report) => report.copies,
            _ => 0,
        };
        let order = ticket.order;
        ticket.response = Some(response.clone());
        if self.leasers.on && !self.oracle.is_split() {
            self.leasers.answered(self.now, to, &response)?;
        }
        if let Some(ordered) = order {
            self.says_promoted(index, ordered, &response)?;
        }
        let Some((epoch, entry)) = acknowledges else {
            return Ok(());
        };
        let on_disk = (0..self.peers.len()).filter(|peer| self.has_held(*peer, entry)).count();
        let on_disk = u64::try_from(on_disk).expect("few disks");
        self.oracle.acknowledges(epoch, entry, copies, on_disk)
    }
    /// A node says what it obeys only when that is on its disk. (A registry's promises are seen to be lost by a crash.)
    fn has_stored(&self, index: usize, message: &Message) -> Checked {
        let peer = &self.peers[index];
        let stored = peer.disk.identity.promise;
        let said = match message {
            Message::NodeStatus(report) => report.obeys,
            Message::Promised { epoch, .. } if peer.card.kind == PeerKind::Node => *epoch,
            _ => return Ok(()),
        };
        if said == stored || self.setup.shell_breaks.is_some() {
            return Ok(());
        }
        let name = &peer.card.name;
        Err(format!(
            "promise 6: {name} says that it obeys {said}, and its disk holds {stored}"
        ))
    }
    /// A master tells a node what to run: only what is safe, and after those who had asked for it were told so.
    fn tells_node(&mut self, index: usize, part: &SlicePart, at: u64) -> Checked {
        let asked = self.tickets.range(..=ReplyTo(at)).map(|(_, ticket)| ticket);
        let asked = asked.filter(|ticket| ticket.peer == index && ticket.heard <= at && ticket.response.is_none());
        let unanswered: Vec<RequestId> = asked.filter_map(|ticket| ticket.request).collect();
        let name = self.peers[index].card.name.clone();
        let lasting = self.oracle.lasting(part.version.digest);
        let on_disk = (0..self.peers.len()).filter(|peer| lasting.is_some_and(|last| self.has_held(*peer, last)));
        let on_disk = on_disk.count();
        self.oracle.tells_node(&name, part, &unanswered, on_disk)
    }
    pub(super) fn number(&self, name: &PeerName) -> Option<usize> {
        self.peers.iter().position(|peer| peer.card.name == *name)
    }
}
