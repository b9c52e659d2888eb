//! Sessions and leases over crashes, promotions and lost messages, on registry cores that talk to each other.

use crate::pure::allocation::{Allocations, SessionId, Token, Wish};
use crate::pure::base::{ObjectId, RequestId, Secret};
use crate::pure::lineage::sight::Sight;
use crate::pure::membership::{Role, Standing};
use crate::pure::model::Application;
use crate::pure::protocol::allocation::{Allocate, LeaseReport};
use crate::pure::protocol::request::ErrorCode;
use crate::pure::protocol::{Request, Response};
use crate::pure::registry::cluster::Cluster;
use std::time::Duration;

const SECRET: Secret = Secret::from_bits(1);
const OTHER: Secret = Secret::from_bits(2);

/// r1 leads r2 and r3; one resource is deployed on a node that every registry is linked to; two sessions are open.
fn grid(min_copies: u64) -> Cluster {
    let mut cluster = Cluster::new(&[]);
    for name in ["r1", "r2", "r3"] {
        cluster.add(name, |config| {
            config.role = if name == "r1" { Role::Master } else { Role::Replica };
            config.min_copies = min_copies;
        });
        cluster.link_node(name, "n1");
    }
    cluster.pass(Duration::from_secs(8));
    let text = "application = \"hall\"\n[[node.n1.server]]\nid = \"s1\"\nrun = [\"/bin/x\"]\nallocatable = [{ id = \"g1\", type = \"gpu\" }]";
    let application = Application::from_toml(text, "test").unwrap();
    let request = RequestId::from_bits(5);
    let response = cluster.ask(
        "r1",
        Request::Apply {
            application,
            if_revision: None,
            request,
        },
    );
    assert!(matches!(response, Response::Applied(_)), "{response:?}");
    for secret in [SECRET, OTHER] {
        open(&mut cluster, "r1", secret);
    }
    cluster
}

fn open(cluster: &mut Cluster, registry: &str, secret: Secret) {
    let (name, ttl_ms) = ("job".to_owned(), 30_000);
    let response = cluster.ask(registry, Request::OpenSession { secret, name, ttl_ms });
    assert!(matches!(response, Response::Session(_)), "{response:?}");
}
fn renew(cluster: &mut Cluster, registry: &str, secret: Secret) {
    let response = cluster.ask(registry, Request::RenewSession { secret });
    assert!(matches!(response, Response::Session(_)), "{response:?}");
}
fn wanted(secret: Secret, request: u128, timeout_ms: Option<u64>) -> Request {
    Request::Allocate(Box::new(Allocate {
        secret,
        wish: Wish::Type {
            kind: "gpu".to_owned(),
            attributes: [].into(),
        },
        timeout_ms,
        request: RequestId::from_bits(request),
    }))
}
fn lease(response: Response) -> LeaseReport {
    match response {
        Response::Allocated(lease) => *lease,
        other => panic!("{other:?}"),
    }
}
fn promote(cluster: &mut Cluster, name: &str, accept_loss: bool) {
    let request = Request::Promote {
        dry_run: false,
        accept_loss,
        force: false,
    };
    let response = cluster.ask(name, request);
    assert!(matches!(response, Response::Promotion(_)), "{response:?}");
    cluster.pass(Duration::from_millis(200));
}
fn known(cluster: &Cluster, name: &str) -> Allocations {
    cluster.registry(name).database().allocations().clone()
}
fn holder(cluster: &Cluster, name: &str) -> Option<SessionId> {
    let resource: ObjectId = "g1".parse().unwrap();
    known(cluster, name).lease(&resource).map(|lease| lease.session)
}
fn token(lease: &LeaseReport) -> Token {
    lease.token.parse().unwrap()
}

#[test]
fn every_replica_knows_who_holds_what() {
    let mut cluster = grid(2);
    let held = lease(cluster.ask("r1", wanted(SECRET, 1, Some(0))));
    assert_eq!((held.resource.as_str(), held.node.as_str()), ("g1", "n1"));
    for name in ["r2", "r3"] {
        assert_eq!(known(&cluster, name), known(&cluster, "r1"), "{name}");
    }
    let Response::Leases(rows, false) = cluster.ask("r3", Request::Leases { after: None }) else {
        panic!("a replica answers as well");
    };
    assert_eq!((rows.len(), rows[0].expires_in), (1, None));
}

