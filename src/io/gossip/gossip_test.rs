use super::*;
use crate::io::gossip::key::Key;
use crate::io::gossip::validate::forge::{Op, ack, syn};
use crate::pure::base::{Address, InstanceId, PeerName};
use crate::pure::lineage::Epoch;
use crate::pure::membership::{Member, PeerCard, PeerKind, Role};
use chitchat::ChitchatId;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

const DEADLINE: Duration = Duration::from_secs(20);

/// A gossip and what it told.
struct Peer {
    gossip: Gossip,
    inbox: mpsc::Receiver<Vec<Change>>,
    members: BTreeMap<PeerName, Member>,
    clashes: BTreeMap<PeerName, Vec<Address>>,
    /// Every change in the order of arrival, for what must not have happened in between.
    log: Vec<Change>,
    record: Record,
    address: SocketAddr,
}

/// How a peer of a test differs from the usual one.
struct Plan {
    grid: &'static str,
    name: &'static str,
    instance: u128,
    generation: u64,
    port: u16,
    keys: Vec<Key>,
    dead_after: Duration,
}
impl Plan {
    fn new(name: &'static str, instance: u128) -> Self {
        Self {
            grid: "shop",
            name,
            instance,
            generation: 1,
            port: 0,
            keys: vec![],
            dead_after: Duration::from_mins(1),
        }
    }
    fn sealed(name: &'static str, instance: u128, byte: u8) -> Self {
        let keys = vec![Key {
            id: 1,
            bytes: [byte; 32],
        }];
        Self {
            keys,
            ..Self::new(name, instance)
        }
    }

    async fn start(self) -> Peer {
        let socket = std::net::UdpSocket::bind(("127.0.0.1", self.port)).unwrap();
        let address = socket.local_addr().unwrap();
        let name: PeerName = self.name.parse().unwrap();
        let card = PeerCard {
            name: name.clone(),
            kind: PeerKind::Registry,
            instance: InstanceId::from_bits(self.instance),
            generation: self.generation,
            address: address.into(),
            http: None,
        };
        let record = Record {
            card,
            role: None,
            standing: None,
            claim: None,
            version: None,
            obeys: Epoch::NONE,
            servers: Some((0, 0)),
        };
        let mut settings = Settings::new(self.grid.parse().unwrap(), name, self.generation, address, self.keys);
        settings.interval = Duration::from_millis(50);
        settings.first_interval = Duration::from_millis(200);
        settings.meet_every = Duration::from_millis(200);
        settings.dead_after = self.dead_after;
        let (sender, inbox) = mpsc::channel(4);
        let mut next = self.generation + 100;
        let next_generation = move || {
            next += 1;
            next
        };
        let gossip = Gossip::start(socket, settings, record.clone(), sender, next_generation);
        Peer {
            gossip: gossip.await.unwrap(),
            inbox,
            members: BTreeMap::new(),
            clashes: BTreeMap::new(),
            log: vec![],
            record,
            address,
        }
    }
}

impl Peer {
    fn apply(&mut self, change: Change) {
        self.log.push(change.clone());
        match change {
            Change::Seen(member) => drop(self.members.insert(member.record.card.name.clone(), *member)),
            Change::Gone(name) => drop(self.members.remove(&name)),
            Change::Clash { name, addresses } if addresses.is_empty() => drop(self.clashes.remove(&name)),
            Change::Clash { name, addresses } => drop(self.clashes.insert(name, addresses)),
        }
    }

    /// Follows the changes until they add up to what is wanted.
    async fn wait(&mut self, what: &str, wanted: impl Fn(&Self) -> bool) {
        let end = tokio::time::Instant::now() + DEADLINE;
        while !wanted(self) {
            match tokio::time::timeout_at(end, self.inbox.recv()).await {
                Ok(Some(changes)) => changes.into_iter().for_each(|change| self.apply(change)),
                other => panic!(
                    "{} waited for: {what}; got {other:?}, members {:?}, clashes {:?}",
                    self.record.card.name, self.members, self.clashes
                ),
            }
        }
    }

