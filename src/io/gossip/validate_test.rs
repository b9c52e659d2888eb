use super::forge::{Entry, Op, ack, header, id, syn, syn_ack};
use super::*;
use crate::io::gossip::reader::{NUMBER_MAX, VALUE_BYTES_MAX};
use async_trait::async_trait;
use chitchat::transport::{Socket, Transport};
use chitchat::{ChitchatConfig, FailureDetectorConfig, spawn_chitchat};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::mpsc;

fn rules() -> Rules {
    Rules {
        grid: "shop".parse().unwrap(),
        own: id("me", 3),
        heartbeat: 10,
    }
}

fn judge(bytes: &[u8]) -> Result<Checked, Reason> {
    check_with(bytes, &mut Roster::default())
}

fn check_with(bytes: &[u8], roster: &mut Roster) -> Result<Checked, Reason> {
    check(bytes, &rules(), roster, &mut Inflater::new().unwrap())
}

fn set(key: &str, value: &str, version: u64) -> Op {
    Op::Set(key.into(), value.into(), version, 0)
}

#[test]
fn good_messages_pass_as_they_are() {
    let entries = [(id("a", 1), 5, 0, 9), (id("me", 3), 8, 0, 2), (id("me", 2), 800, 0, 2)];
    let ops = [
        Op::Node(id("a", 1), 0, 0),
        set("kind", "node", 3),
        Op::Set("role".into(), String::new(), 4, 1),
        Op::Node(id("me", 2), 7, 0),
        Op::Max(7),
    ];
    for bytes in [syn(&entries, "shop"), syn_ack(&entries, &ops), ack(&ops), ack(&[])] {
        let checked = judge(&bytes).unwrap();
        assert_eq!(
            checked.message,
            ChitchatMessage::deserialize(&mut bytes.as_slice()).unwrap()
        );
        assert_eq!((checked.claims, checked.refused), (Claims::default(), 0));
    }
}

#[test]
fn what_chitchat_would_choke_on_is_refused() {
    let a = || Op::Node(id("a", 1), 0, 0);
    let long = "x".repeat(VALUE_BYTES_MAX + 1);
    let trailing = [ack(&[]), vec![0]].concat();
    let count_lies = [header(0), vec![0xff, 0xff]].concat();
    let bad_block = [header(2), vec![1, 3, 0, 1, 2, 3, 0]].concat();
    let bomb = {
        let block = zstd::bulk::compress(&vec![0; INFLATED_BYTES_MAX], 1).unwrap();
        let length = u16::try_from(block.len()).unwrap().to_le_bytes();
        let block = [&[1][..], &length, &block].concat();
        [header(2), block.repeat(100), vec![0]].concat()
    };
    let big_block = {
        let block = zstd::bulk::compress(&vec![0; 64 * 1024 * 1024], 1).unwrap();
        let length = u16::try_from(block.len()).unwrap().to_le_bytes();
        [header(2), vec![1], length.to_vec(), block, vec![0]].concat()
    };
    for (case, bytes, reason) in [
        ("nothing", vec![], Reason::Malformed),
        ("other magic", vec![1, 2, 0, 0], Reason::Malformed),
        ("other type", header(9), Reason::Malformed),
        ("bad cluster", header(3), Reason::Grid),
        ("other grid", syn(&[], "other"), Reason::Grid),
        ("trailing bytes", trailing, Reason::Malformed),
        ("a count that lies", count_lies, Reason::Malformed),
        (
            "a name that no peer has",
            syn(&[(id("Ä", 1), 1, 1, 1)], "shop"),
            Reason::Identity,
        ),
        (
            "a port of 0",
            syn(&[(ChitchatId::new("a", 1, ([1, 1, 1, 1], 0).into()), 1, 1, 1)], "shop"),
            Reason::Identity,
        ),
        (
            "a heartbeat that hides a peer",
            syn(&[(id("a", 1), u64::MAX, 1, 1)], "shop"),
            Reason::Version,
        ),
        (
            "a key that chitchat cuts in two",
            ack(&[a(), set("ärger", "x", 1)]),
            Reason::Value,
        ),
        ("an empty key", ack(&[a(), set("", "x", 1)]), Reason::Value),
        ("a long key", ack(&[a(), set(&"k".repeat(65), "x", 1)]), Reason::Value),
        ("a long value", ack(&[a(), set("k", &long, 1)]), Reason::Value),
        (
            "max version below a key's",
            ack(&[a(), set("k", "x", 5), Op::Max(4)]),
            Reason::Version,
        ),
        (
            "versions that fall",
            ack(&[a(), set("k", "x", 5), set("l", "x", 5)]),
            Reason::Version,
        ),
        ("no room to count on", ack(&[a(), Op::Max(u64::MAX)]), Reason::Version),
        ("a key without its node", ack(&[set("k", "x", 1)]), Reason::Malformed),
        ("a node twice", ack(&[a(), a()]), Reason::Malformed),
        (
            "an unknown status",
            ack(&[a(), Op::Set("k".into(), "x".into(), 1, 3)]),
            Reason::Malformed,
        ),
        ("a block that does not inflate", bad_block, Reason::Inflate),
        ("many blocks that inflate to 6 MB", bomb, Reason::Inflate),
        ("one block that inflates to 64 MB", big_block, Reason::Inflate),
        (
            "too many operations",
            ack(&vec![Op::Max(1); OPERATIONS_MAX + 1]),
            Reason::Malformed,
        ),
    ] {
        assert_eq!(judge(&bytes).map(|checked| checked.message), Err(reason), "{case}");
    }
}

