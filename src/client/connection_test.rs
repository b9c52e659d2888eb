//! One connection over a real socket on loopback.

use super::*;
use crate::io::net::testing::{Peer, happening, soon};
use crate::pure::protocol::{ErrorCode, Failure};

const LIMIT: Duration = Duration::from_secs(10);

fn numbered(number: usize) -> Response {
    Response::Failed(Failure::new(ErrorCode::Internal, number.to_string(), ""))
}

async fn open(peer: &Peer) -> Connection {
    let connection = Connection::open(&peer.address, &Options::new("tester")).await;
    connection.expect("the peer is there")
}

#[tokio::test]
async fn more_requests_than_a_peer_takes_wait_for_their_turn() {
    let mut peer = Peer::start("a").await;
    let connection = open(&peer).await;
    assert_eq!(*connection.peer(), peer.card);
    let count = IN_FLIGHT_MAX * 3;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..count {
        let connection = connection.clone();
        let id = format!("{number}");
        calls.spawn(async move {
            let request = Request::Resolve {
                id,
                at_least: None,
                count: None,
            };
            (number, connection.call(request, LIMIT).await)
        });
    }
    for _ in 0..3 {
        let mut waiting = Vec::new();
        for _ in 0..IN_FLIGHT_MAX {
            waiting.push(peer.request().await);
        }
        // The last comes first, and nobody gets another's answer.
        for (request, reply) in waiting.into_iter().rev() {
            let Request::Resolve { id, .. } = request else {
                panic!("asked {request:?}");
            };
            assert!(reply.send(numbered(id.parse().unwrap()), true));
        }
    }
    while let Some(call) = calls.join_next().await {
        let (number, answer) = call.unwrap();
        assert_eq!(answer, Ok(numbered(number)));
    }
}

#[tokio::test]
async fn giving_up_cancels_the_request() {
    let mut peer = Peer::start("a").await;
    let connection = open(&peer).await;
    let short = Duration::from_millis(50);
    let call = connection.call(Request::Status, short).await;
    assert_eq!(call, Err(CallError::TimedOut { after: short }));
    let mut watch = connection.ask(Request::Watch, LIMIT).await.unwrap();
    let (_, late) = peer.request().await;
    let (_, reply) = peer.request().await;
    assert!(reply.send(happening("one"), false));
    assert_eq!(watch.next().await, Some(happening("one")));
    drop(watch);
    for reply in [late, reply] {
        soon("the replier is closed", async {
            while !reply.is_closed() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    // The connection serves on.
    let (answer, ()) = tokio::join!(connection.call(Request::Status, LIMIT), async {
        assert!(peer.request().await.1.send(numbered(1), true));
    });
    assert_eq!(answer, Ok(numbered(1)));
}

#[tokio::test]
async fn a_lost_connection_is_told_to_everybody_who_waits() {
    let mut peer = Peer::start("a").await;
    let connection = open(&peer).await;
    let (answer, ()) = tokio::join!(connection.call(Request::Status, LIMIT), async {
        peer.request().await;
        drop(peer);
    });
    assert!(matches!(answer, Err(CallError::Lost { sent: true, .. })), "{answer:?}");
    soon("the connection knows", async {
        while connection.closed().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let answer = connection.call(Request::Status, LIMIT).await;
    assert!(matches!(answer, Err(CallError::Lost { sent: false, .. })), "{answer:?}");
}
