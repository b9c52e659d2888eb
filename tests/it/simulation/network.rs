//! Links between peers: ordered while they stand, broken at any moment, blocked in one direction or both.

use super::chance::Chance;
use floe::pure::membership::PeerCard;
use floe::pure::protocol::Message;
use std::collections::{BTreeMap, VecDeque};

/// What arrives at one end of a link, in order.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Linked(Box<PeerCard>),
    Message(Box<Message>),
    Unlinked,
}

/// One direction of a link.
#[derive(Clone, Debug, Default)]
struct Lane {
    items: VecDeque<(u64, Item)>,
    /// The receiver has seen `Linked` and not yet `Unlinked`.
    open: bool,
}

/// All links. Peers are numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Network {
    lanes: BTreeMap<(usize, usize), Lane>,
    standing: BTreeMap<(usize, usize), bool>,
    blocked: BTreeMap<(usize, usize), u64>,
    /// Shortest and longest delay of a message, in microseconds.
    pub(super) delay: (u64, u64),
    /// How many of 10,000 messages get lost without breaking their link.
    pub(super) loss: u64,
}

/// When to look at a direction again.
pub(super) type Arrivals = Vec<(u64, (usize, usize))>;

impl Network {
    pub(super) fn new(delay: (u64, u64)) -> Self {
        Self {
            delay,
            ..Self::default()
        }
    }
    fn pair(a: usize, b: usize) -> (usize, usize) {
        (a.min(b), a.max(b))
    }
    pub(super) fn stands(&self, a: usize, b: usize) -> bool {
        self.standing.get(&Self::pair(a, b)).copied().unwrap_or(false)
    }
    /// Nothing of an earlier link is left on either side.
    pub(super) fn is_clean(&self, a: usize, b: usize) -> bool {
        let clean = |key| {
            self.lanes
                .get(&key)
                .is_none_or(|lane: &Lane| !lane.open && lane.items.is_empty())
        };
        !self.stands(a, b) && clean((a, b)) && clean((b, a))
    }
    /// Has this peer, as it knows, a link to the other?
    pub(super) fn linked(&self, peer: usize, other: usize) -> bool {
        self.lanes.get(&(other, peer)).is_some_and(|lane| lane.open)
    }
    pub(super) fn is_blocked(&self, from: usize, to: usize, now: u64) -> bool {
        self.blocked.get(&(from, to)).is_some_and(|until| *until > now)
    }
    pub(super) fn block(&mut self, from: usize, to: usize, until: u64) {
        self.blocked.insert((from, to), until);
    }
    /// No direction is blocked any more. Returns where something waits.
    pub(super) fn heal(&mut self, now: u64) -> Arrivals {
        self.blocked.clear();
        self.lanes.keys().map(|key| (now, *key)).collect()
    }
    /// Directions that have been blocked for some time.
    pub(super) fn blocked_links(&self, now: u64) -> Vec<(usize, usize)> {
        let blocked = self.blocked.iter().filter(|(_, until)| **until > now);
        blocked
            .map(|((a, b), _)| Self::pair(*a, *b))
            .filter(|(a, b)| self.stands(*a, *b))
            .collect()
    }

    fn push(&mut self, key: (usize, usize), item: Item, now: u64, chance: &mut Chance) -> (u64, (usize, usize)) {
        let at = now + chance.between(self.delay.0, self.delay.1);
        let lane = self.lanes.entry(key).or_default();
        let at = lane.items.back().map_or(at, |(last, _)| at.max(*last));
        lane.items.push_back((at, item));
        (at, key)
    }
    /// Both sides hear of a new link, each in its own time.
    pub(super) fn connect(
        &mut self,
        a: &(usize, PeerCard),
        b: &(usize, PeerCard),
        now: u64,
        chance: &mut Chance,
    ) -> Arrivals {
        self.standing.insert(Self::pair(a.0, b.0), true);
        vec![
            self.push((a.0, b.0), Item::Linked(Box::new(a.1.clone())), now, chance),
            self.push((b.0, a.0), Item::Linked(Box::new(b.1.clone())), now, chance),
        ]
    }
    /// Sends when the sender has a link; what is sent into a broken one is gone.
    pub(super) fn send(&mut self, from: usize, to: usize, message: Message, now: u64, chance: &mut Chance) -> Arrivals {
        if !self.linked(from, to) || !self.stands(from, to) || chance.hits(self.loss, 10_000) {
            return Vec::new();
        }
        vec![self.push((from, to), Item::Message(Box::new(message)), now, chance)]
    }
    /// Breaks a link: of what is under way in each direction some arrives, then both sides hear of the end.
    pub(super) fn sever(&mut self, a: usize, b: usize, now: u64, chance: &mut Chance) -> Arrivals {
        if !self.stands(a, b) {
            return Vec::new();
        }
        self.standing.insert(Self::pair(a, b), false);
        let mut arrivals = Vec::new();
        for key in [(a, b), (b, a)] {
            let blocked = self.is_blocked(key.0, key.1, now);
            let lane = self.lanes.entry(key).or_default();
            let kept = if blocked { 0 } else { chance.index(lane.items.len() + 1) };
            lane.items.truncate(kept);
            let opens = lane.open || lane.items.iter().any(|(_, item)| matches!(item, Item::Linked(_)));
            if opens {
                arrivals.push(self.push(key, Item::Unlinked, now, chance));
            } else {
                lane.items.clear();
            }
        }
        arrivals
    }
    /// A peer dies: its links break, and nothing arrives at it any more.
    pub(super) fn crash(&mut self, peer: usize, peers: usize, now: u64, chance: &mut Chance) -> Arrivals {
        let mut arrivals = Vec::new();
        for other in (0..peers).filter(|other| *other != peer) {
            arrivals.extend(self.sever(peer, other, now, chance));
            let lane = self.lanes.entry((other, peer)).or_default();
            lane.items.clear();
            lane.open = false;
        }
        arrivals
    }
    /// The next item in a direction if it is there by now; else when to look again.
    pub(super) fn receive(&mut self, key: (usize, usize), now: u64) -> Result<Item, Option<u64>> {
        let until = self.blocked.get(&key).copied().filter(|until| *until > now);
        let Some(lane) = self.lanes.get_mut(&key) else {
            return Err(None);
        };
        match lane.items.front() {
            None => Err(None),
            Some((at, item)) => {
                // The end of a link is noticed by a time-out, whatever is blocked.
                if let Some(until) = until.filter(|_| !matches!(item, Item::Unlinked)) {
                    return Err(Some(until));
                }
                if *at > now {
                    return Err(Some(*at));
                }
                let (_, item) = lane.items.pop_front().expect("there is a first item");
                match &item {
                    Item::Linked(_) => lane.open = true,
                    Item::Unlinked => lane.open = false,
                    Item::Message(_) => {}
                }
                Ok(item)
            }
        }
    }
    /// Is something there by now?
    pub(super) fn is_ready(&self, key: (usize, usize), now: u64) -> bool {
        self.lanes
            .get(&key)
            .and_then(|lane| lane.items.front())
            .is_some_and(|(at, _)| *at <= now)
    }
}
