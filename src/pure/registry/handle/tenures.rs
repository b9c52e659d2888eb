//! Tells nodes which session has which of their servers with `session` activation: after each slice that lists one, and
//! after each decision about one, when that is on enough disks. A node never hears of what a promotion could undo.

use super::super::effect::Effect;
use super::super::seat::Seat;
use super::super::state::Registry;
use crate::pure::allocation::{Change, TenureWord, Token};
use crate::pure::base::{PeerName, ServerId};
use crate::pure::protocol::Message;
use std::collections::BTreeMap;

/// Most words of one message: with the longest names they fit a frame.
const WORDS_MAX: usize = 1000;

impl Registry {
    /// The servers with `session` activation that these decisions are about. To be asked before they are taken in.
    pub(super) fn lent_by(&self, changes: &[Change]) -> Vec<ServerId> {
        let servers = changes.iter().filter_map(|change| match change {
            Change::Granted(lease) => Some(&lease.server),
            Change::Released(resource) => Some(&self.database.allocations().lease(resource)?.server),
            Change::Opened(_) | Change::Closed(_) | Change::Queued(_) | Change::Left(_) => None,
        });
        servers.filter(|id| self.is_lent(id)).cloned().collect()
    }

    fn is_lent(&self, id: &ServerId) -> bool {
        let placed = self.database.deployment().servers.get(id);
        placed.is_some_and(|placed| placed.spec.is_lent())
    }

    /// The nodes of these servers are to hear who has them, when what is decided now is on enough disks.
    pub(super) fn owe_tenures(&mut self, servers: impl IntoIterator<Item = ServerId>) {
        let mark = self.database.allocations().mark();
        let Some(reigning) = self.reigning() else { return };
        // Before the desk is open, the numbers are a former reign's.
        let begun = mark.epoch == reigning.epoch.number;
        let number = if begun { mark.number } else { 0 };
        let owed = servers.into_iter().map(|server| (server, number));
        reigning.desk.tenures.extend(owed);
    }

    /// A node runs its slice already: it may have missed who has its servers.
    pub(super) fn owe_tenures_of(&mut self, node: &PeerName) {
        let Some(reigning) = self.reigning() else { return };
        let Some((_, deployment)) = reigning.acknowledged.clone() else {
            return;
        };
        let (servers, _) = deployment.slice(node);
        let lent = servers.into_iter().filter(|spec| spec.is_lent());
        self.owe_tenures(lent.map(|spec| spec.id.clone()));
    }

    /// Tells what is on enough disks. Only while this registry may decide.
    pub(super) fn tell_tenures(&mut self, out: &mut Vec<Effect>) {
        let Seat::Leading(reigning) = &self.seat else { return };
        if reigning.desk.tenures.is_empty() {
            return;
        }
        let held = |number: u64| {
            let copies = self.copies(|follower| follower.holds.is_some_and(|holds| holds >= number));
            self.is_enough(copies, true)
        };
        let mut known = BTreeMap::new();
        let due = reigning.desk.tenures.iter();
        let due = due.filter(|(_, number)| *known.entry(**number).or_insert_with(|| held(**number)));
        let due: Vec<ServerId> = due.map(|(id, _)| id.clone()).collect();
        let tenures = self.database.allocations().tenures();
        let as_of = Token {
            epoch: reigning.epoch.number,
            ..tenures.as_of
        };
        let mut words: BTreeMap<PeerName, Vec<TenureWord>> = BTreeMap::new();
        for server in due.iter().cloned() {
            let placed = self.database.deployment().servers.get(&server);
            // A node that is not linked, or was told no slice yet, hears all when it is.
            let told = placed.filter(|placed| reigning.told_nodes.contains_key(&placed.node));
            if let Some(placed) = told.filter(|_| self.is_lent(&server)) {
                let held = tenures.held.get(&server).copied();
                let word = TenureWord { server, as_of, held };
                words.entry(placed.node.clone()).or_default().push(word);
            }
        }
        let (epoch, database) = (reigning.epoch, self.database.id());
        for (node, words) in words {
            out.extend(words.chunks(WORDS_MAX).map(|words| Effect::Send {
                to: node.clone(),
                message: Message::Tenures {
                    epoch,
                    database,
                    words: words.to_vec(),
                },
            }));
        }
        if let Some(reigning) = self.reigning() {
            reigning.desk.tenures.retain(|id, _| !due.contains(id));
        }
    }
}
