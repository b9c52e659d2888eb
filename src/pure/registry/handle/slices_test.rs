//! A leading master and linked nodes: what each is told, and that changes add up to the whole.

use super::*;
use crate::pure::base::limits::PEERS_MAX;
use crate::pure::base::{Address, InstanceId, Moment, RequestId, Time, WallTime};
use crate::pure::lineage::Epoch;
use crate::pure::membership::{Identity, PeerCard, Remembered, Role};
use crate::pure::model::fixture::application;
use crate::pure::protocol::report::{Load, NodeReport};
use crate::pure::protocol::{ReplyTo, Request};
use crate::pure::registry::Config;
use crate::pure::registry::database::Database;
use crate::pure::registry::event::Event;
use std::collections::BTreeMap;
use std::time::Duration;

fn card(name: &str, kind: PeerKind) -> PeerCard {
    PeerCard {
        name: name.parse().unwrap(),
        kind,
        instance: InstanceId::from_bits(1),
        generation: 1,
        address: "127.0.0.1:7401".parse::<Address>().unwrap(),
        http: None,
    }
}

/// A master without replicas that reigns.
struct Bench {
    registry: Registry,
    /// Slices sent since they were last taken, by node.
    told: BTreeMap<String, Vec<SlicePart>>,
    dice: u128,
}