#[test]
fn what_others_say_of_ourselves_is_taken_out_and_reported() {
    let a = || [Op::Node(id("a", 1), 0, 0), set("kind", "node", 3)];
    let me = [Op::Node(id("me", 3), 0, 0), set("role", "master", 41), Op::Max(44)];
    let b = || [Op::Node(id("b", 1), 0, 0), set("kind", "node", 2)];
    let checked = judge(&ack(&[&a()[..], &me, &b()].concat())).unwrap();
    let wanted = judge(&ack(&[a(), b()].concat())).unwrap();
    assert_eq!(checked.message, wanted.message);
    assert_eq!(checked.claims.version, Some(44));
    let heartbeat = HEARTBEAT_SLACK + 11;
    let checked = judge(&syn(&[(id("me", 3), heartbeat, 0, 0)], "shop")).unwrap();
    assert!(checked.claims.heartbeat);
}

#[test]
fn newcomers_are_taken_out_when_the_pool_is_full() {
    let mut roster = Roster::default();
    let old: Vec<Entry> = (0..500)
        .map(|number| (id(&format!("old-{number}"), 1), 5, 0, 1))
        .collect();
    assert_eq!(check_with(&syn(&old, "shop"), &mut roster).unwrap().refused, 0);
    let many: Vec<Entry> = (0..900)
        .map(|number| (id(&format!("new-{number}"), 1), 5, 0, 1))
        .collect();
    let checked = check_with(&syn(&many, "shop"), &mut roster).unwrap();
    assert!(checked.refused > 0 && checked.refused < 900, "{}", checked.refused);
    let mixed = [(id("late", 1), 5, 0, 1), old[7].clone()];
    let checked = check_with(&syn(&mixed, "shop"), &mut roster).unwrap();
    assert_eq!(checked.refused, 1);
    assert_eq!(checked.message, judge(&syn(&old[7..8], "shop")).unwrap().message);
}

fn ids() -> impl Strategy<Value = ChitchatId> {
    let name = proptest::sample::select(vec!["me", "a", "b", "c"]);
    (name, 2_u64..4).prop_map(|(name, generation)| id(name, generation))
}
fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0_u64..7, 1 => Just(NUMBER_MAX), 1 => any::<u64>()]
}
fn ops() -> impl Strategy<Value = Vec<Op>> {
    let key = proptest::sample::select(vec!["role", "kind", "x", "", "ä", "xä"]);
    let op = prop_oneof![
        2 => (ids(), numbers(), numbers()).prop_map(|(id, collected, from)| Op::Node(id, collected, from)),
        3 => (key, ".{0,4}", numbers(), 0_u8..4).prop_map(|(key, value, version, status)| Op::Set(key.into(), value, version, status)),
        1 => numbers().prop_map(Op::Max),
    ];
    (ids(), proptest::collection::vec(op, 0..6)).prop_map(|(first, mut ops)| {
        ops.insert(0, Op::Node(first, 0, 0));
        ops
    })
}
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let entries = || proptest::collection::vec((ids(), numbers(), numbers(), numbers()), 0..4);
    prop_oneof![
        entries().prop_map(|entries| syn(&entries, "shop")),
        (entries(), ops()).prop_map(|(entries, ops)| syn_ack(&entries, &ops)),
        ops().prop_map(|ops| ack(&ops)),
    ]
}

