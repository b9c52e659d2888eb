//! The rules of one link per pair: which of two connections to the same peer stays, and to whom a dial would lead.
//! Values in, a choice out.

use super::greeting::clash;
use super::stream::Outbox;
use crate::pure::base::{Address, PeerName};
use crate::pure::membership::PeerCard;
use std::cmp::Ordering;

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialler {
    /// We did.
    Us,
    /// The other side did.
    Them,
}

/// A connection that wants to become the link to a peer.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Whom it leads to.
    pub(super) card: PeerCard,
    /// Who opened it.
    pub(super) dialler: Dialler,
    /// Where the other side speaks from.
    pub(super) remote: String,
    /// Its write queue.
    pub(super) outbox: Outbox,
}

/// Whom a dial would reach.
#[derive(Clone, Debug)]
pub(super) struct Prospect {
    /// Where.
    pub(super) address: Address,
    /// Who is expected there.
    pub(super) expected: Vec<PeerName>,
    /// Who answered there last.
    pub(super) met: Option<PeerCard>,
}

impl Prospect {
    /// Would it lead to this peer, as far as is known? Who was met may have moved since, and somebody else who is expected
    /// may have come in its place: then only the very start that was met counts.
    pub(super) fn leads_to(&self, card: &PeerCard) -> bool {
        let met = (self.met.as_ref()).is_some_and(|met| {
            met.name == card.name && (self.expected.is_empty() || met.generation == card.generation)
        });
        met || card.address == self.address || self.expected.contains(&card.name)
    }
}

/// Which of two connections to one peer stays.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The new one.
    Newcomer,
    /// The one that stands; why.
    Existing(String),
    /// They are not the same peer: the newcomer stays out.
    Neither(String),
    /// The other side knows.
    Theirs,
}

/// Both sides come to the same choice, each from what it knows: the dialler of each connection, and the peer's starts.
pub(super) fn choose(own_name: &PeerName, existing: &Candidate, newcomer: &Candidate) -> Choice {
    let name = &newcomer.card.name;
    if existing.card.instance != newcomer.card.instance {
        return Choice::Neither(clash(
            &existing.card,
            &existing.remote,
            &newcomer.card,
            &newcomer.remote,
        ));
    }
    match newcomer.card.generation.cmp(&existing.card.generation) {
        Ordering::Greater => return Choice::Newcomer,
        Ordering::Less => {
            return Choice::Neither(format!(
                "{name} was started again since: a link to its start {} stands, this is start {}",
                existing.card.generation, newcomer.card.generation
            ));
        }
        Ordering::Equal => {}
    }
    match (existing.dialler, newcomer.dialler) {
        // They opened both, so they have given the older one up.
        (Dialler::Them, Dialler::Them) => Choice::Newcomer,
        (Dialler::Us, Dialler::Us) => Choice::Theirs,
        (_, dialler) => {
            let smaller = if own_name < name { Dialler::Us } else { Dialler::Them };
            if dialler == smaller {
                Choice::Newcomer
            } else {
                Choice::Existing(format!(
                    "the link between {own_name} and {name} that the smaller name dialled stays"
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream::{QueueBounds, outbox};
    use super::*;
    use crate::io::net::testing::{card, free_address};
    use Dialler::{Them, Us};
    use std::time::Duration;

    async fn some_outbox() -> Outbox {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let bounds = QueueBounds {
            frames_max: 1,
            bytes_max: 1,
            write_timeout: Duration::ZERO,
        };
        outbox(stream.into_split().1, bounds).0
    }

    fn candidate(card: &PeerCard, dialler: Dialler, outbox: &Outbox) -> Candidate {
        Candidate {
            card: card.clone(),
            dialler,
            remote: "127.0.0.1:50000".to_owned(),
            outbox: outbox.clone(),
        }
    }

    #[tokio::test]
    async fn both_sides_keep_the_same_connection() {
        let outbox = some_outbox().await;
        let (small, large) = (card("a", "127.0.0.1:1"), card("b", "127.0.0.1:2"));
        // Which of two connections each side keeps, told by who dialled it; the first was there before the second.
        let kept = |own: &PeerCard, other: &PeerCard, existing, newcomer| {
            let (first, second) = (candidate(other, existing, &outbox), candidate(other, newcomer, &outbox));
            match choose(&own.name, &first, &second) {
                Choice::Newcomer => newcomer,
                Choice::Existing(_) => existing,
                other => panic!("not decided: {other:?}"),
            }
        };
        for (existing, newcomer) in [(Us, Them), (Them, Us)] {
            assert_eq!(
                kept(&small, &large, existing, newcomer),
                Us,
                "the smaller name dialled it"
            );
            assert_eq!(
                kept(&large, &small, existing, newcomer),
                Them,
                "the smaller name dialled it"
            );
        }
        let (first, second) = (candidate(&large, Us, &outbox), candidate(&large, Them, &outbox));
        assert_eq!(choose(&small.name, &first, &first), Choice::Theirs);
        assert_eq!(choose(&small.name, &second, &second), Choice::Newcomer);
    }

    #[tokio::test]
    async fn another_start_or_data_folder_is_not_the_same_peer() {
        let outbox = some_outbox().await;
        let old = card("b", "127.0.0.1:2");
        let new = card("b", "127.0.0.1:2");
        let mut other = new.clone();
        other.instance = crate::pure::base::InstanceId::from_bits(7);
        let own = card("a", "127.0.0.1:1").name;
        for dialler in [Us, Them] {
            let [old, new, other] = [&old, &new, &other].map(|card| candidate(card, dialler, &outbox));
            assert_eq!(choose(&own, &old, &new), Choice::Newcomer);
            assert!(matches!(choose(&own, &new, &old), Choice::Neither(reason) if reason.contains("started again")));
            assert!(matches!(choose(&own, &new, &other), Choice::Neither(reason) if reason.contains("is taken")));
        }
    }

    #[tokio::test]
    async fn a_dial_leads_to_who_is_expected_or_was_met() {
        let address = free_address().await;
        let there = card("b", &address.to_string());
        let moved = card("b", "127.0.0.1:9");
        let prospect = |expected: &[&str], met: Option<&PeerCard>| Prospect {
            address: address.clone(),
            expected: expected.iter().map(|name| name.parse().unwrap()).collect(),
            met: met.cloned(),
        };
        let cases = [
            (prospect(&[], None), &there, true),
            (prospect(&[], None), &moved, false),
            (prospect(&["b"], None), &moved, true),
            (prospect(&["c"], None), &moved, false),
            // The locator list: one link to whom it led is enough.
            (prospect(&[], Some(&there)), &moved, true),
            // Somebody else is expected there: the one that was met does not stand in the way once it has moved.
            (prospect(&["c"], Some(&there)), &moved, false),
            (prospect(&["c"], Some(&moved)), &moved, true),
        ];
        for (prospect, card, wanted) in cases {
            assert_eq!(prospect.leads_to(card), wanted, "{prospect:?} {card:?}");
        }
    }
}