/// Mastership moves by command: sessions, lease, queue and tokens go on, and the waiter is served by the new master.
#[test]
fn a_promotion_takes_sessions_leases_and_the_queue_over() {
    let mut cluster = grid(2);
    let held = lease(cluster.ask("r1", wanted(SECRET, 1, Some(0))));
    let waiting = cluster.send("r1", wanted(OTHER, 2, None));
    assert_eq!(cluster.answer(waiting), None);
    promote(&mut cluster, "r2", false);
    let told = cluster.answer(waiting);
    assert!(
        matches!(&told, Some(Response::Failed(failure)) if failure.code == ErrorCode::InDoubt),
        "{told:?}"
    );
    assert_eq!(holder(&cluster, "r2"), Some(SessionId::of(SECRET)));
    // The client asks the new master the same, and keeps its place.
    let waiting = cluster.send("r2", wanted(OTHER, 2, None));
    assert_eq!(known(&cluster, "r2").waiting().len(), 1);
    // Asked again, the holder gets what it has.
    assert_eq!(lease(cluster.ask("r2", wanted(SECRET, 1, Some(0)))).token, held.token);
    let release = Request::Release {
        secret: SECRET,
        resource: "g1".parse().unwrap(),
        token: Some(token(&held)),
    };
    assert!(matches!(cluster.ask("r2", release), Response::Released(_)));
    let next = lease(cluster.answer(waiting).expect("it was next"));
    assert!(token(&next) > token(&held), "{} after {}", next.token, held.token);
    cluster.pass(Duration::from_secs(5));
    assert_eq!(
        known(&cluster, "r1"),
        known(&cluster, "r2"),
        "the former master follows"
    );
}

/// The master dies; the replica that is promoted missed the last grant, the other one has it.
#[test]
fn a_new_master_asks_the_one_that_knows_most() {
    let mut cluster = grid(2);
    cluster.cut_off("r3");
    cluster.pass(Duration::from_secs(3));
    let held = lease(cluster.ask("r1", wanted(SECRET, 1, Some(0))));
    cluster.crash("r1");
    cluster.rejoin("r3");
    assert_eq!(
        (holder(&cluster, "r3"), holder(&cluster, "r2")),
        (None, Some(SessionId::of(SECRET)))
    );
    promote(&mut cluster, "r3", true);
    assert_eq!(holder(&cluster, "r3"), Some(SessionId::of(SECRET)));
    let refused = cluster.ask("r3", wanted(OTHER, 2, Some(0)));
    assert!(
        matches!(&refused, Response::Failed(failure) if failure.code == ErrorCode::TimedOut),
        "{refused:?}"
    );
    // The former master comes back with what it knew, and follows.
    cluster.start("r1", |config| config.role = Role::Replica);
    cluster.pass(Duration::from_secs(1));
    assert_eq!(known(&cluster, "r1"), known(&cluster, "r3"));
    assert_eq!(lease(cluster.ask("r3", wanted(SECRET, 1, Some(0)))).token, held.token);
}

/// Nobody who is heard knows of the grant: the new master grants nothing until the holder must have noticed.
#[test]
fn after_an_unproven_promotion_nothing_is_granted_for_a_while() {
    let mut cluster = grid(1);
    for name in ["r2", "r3"] {
        cluster.cut_off(name);
    }
    cluster.pass(Duration::from_secs(3));
    let held = lease(cluster.ask("r1", wanted(SECRET, 1, Some(0))));
    cluster.crash("r1");
    for name in ["r2", "r3"] {
        cluster.rejoin(name);
    }
    promote(&mut cluster, "r2", true);
    let waiting = cluster.send("r2", wanted(OTHER, 2, None));
    for _ in 0..6 {
        cluster.pass(Duration::from_secs(1));
        renew(&mut cluster, "r2", OTHER);
        assert_eq!((cluster.answer(waiting), holder(&cluster, "r2")), (None, None));
    }
    cluster.pass(Duration::from_secs(2));
    let queued = cluster.answer(waiting);
    assert!(
        matches!(queued, Some(Response::Queued(_))),
        "it may ask again: {queued:?}"
    );
    for _ in 0..14 {
        cluster.pass(Duration::from_secs(1));
        renew(&mut cluster, "r2", OTHER);
        assert_eq!(holder(&cluster, "r2"), None);
    }
    for _ in 0..14 {
        cluster.pass(Duration::from_secs(1));
        renew(&mut cluster, "r2", OTHER);
    }
    let next = lease(cluster.ask("r2", wanted(OTHER, 2, None)));
    assert!(token(&next) > token(&held), "{} after {}", next.token, held.token);
    let response = cluster.ask("r2", Request::RenewSession { secret: SECRET });
    assert!(
        matches!(&response, Response::Failed(failure) if failure.code == ErrorCode::NotFound),
        "{response:?}"
    );
}

/// kill -9 of a master that comes back: what it knew is on its disk, and every session has its whole time again.
#[test]
fn a_master_that_restarts_goes_on() {
    let mut cluster = grid(2);
    let held = lease(cluster.ask("r1", wanted(SECRET, 1, Some(0))));
    cluster.pass(Duration::from_secs(25));
    cluster.crash("r1");
    cluster.start("r1", |config| (config.role, config.min_copies) = (Role::Master, 2));
    cluster.link_node("r1", "n1");
    cluster.pass(Duration::from_secs(10));
    renew(&mut cluster, "r1", SECRET);
    assert_eq!(lease(cluster.ask("r1", wanted(SECRET, 1, Some(0)))).token, held.token);
    cluster.pass(Duration::from_secs(25));
    let Response::Sessions(rows, false) = cluster.ask("r1", Request::Sessions { after: None }) else {
        panic!("rows");
    };
    assert_eq!(rows.len(), 1, "the other one was not renewed: {rows:?}");
}

