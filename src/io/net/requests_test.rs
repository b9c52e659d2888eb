//! Clients' connections over real sockets on loopback.

use super::*;
use crate::io::net::testing::{Peer, Raw, card, happening, soon};
use crate::pure::protocol::report::PeerRow;
use std::sync::Arc;
use tokio::net::TcpListener;

fn rows(name: &str) -> Response {
    Response::Peers(vec![PeerRow {
        name: name.to_owned(),
        kind: crate::pure::membership::PeerKind::Registry,
        state: String::new(),
        address: String::new(),
        http: String::new(),
        version: String::new(),
    }])
}

fn code(response: &Response) -> Option<ErrorCode> {
    match response {
        Response::Failed(failure) => Some(failure.code),
        _ => None,
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_any_order() {
    let mut a = Peer::start("a").await;
    let mut client = Raw::client(&a.address).await;
    for id in 0..10 {
        client.ask(id, Request::Nodes).await;
    }
    let mut repliers = Vec::new();
    for _ in 0..10 {
        repliers.push(a.request().await.1);
    }
    for (index, replier) in repliers.iter().enumerate().rev() {
        assert!(replier.send(rows(&index.to_string()), true));
        let id = u64::try_from(index).unwrap();
        assert_eq!(client.answer().await, (id, true, rows(&index.to_string())));
    }
}

#[tokio::test]
async fn the_reader_answers_without_the_loop() {
    let reader: crate::io::net::Reader =
        Arc::new(|request: &Request| matches!(request, Request::Peers).then(|| rows("read")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut a = Peer::run("a", listener, 1, |_| {}, reader);
    let mut client = Raw::client(&a.address).await;
    // Far more than may be in flight: these never are.
    for id in 0..1_000 {
        client.ask(id, Request::Peers).await;
    }
    for id in 0..1_000 {
        assert_eq!(client.answer().await, (id, true, rows("read")));
    }
    client.ask(1_000, Request::Status).await;
    assert_eq!(a.request().await.0, Request::Status);
}

#[tokio::test]
async fn many_answers_to_one_request_keep_their_order_until_it_is_cancelled() {
    let mut a = Peer::start("a").await;
    let mut client = Raw::client(&a.address).await;
    client.ask(3, Request::Watch).await;
    let (_, reply) = a.request().await;
    for number in 0..100 {
        assert!(reply.send(happening(&number.to_string()), false));
    }
    for number in 0..100 {
        assert_eq!(client.answer().await, (3, false, happening(&number.to_string())));
    }
    client.send(&Envelope::Cancel { id: 3 }).await;
    soon("the replier is closed", async {
        while !reply.is_closed() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // The number may be used again.
    client.ask(3, Request::Status).await;
    a.request().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_said_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut a = Peer::run(
        "a",
        listener,
        2,
        |settings| settings.requests_in_flight_max = 4,
        Arc::new(|_: &Request| None),
    );
    let mut client = Raw::client(&a.address).await;
    // The inbox takes two, and nobody empties it.
    for id in 0..3 {
        client.ask(id, Request::Nodes).await;
    }
    let (id, last, response) = client.answer().await;
    assert_eq!(
        (id, last, code(&response)),
        (2, true, Some(ErrorCode::Overloaded)),
        "{response:?}"
    );
    let mut repliers = vec![a.request().await.1, a.request().await.1];
    // Two wait; two more may.
    for id in 3..6 {
        client.ask(id, Request::Nodes).await;
    }
    let (id, _, response) = client.answer().await;
    assert_eq!((id, code(&response)), (5, Some(ErrorCode::Overloaded)), "{response:?}");
    repliers.push(a.request().await.1);
    // A replier that is dropped answers as well.
    drop(repliers.remove(0));
    let (id, _, response) = client.answer().await;
    assert_eq!((id, code(&response)), (0, Some(ErrorCode::Unavailable)), "{response:?}");
    // And an answer that no frame holds.
    assert!(repliers.remove(0).send(rows(&"x".repeat(FRAME_BYTES_MAX)), true));
    let (id, _, response) = client.answer().await;
    assert_eq!((id, code(&response)), (1, Some(ErrorCode::Internal)), "{response:?}");
}

#[tokio::test]
async fn frames_that_no_client_sends_close_the_connection() {
    let a = Peer::start("a").await;
    let twice = Envelope::Request {
        id: 1,
        deadline_ms: 1,
        request: Request::Nodes,
    };
    let answer = Envelope::Response {
        id: 1,
        last: true,
        response: rows("x"),
    };
    for frames in [vec![twice.clone(), twice], vec![answer]] {
        let mut client = Raw::client(&a.address).await;
        for frame in &frames {
            client.send(frame).await;
        }
        client.closed().await;
    }
}

#[tokio::test]
async fn an_answer_given_before_the_stop_still_arrives() {
    let mut a = Peer::start("a").await;
    let mut client = Raw::client(&a.address).await;
    client.ask(1, Request::Nodes).await;
    let (_, reply) = a.request().await;
    assert!(reply.send(rows("last words"), true));
    a.network.stop().await;
    assert_eq!(client.answer().await, (1, true, rows("last words")));
    client.closed().await;
}

#[tokio::test]
async fn clients_cannot_lock_peers_out() {
    let mut a = Peer::start_with("a", |settings| settings.connections_max = 4).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(Raw::client(&a.address).await);
    }
    let mut fourth = Raw::connect(&a.address).await;
    let mut hello = crate::io::net::testing::hello(&card("unused", "127.0.0.1:9"));
    hello.who = crate::pure::protocol::Who::Client { actor: "me".to_owned() };
    fourth.send(&hello).await;
    let refusal = fourth.read_hello().await.refusal.expect("a refusal");
    assert!(refusal.contains("as many clients"), "{refusal}");
    fourth.finish().await;
    fourth.closed().await;
    soon("a peer is let in", async {
        while a.standing.is_empty() {
            let mut peer = Raw::connect(&a.address).await;
            peer.say_hello(&card("b", "127.0.0.1:9")).await;
            if peer.read_hello().await.refusal.is_none() {
                a.linked().await;
            }
        }
    })
    .await;
}
