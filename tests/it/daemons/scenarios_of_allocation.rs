//! IceGrid's allocation scenarios (S-ALL in the reference; on the core in `handle/allocate_test.rs`) on a real registry, under
//! each allocator: whoever chooses, who holds what and who waits comes out the same.

use super::activation::small_grid;
use super::allocators::{allocation, plugins, reconfigure};
use super::application::Text;
use super::grid::{Grid, until};
use crate::plugins::{example_in_c, is_installed, library};
use floe::client::Client;
use floe::pure::allocation::Wish;
use floe::pure::base::{RequestId, Secret};
use floe::pure::protocol::allocation::Allocate;
use floe::pure::protocol::request::ErrorCode;
use floe::pure::protocol::{Request, Response};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use tokio::task::JoinHandle;

const R: [&str; 1] = ["r1"];

/// What a request came to: the resource, or why not.
type Got = Result<String, ErrorCode>;
/// A server, whether it is exclusive, and its resources with their types.
type Deployed<'a> = (&'a str, bool, &'a [(&'a str, &'a str)]);

const ONE: Deployed<'_> = ("one", false, &[("g1", "gpu")]);
const SHARED: Deployed<'_> = ("shared", true, &[("a3", "three"), ("a4", "four")]);
const PAIR: Deployed<'_> = ("pair", true, &[("p1", "pair"), ("p2", "pair")]);

fn id(resource: &str) -> Wish {
    Wish::Id(resource.parse().expect("an id"))
}
fn kind(kind: &str) -> Wish {
    Wish::Type {
        kind: kind.to_owned(),
        attributes: BTreeMap::new(),
    }
}
#[expect(clippy::unnecessary_wraps, reason = "what a request comes to is compared with it")]
fn ok(resource: &str) -> Got {
    Ok(resource.to_owned())
}

/// Clients of one registry, each with a session, under one allocator.
struct Hall<'a> {
    grid: &'a Grid,
    policy: &'a str,
    client: Client,
    sessions: BTreeMap<u8, Secret>,
}