/// A grant that no replica has is not said; asked again, the same lease is given.
#[test]
fn a_grant_is_said_when_a_replica_has_it() {
    let mut cluster = grid(2);
    cluster.losing = vec!["AllocationsHeld"];
    let to = cluster.send("r1", wanted(SECRET, 1, Some(0)));
    assert_eq!(cluster.answer(to), None);
    cluster.pass(Duration::from_secs(3));
    let told = cluster.answer(to);
    assert!(
        matches!(&told, Some(Response::Failed(failure)) if failure.code == ErrorCode::InDoubt),
        "{told:?}"
    );
    cluster.losing.clear();
    cluster.pass(Duration::from_secs(3));
    assert_eq!(lease(cluster.ask("r1", wanted(SECRET, 1, Some(0)))).resource, "g1");
}

/// A decision is lost on the way: the replica notices at the next one, and asks for everything.
#[test]
fn a_replica_that_missed_something_asks_for_everything() {
    let mut cluster = grid(1);
    cluster.losing = vec!["Allocations(AllocationPart"];
    let to = cluster.send("r1", wanted(SECRET, 1, Some(0)));
    cluster.pass(Duration::from_secs(3));
    assert!(
        matches!(cluster.answer(to), Some(Response::Allocated(_))),
        "one copy is enough here"
    );
    assert_eq!(holder(&cluster, "r2"), None);
    cluster.losing.clear();
    open(&mut cluster, "r1", Secret::from_bits(3));
    assert_eq!(known(&cluster, "r2"), known(&cluster, "r1"));
}

/// A snapshot replaces the log and leaves the sessions alone.
#[test]
fn a_snapshot_keeps_what_is_known_of_sessions() {
    let mut cluster = grid(1);
    cluster.crash("r3");
    for number in 0..30 {
        cluster.apply("r1", &format!("app-{number}"));
    }
    cluster.crash("r1");
    cluster.start("r1", |config| (config.role, config.log_keep) = (Role::Master, 3));
    cluster.pass(Duration::from_secs(8));
    cluster.apply("r1", "last");
    renew(&mut cluster, "r1", SECRET);
    let before = known(&cluster, "r1");
    cluster.start("r3", |config| config.role = Role::Replica);
    cluster.pass(Duration::from_secs(1));
    assert_eq!(cluster.versions().len(), 3, "every disk is sound");
    assert_eq!((known(&cluster, "r3"), known(&cluster, "r2")), (before.clone(), before));
}

/// A master that is cut off renews nobody: its successor counts the time anew, and lets end what is not renewed there.
#[test]
fn a_master_that_is_cut_off_does_not_renew() {
    let mut cluster = grid(2);
    renew(&mut cluster, "r1", SECRET);
    // It has not noticed yet that nobody hears it.
    cluster.losing = vec!["AllocationsBeatHeard"];
    let to = cluster.send("r1", Request::RenewSession { secret: SECRET });
    assert_eq!(cluster.answer(to), None);
    cluster.pass(Duration::from_secs(3));
    let told = cluster.answer(to);
    assert!(
        matches!(&told, Some(Response::Failed(failure)) if failure.code == ErrorCode::InDoubt),
        "{told:?}"
    );
    cluster.losing.clear();
    renew(&mut cluster, "r1", SECRET);
}

/// A reign that no other disk ever knew decides nothing, and so outranks nobody who knows more.
#[test]
fn a_reign_that_nobody_followed_leaves_no_mark() {
    let mut cluster = grid(2);
    cluster.cut_off("r3");
    cluster.pass(Duration::from_secs(3));
    lease(cluster.ask("r1", wanted(SECRET, 1, Some(0))));
    cluster.crash("r1");
    cluster.crash("r2");
    cluster.crash("r3");
    cluster.rejoin("r3");
    cluster.start("r3", |config| {
        (config.role, config.min_copies, config.sight) = (Role::Replica, 2, Sight::Off);
    });
    let before = known(&cluster, "r3");
    promote(&mut cluster, "r3", true);
    assert_eq!((known(&cluster, "r3"), holder(&cluster, "r3")), (before, None));
    let response = cluster.send("r3", wanted(OTHER, 2, Some(0)));
    assert!(!matches!(cluster.answer(response), Some(Response::Allocated(_))));
    // r2 knows of the grant; whatever r3 did meanwhile, the next reign goes on from there.
    cluster.crash("r3");
    for name in ["r2", "r3"] {
        cluster.start(name, |config| (config.role, config.min_copies) = (Role::Replica, 2));
        cluster.link_node(name, "n1");
    }
    // r3 was made master by command and still is: it leads again, now with r2.
    cluster.pass(Duration::from_secs(10));
    assert_eq!(cluster.standing("r3"), Standing::Leading);
    assert_eq!(holder(&cluster, "r2"), Some(SessionId::of(SECRET)));
    assert_eq!(known(&cluster, "r3"), known(&cluster, "r2"));
}
