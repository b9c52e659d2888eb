//! Fail-over, redirects and doubts, with peers that answer as a test wants.

use super::*;
use crate::io::net::testing::{Peer, Raw, RawPeer, framed, free_address, happening, hello, soon};
use crate::io::net::{Reader, Replier};
use crate::pure::base::RequestId;
use crate::pure::membership::PeerKind;
use crate::pure::model::Plan;
use crate::pure::protocol::report::{AppliedReport, PeerRow};
use crate::pure::protocol::{Envelope, ErrorCode, Failure};
use std::time::Duration;
use tokio::net::TcpListener;

fn options() -> Options {
    Options {
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_millis(500),
        stagger: Duration::from_millis(20),
        silence_max: Duration::from_millis(300),
        ..Options::new("tester")
    }
}

fn client(addresses: &[&Address]) -> Client {
    Client::new(addresses.iter().map(|address| (*address).clone()).collect(), options())
}

fn row(name: &str, kind: PeerKind, address: &Address) -> PeerRow {
    PeerRow {
        name: name.to_owned(),
        kind,
        state: "alive".to_owned(),
        address: address.to_string(),
        http: String::new(),
        version: String::new(),
    }
}

/// An answer that tells who gave it.
fn by(name: &str) -> Response {
    Response::Applied(Box::new(AppliedReport {
        application: name.to_owned(),
        revision: 1,
        version: String::new(),
        copies: 1,
        behind: Vec::new(),
        plan: Plan::default(),
        rolled_back_to: None,
        replaces: None,
        affected: crate::pure::protocol::update::Affected::default(),
        absent: Vec::new(),
    }))
}

fn update() -> Request {
    Request::Remove {
        name: "shop".parse().unwrap(),
        request: RequestId::from_bits(42),
    }
}

fn command() -> Request {
    Request::Command {
        server: "s".parse().unwrap(),
        verb: crate::pure::protocol::request::Verb::Restart,
    }
}

fn not_master(master: Option<&Peer>) -> Response {
    let mut failure = Failure::new(ErrorCode::NotMaster, "it is a replica", "");
    failure.master = master.map(|peer| (peer.card.name.clone(), peer.address.clone()));
    Response::Failed(failure)
}

/// A registry that answers by `reader` and counts what it answered.
async fn registry(name: &str, answer: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) -> Peer {
    peer(name, PeerKind::Registry, Arc::new(answer)).await
}

async fn peer(name: &str, kind: PeerKind, reader: Reader) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Peer::run(name, listener, 64, |settings| settings.card.kind = kind, reader)
}

fn failure(result: Result<Response, Error>) -> Failure {
    match result {
        Err(Error::Failed(failure)) => failure,
        other => panic!("no failure but {other:?}"),
    }
}

#[tokio::test]
async fn the_first_that_says_hello_is_asked() {
    let refused = free_address().await;
    let frozen = RawPeer::listen("z").await;
    let good = registry("good", |_| Some(by("good"))).await;
    let client = client(&[&refused, &frozen.address, &good.address]);
    for _ in 0..3 {
        assert_eq!(client.call(Request::Status).await, Ok(by("good")));
    }
}