proptest! {
    #[test]
    fn damaged_messages_never_panic(message in messages(), cut in any::<u16>(), flips in proptest::collection::vec(any::<(u16, u8)>(), 0..5)) {
        let mut bytes = message;
        for (place, mask) in flips {
            let place = usize::from(place) % bytes.len();
            bytes[place] ^= mask;
        }
        drop(judge(&bytes));
        drop(judge(&bytes[..usize::from(cut) % bytes.len()]));
    }

    #[test]
    fn arbitrary_bytes_behind_a_header_never_panic(kind in 0_u8..5, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(judge(&[header(kind), bytes].concat()));
    }
}

/// Hands messages to chitchat as they are, and its answers back.
struct Pipe(Mutex<Option<(mpsc::Receiver<ChitchatMessage>, mpsc::Sender<ChitchatMessage>)>>);
struct PipeSocket(mpsc::Receiver<ChitchatMessage>, mpsc::Sender<ChitchatMessage>);

#[async_trait]
impl Transport for Pipe {
    async fn open(&self, _listen: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let (receiver, sender) = self.0.lock().unwrap().take().unwrap();
        Ok(Box::new(PipeSocket(receiver, sender)))
    }
}
#[async_trait]
impl Socket for PipeSocket {
    async fn send(&mut self, _to: SocketAddr, message: ChitchatMessage) -> anyhow::Result<()> {
        Ok(self.1.send(message).await?)
    }
    async fn recv(&mut self) -> anyhow::Result<(SocketAddr, ChitchatMessage)> {
        let message = self.0.recv().await;
        message
            .map(|message| (([127, 0, 0, 1], 9).into(), message))
            .ok_or_else(|| anyhow::anyhow!("the test is over"))
    }
}

/// What the check lets through, a real chitchat survives: thousands of hostile messages, and it still answers each.
#[tokio::test]
async fn chitchat_survives_all_that_is_let_through() {
    let own = id("me", 3);
    let config = ChitchatConfig {
        chitchat_id: own.clone(),
        cluster_id: "shop".into(),
        gossip_interval: Duration::from_hours(1),
        listen_addr: own.gossip_advertise_addr,
        seed_nodes: vec![],
        failure_detector_config: FailureDetectorConfig::default(),
        marked_for_deletion_grace_period: Duration::ZERO,
        catchup_callback: None,
        extra_liveness_predicate: None,
    };
    let (to_chitchat, inbox) = mpsc::channel(1);
    let (outbox, mut from_chitchat) = mpsc::channel(100);
    let pipe = Pipe(Mutex::new(Some((inbox, outbox))));
    let chitchat = spawn_chitchat(config, vec![("kind".into(), "node".into())], &pipe)
        .await
        .unwrap();
    let (mut runner, strategy) = (TestRunner::deterministic(), messages());
    let (mut passed, mut roster) = (0, Roster::default());
    let question = || judge(&syn(&[], "shop")).unwrap().message;
    for round in 0..6_000 {
        let bytes = strategy.new_tree(&mut runner).unwrap().current();
        let Ok(checked) = check_with(&bytes, &mut roster) else {
            continue;
        };
        passed += 1;
        let answers = match checked.message {
            ChitchatMessage::Syn { .. } | ChitchatMessage::SynAck { .. } => 2,
            ChitchatMessage::Ack { .. } | ChitchatMessage::BadCluster => 1,
        };
        for message in [checked.message, question()] {
            assert!(
                to_chitchat.send(message).await.is_ok(),
                "chitchat ended in round {round}, after {bytes:?}"
            );
        }
        for _ in 0..answers {
            // Serialising is where chitchat asserts the length of what it built.
            let answer = from_chitchat.recv().await;
            let answer = answer.unwrap_or_else(|| panic!("chitchat ended in round {round}, after {bytes:?}"));
            let bytes = chitchat::Serializable::serialize_to_vec(&answer);
            assert!(bytes.len() <= super::super::roster::MESSAGE_BYTES_MAX);
        }
    }
    assert!(passed > 500, "only {passed} messages were let through");
    let kind = chitchat
        .with_chitchat(|chitchat| chitchat.self_node_state().get("kind").map(str::to_owned))
        .await;
    assert_eq!(kind.as_deref(), Some("node"));
}
