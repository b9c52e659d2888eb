//! Whom a node remembers, so that it finds the grid again.

use super::bench::{Bench, card};
use crate::pure::base::limits::PEERS_MAX;
use crate::pure::membership::{PeerCard, PeerKind};
use crate::pure::node::Event;
use crate::pure::protocol::Message;
use std::collections::BTreeSet;

#[test]
fn a_full_list_of_peers_takes_newcomers_for_those_not_met_for_longest() {
    let mut bench = Bench::new();
    // Two come and go, and a third stays; the rest of the list is hearsay.
    for name in ["old", "late", "there"] {
        bench.link(name);
    }
    for name in ["old", "late"] {
        let peer = name.parse().unwrap();
        let reason = String::new();
        bench.event(Event::Unlinked { peer, reason });
    }
    let cards = |range: std::ops::Range<usize>| -> Vec<PeerCard> {
        range
            .map(|number| card(&format!("p{number}"), PeerKind::Registry))
            .collect()
    };
    bench.hear("there", Message::Peers(cards(0..PEERS_MAX - 3)));
    assert_eq!(bench.remembered.len(), PEERS_MAX);
    bench.crash();
    // Who is only spoken of finds no place; who is there does, also when nobody else ever was.
    let names = |bench: &Bench| -> BTreeSet<String> {
        let names = bench.remembered.iter().map(|known| known.card.name.to_string());
        names.collect()
    };
    let before = names(&bench);
    bench.link("there");
    bench.hear("there", Message::Peers(cards(PEERS_MAX..PEERS_MAX + 9)));
    assert_eq!(names(&bench), before);
    for number in 0..PEERS_MAX - 3 {
        bench.link(&format!("new{number}"));
    }
    let now = names(&bench);
    assert_eq!(now.len(), PEERS_MAX);
    assert!(!now.iter().any(|name| name.starts_with('p')), "hearsay goes first");
    assert!(["old", "late", "there"].iter().all(|name| now.contains(*name)));
    bench.link("one-more");
    let now = names(&bench);
    assert_eq!(
        (now.contains("old"), now.contains("late"), now.contains("one-more")),
        (false, true, true)
    );
    bench.link("and-one");
    bench.link("too-many");
    let now = names(&bench);
    assert_eq!(
        (now.len(), now.contains("late"), now.contains("there")),
        (PEERS_MAX, false, true)
    );
}
