//! Links between real sockets on loopback, with short deadlines.

use super::*;
use crate::io::net::testing::{self, Peer, RawPeer, card, message, soon};
use crate::pure::base::{Address, InstanceId};
use crate::pure::membership::PeerKind;
use crate::pure::protocol::{Envelope, Hello, Message, Who};
use std::time::Duration;

#[tokio::test]
async fn two_peers_link_and_messages_keep_their_order() {
    let mut a = Peer::start("a").await;
    let mut b = Peer::start("b").await;
    a.dial(&[&b.address]);
    assert_eq!(a.linked().await, b.card);
    assert_eq!(b.linked().await, a.card);
    for number in 0..500 {
        assert!(a.network.send(&b.card.name, message(number)));
        assert!(b.network.send(&a.card.name, message(number)));
    }
    for number in 0..500 {
        assert_eq!(b.message_from("a").await, message(number));
        assert_eq!(a.message_from("b").await, message(number));
    }
    a.network.stop().await;
    let reason = b.unlinked("a").await;
    assert!(reason.contains("closed the connection"), "{reason}");
    assert!(!b.network.send(&a.card.name, message(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dialling_at_once_leaves_exactly_one_link() {
    for round in 0..50 {
        let mut a = Peer::start("a").await;
        let mut b = Peer::start("b").await;
        let named = round % 2 == 0;
        let target = |peer: &Peer| Target {
            name: named.then(|| peer.card.name.clone()),
            address: peer.address.clone(),
        };
        let (to_a, to_b) = (target(&a), target(&b));
        tokio::join!(async { a.network.dial(vec![to_b]) }, async {
            b.network.dial(vec![to_a]);
        });
        let context = format!("round {round}, names known: {named}");
        a.exactly_one_link(&mut b, &context).await;
        assert_eq!((a.times_linked("b"), b.times_linked("a")), (1, 1), "{context}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_addresses_of_one_peer_come_down_to_one_link() {
    for round in 0..20 {
        let mut a = Peer::start("a").await;
        let mut b = Peer::start("b").await;
        let alias = |address: &Address| Address::new("localhost", address.port()).unwrap();
        let (a_alias, b_alias) = (alias(&a.address), alias(&b.address));
        a.dial(&[&b.address, &b_alias]);
        b.dial(&[&a.address, &a_alias]);
        let context = format!("round {round}");
        a.exactly_one_link(&mut b, &context).await;
        tokio::join!(a.quiet(), b.quiet());
        let stand = (a.standing.contains(&b.card.name), b.standing.contains(&a.card.name));
        assert_eq!(stand, (true, true), "{context}");
        // Each address may have cost one replacement, before it was known whose it is.
        assert!(
            a.times_linked("b") <= 4 && b.times_linked("a") <= 4,
            "{context}: {:?}",
            a.links
        );
    }
}

#[tokio::test]
async fn a_frozen_peer_is_dropped_in_its_deadline() {
    let mut a = Peer::start("a").await;
    let frozen = RawPeer::listen("z").await;
    a.dial(&[&frozen.address]);
    let mut connection = frozen.accept().await;
    connection.read_hello().await;
    connection.say_hello(&frozen.card).await;
    a.linked().await;
    let begin = tokio::time::Instant::now();
    let reason = a.unlinked("z").await;
    assert!(reason.contains("frozen"), "{reason}");
    let silence_max = testing::settings(a.card.clone()).silence_max;
    assert!(begin.elapsed() < silence_max * 3, "took {:?}", begin.elapsed());
    // It was pinged while it was silent, and is dialled again at once.
    assert!(matches!(connection.read().await, Some(Envelope::Ping)));
    let mut again = frozen.accept().await;
    again.read_hello().await;
    // This time it does not even say hello.
    let (peer, reason) = a.unreachable().await;
    assert_eq!(peer.as_ref().map(PeerName::as_str), Some("z"));
    assert!(reason.contains("said no hello within"), "{reason}");
}

#[tokio::test]
async fn a_refused_dial_is_reported_at_once_and_repeated_until_somebody_is_there() {
    let mut a = Peer::start("a").await;
    let address = testing::free_address().await;
    let begin = tokio::time::Instant::now();
    a.dial(&[&address]);
    let (peer, reason) = a.unreachable().await;
    assert_eq!(peer, None);
    assert!(reason.contains("refused"), "{reason}");
    assert!(begin.elapsed() < Duration::from_secs(1), "took {:?}", begin.elapsed());
    a.unreachable().await;
    let b = Peer::start_at("b", &address).await;
    assert_eq!(a.linked().await.name, b.card.name);
    // The link is lost, and found again when the peer has come back under a new generation.
    drop(b);
    a.unlinked("b").await;
    let b = Peer::start_at("b", &address).await;
    assert_eq!(a.linked().await.name, b.card.name);
}

#[tokio::test]
async fn dialling_ourselves_is_noticed_and_given_up() {
    let mut a = Peer::start("a").await;
    let own = a.address.clone();
    a.dial(&[&own]);
    let (_, reason) = a.unreachable().await;
    assert!(reason.contains("itself"), "{reason}");
    // Another dial would be reported within a few back-offs.
    a.dial(&[&own]);
    let nothing = timeout(Duration::from_millis(200), a.arrivals.recv()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test]
async fn refusals_say_why() {
    let mut a = Peer::start("a").await;
    let mut b = Peer::start("b").await;
    a.dial(&[&b.address]);
    a.linked().await;
    b.linked().await;
    let good = testing::hello(&card("c", "127.0.0.1:9"));
    let other_instance = |name: &str| {
        let mut card = card(name, "127.0.0.1:9");
        card.instance = InstanceId::from_bits(77);
        Who::Peer(card)
    };
    let cases = [
        (
            Hello {
                grid: Some("other".parse().unwrap()),
                ..good.clone()
            },
            vec!["grid test", "grid other"],
        ),
        (
            Hello {
                protocol: 9,
                protocol_min: 8,
                ..good.clone()
            },
            vec!["no common protocol version", "1 to 1", "8 to 9"],
        ),
        (
            Hello {
                grid: None,
                ..good.clone()
            },
            vec!["names no grid"],
        ),
        (
            Hello {
                who: other_instance("a"),
                ..good.clone()
            },
            vec!["peer name a is taken", a.address.host(), "127.0.0.1:9", "stays out"],
        ),
        (
            Hello {
                who: other_instance("b"),
                ..good.clone()
            },
            vec!["peer name b is taken", "127.0.0.1:9", "stays out"],
        ),
        (
            Hello {
                who: Who::Peer(a.card.clone()),
                ..good.clone()
            },
            vec!["itself"],
        ),
    ];
    for (hello, wanted) in cases {
        let mut connection = testing::Raw::connect(&a.address).await;
        connection.send(&hello).await;
        let refusal = connection.read_hello().await.refusal.expect("a refusal");
        for part in wanted {
            assert!(refusal.contains(part), "{refusal:?} lacks {part:?}");
        }
        connection.closed().await;
    }
    // The refused peer hears it as well, and the link that stands is untouched.
    let mut other = Peer::start_with("c", |settings| settings.grid = "other".parse().unwrap()).await;
    other.dial(&[&a.address]);
    let (_, reason) = other.unreachable().await;
    assert!(
        reason.contains("grid test") && reason.contains("grid other"),
        "{reason}"
    );
    a.exactly_one_link(&mut b, "after the refusals").await;
    assert_eq!((a.times_linked("b"), b.times_linked("a")), (1, 1));
}

#[tokio::test]
async fn broken_bytes_close_their_own_connection_only() {
    let mut a = Peer::start("a").await;
    let mut b = Peer::start("b").await;
    a.dial(&[&b.address]);
    a.linked().await;
    b.linked().await;
    let good = testing::framed(&testing::hello(&card("c", "127.0.0.1:9")));
    let after_hello = |bytes: &[u8]| [good.clone(), bytes.to_vec()].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("no bytes", vec![]),
        ("another protocol", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a large hello", [&(17_u32 * 1024).to_be_bytes()[..], &[0; 64]].concat()),
        ("the largest length", vec![0xff; 64]),
        ("half a length", vec![0, 0]),
        ("half a hello", good.get(..good.len() / 2).unwrap().to_vec()),
        ("an empty hello", vec![0; 4]),
        ("a hello of nonsense", [&8_u32.to_be_bytes()[..], &[0x9f; 8]].concat()),
        ("a large frame", after_hello(&u32::MAX.to_be_bytes())),
        ("half a frame", after_hello(&[0, 0, 0, 9, 1, 2])),
        ("an empty frame", after_hello(&[0; 4])),
        (
            "deep nesting",
            after_hello(&[&200_u32.to_be_bytes()[..], &[0x81; 200]].concat()),
        ),
        ("a second hello", after_hello(&good)),
    ];
    for (what, bytes) in cases {
        let mut connection = testing::Raw::connect(&a.address).await;
        connection.send_bytes(&bytes).await;
        connection.finish().await;
        soon(what, connection.closed()).await;
    }
    a.exactly_one_link(&mut b, "after the broken bytes").await;
    assert_eq!((a.times_linked("b"), b.times_linked("a")), (1, 1));
}

#[tokio::test]
async fn a_full_inbox_holds_a_link_back_without_losing_anything() {
    let a = Peer::start("a").await;
    let mut b = Peer::start_with_inbox("b", 1).await;
    let to_b = b.card.name.clone();
    a.dial(&[&b.address]);
    b.linked().await;
    soon("the link is usable", async {
        while !a.network.send(&to_b, message(0)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for number in 1..200 {
        assert!(a.network.send(&to_b, message(number)));
    }
    // Nobody takes anything for longer than a silent peer may be silent.
    tokio::time::sleep(testing::settings(a.card.clone()).silence_max * 2).await;
    for number in 0..200 {
        assert_eq!(b.message_from("a").await, message(number));
    }
}

#[tokio::test]
async fn a_peer_that_does_not_read_overflows_its_queue_and_is_dropped() {
    let mut a = Peer::start_with("a", |settings| {
        settings.queue_bytes_max = 256 * 1024;
        settings.silence_max = Duration::from_mins(1);
    })
    .await;
    let frozen = RawPeer::listen("z").await;
    a.dial(&[&frozen.address]);
    let mut connection = frozen.accept().await;
    connection.read_hello().await;
    connection.say_hello(&frozen.card).await;
    a.linked().await;
    let large = Message::Peers(vec![card("p", "127.0.0.1:9"); 400]);
    soon("the queue is full", async {
        while a.network.send(&frozen.card.name, large.clone()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let reason = a.unlinked("z").await;
    assert!(reason.contains("write queue is full"), "{reason}");
}

#[tokio::test]
async fn a_peer_that_was_started_again_replaces_its_old_link() {
    let mut a = Peer::start("z").await;
    let mut card = card("b", "127.0.0.1:9");
    card.kind = PeerKind::Node;
    let mut old = testing::Raw::connect(&a.address).await;
    old.say_hello(&card).await;
    assert_eq!(a.linked().await, card);
    card.generation += 1;
    let mut new = testing::Raw::connect(&a.address).await;
    new.say_hello(&card).await;
    new.send(&Envelope::Message(message(7))).await;
    let reason = a.unlinked("b").await;
    assert!(reason.contains("took its place"), "{reason}");
    assert_eq!(a.linked().await, card);
    assert_eq!(a.message_from("b").await, message(7));
    assert!(a.network.send(&card.name, message(8)));
}

#[tokio::test]
async fn beyond_the_connection_limit_newcomers_are_turned_away() {
    let a = Peer::start_with("a", |settings| settings.connections_max = 1).await;
    let mut first = testing::Raw::connect(&a.address).await;
    first.say_hello(&card("b", "127.0.0.1:9")).await;
    assert_eq!(first.read_hello().await.refusal, None);
    let mut second = testing::Raw::connect(&a.address).await;
    let refusal = second.read_hello().await.refusal.expect("a refusal");
    assert!(refusal.contains("connections already"), "{refusal}");
}

#[tokio::test]
async fn somebody_else_at_an_address_is_linked_and_the_expected_one_reported() {
    let mut a = Peer::start("a").await;
    let b = Peer::start("b").await;
    a.network.dial(vec![Target {
        name: Some("c".parse().unwrap()),
        address: b.address.clone(),
    }]);
    let (peer, reason) = a.unreachable().await;
    assert_eq!(peer.as_ref().map(PeerName::as_str), Some("c"));
    assert!(reason.contains("b answers there"), "{reason}");
    assert_eq!(a.linked().await, b.card);
    // It is not dialled again for the sake of the other.
    let nothing = timeout(Duration::from_millis(200), a.arrivals.recv()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test]
async fn a_second_data_folder_of_one_name_stays_out_when_we_dial_it() {
    let mut a = Peer::start("a").await;
    let b = Peer::start("b").await;
    a.dial(&[&b.address]);
    assert_eq!(a.linked().await, b.card);
    let double = Peer::start_with("b", |settings| settings.card.instance = InstanceId::from_bits(7)).await;
    a.dial(&[&b.address, &double.address]);
    let (_, reason) = a.unreachable().await;
    for part in [
        "peer name b is taken",
        &b.address.to_string(),
        &double.address.to_string(),
    ] {
        assert!(reason.contains(part), "{reason:?} lacks {part:?}");
    }
    assert!(a.network.send(&b.card.name, message(1)));
}
