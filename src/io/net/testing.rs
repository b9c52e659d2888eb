//! Peers for tests: whole networks with short deadlines, and raw sockets that misbehave.

use super::{Arrival, Network, Reader, Replier, Settings};
use crate::pure::base::limits::FRAME_BYTES_MAX;
use crate::pure::base::{Address, InstanceId, PeerName, WallTime};
use crate::pure::membership::{PeerCard, PeerKind, Target};
use crate::pure::protocol::report::Happening;
use crate::pure::protocol::{Envelope, Hello, Message, Request, Response, Who};
use crate::pure::wire::{Frames, decode, encode, frame};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long a test waits for a state before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let done = timeout(PATIENCE, wait).await;
    done.unwrap_or_else(|late| panic!("{what}: {late} ({PATIENCE:?})"))
}

/// The instance follows from the name, the generation grows with every card.
pub(crate) fn card(name: &str, address: &str) -> PeerCard {
    static GENERATION: AtomicU64 = AtomicU64::new(1);
    let bits = name.bytes().fold(1, |bits: u128, byte| bits * 256 + u128::from(byte));
    PeerCard {
        name: name.parse().unwrap(),
        kind: PeerKind::Registry,
        instance: InstanceId::from_bits(bits),
        generation: GENERATION.fetch_add(1, Ordering::Relaxed),
        address: address.parse().unwrap(),
        http: None,
    }
}

pub(crate) fn settings(card: PeerCard) -> Settings {
    Settings {
        hello_timeout: Duration::from_millis(500),
        ping_interval: Duration::from_millis(50),
        silence_max: Duration::from_millis(400),
        backoff_min: Duration::from_millis(5),
        backoff_max: Duration::from_millis(50),
        ..Settings::new(card, "test".parse().unwrap())
    }
}

/// A message that carries a number.
pub(crate) fn message(number: u64) -> Message {
    Message::Answer {
        id: number,
        response: Box::new(Response::Peers(Vec::new())),
    }
}

/// An address on which nobody listens.
pub(crate) async fn free_address() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().into()
}

pub(crate) fn happening(name: &str) -> Response {
    Response::Happened(Box::new(Happening {
        time: WallTime(0),
        subject: "server".to_owned(),
        name: name.to_owned(),
        state: "active".to_owned(),
        reason: String::new(),
        version: None,
    }))
}

/// A network and what arrived from it.
pub(crate) struct Peer {
    pub(crate) card: PeerCard,
    pub(crate) address: Address,
    pub(crate) network: Network,
    pub(crate) arrivals: mpsc::Receiver<Arrival>,
    /// How often each peer was linked.
    pub(crate) links: BTreeMap<PeerName, u32>,
    /// Whose links stand.
    pub(crate) standing: BTreeSet<PeerName>,
}