#[tokio::test]
async fn when_nobody_answers_every_address_is_told_with_its_reason() {
    let refused = free_address().await;
    let frozen = RawPeer::listen("z").await;
    let other = registry("other", |_| None).await;
    let mut options = options();
    options.grid = Some("shop".parse().unwrap());
    let client = Client::new(vec![refused, frozen.address.clone(), other.address.clone()], options);
    let Err(Error::NobodyReachable { mut tried }) = client.call(Request::Status).await else {
        panic!("somebody was reached");
    };
    tried.sort_by_key(|(address, _)| (*address == other.address, *address == frozen.address));
    let reasons: Vec<_> = tried.iter().map(|(_, reason)| reason.as_str()).collect();
    assert!(
        matches!(reasons.as_slice(), [a, b, c]
        if a.contains("refused") && b.contains("said no hello within") && c.contains("grid shop") && c.contains("grid test")),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn an_update_goes_where_the_master_is_and_stays_there() {
    let master = registry("master", |_| Some(by("master"))).await;
    let answer = not_master(Some(&master));
    let mut replica = registry("replica", |_| None).await;
    let client = client(&[&replica.address]);
    let (first, ()) = tokio::join!(client.call(update()), async {
        assert!(replica.request().await.1.send(answer, true));
    });
    assert_eq!(first, Ok(by("master")));
    // The replica would not answer a second time.
    assert_eq!(client.call(update()).await, Ok(by("master")));
}

#[tokio::test]
async fn without_a_master_all_are_asked_and_the_refusal_is_told() {
    let one = registry("one", |_| Some(not_master(None))).await;
    let two = registry("two", |_| Some(not_master(None))).await;
    let failed = failure(client(&[&one.address, &two.address]).call(update()).await);
    assert_eq!(failed.code, ErrorCode::NotMaster);
    let three = registry("three", |_| Some(by("three"))).await;
    let client = client(&[&one.address, &two.address, &three.address]);
    assert_eq!(client.call(update()).await, Ok(by("three")));
}

#[tokio::test]
async fn a_node_shows_the_way_to_the_registries() {
    let dead = free_address().await;
    let good = registry("good", |_| Some(by("good"))).await;
    let rows = vec![
        row("dead", PeerKind::Registry, &dead),
        row("good", PeerKind::Registry, &good.address),
        row("node", PeerKind::Node, &dead),
    ];
    let reader: Reader = Arc::new(move |request: &Request| match request {
        Request::Peers => Some(Response::Peers(rows.clone())),
        other => panic!("a node was asked {other:?}"),
    });
    let node = peer("node", PeerKind::Node, reader).await;
    let client = client(&[&node.address]);
    assert!(matches!(client.call(Request::Peers).await, Ok(Response::Peers(rows)) if rows.len() == 3));
    assert_eq!(client.call(Request::Status).await, Ok(by("good")));
    assert_eq!(client.call(update()).await, Ok(by("good")));
    drop(good);
    let Err(Error::NobodyReachable { tried }) = client.call(Request::Status).await else {
        panic!("somebody was reached");
    };
    assert!(
        tried.iter().any(|(_, reason)| reason.contains("is a node")),
        "{tried:?}"
    );
}

#[tokio::test]
async fn without_a_registry_a_node_answers_for_its_own_servers_where_that_is_wanted() {
    let dead = free_address().await;
    let rows = vec![row("dead", PeerKind::Registry, &dead)];
    let reader: Reader = Arc::new(move |request: &Request| match request {
        Request::Peers => Some(Response::Peers(rows.clone())),
        Request::Servers { .. } => Some(Response::Servers(Vec::new())),
        other => panic!("a node was asked {other:?}"),
    });
    let node = peer("node", PeerKind::Node, reader).await;
    let servers = || Request::Servers { application: None };
    let plain = client(&[&node.address]);
    assert!(matches!(
        plain.call(servers()).await,
        Err(Error::NobodyReachable { .. })
    ));
    let options = Options {
        ask_nodes: true,
        ..options()
    };
    let client = Client::new(vec![node.address.clone()], options);
    assert_eq!(client.call(servers()).await, Ok(Response::Servers(Vec::new())));
    assert_eq!(client.answered_alone(), Some(node.card.name.clone()));
    // What only a registry knows is not asked of it.
    assert!(matches!(
        client.call(Request::Status).await,
        Err(Error::NobodyReachable { .. })
    ));
    assert_eq!(client.answered_alone(), None);
}

#[tokio::test]
async fn an_update_whose_master_dies_is_sent_again_to_the_next_master() {
    let mut first = registry("first", |_| None).await;
    let mut second = registry("second", |_| None).await;
    let client = client(&[&first.address, &second.address]);
    let (result, ()) = tokio::join!(client.call(update()), async {
        assert_eq!(first.request().await.0, update());
        drop(first);
        // Nobody leads for a while, then it does.
        for answer in [not_master(None), not_master(None), not_master(None), by("second")] {
            let (request, reply) = second.request().await;
            assert_eq!(request, update(), "the same request id");
            assert!(reply.send(answer, true));
        }
    });
    assert_eq!(result, Ok(by("second")));
    let told = client.repeated().expect("it was sent more than once").to_string();
    assert!(
        told.contains("the connection to first was lost") && told.contains("sent 5 times") && told.ends_with("second"),
        "{told}"
    );
}

#[tokio::test]
async fn a_refusal_after_a_doubt_does_not_end_the_doubt() {
    let mut master = registry("master", |_| None).await;
    let mut options = options();
    options.timeout = Duration::from_secs(1);
    let client = Client::new(vec![master.address.clone()], options);
    let failed = |code| Response::Failed(Failure::new(code, "words", ""));
    let (result, ()) = tokio::join!(client.call(update()), async {
        let doubt = failed(ErrorCode::InDoubt);
        assert!(master.request().await.1.send(doubt, true));
        let refusal = failed(ErrorCode::Precondition);
        assert!(master.request().await.1.send(refusal, true));
        assert!(master.request().await.1.send(by("master"), true));
    });
    assert_eq!(result, Ok(by("master")));
}

#[tokio::test]
async fn an_update_in_doubt_is_sent_again_until_it_is_known() {
    let mut master = registry("master", |_| None).await;
    let client = client(&[&master.address]);
    let doubt = Response::Failed(Failure::new(ErrorCode::InDoubt, "too few copies", ""));
    let (result, ()) = tokio::join!(client.call(update()), async {
        for answer in [doubt.clone(), doubt.clone(), by("master")] {
            assert!(master.request().await.1.send(answer, true));
        }
    });
    assert_eq!(result, Ok(by("master")));
}

#[tokio::test]
async fn a_command_is_never_sent_twice() {
    let mut first = registry("first", |_| None).await;
    let second = registry("second", |request| panic!("was asked {request:?}")).await;
    let client = client(&[&first.address, &second.address]);
    let (result, ()) = tokio::join!(client.call(command()), async {
        assert_eq!(first.request().await.0, command());
        drop(first);
    });
    assert_eq!(failure(result).code, ErrorCode::InDoubt);
}

/// Welcomes one client, then says nothing more.
async fn welcome(frozen: &RawPeer) -> Raw {
    let mut connection = frozen.accept().await;
    connection.read_hello().await;
    connection.send_bytes(&framed(&hello(&frozen.card))).await;
    connection
}

#[tokio::test]
async fn a_read_goes_on_with_the_next_peer_when_one_freezes() {
    let frozen = RawPeer::listen("z").await;
    let good = registry("good", |_| Some(by("good"))).await;
    let client = client(&[&frozen.address, &good.address]);
    let (result, connection) = tokio::join!(client.call(Request::Status), welcome(&frozen));
    assert_eq!(result, Ok(by("good")));
    drop(connection);
}

#[tokio::test]
async fn the_timeout_tells_what_may_have_happened() {
    let mut options = options();
    options.timeout = Duration::from_millis(150);
    for (request, in_doubt) in [(Request::Status, false), (update(), true)] {
        let frozen = RawPeer::listen("z").await;
        let client = Client::new(vec![frozen.address.clone()], options.clone());
        let (result, connection) = tokio::join!(client.call(request), welcome(&frozen));
        match result {
            Err(Error::TimedOut { after }) => assert!(!in_doubt && after == options.timeout),
            Err(Error::Failed(failure)) => assert!(in_doubt && failure.code == ErrorCode::InDoubt, "{failure}"),
            other => panic!("neither late nor in doubt: {other:?}"),
        }
        drop(connection);
    }
}

#[tokio::test]
async fn a_registry_that_came_back_is_asked_again() {
    let mut first = Peer::start("a").await;
    let client = client(&[&first.address]);
    let answer = |reply: Replier| assert!(reply.send(by("a"), true));
    let (result, ()) = tokio::join!(client.call(update()), async { answer(first.request().await.1) });
    assert_eq!(result, Ok(by("a")));
    let address = first.address.clone();
    drop(first);
    let mut second = Peer::start_at("a", &address).await;
    let (result, ()) = tokio::join!(client.call(command()), async { answer(second.request().await.1) });
    assert_eq!(result, Ok(by("a")));
}

#[tokio::test]
async fn a_watch_goes_on_with_the_next_registry() {
    let mut first = registry("first", |_| None).await;
    let mut second = registry("second", |_| None).await;
    let mut watch = client(&[&first.address, &second.address]).watch();
    for (number, peer) in [(1, &mut first), (2, &mut second)] {
        let (happened, ()) = tokio::join!(soon("a change", watch.next()), async {
            let (request, reply) = peer.request().await;
            assert_eq!(request, Request::Watch);
            assert!(reply.send(happening(&number.to_string()), false));
            assert!(reply.send(happening("more"), false));
            // Until the client has taken both.
            tokio::time::sleep(Duration::from_millis(50)).await;
        });
        assert_eq!(happened.unwrap().name, number.to_string());
        assert_eq!(watch.next().await.unwrap().name, "more");
        assert_eq!(watch.connections(), number);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        drop(std::mem::replace(
            peer,
            Peer::run("x", listener, 1, |_| {}, Arc::new(|_: &Request| None)),
        ));
    }
}

#[tokio::test]
async fn garbage_from_a_peer_loses_the_connection_and_nothing_else() {
    for garbage in [
        vec![0xff; 64],
        vec![0, 0, 0, 2, 0x9f, 0x9f],
        framed(&Envelope::Cancel { id: 1 }),
    ] {
        let bad = RawPeer::listen("z").await;
        let good = registry("good", |_| Some(by("good"))).await;
        let client = client(&[&bad.address, &good.address]);
        let (result, ()) = tokio::join!(client.call(Request::Status), async {
            let mut connection = welcome(&bad).await;
            connection.send_bytes(&garbage).await;
            connection.closed().await;
        });
        assert_eq!(result, Ok(by("good")), "{garbage:?}");
    }
}
