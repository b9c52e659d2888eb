//! Processes that stand still for a while (SIGSTOP, a machine that sleeps), and wall clocks that are stepped.

use super::core::Event;
use super::time::Todo;
use super::world::{Checked, World};
use floe::pure::base::WallTime;

/// Where every wall clock begins, in milliseconds since 1970.
const WALL: i64 = 1_700_000_000_000;
/// How far a wall clock is stepped at most, in milliseconds: ten years.
const STEP: u64 = 10 * 365 * 24 * 3_600_000;

impl World {
    /// The peer handles nothing for so long, then everything at once.
    pub(super) fn pause(&mut self, index: usize, millis: u64) {
        let peer = &mut self.peers[index];
        if peer.core.is_none() || peer.stalled.is_some() {
            return;
        }
        peer.stalled = Some(Vec::new());
        let boot = peer.boot;
        self.trace.say(self.now, || {
            format!("{} stands still for {millis} ms", self.peers[index].card.name)
        });
        self.later(self.now + millis * 1000, Todo::Resume { peer: index, boot });
    }
    /// It goes on.
    pub(super) fn resume(&mut self, index: usize) -> Checked {
        let Some(events) = self.peers[index].stalled.take() else {
            return Ok(());
        };
        self.trace
            .say(self.now, || format!("{} goes on", self.peers[index].card.name));
        if self.peers[index].group_due {
            self.flush(index)?;
        }
        let boot = self.peers[index].boot;
        for event in events {
            if self.peers[index].boot != boot || self.peers[index].core.is_none() {
                break;
            }
            self.event(index, event)?;
        }
        Ok(())
    }
    /// Keeps an event for later if the peer stands still now.
    pub(super) fn stalls(&mut self, index: usize, event: Event) -> Option<Event> {
        match &mut self.peers[index].stalled {
            Some(events) => {
                events.push(event);
                None
            }
            None => Some(event),
        }
    }
    /// What a peer's wall clock shows. It is stepped by dice of its own, so that with and without it everything else is the
    /// same.
    pub(super) fn wall(&mut self, index: usize) -> WallTime {
        let peer = &mut self.peers[index];
        if let Some(dice) = &mut self.wall_dice
            && dice.hits(1, 50)
        {
            let step = i64::try_from(dice.below(2 * STEP)).unwrap_or(0);
            peer.wall_offset = step - i64::try_from(STEP).unwrap_or(0);
        }
        let now = i64::try_from(self.now / 1000).expect("short runs");
        WallTime(WALL + now + peer.wall_offset)
    }
}