    fn is_alive(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|member| member.alive)
    }

    async fn wait_alive(&mut self, names: &[&str]) {
        let what = format!("{names:?} alive");
        self.wait(&what, |peer| names.iter().all(|name| peer.is_alive(name)))
            .await;
    }

    /// Waits until a reason was counted.
    async fn wait_rejected(&self, reason: Reason) {
        let end = tokio::time::Instant::now() + DEADLINE;
        while self.gossip.rejected(reason) == 0 {
            assert!(tokio::time::Instant::now() < end, "nothing was rejected as {reason}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn peers_converge_and_see_a_change_a_farewell_and_a_death() {
    let mut a = Plan::sealed("a", 1, 7).start().await;
    let mut b = Plan::sealed("b", 2, 7).start().await;
    let mut c = Plan::sealed("c", 3, 7).start().await;
    let mut d = Plan::sealed("d", 4, 7).start().await;
    for peer in [&b, &c, &d] {
        peer.gossip.meet(vec![a.address]);
    }
    a.wait_alive(&["b", "c", "d"]).await;
    b.wait_alive(&["a", "c", "d"]).await;
    c.wait_alive(&["a", "b", "d"]).await;
    d.wait_alive(&["a", "b", "c"]).await;
    assert!(!a.members.contains_key("a"), "nobody is told of itself");

    a.record.role = Some(Role::Master);
    a.gossip.publish(a.record.clone());
    let is_master = |peer: &Peer| peer.members["a"].record.role == Some(Role::Master);
    b.wait("a is master", is_master).await;
    c.wait("a is master", is_master).await;

    let left = tokio::time::Instant::now();
    d.gossip.leave().await;
    assert!(
        left.elapsed() < Duration::from_secs(1),
        "leaving took {:?}",
        left.elapsed()
    );
    b.wait("d has left", |peer| !peer.is_alive("d")).await;

    drop(c.gossip);
    a.wait("c is dead", |peer| !peer.is_alive("c")).await;
    b.wait("c is dead", |peer| !peer.is_alive("c")).await;
    assert!(b.is_alive("a"));
    for reason in Reason::ALL {
        assert_eq!(a.gossip.rejected(reason), 0, "{reason}");
    }
}

#[tokio::test]
async fn strangers_stay_strangers_and_are_counted() {
    let mut a = Plan::sealed("a", 1, 7).start().await;
    let mut b = Plan::sealed("b", 2, 7).start().await;
    let plain = Plan::new("plain", 3).start().await;
    let foreign = Plan::sealed("foreign", 4, 8).start().await;
    let other = Plan {
        grid: "other",
        ..Plan::sealed("other", 5, 7)
    };
    let other = other.start().await;
    for peer in [&b, &plain, &foreign, &other] {
        peer.gossip.meet(vec![a.address]);
    }
    a.wait_rejected(Reason::Plain).await;
    a.wait_rejected(Reason::Seal).await;
    a.wait_rejected(Reason::Grid).await;
    a.wait_alive(&["b"]).await;
    b.wait_alive(&["a"]).await;
    assert_eq!(a.members.len() + b.members.len(), 2);
}

#[tokio::test]
async fn a_broken_down_gossip_comes_back_and_nobody_is_declared_dead() {
    let mut a = Plan::new("a", 1).start().await;
    let mut b = Plan::new("b", 2).start().await;
    let mut c = Plan::new("c", 3).start().await;
    b.gossip.meet(vec![a.address]);
    c.gossip.meet(vec![a.address]);
    a.wait_alive(&["b", "c"]).await;
    b.wait_alive(&["a", "c"]).await;
    let before = a.log.len();
    a.gossip.link.sabotage.store(true, Ordering::Relaxed);
    // Its keys are all there again, under the generation that the app gave.
    b.wait("a of generation 102", |peer| {
        peer.members["a"].record.card.generation == 102 && peer.is_alive("a")
    })
    .await;
    assert_eq!(a.gossip.restarts(), 1);
    a.record.role = Some(Role::Master);
    a.gossip.publish(a.record.clone());
    b.wait("a is master", |peer| {
        peer.members["a"].record.role == Some(Role::Master)
    })
    .await;
    c.record.role = Some(Role::Replica);
    c.gossip.publish(c.record.clone());
    a.wait("c is replica", |peer| {
        peer.members["c"].record.role == Some(Role::Replica)
    })
    .await;
    let bad = |change: &&Change| match change {
        Change::Seen(member) => !member.alive,
        Change::Gone(_) | Change::Clash { .. } => true,
    };
    assert_eq!(a.log[before..].iter().find(bad), None);
}

#[tokio::test]
async fn a_member_that_was_forgotten_is_met_again() {
    let quick = |name, instance| Plan {
        dead_after: Duration::from_millis(600),
        ..Plan::new(name, instance)
    };
    let mut a = quick("a", 1).start().await;
    let b = quick("b", 2).start().await;
    a.gossip.meet(vec![b.address]);
    a.wait_alive(&["b"]).await;
    drop(b.gossip);
    a.wait("b is forgotten", |peer| !peer.members.contains_key("b")).await;
    let again = Plan {
        generation: 2,
        port: b.address.port(),
        ..quick("b", 2)
    };
    let mut b = again.start().await;
    a.wait_alive(&["b"]).await;
    b.wait_alive(&["a"]).await;
    assert_eq!(a.members["b"].record.card.generation, 2);
}

#[tokio::test]
async fn two_live_peers_of_one_name_are_a_clash_that_names_both() {
    let mut a = Plan::new("a", 1).start().await;
    let mut first = Plan::new("twin", 2).start().await;
    first.gossip.meet(vec![a.address]);
    a.wait_alive(&["twin"]).await;
    let newcomer = Plan {
        generation: 9,
        ..Plan::new("twin", 3)
    };
    let mut second = newcomer.start().await;
    second.gossip.meet(vec![a.address]);
    let clashes = |peer: &Peer| peer.clashes.contains_key("twin");
    a.wait("the clash", clashes).await;
    assert_eq!(a.clashes["twin"], [first.address.into(), second.address.into()]);
    assert_eq!(
        a.members["twin"].record.card.instance,
        InstanceId::from_bits(2),
        "the newcomer stays out"
    );
    // The twins learn of each other as well.
    first.wait("the clash", clashes).await;
    second.wait("the clash", clashes).await;
    drop(second.gossip);
    a.wait("the end of the clash", |peer| !clashes(peer)).await;
    assert!(a.is_alive("twin"));
}

/// Somebody without any claim to it, with a socket of his own and no key.
struct Liar {
    socket: std::net::UdpSocket,
    codec: Codec,
}
impl Liar {
    fn new() -> Self {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let settings = Settings::new("shop".parse().unwrap(), "liar".parse().unwrap(), 1, address, vec![]);
        let codec = Codec::new(&settings, InstanceId::from_bits(9), address, Arc::default()).unwrap();
        Self { socket, codec }
    }
    fn tell(&mut self, to: &Peer, message: &[u8]) {
        for packet in self.codec.pack(1, to.address, message).unwrap() {
            self.socket.send_to(&packet, to.address).unwrap();
        }
    }
}

async fn pair() -> (Peer, Peer) {
    let mut a = Plan::new("a", 1).start().await;
    let mut b = Plan::new("b", 2).start().await;
    b.gossip.meet(vec![a.address]);
    b.wait_alive(&["a"]).await;
    a.wait_alive(&["b"]).await;
    (a, b)
}

#[tokio::test]
async fn keys_that_are_forged_in_our_name_are_outbid() {
    let (mut a, mut b) = pair().await;
    // b is told that a is master, with versions far beyond a's.
    let own = ChitchatId::new("a", 1, a.address);
    let forged = [Op::Node(own, 0, 0), Op::Set("role".into(), "master".into(), 1_000, 0)];
    Liar::new().tell(&b, &ack(&forged));
    b.wait("the lie", |peer| peer.members["a"].record.role == Some(Role::Master))
        .await;
    b.wait("the truth", |peer| peer.members["a"].record.role.is_none())
        .await;
    assert!(a.gossip.rejected(Reason::Forged) > 0);
    // And what a says after it is heard.
    a.record.servers = Some((3, 4));
    a.gossip.publish(a.record.clone());
    b.wait("a's next word", |peer| peer.members["a"].record.servers == Some((3, 4)))
        .await;
}

#[tokio::test]
async fn a_peer_that_is_hidden_behind_a_forged_heartbeat_comes_back_under_a_new_generation() {
    let (a, mut b) = pair().await;
    let own = ChitchatId::new("a", 1, a.address);
    // No heartbeat of a's will be new to b again.
    Liar::new().tell(&b, &syn(&[(own, 1 << 40, 0, 0)], "shop"));
    b.wait("a of generation 102", |peer| {
        peer.members["a"].record.card.generation == 102 && peer.is_alive("a")
    })
    .await;
    assert_eq!(a.gossip.restarts(), 1);
}

#[tokio::test]
async fn a_member_without_a_record_is_ignored_and_counted() {
    let (mut a, b) = pair().await;
    let id = ChitchatId::new("king", 1, ([127, 0, 0, 1], 9).into());
    let mut liar = Liar::new();
    liar.tell(&a, &syn(&[(id.clone(), 5, 0, 0)], "shop"));
    let keys = [Op::Node(id, 0, 0), Op::Set("kind".into(), "king".into(), 1, 0)];
    liar.tell(&a, &ack(&keys));
    a.wait_rejected(Reason::Record).await;
    // The bad one spreads, and harms nobody.
    b.wait_rejected(Reason::Record).await;
    b.gossip.publish(Record {
        role: Some(Role::Replica),
        ..b.record.clone()
    });
    a.wait("b is replica", |peer| {
        peer.members["b"].record.role == Some(Role::Replica)
    })
    .await;
    assert!(!a.members.contains_key("king"));
}