impl<'a> Hall<'a> {
    /// Deploys this and nothing else, and opens three sessions.
    async fn new(grid: &'a Grid, policy: &'a str, servers: &[Deployed<'_>]) -> Self {
        let mut hall = Self {
            grid,
            policy,
            client: grid.client(&R),
            sessions: BTreeMap::new(),
        };
        hall.deploy(servers, "").await;
        for session in [1, 2, 3] {
            hall.open(session).await;
        }
        hall
    }
    async fn deploy(&self, servers: &[Deployed<'_>], label: &str) {
        let mut text = String::new();
        for (server, exclusive, offers) in servers {
            let offers = offers
                .iter()
                .map(|(id, kind)| format!("{{ id = \"{id}\", type = \"{kind}\" }}"));
            let offers: Vec<String> = offers.collect();
            write!(
                text,
                "\n[[node.n1.server]]\nid = \"{server}\"\nrun = [\"/bin/sleep\", \"1000\"]\nexclusive = {exclusive}\nlabels = {{ a = \"{label}\" }}\n\
                 adapter = [{{ name = \"a\", endpoint = \"tcp://127.0.0.1:1\" }}]\nobject = [{{ id = \"plain-{server}\", type = \"plain\" }}]\n\
                 allocatable = [{}]\n",
                offers.join(", ")
            )
            .expect("a text takes all");
        }
        self.grid.apply(&R, &Text::new("hall").more(&text)).await;
    }
    async fn open(&mut self, session: u8) {
        let secret = Secret::from_bits(floe::io::clock::dice());
        let (name, ttl_ms) = (format!("session {session}"), 60_000);
        let opened = self.client.call(Request::OpenSession { secret, name, ttl_ms }).await;
        assert!(matches!(opened, Ok(Response::Session(_))), "{opened:?}");
        self.sessions.insert(session, secret);
    }
    async fn close(&mut self, session: u8) {
        let secret = self.sessions.remove(&session).expect("it is open");
        let closed = self.client.call(Request::CloseSession { secret }).await;
        assert!(matches!(closed, Ok(Response::Session(_))), "{closed:?}");
    }
    /// Asks; the request stands until it is answered.
    fn asks(&self, session: u8, wish: Wish, timeout_ms: Option<u64>) -> JoinHandle<Got> {
        let (client, secret) = (self.client.clone(), self.sessions[&session]);
        let request = RequestId::from_bits(floe::io::clock::dice());
        tokio::spawn(async move {
            loop {
                let allocate = Allocate {
                    secret,
                    wish: wish.clone(),
                    timeout_ms,
                    request,
                };
                match client.call(Request::Allocate(Box::new(allocate))).await {
                    Ok(Response::Allocated(lease)) => return Ok(lease.resource),
                    Ok(Response::Queued(_)) => {}
                    Ok(Response::Failed(failure)) => return Err(failure.code),
                    Err(error) => return Err(error.code().unwrap_or(ErrorCode::Internal)),
                    Ok(other) => panic!("{other:?}"),
                }
            }
        })
    }
    /// The same, and it waits: it is in the queue.
    async fn waits(&self, session: u8, wish: Wish, timeout_ms: Option<u64>) -> JoinHandle<Got> {
        let before = self.waiting().await;
        let asked = self.asks(session, wish, timeout_ms);
        until("it waits", async || {
            let now = self.waiting().await;
            (now == before + 1).then_some(()).ok_or_else(|| format!("{now} wait"))
        })
        .await;
        asked
    }
    async fn waiting(&self) -> u64 {
        match self.client.call(Request::Sessions { after: None }).await {
            Ok(Response::Sessions(rows, _)) => rows.iter().map(|row| row.waiting).sum(),
            other => panic!("{other:?}"),
        }
    }
    async fn now(&self, session: u8, wish: Wish) -> Got {
        self.asks(session, wish, Some(0)).await.expect("it is answered")
    }
    async fn release(&self, session: u8, resource: &str) -> Got {
        let release = Request::Release {
            secret: self.sessions[&session],
            resource: resource.parse().expect("an id"),
            token: None,
        };
        match self.client.call(release).await {
            Ok(Response::Released(lease)) => Ok(lease.resource),
            Ok(Response::Failed(failure)) => Err(failure.code),
            Err(error) => Err(error.code().unwrap_or(ErrorCode::Internal)),
            Ok(other) => panic!("{other:?}"),
        }
    }
    fn is(&self, what: &str, got: &Got, wanted: &Got) {
        assert_eq!(got, wanted, "{what} under {}", self.policy);
    }
    async fn over(mut self) {
        for session in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.close(session).await;
        }
    }
}

/// S-ALL-01 to S-ALL-09, S-ALL-11.
async fn one_resource(grid: &Grid, policy: &str) {
    let hall = Hall::new(grid, policy, &[ONE]).await;
    for wish in [id("unknown"), id("plain-one"), kind("unknown"), kind("plain")] {
        hall.is("01, 02, 07", &hall.now(1, wish).await, &Err(ErrorCode::NotFound));
    }
    hall.is("01", &hall.release(1, "unknown").await, &Err(ErrorCode::NotFound));
    hall.is("03", &hall.now(1, id("g1")).await, &ok("g1"));
    hall.is("03", &hall.now(1, id("g1")).await, &Err(ErrorCode::Precondition));
    hall.is("04", &hall.now(2, id("g1")).await, &Err(ErrorCode::TimedOut));
    hall.is("05", &hall.release(2, "g1").await, &Err(ErrorCode::Precondition));
    hall.is("08", &hall.now(1, kind("gpu")).await, &Err(ErrorCode::TimedOut));
    hall.is("08", &hall.now(2, kind("gpu")).await, &Err(ErrorCode::TimedOut));
    for wish in [id("g1"), kind("gpu")] {
        let waiting = hall.waits(2, wish.clone(), Some(300)).await;
        hall.is("11", &waiting.await.expect("it is answered"), &Err(ErrorCode::TimedOut));
        let waiting = hall.waits(2, wish, None).await;
        hall.is("06, 09", &hall.release(1, "g1").await, &ok("g1"));
        hall.is("06, 09", &waiting.await.expect("it is answered"), &ok("g1"));
        hall.is("06", &hall.now(1, id("g1")).await, &Err(ErrorCode::TimedOut));
        hall.is("06", &hall.release(1, "g1").await, &Err(ErrorCode::Precondition));
        hall.is("06", &hall.release(2, "g1").await, &ok("g1"));
        hall.is("06", &hall.now(1, id("g1")).await, &ok("g1"));
    }
    hall.over().await;
}

/// S-ALL-12 to S-ALL-16.
async fn an_exclusive_server(grid: &Grid, policy: &str) {
    let hall = Hall::new(grid, policy, &[SHARED]).await;
    hall.is("12", &hall.now(1, id("a3")).await, &ok("a3"));
    for wish in [id("a3"), id("a4"), kind("four")] {
        hall.is("12, 14", &hall.now(2, wish).await, &Err(ErrorCode::TimedOut));
    }
    hall.is("14", &hall.now(1, kind("four")).await, &ok("a4"));
    let waiting = hall.waits(2, id("a3"), None).await;
    hall.is("13, 15", &hall.release(1, "a3").await, &ok("a3"));
    assert!(!waiting.is_finished(), "15 under {policy}");
    hall.is("13, 15", &hall.release(1, "a4").await, &ok("a4"));
    hall.is("13, 15", &waiting.await.expect("it is answered"), &ok("a3"));
    let waiting = hall.waits(1, kind("four"), None).await;
    hall.is("16", &hall.release(2, "a3").await, &ok("a3"));
    hall.is("16", &waiting.await.expect("it is answered"), &ok("a4"));
    hall.over().await;
}

/// S-ALL-17, S-ALL-18.
async fn a_type_on_exclusive_servers(grid: &Grid, policy: &str) {
    let hall = Hall::new(grid, policy, &[PAIR]).await;
    for session in [1, 2] {
        let got: BTreeSet<Got> = [
            hall.now(session, kind("pair")).await,
            hall.now(session, kind("pair")).await,
        ]
        .into();
        assert_eq!(got, [ok("p1"), ok("p2")].into(), "17 under {policy}");
        hall.is("17", &hall.now(3, kind("pair")).await, &Err(ErrorCode::TimedOut));
        for resource in ["p1", "p2"] {
            hall.is("17", &hall.release(session, resource).await, &ok(resource));
        }
    }
    hall.over().await;
    let two: [Deployed<'_>; 2] = [("s1", true, &[("p1", "pair")]), ("s2", true, &[("p2", "pair")])];
    let hall = Hall::new(grid, policy, &two).await;
    let (first, second) = (hall.now(1, kind("pair")).await, hall.now(2, kind("pair")).await);
    assert!(
        first.is_ok() && second.is_ok() && first != second,
        "18 under {policy}: {first:?} {second:?}"
    );
    hall.is("18", &hall.now(3, kind("pair")).await, &Err(ErrorCode::TimedOut));
    let second = second.expect("looked at above");
    hall.is("18", &hall.release(2, &second).await, &ok(&second));
    hall.is("18", &hall.now(3, kind("pair")).await, &ok(&second));
    hall.over().await;
}

/// S-ALL-19 to S-ALL-23.
async fn two_requests_of_one_session(grid: &Grid, policy: &str) {
    for exclusive in [false, true] {
        let mut hall = Hall::new(grid, policy, &[("one", exclusive, &[("g1", "gpu")])]).await;
        hall.is("19", &hall.now(2, id("g1")).await, &ok("g1"));
        let both = [hall.waits(1, id("g1"), None).await, hall.waits(1, id("g1"), None).await];
        hall.is("19", &hall.release(2, "g1").await, &ok("g1"));
        let [first, other] = both;
        let got: BTreeSet<Got> = [first.await.expect("an answer"), other.await.expect("an answer")].into();
        assert_eq!(
            got,
            [ok("g1"), Err(ErrorCode::Precondition)].into(),
            "19 under {policy}"
        );
        let waiting = [
            hall.waits(1, kind("gpu"), None).await,
            hall.waits(1, kind("gpu"), None).await,
        ];
        for _ in 0..2 {
            hall.is("20, 21", &hall.release(1, "g1").await, &ok("g1"));
            until("one of them has it", async || {
                let held = hall.now(3, id("g1")).await;
                (held == Err(ErrorCode::TimedOut))
                    .then_some(())
                    .ok_or_else(|| format!("{held:?}"))
            })
            .await;
        }
        for one in waiting {
            hall.is("20, 21", &one.await.expect("an answer"), &ok("g1"));
        }
        let waiting = hall.waits(2, id("g1"), None).await;
        let cancelled = hall.waits(3, id("g1"), None).await;
        hall.close(3).await;
        hall.is("22", &cancelled.await.expect("an answer"), &Err(ErrorCode::NotFound));
        hall.close(1).await;
        hall.is("22", &waiting.await.expect("an answer"), &ok("g1"));
        hall.close(2).await;
        hall.open(4).await;
        hall.is("23", &hall.now(4, id("g1")).await, &ok("g1"));
        hall.over().await;
    }
}

/// S-ALL-10, S-ALL-24 to S-ALL-26.
async fn what_operators_do(grid: &Grid, policy: &str) {
    let hall = Hall::new(grid, policy, &[SHARED]).await;
    hall.is("24", &hall.now(1, id("a3")).await, &ok("a3"));
    let waiting = hall.waits(2, id("a4"), None).await;
    hall.deploy(&[("shared", false, SHARED.2)], "").await;
    assert!(!waiting.is_finished(), "24 under {policy}");
    hall.is("24", &hall.release(1, "a3").await, &ok("a3"));
    hall.is("24", &waiting.await.expect("an answer"), &ok("a4"));
    hall.over().await;
    let hall = Hall::new(grid, policy, &[ONE]).await;
    hall.is("25", &hall.now(1, id("g1")).await, &ok("g1"));
    let waiting = hall.waits(2, id("g1"), None).await;
    hall.deploy(&[ONE], "other").await;
    assert!(!waiting.is_finished(), "25 under {policy}");
    hall.is("25", &hall.release(1, "g1").await, &ok("g1"));
    hall.is("25", &waiting.await.expect("an answer"), &ok("g1"));
    let waiting = hall.waits(1, id("g1"), None).await;
    hall.deploy(&[("one", false, &[])], "").await;
    hall.is("26", &waiting.await.expect("an answer"), &Err(ErrorCode::NotFound));
    hall.is("26", &hall.release(2, "g1").await, &Err(ErrorCode::NotFound));
    hall.deploy(&[ONE], "").await;
    grid.floe_at(&R, &["server", "disable", "one"]).await.done();
    until("10: nothing of a disabled server", async || {
        let got = hall.now(1, kind("gpu")).await;
        if got.is_ok() {
            hall.release(1, "g1").await.expect("it is held");
        }
        (got == Err(ErrorCode::Unavailable))
            .then_some(())
            .ok_or_else(|| format!("{got:?}"))
    })
    .await;
    grid.floe_at(&R, &["server", "enable", "one"]).await.done();
    until("10: again", async || {
        let got = hall.now(1, kind("gpu")).await;
        (got == ok("g1")).then_some(()).ok_or_else(|| format!("{got:?}"))
    })
    .await;
    hall.over().await;
}

#[tokio::test]
async fn s_all_hold_under_each_allocator() {
    let mut grid = small_grid(&Text::new("hall")).await;
    let folder = grid.folder().to_owned();
    let c = is_installed("gcc").then(|| example_in_c(&folder, "gcc"));
    let plugin =
        |name: &str, file: &std::path::Path, config: &str| (name.to_owned(), allocation(name, file, "process", config));
    let mut policies = vec![
        ("random".to_owned(), String::new()),
        (
            "first-fit".to_owned(),
            "[allocation]\npolicy = \"first-fit\"\n".to_owned(),
        ),
    ];
    policies.extend(c.map(|c| plugin("example-c", &c, "")));
    for name in ["least-loaded", "spread", "bin-pack", "fair-share", "sticky"] {
        policies.push(plugin(name, &library(&name.replace('-', "_")), ""));
    }
    for (policy, section) in policies {
        reconfigure(&mut grid, section).await;
        until("it is loaded", async || {
            let rows = plugins(&grid, "r1").await;
            let active = rows.iter().all(|row| row.state == "active");
            active.then_some(()).ok_or_else(|| format!("{rows:?}"))
        })
        .await;
        one_resource(&grid, &policy).await;
        an_exclusive_server(&grid, &policy).await;
        a_type_on_exclusive_servers(&grid, &policy).await;
        two_requests_of_one_session(&grid, &policy).await;
        what_operators_do(&grid, &policy).await;
        for row in plugins(&grid, "r1").await {
            assert!(row.asked > 20 && row.faults == 0, "{row:?}");
        }
    }
}
