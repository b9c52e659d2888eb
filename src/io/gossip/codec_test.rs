use super::*;
use crate::io::gossip::key::Key;
use crate::io::gossip::validate::forge;
use chitchat::{ChitchatMessage, Deserializable};
use proptest::prelude::*;

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn codec(grid: &str, name: &str, port: u16, keys: &[(u8, u8)]) -> Codec {
    let keys = keys
        .iter()
        .map(|(id, byte)| Key {
            id: *id,
            bytes: [*byte; 32],
        })
        .collect();
    let settings = Settings::new(grid.parse().unwrap(), name.parse().unwrap(), 1, address(port), keys);
    Codec::new(
        &settings,
        InstanceId::from_bits(u128::from(port)),
        address(port),
        Arc::default(),
    )
    .unwrap()
}

/// A SYN that needs several packets: names that do not compress.
fn big_syn() -> Vec<u8> {
    let entry = |number: u64| {
        let digest = blake3::hash(&number.to_le_bytes()).to_hex();
        (forge::id(&digest[..32], number), number, 0, 1)
    };
    forge::syn(&(0..300).map(entry).collect::<Vec<_>>(), "shop")
}

/// Hands packets over; the messages that come out, and the reasons of the rest.
fn give(to: &mut Codec, packets: &[Vec<u8>]) -> (Vec<ChitchatMessage>, Vec<Reason>) {
    let (mut messages, mut reasons) = (vec![], vec![]);
    for packet in packets {
        match to.unpack(Time::ZERO, address(1), packet) {
            Ok(checked) => messages.extend(checked.map(|checked| checked.message)),
            Err(reason) => reasons.push(reason),
        }
    }
    (messages, reasons)
}

#[test]
fn messages_travel_plain_and_sealed_in_small_packets() {
    for keys in [&[][..], &[(1, 7), (2, 8)]] {
        let mut a = codec("shop", "a", 1, keys);
        let mut b = codec("shop", "b", 2, &keys.iter().rev().copied().collect::<Vec<_>>());
        let message = big_syn();
        let mut packets = a.pack(5, address(2), &message).unwrap();
        assert!(packets.len() > 3 && packets.iter().all(|packet| packet.len() <= frame::PACKET_BYTES_MAX));
        assert!(packets.iter().map(Vec::len).sum::<usize>() < message.len());
        packets.reverse();
        let wanted = ChitchatMessage::deserialize(&mut message.as_slice()).unwrap();
        assert_eq!(give(&mut b, &packets), (vec![wanted], vec![]));
        assert_eq!(
            a.pack(5, address(2), &vec![0; MESSAGE_BYTES_MAX + 1]),
            Err(Reason::Unsent)
        );
    }
}

#[test]
fn strangers_are_told_apart_by_what_is_wrong_with_them() {
    let ours = [(1, 7)];
    let message = forge::syn(&[], "shop");
    for (case, mut from, to, reason) in [
        ("plain to sealed", codec("shop", "a", 1, &[]), 2, Reason::Plain),
        ("other key bytes", codec("shop", "a", 1, &[(1, 8)]), 2, Reason::Seal),
        ("other key id", codec("shop", "a", 1, &[(2, 7)]), 2, Reason::Key),
        ("other grid", codec("bank", "a", 1, &ours), 2, Reason::Grid),
        ("sent to another", codec("shop", "a", 1, &ours), 3, Reason::Destination),
        ("from ourselves", codec("shop", "b", 2, &ours), 2, Reason::Own),
    ] {
        let packets = from.pack(5, address(to), &message).unwrap();
        let mut b = codec("shop", "b", 2, &ours);
        assert_eq!(give(&mut b, &packets), (vec![], vec![reason]), "{case}");
    }
    let sealed = codec("shop", "a", 1, &ours).pack(5, address(2), &message).unwrap();
    assert_eq!(
        give(&mut codec("shop", "b", 2, &[]), &sealed),
        (vec![], vec![Reason::Key])
    );
}

#[test]
fn a_sealed_packet_passes_once_whole_and_unchanged() {
    let mut a = codec("shop", "a", 1, &[(1, 7)]);
    let mut b = codec("shop", "b", 2, &[(1, 7)]);
    let packet = a.pack(5, address(2), &forge::syn(&[], "shop")).unwrap().remove(0);
    for bit in 0..packet.len() * 8 {
        let mut flipped = packet.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(b.unpack(Time::ZERO, address(1), &flipped).is_err(), "bit {bit} flipped");
    }
    for length in 0..packet.len() {
        assert!(
            b.unpack(Time::ZERO, address(1), &packet[..length]).is_err(),
            "cut to {length}"
        );
    }
    assert!(matches!(b.unpack(Time::ZERO, address(1), &packet), Ok(Some(_))));
    assert!(matches!(b.unpack(Time::ZERO, address(1), &packet), Err(Reason::Replay)));
    // From another place as well.
    assert!(matches!(b.unpack(Time::ZERO, address(9), &packet), Err(Reason::Replay)));
}

#[test]
fn bombs_are_stopped_at_the_bound() {
    let mut a = codec("shop", "a", 1, &[]);
    let mut b = codec("shop", "b", 2, &[]);
    for size in [MESSAGE_BYTES_MAX + 1, 256 * 1024 * 1024] {
        let bomb = zstd::bulk::compress(&vec![0; size], 1).unwrap();
        let packets = a.wrap(5, address(2), &bomb).unwrap();
        assert_eq!(give(&mut b, &packets), (vec![], vec![Reason::Inflate]), "{size}");
    }
}

#[test]
fn a_socket_on_all_addresses_knows_its_own() {
    let mut here = Here {
        advertise: "203.0.113.1:7".parse().unwrap(),
        bound: "0.0.0.0:7".parse().unwrap(),
        local: BTreeSet::new(),
    };
    for (to, ours) in [
        ("203.0.113.1:7", true),
        ("127.0.0.1:7", true),
        ("127.0.0.1:8", false),
        ("203.0.113.9:7", false),
    ] {
        assert_eq!(here.is_ours(to.parse().unwrap()), ours, "{to}");
    }
}

proptest! {
    #[test]
    fn arbitrary_packets_never_panic(
        packet in proptest::collection::vec(any::<u8>(), 0..1_400),
        tail in proptest::collection::vec(any::<u8>(), 0..100),
        sealed in any::<bool>(),
    ) {
        let keys: &[(u8, u8)] = if sealed { &[(1, 7)] } else { &[] };
        let (mut a, mut b) = (codec("shop", "a", 1, keys), codec("shop", "b", 2, keys));
        prop_assert!(b.unpack(Time::ZERO, address(1), &packet).is_err());
        // Behind a true header, behind true counters, behind a true compression.
        let mut packets = a.wrap(5, address(2), &tail).unwrap_or_default();
        packets.extend(a.pack(5, address(2), &tail).unwrap());
        let good = a.pack(5, address(2), &forge::syn(&[], "shop")).unwrap().remove(0);
        packets.push([&good[..28], &tail].concat());
        let (messages, _) = give(&mut b, &packets);
        prop_assert_eq!(messages.len(), 0);
    }
}
