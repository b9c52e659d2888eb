//! One member for each name, out of all the incarnations that gossip still knows.
//!
//! Gossip keeps every generation of a peer apart, the living and the dead. Among those of one name the incumbent's data
//! folder stays as long as it lives, then the highest generation counts; two folders that live at two addresses are a clash.

use super::diff::{self, Change};
use super::record::{Member, Record};
use crate::pure::base::{Address, PeerName};
use std::collections::{BTreeMap, BTreeSet};

/// One incarnation of a peer, as gossip knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What it says of itself; `card.generation` tells the incarnations of one data folder apart.
    pub record: Record,
    /// Does it live, as far as gossip can tell?
    pub alive: bool,
}

/// All members, and the names that are used twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// One member a name.
    pub members: BTreeMap<PeerName, Member>,
    /// Names with more than one live data folder, and the addresses of these; the incumbent's first.
    pub clashes: BTreeMap<PeerName, Vec<Address>>,
}

impl View {
    /// The view that follows upon this one when gossip knows `sightings`. Of two that say the same generation of the same
    /// folder, the later in the list counts.
    pub fn next(&self, sightings: Vec<Sighting>) -> Self {
        let mut by_name: BTreeMap<PeerName, Vec<Sighting>> = BTreeMap::new();
        for sighting in sightings {
            let name = sighting.record.card.name.clone();
            by_name.entry(name).or_default().push(sighting);
        }
        let mut next = Self::default();
        for (name, sightings) in by_name {
            let incumbent = self.members.get(&name).map(|member| member.record.card.instance);
            let rank = |sighting: &&Sighting| {
                let card = &sighting.record.card;
                (sighting.alive, Some(card.instance) == incumbent, card.generation)
            };
            let Some(chosen) = sightings.iter().max_by_key(rank) else {
                continue;
            };
            let rivals = rivals(chosen, &sightings);
            if !rivals.is_empty() {
                let own = std::iter::once(chosen.record.card.address.clone());
                next.clashes.insert(name.clone(), own.chain(rivals).collect());
            }
            let member = Member {
                record: chosen.record.clone(),
                alive: chosen.alive,
            };
            next.members.insert(name, member);
        }
        next
    }

    /// What changed from this view to `after`.
    pub fn changes(&self, after: &Self) -> Vec<Change> {
        let mut changes = diff::changes(&self.members, &after.members);
        changes.extend(diff::clashes(&self.clashes, &after.clashes));
        changes
    }
}

/// Where other live data folders use the chosen one's name. The same address is no clash: it serves one process at a time,
/// so the other folder is one that was replaced and that gossip has not given up yet.
fn rivals(chosen: &Sighting, sightings: &[Sighting]) -> BTreeSet<Address> {
    let card = &chosen.record.card;
    let alive = sightings.iter().filter(|sighting| chosen.alive && sighting.alive);
    alive
        .map(|sighting| &sighting.record.card)
        .filter(|other| other.instance != card.instance && other.address != card.address)
        .map(|other| other.address.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::base::InstanceId;
    use crate::pure::lineage::Epoch;
    use crate::pure::membership::{PeerCard, PeerKind};

    fn sighting(name: &str, instance: u128, generation: u64, port: u16, alive: bool) -> Sighting {
        let card = PeerCard {
            name: name.parse().unwrap(),
            kind: PeerKind::Node,
            instance: InstanceId::from_bits(instance),
            generation,
            address: Address::new("127.0.0.1", port).unwrap(),
            http: None,
        };
        let record = Record {
            card,
            role: None,
            standing: None,
            claim: None,
            version: None,
            obeys: Epoch::NONE,
            servers: None,
        };
        Sighting { record, alive }
    }

    /// (port, alive) of the member `a`, and the ports of its clash.
    fn judge(view: &View) -> (u16, bool, Vec<u16>) {
        let member = &view.members["a"];
        let clash = view.clashes.get("a").into_iter().flatten().map(Address::port).collect();
        (member.record.card.address.port(), member.alive, clash)
    }

    #[test]
    fn one_member_a_name() {
        let old = || sighting("a", 1, 1, 1, true);
        for (case, sightings, wanted) in [
            ("alone", vec![old()], (1, true, vec![])),
            (
                "a restart at another port",
                vec![old(), sighting("a", 1, 2, 2, true)],
                (2, true, vec![]),
            ),
            (
                "a restart that is not alive yet",
                vec![old(), sighting("a", 1, 2, 2, false)],
                (1, true, vec![]),
            ),
            (
                "the old one is dead",
                vec![sighting("a", 1, 1, 1, false), sighting("a", 1, 2, 2, true)],
                (2, true, vec![]),
            ),
            (
                "all dead",
                vec![sighting("a", 1, 1, 1, false), sighting("a", 1, 2, 2, false)],
                (2, false, vec![]),
            ),
            (
                "another folder at another address",
                vec![old(), sighting("a", 9, 5, 2, true)],
                (1, true, vec![1, 2]),
            ),
            (
                "another folder at the same address",
                vec![old(), sighting("a", 9, 5, 1, true)],
                (1, true, vec![]),
            ),
            (
                "a dead rival",
                vec![old(), sighting("a", 9, 5, 2, false)],
                (1, true, vec![]),
            ),
            (
                "the incumbent died",
                vec![sighting("a", 1, 1, 1, false), sighting("a", 9, 1, 2, true)],
                (2, true, vec![]),
            ),
        ] {
            let before = View::default().next(vec![old()]);
            assert_eq!(judge(&before.next(sightings.clone())), wanted, "{case}");
            let reversed = sightings.into_iter().rev().collect();
            assert_eq!(judge(&before.next(reversed)), wanted, "{case}, reversed");
        }
    }

    #[test]
    fn changes_name_what_came_changed_went_and_clashed() {
        let name = |text: &str| text.parse::<PeerName>().unwrap();
        let address = |port| Address::new("127.0.0.1", port).unwrap();
        let first = View::default().next(vec![sighting("a", 1, 1, 1, true), sighting("b", 2, 1, 2, true)]);
        let second = first.next(vec![sighting("a", 1, 1, 1, true), sighting("a", 9, 1, 3, true)]);
        let third = second.next(vec![sighting("a", 1, 1, 1, false)]);
        assert_eq!(first.changes(&first), []);
        assert_eq!(
            first.changes(&second),
            [
                Change::Gone(name("b")),
                Change::Clash {
                    name: name("a"),
                    addresses: vec![address(1), address(3)]
                }
            ]
        );
        assert_eq!(
            second.changes(&third),
            [
                Change::Seen(Box::new(third.members["a"].clone())),
                Change::Clash {
                    name: name("a"),
                    addresses: vec![]
                }
            ]
        );
        let seen = View::default().changes(&first);
        assert!(matches!(seen.as_slice(), [Change::Seen(a), Change::Seen(_)] if a.record.card.name == name("a")));
    }
}