impl Peer {
    pub(crate) async fn start(name: &str) -> Self {
        Self::start_with(name, |_| {}).await
    }
    pub(crate) async fn start_with(name: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::run(name, listener, 1024, change, Arc::new(|_: &Request| None))
    }
    pub(crate) async fn start_with_inbox(name: &str, inbox: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::run(name, listener, inbox, |_| {}, Arc::new(|_: &Request| None))
    }
    pub(crate) async fn start_at(name: &str, address: &Address) -> Self {
        let place = address.to_string();
        let listener = soon("the port is free again", async {
            loop {
                match TcpListener::bind(&place).await {
                    Ok(listener) => return listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        });
        Self::run(name, listener.await, 1024, |_| {}, Arc::new(|_: &Request| None))
    }
    pub(crate) fn run(
        name: &str,
        listener: TcpListener,
        inbox: usize,
        change: impl FnOnce(&mut Settings),
        reader: Reader,
    ) -> Self {
        let address = Address::from(listener.local_addr().unwrap());
        let mut settings = settings(card(name, &address.to_string()));
        change(&mut settings);
        let (sender, arrivals) = mpsc::channel(inbox);
        Self {
            card: settings.card.clone(),
            address,
            network: Network::start(listener, settings, sender, reader),
            arrivals,
            links: BTreeMap::new(),
            standing: BTreeSet::new(),
        }
    }
    pub(crate) fn dial(&self, addresses: &[&Address]) {
        let target = |address: &&Address| Target {
            name: None,
            address: (*address).clone(),
        };
        self.network.dial(addresses.iter().map(target).collect());
    }
    pub(crate) async fn next(&mut self) -> Arrival {
        let arrival = soon("an arrival", self.arrivals.recv())
            .await
            .expect("the network runs");
        match &arrival {
            Arrival::Linked(card) => {
                *self.links.entry(card.name.clone()).or_default() += 1;
                assert!(self.standing.insert(card.name.clone()), "linked twice: {arrival:?}");
            }
            Arrival::Unlinked { peer, .. } => {
                assert!(self.standing.remove(peer), "not linked: {arrival:?}");
            }
            Arrival::Message { from, .. } => assert!(self.standing.contains(from), "not linked: {arrival:?}"),
            Arrival::Unreachable { .. } | Arrival::Request { .. } => {}
        }
        arrival
    }
    /// The next link; dials that failed before it do not matter.
    pub(crate) async fn linked(&mut self) -> PeerCard {
        loop {
            match self.next().await {
                Arrival::Linked(card) => return card,
                Arrival::Unreachable { .. } => {}
                other => panic!("no link but {other:?}"),
            }
        }
    }
    pub(crate) async fn unlinked(&mut self, name: &str) -> String {
        match self.next().await {
            Arrival::Unlinked { peer, reason } if peer.as_str() == name => reason,
            other => panic!("{name} not unlinked but {other:?}"),
        }
    }
    pub(crate) async fn unreachable(&mut self) -> (Option<PeerName>, String) {
        match self.next().await {
            Arrival::Unreachable { peer, reason, .. } => (peer, reason),
            other => panic!("not unreachable but {other:?}"),
        }
    }
    pub(crate) async fn message_from(&mut self, name: &str) -> Message {
        match self.next().await {
            Arrival::Message { from, message } if from.as_str() == name => *message,
            other => panic!("no message from {name} but {other:?}"),
        }
    }
    /// Follows both until a message sent on the link that stands has gone each way, and nothing else stands.
    pub(crate) async fn exactly_one_link(&mut self, other: &mut Self, context: &str) {
        static MARK: AtomicU64 = AtomicU64::new(1_000_000);
        let mark = MARK.fetch_add(1, Ordering::Relaxed);
        let (mut here, mut there) = (false, false);
        let arrived =
            |arrival: &Arrival| matches!(arrival, Arrival::Message { message: m, .. } if **m == message(mark));
        let both = async {
            // Sent again and again: a link that is about to be replaced loses what is on its way.
            let mut again = tokio::time::interval(Duration::from_millis(5));
            while !(here
                && there
                && self.standing.contains(&other.card.name)
                && other.standing.contains(&self.card.name))
            {
                tokio::select! {
                    arrival = self.next() => here |= arrived(&arrival),
                    arrival = other.next() => there |= arrived(&arrival),
                    _ = again.tick() => {
                        self.network.send(&other.card.name, message(mark));
                        other.network.send(&self.card.name, message(mark));
                    }
                }
            }
        };
        soon(context, both).await;
    }
    /// Takes messages until nothing more arrives for a while: what stands now stays.
    pub(crate) async fn quiet(&mut self) {
        while timeout(Duration::from_millis(100), self.next()).await.is_ok() {}
    }
    /// How often this peer was linked.
    pub(crate) fn times_linked(&self, name: &str) -> u32 {
        self.links.get(name).copied().unwrap_or(0)
    }
    /// The next request of a client.
    pub(crate) async fn request(&mut self) -> (Request, Replier) {
        match self.next().await {
            Arrival::Request { request, reply, .. } => (*request, reply),
            other => panic!("no request but {other:?}"),
        }
    }
}

/// A listener that speaks by hand.
pub(crate) struct RawPeer {
    pub(crate) card: PeerCard,
    pub(crate) address: Address,
    listener: TcpListener,
}

impl RawPeer {
    pub(crate) async fn listen(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::from(listener.local_addr().unwrap());
        Self {
            card: card(name, &address.to_string()),
            address,
            listener,
        }
    }
    pub(crate) async fn accept(&self) -> Raw {
        let (stream, _) = soon("a connection", self.listener.accept()).await.unwrap();
        Raw::new(stream)
    }
}

/// A connection that is spoken on by hand.
pub(crate) struct Raw {
    stream: TcpStream,
    frames: Frames,
}

impl Raw {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            frames: Frames::new(FRAME_BYTES_MAX),
        }
    }
    pub(crate) async fn connect(address: &Address) -> Self {
        let stream = TcpStream::connect((address.host(), address.port())).await;
        Self::new(stream.expect("somebody listens"))
    }
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        // The other side may have closed already.
        drop(self.stream.write_all(bytes).await);
    }
    pub(crate) async fn send(&mut self, value: &impl Serialize) {
        self.send_bytes(&framed(value)).await;
    }
    pub(crate) async fn say_hello(&mut self, card: &PeerCard) {
        self.send(&hello(card)).await;
    }
    pub(crate) async fn finish(&mut self) {
        drop(self.stream.shutdown().await);
    }
    /// As a client that has been welcomed.
    pub(crate) async fn client(address: &Address) -> Self {
        let mut connection = Self::connect(address).await;
        let actor = "tester".to_owned();
        let mut hello = hello(&card("unused", "127.0.0.1:9"));
        (hello.grid, hello.who) = (None, Who::Client { actor });
        connection.send(&hello).await;
        assert_eq!(connection.read_hello().await.refusal, None);
        connection
    }
    pub(crate) async fn ask(&mut self, id: u64, request: Request) {
        let deadline_ms = 10_000;
        self.send(&Envelope::Request {
            id,
            deadline_ms,
            request,
        })
        .await;
    }
    /// The next answer: whose, is it the last, what.
    pub(crate) async fn answer(&mut self) -> (u64, bool, Response) {
        match self.read().await {
            Some(Envelope::Response { id, last, response }) => (id, last, response),
            other => panic!("no answer but {other:?}"),
        }
    }
    async fn read_payload(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(payload) = self.frames.pop().unwrap() {
                return Some(payload);
            }
            let count = soon("bytes", self.stream.read(&mut buffer)).await.ok()?;
            if count == 0 {
                return None;
            }
            self.frames.push(buffer.get(..count).unwrap());
        }
    }
    pub(crate) async fn read(&mut self) -> Option<Envelope> {
        Some(decode(&self.read_payload().await?).unwrap())
    }
    pub(crate) async fn read_hello(&mut self) -> Hello {
        decode(&self.read_payload().await.expect("a hello")).unwrap()
    }
    /// Reads until the other side has closed.
    pub(crate) async fn closed(&mut self) {
        while self.read_payload().await.is_some() {}
    }
}

pub(crate) fn framed(value: &impl Serialize) -> Vec<u8> {
    frame(&encode(value), FRAME_BYTES_MAX).unwrap()
}

pub(crate) fn hello(card: &PeerCard) -> Hello {
    Hello {
        protocol: 1,
        protocol_min: 1,
        grid: Some("test".parse().unwrap()),
        who: Who::Peer(card.clone()),
        refusal: None,
    }
}