impl Bench {
    fn new() -> Self {
        Self::with(Vec::new())
    }
    /// With peers that were met before.
    fn with(remembered: Vec<Remembered>) -> Self {
        let alone = remembered.is_empty();
        let mut config = Config::new(card("r1", PeerKind::Registry), "test".parse().unwrap());
        config.role = Role::Master;
        let (grid, name) = (config.grid.clone(), config.card.name.clone());
        let identity = Identity::new(grid, name, PeerKind::Registry, InstanceId::from_bits(1));
        let mut bench = Self {
            registry: Registry::new(config, identity, Database::default(), remembered),
            told: BTreeMap::new(),
            dice: 1,
        };
        bench.event(Event::Started);
        assert!(
            !alone || bench.registry.reign().is_some(),
            "a lonely master reigns at once"
        );
        bench
    }
    fn event(&mut self, event: Event) {
        self.dice += 1;
        let moment = Moment {
            now: Time::from_micros(1_000_000),
            wall: WallTime(0),
            dice: self.dice,
        };
        for effect in self.registry.handle(event, &moment) {
            if let Effect::Send {
                to,
                message: Message::Slice(part),
            } = effect
            {
                self.told.entry(to.to_string()).or_default().push(*part);
            }
        }
        self.registry.check();
    }
    fn apply(&mut self, text: &str) {
        self.event(Event::Request {
            to: ReplyTo(1),
            actor: "test".into(),
            deadline: Duration::from_secs(5),
            request: Box::new(Request::Apply {
                application: application(text),
                if_revision: None,
                request: RequestId::from_bits(self.dice << 64),
            }),
        });
    }
    fn link(&mut self, node: &str, applied: Option<Version>) {
        let card = card(node, PeerKind::Node);
        self.event(Event::Linked { card });
        self.status(node, applied, false);
    }
    fn status(&mut self, node: &str, applied: Option<Version>, unfit: bool) {
        let report = NodeReport {
            obeys: self.registry.promise(),
            applied,
            database: self.registry.database().id(),
            unfit,
            held: Vec::new(),
            kept: Vec::new(),
            load: Load::default(),
            host: "127.0.0.1".into(),
            load_longer: (Load::default(), Load::default()),
            drained: false,
            labels: BTreeMap::new(),
            means: String::new(),
        };
        self.event(Event::Message {
            from: node.parse().unwrap(),
            message: Box::new(Message::NodeStatus(Box::new(report))),
        });
    }
    fn end(&self) -> Version {
        self.registry.database().end()
    }
    /// What the node was told since it was last asked: whole or changes, how many servers and removals, in how many parts.
    fn take(&mut self, node: &str) -> Vec<(&'static str, usize, usize)> {
        let parts = self.told.remove(node).unwrap_or_default();
        let mut slices: Vec<(&'static str, usize, usize)> = Vec::new();
        for part in parts {
            assert_eq!(part.version, self.end(), "only what stands now is told");
            if part.first {
                slices.push((if part.base.is_some() { "changes" } else { "whole" }, 0, 0));
            }
            let slice = slices.last_mut().unwrap();
            slice.1 += part.servers.len();
            slice.2 += part.removals.len();
        }
        slices
    }
}

/// A thousand servers, ten applications on each of two nodes, so that one update is one entry of a sensible size.
fn hundred(application: usize, node: &str, odd: Option<usize>, count: usize) -> String {
    let server = |number: usize| {
        let run = if odd == Some(number) { "[\"b\"]" } else { "[\"a\"]" };
        format!("[[node.{node}.server]]\nid = \"a{application}-{number}\"\nrun = {run}\n")
    };
    let servers: String = (0..count).map(server).collect();
    format!("application = \"a{application}\"\n{servers}")
}

#[test]
fn an_update_of_one_server_of_a_thousand_sends_one_and_moves_the_others_on() {
    let mut bench = Bench::new();
    for number in 0..10 {
        bench.apply(&hundred(number, "n1", None, 100));
    }
    bench.link("n1", None);
    bench.link("n2", None);
    assert_eq!(bench.take("n1"), [("whole", 1000, 0)]);
    assert_eq!(bench.take("n2"), [("whole", 0, 0)]);
    // Also before the node has said that it has the first one.
    bench.apply(&hundred(3, "n1", Some(7), 100));
    assert_eq!(
        (bench.take("n1"), bench.take("n2")),
        (vec![("changes", 1, 0)], vec![("changes", 0, 0)])
    );
    bench.status("n1", Some(bench.end()), false);
    bench.apply(&hundred(3, "n1", Some(7), 99));
    assert_eq!(
        (bench.take("n1"), bench.take("n2")),
        (vec![("changes", 0, 1)], vec![("changes", 0, 0)])
    );
    bench.apply(&hundred(3, "n2", None, 99));
    assert_eq!(
        (bench.take("n1"), bench.take("n2")),
        (vec![("changes", 0, 99)], vec![("changes", 99, 0)])
    );
}

#[test]
fn what_is_in_doubt_is_sent_whole_and_what_is_on_its_way_is_not_sent_twice() {
    let mut bench = Bench::new();
    bench.apply(&hundred(1, "n1", None, 3));
    bench.link("n1", None);
    assert_eq!(bench.take("n1"), [("whole", 3, 0)]);
    let first = bench.end();
    bench.apply(&hundred(1, "n1", Some(1), 3));
    assert_eq!(bench.take("n1"), [("changes", 1, 0)]);
    // It has the first version and will have the next: nothing is sent twice.
    bench.status("n1", Some(first), false);
    assert_eq!(bench.take("n1"), []);
    // It cannot use the changes.
    bench.status("n1", Some(first), true);
    assert_eq!(bench.take("n1"), [("whole", 3, 0)]);
    // It runs what nobody told it: a slice of another log, of a version that is not ours.
    let mut strange = bench.end();
    strange.digest.0[0] ^= 1;
    bench.status("n1", Some(strange), false);
    assert_eq!(bench.take("n1"), [("whole", 3, 0)]);
    // A new link begins anew, but for a node that runs the slice already.
    bench.link("n1", Some(first));
    assert_eq!(bench.take("n1"), [("whole", 3, 0)]);
    bench.link("n1", Some(bench.end()));
    assert_eq!(bench.take("n1"), []);
    bench.apply(&hundred(1, "n1", None, 3));
    assert_eq!(
        bench.take("n1"),
        [("changes", 1, 0)],
        "from the version that the node said it runs"
    );
}

#[test]
fn no_part_outgrows_a_frame() {
    let empty = SlicePart {
        epoch: Epoch::NONE,
        database: crate::pure::base::DatabaseId::from_bits(1),
        version: Version::default(),
        base: None,
        first: false,
        last: false,
        servers: Vec::new(),
        removals: Vec::new(),
        held: Vec::new(),
    };
    let mut parcel = Parcel::new(empty);
    // As many removals as are remembered, with the longest names.
    for number in 0..10_000 {
        let id: ServerId = format!("{number:0>255}").parse().unwrap();
        parcel
            .part_for(id.as_str().len() + REMOVAL_BYTES)
            .removals
            .push((id, u64::MAX));
    }
    let parts = parcel.finish();
    let marks: Vec<_> = parts.iter().map(|part| (part.first, part.last)).collect();
    assert_eq!(
        (marks.first(), marks.last()),
        (Some(&(true, false)), Some(&(false, true)))
    );
    assert_eq!(parts.iter().map(|part| part.removals.len()).sum::<usize>(), 10_000);
    for part in parts {
        assert!(encode(&part).len() < PART_BYTES_MAX + 1024);
    }
}

#[test]
fn a_removal_that_is_not_remembered_any_more_takes_the_whole_slice() {
    use crate::pure::model::fixture::{deployed, put};
    let node = "n1".parse().unwrap();
    let before = deployed(&[&hundred(1, "n1", None, 2)]);
    let mut now = before.clone();
    put(&mut now, &hundred(1, "n1", None, 1), 2);
    let removal = ("a1-1".parse().unwrap(), 2);
    assert_eq!(now.changes(&node, &before, 1), Some((Vec::new(), vec![removal])));
    now.removals.clear();
    assert_eq!(now.changes(&node, &before, 1), None);
}

#[test]
fn a_full_list_of_peers_takes_a_newcomer_but_forgets_no_registry_whose_log_counts() {
    let peers = (0..PEERS_MAX).map(|number| Remembered {
        card: card(
            &format!("p{number}"),
            if number < 10 {
                PeerKind::Registry
            } else {
                PeerKind::Node
            },
        ),
        summary: None,
        version: (number < 5).then(Version::default),
        seen: u64::try_from(number).unwrap(),
    });
    let mut bench = Bench::with(peers.collect());
    let knows = |bench: &Bench, name: &str| bench.registry.peers.contains_key(&name.parse::<PeerName>().unwrap());
    let told = Message::Peers(vec![card("spoken-of", PeerKind::Node)]);
    bench.link("n0", None);
    bench.event(Event::Message {
        from: "n0".parse().unwrap(),
        message: Box::new(told),
    });
    assert!(!knows(&bench, "spoken-of") && knows(&bench, "n0") && !knows(&bench, "p5"));
    for number in 1..PEERS_MAX - 5 {
        bench.link(&format!("n{number}"), None);
    }
    bench.link("too-many", None);
    assert!(!knows(&bench, "too-many"), "everybody else is there, or counts");
    assert!((0..5).all(|number| knows(&bench, &format!("p{number}"))));
    assert_eq!(bench.registry.peers.len(), PEERS_MAX);
}
