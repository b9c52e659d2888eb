//! A trap at one step of a live promotion or of an initialisation: whoever is concerned dies right there, or the client that asked walks away.

use super::chance::Chance;
use super::core::Event;
use super::time::Todo;
use super::world::World;
use floe::pure::lineage::EntryKind;
use floe::pure::protocol::{Message, ReplyTo};
use floe::pure::registry::Batch;

/// A step of a live promotion, or of an initialisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    HandOver,
    HandedOver,
    Prepare,
    Promised,
    /// The entry that begins the reign is on disk, and nothing after it.
    Reign,
    /// The identity is on disk, and nothing after it.
    Identity,
    /// More of another registry's database is asked for.
    CopyWanted,
    Copy,
    /// The shell was told to keep the old database.
    SetAside,
    /// The new database is on disk, and nothing after it.
    Swap,
}

/// Who goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    /// Whoever does the step.
    Actor,
    /// Whoever a message is for, a little later: before or after it has come.
    Receiver,
    /// Whoever gave the order.
    Client,
}

/// The trap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trap {
    step: Step,
    victim: Victim,
    /// So many of these steps pass before.
    spare: u64,
}

impl Trap {
    pub(super) fn for_promotion(chance: &mut Chance) -> Self {
        use Step::{HandOver, HandedOver, Identity, Prepare, Promised, Reign};
        let steps = [HandOver, HandedOver, Prepare, Promised, Reign, Identity];
        Self::at(chance.pick(&steps), chance)
    }
    pub(super) fn for_initialisation(chance: &mut Chance) -> Self {
        use Step::{Copy, CopyWanted, Identity, SetAside, Swap};
        let steps = [CopyWanted, Copy, SetAside, Identity, Swap];
        Self::at(chance.pick(&steps), chance)
    }
    fn at(step: Step, chance: &mut Chance) -> Self {
        Self {
            step,
            victim: chance.pick(&[Victim::Actor, Victim::Actor, Victim::Receiver, Victim::Client]),
            spare: chance.pick(&[0, 0, 0, 1, 2]),
        }
    }
    pub(super) fn of_message(message: &Message) -> Option<Step> {
        match message {
            Message::HandOver { .. } => Some(Step::HandOver),
            Message::HandedOver { .. } => Some(Step::HandedOver),
            Message::Prepare { .. } => Some(Step::Prepare),
            Message::Promised { .. } => Some(Step::Promised),
            Message::CopyWanted { .. } => Some(Step::CopyWanted),
            Message::Copy(_) => Some(Step::Copy),
            _ => None,
        }
    }
    pub(super) fn of_batch(batch: &Batch) -> Option<Step> {
        let begins = batch.append.iter().any(|entry| entry.kind == EntryKind::Reign);
        match (batch.wipe, begins) {
            (true, _) => Some(Step::Swap),
            (false, true) => Some(Step::Reign),
            (false, false) => None,
        }
    }
}

impl World {
    /// A step was done. True: whoever did it dies now.
    pub(super) fn springs(&mut self, step: Option<Step>, receiver: Option<usize>) -> bool {
        let Some(trap) = self.trap.as_mut().filter(|trap| Some(trap.step) == step) else {
            return false;
        };
        if trap.spare > 0 {
            trap.spare -= 1;
            return false;
        }
        let victim = trap.victim;
        self.trap = None;
        self.trace.say(self.now, || format!("trap at {step:?}: {victim:?}"));
        match (victim, receiver) {
            (Victim::Client, _) => self.clients_leave(),
            (Victim::Receiver, Some(peer)) => {
                let wait = self.chance.below(2 * self.network.delay.1);
                let boot = self.peers[peer].boot;
                self.later(self.now + wait, Todo::Die { peer, boot });
            }
            (Victim::Actor | Victim::Receiver, _) => return true,
        }
        false
    }
    /// Nobody waits for the outcome of an order any more. What they would have heard is still checked.
    fn clients_leave(&mut self) {
        let open = self.tickets.iter();
        let open = open.filter(|(_, ticket)| ticket.order.is_some() && ticket.response.is_none());
        let open = open.map(|(to, ticket)| (*to, ticket.peer));
        // Not those whose peer has died.
        let open: Vec<(ReplyTo, usize)> = open.filter(|(_, peer)| *peer < self.peers.len()).collect();
        for (to, peer) in open {
            let boot = self.peers[peer].boot;
            let event = Box::new(Event::Cancelled { to });
            self.later(self.now, Todo::Tell { peer, boot, event });
        }
    }
}
