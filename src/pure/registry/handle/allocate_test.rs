//! IceGrid's allocation scenarios (S-ALL in the reference), each on a registry's core with a node that is up.

use crate::pure::allocation::{Allocations, SessionId, Wish};
use crate::pure::base::{ObjectId, RequestId, Secret};
use crate::pure::locator::Load;
use crate::pure::membership::Role;
use crate::pure::model::Application;
use crate::pure::protocol::allocation::Allocate;
use crate::pure::protocol::report::{NodeReport, ServerReport, ServerState};
use crate::pure::protocol::request::ErrorCode;
use crate::pure::protocol::{Message, ReplyTo, Request, Response};
use crate::pure::registry::effect::Effect;
use crate::pure::registry::event::Event;
use crate::pure::registry::fixture::Bench;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// What a request came to: the resource, or why not.
type Got = Result<String, ErrorCode>;

/// A server, whether it is exclusive, and its resources with their types.
type Deployed = (&'static str, bool, Vec<(&'static str, &'static str)>);
type Written = (&'static str, bool, &'static [(&'static str, &'static str)]);

/// A registry that leads, and clients of it.
struct Hall {
    bench: Bench,
    asked: u64,
    answers: BTreeMap<ReplyTo, Response>,
    servers: Vec<Deployed>,
}

fn secret(session: u64) -> Secret {
    Secret::from_bits(u128::from(session) << 64)
}
fn id(resource: &str) -> Wish {
    Wish::Id(resource.parse().unwrap())
}
fn kind(kind: &str) -> Wish {
    Wish::Type {
        kind: kind.to_owned(),
        attributes: BTreeMap::new(),
    }
}

impl Hall {
    fn new(servers: &[Written]) -> Self {
        let mut hall = Self {
            bench: Bench::start("r1", Role::Master),
            asked: 0,
            answers: BTreeMap::new(),
            servers: servers
                .iter()
                .map(|(id, exclusive, offers)| (*id, *exclusive, offers.to_vec()))
                .collect(),
        };
        // Nobody else is there: the survey ends by time.
        for _ in 0..10 {
            hall.pass(Duration::from_secs(1));
        }
        hall.bench.link("n1");
        hall.deploy("");
        for session in [1, 2, 3] {
            hall.open(session);
        }
        hall
    }
    fn deploy(&mut self, label: &str) {
        let mut text = "application = \"hall\"\n".to_owned();
        for (server, exclusive, offers) in &self.servers {
            let offers: Vec<String> = offers
                .iter()
                .map(|(id, kind)| format!("{{ id = \"{id}\", type = \"{kind}\" }}"))
                .collect();
            writeln!(
                text,
                "[[node.n1.server]]\nid = \"{server}\"\nrun = [\"/bin/x\"]\nexclusive = {exclusive}\nlabels = {{ a = \"{label}\" }}\n\
                 adapter = [{{ name = \"a\", endpoint = \"tcp://h:1\" }}]\n\
                 object = [{{ id = \"plain-{server}\", type = \"plain\" }}]\nallocatable = [{}]",
                offers.join(", ")
            )
            .unwrap();
        }
        let application = Application::from_toml(&text, "test").unwrap();
        self.asked += 1;
        let request = RequestId::from_bits(u128::from(self.asked) << 32);
        let response = self.ask(Request::Apply {
            application,
            if_revision: None,
            request,
        });
        assert!(matches!(response, Response::Applied(_)), "{response:?}");
    }
    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::Reply { to, response, .. } = effect {
                let twice = self.answers.insert(to, response);
                assert_eq!(twice, None, "one answer to each request");
            }
        }
        self.check();
    }
    /// Promise 7, and that the disk would say the same.
    fn check(&self) {
        let allocations = self.bench.registry.database().allocations();
        let restored = Allocations::restore(&allocations.values());
        assert_eq!(restored.as_ref(), Ok(allocations));
    }
    fn pass(&mut self, time: Duration) {
        let effects = self.bench.wait(time);
        self.take(effects);
    }
    fn send(&mut self, request: Request, deadline: Duration) -> ReplyTo {
        self.asked += 1;
        let to = ReplyTo(self.asked);
        let effects = self.bench.event(Event::Request {
            to,
            actor: "test".to_owned(),
            deadline,
            request: Box::new(request),
        });
        self.take(effects);
        to
    }
    fn ask(&mut self, request: Request) -> Response {
        let to = self.send(request, Duration::from_mins(1));
        self.answers.remove(&to).expect("an answer at once")
    }
    fn open(&mut self, session: u64) {
        let response = self.ask(Request::OpenSession {
            secret: secret(session),
            name: format!("session {session}"),
            ttl_ms: 60_000,
        });
        assert!(matches!(response, Response::Session(_)), "{response:?}");
    }
    fn close(&mut self, session: u64) {
        let response = self.ask(Request::CloseSession {
            secret: secret(session),
        });
        assert!(matches!(response, Response::Session(_)), "{response:?}");
    }
    /// Asks; `None`: it may wait for ever.
    fn want(&mut self, session: u64, wish: Wish, timeout_ms: Option<u64>) -> ReplyTo {
        let request = RequestId::from_bits(u128::from(self.asked) + 1);
        let allocate = Allocate {
            secret: secret(session),
            wish,
            timeout_ms,
            request,
        };
        self.send(Request::Allocate(Box::new(allocate)), Duration::from_mins(10))
    }
    /// The answer, if there is one by now.
    fn got(&mut self, to: ReplyTo) -> Option<Got> {
        Some(match self.answers.remove(&to)? {
            Response::Allocated(lease) => Ok(lease.resource),
            Response::Failed(failure) => Err(failure.code),
            other => panic!("{other:?}"),
        })
    }
    /// Asks for what it gets or does not get at once.
    fn now(&mut self, session: u64, wish: Wish) -> Got {
        let to = self.want(session, wish, Some(0));
        self.got(to).expect("an answer at once")
    }
    fn release(&mut self, session: u64, resource: &str) -> Got {
        match self.ask(Request::Release {
            secret: secret(session),
            resource: resource.parse().unwrap(),
            token: None,
        }) {
            Response::Released(lease) => Ok(lease.resource),
            Response::Failed(failure) => Err(failure.code),
            other => panic!("{other:?}"),
        }
    }
    fn says_enabled(&mut self, server: &str, enabled: bool) {
        let report = ServerReport {
            id: server.parse().unwrap(),
            application: "hall".parse().unwrap(),
            node: "n1".parse().unwrap(),
            state: ServerState::Active,
            enabled,
            pid: None,
            restarts: 0,
            reason: String::new(),
            endpoints: BTreeMap::new(),
            next_try: None,
            tenure: None,
        };
        let status = NodeReport {
            obeys: self.bench.registry.promise(),
            applied: None,
            database: self.bench.registry.database().id(),
            unfit: false,
            held: Vec::new(),
            kept: Vec::new(),
            load: Load::default(),
            host: String::new(),
            load_longer: (Load::default(), Load::default()),
            drained: false,
            labels: BTreeMap::new(),
            means: String::new(),
        };
        let effects = self.bench.says("n1", Message::NodeStatus(Box::new(status)));
        self.take(effects);
        let effects = self.bench.says(
            "n1",
            Message::Servers {
                first: true,
                last: true,
                servers: vec![report],
            },
        );
        self.take(effects);
    }
    fn holder(&self, resource: &str) -> Option<SessionId> {
        let resource: ObjectId = resource.parse().unwrap();
        let lease = self.bench.registry.database().allocations().lease(&resource);
        lease.map(|lease| lease.session)
    }
}

const ONE: &[Written] = &[("s1", false, &[("g1", "gpu")])];
/// Two resources of two types on one exclusive server, and one on a server of its own.
const SHARED: &[Written] = &[
    ("s1", true, &[("a3", "three"), ("a4", "four")]),
    ("s2", false, &[("g1", "gpu")]),
];
const PAIR: &[Written] = &[("s1", true, &[("p1", "pair"), ("p2", "pair")])];

#[expect(clippy::unnecessary_wraps, reason = "compared with what a request came to")]
fn ok(resource: &str) -> Got {
    Ok(resource.to_owned())
}

/// S-ALL-01, S-ALL-02, S-ALL-07.
#[test]
fn what_nobody_deployed_for_sessions_is_not_given() {
    let mut hall = Hall::new(ONE);
    assert_eq!(hall.now(1, id("unknown")), Err(ErrorCode::NotFound));
    assert_eq!(hall.release(1, "unknown"), Err(ErrorCode::NotFound));
    assert_eq!(hall.now(1, id("plain-s1")), Err(ErrorCode::NotFound));
    for wish in ["unknown", "plain"] {
        let to = hall.want(1, kind(wish), None);
        assert_eq!(
            hall.got(to),
            Some(Err(ErrorCode::NotFound)),
            "no wait for what is not there"
        );
    }
}

/// S-ALL-03, S-ALL-04, S-ALL-05.
#[test]
fn one_session_holds_it_and_only_that_one_gives_it_back() {
    let mut hall = Hall::new(ONE);
    assert_eq!(hall.now(1, id("g1")), ok("g1"));
    assert_eq!(hall.now(1, id("g1")), Err(ErrorCode::Precondition));
    assert_eq!(hall.now(2, id("g1")), Err(ErrorCode::TimedOut));
    assert_eq!(hall.release(2, "g1"), Err(ErrorCode::Precondition));
    assert_eq!(hall.holder("g1"), Some(SessionId::of(secret(1))));
}

/// S-ALL-06, S-ALL-09.
#[test]
fn who_waits_gets_it_when_it_is_released() {
    for wish in [id("g1"), kind("gpu")] {
        let mut hall = Hall::new(ONE);
        assert_eq!(hall.now(1, wish.clone()), ok("g1"));
        let waiting = hall.want(2, wish, Some(5000));
        assert_eq!(hall.got(waiting), None);
        assert_eq!(hall.release(1, "g1"), ok("g1"));
        assert_eq!(hall.got(waiting), Some(ok("g1")));
        assert_eq!(hall.now(1, id("g1")), Err(ErrorCode::TimedOut));
        assert_eq!(hall.release(1, "g1"), Err(ErrorCode::Precondition));
    }
}

/// S-ALL-08.
#[test]
fn a_type_with_nothing_free_times_out_at_once_without_a_timeout() {
    let mut hall = Hall::new(ONE);
    assert_eq!(hall.now(1, kind("gpu")), ok("g1"));
    assert!(hall.now(1, kind("gpu")).is_err());
    assert_eq!(hall.now(2, kind("gpu")), Err(ErrorCode::TimedOut));
}

/// S-ALL-10.
#[test]
fn nothing_of_a_disabled_server_is_given() {
    let mut hall = Hall::new(ONE);
    hall.says_enabled("s1", false);
    let to = hall.want(1, kind("gpu"), None);
    assert_eq!(hall.got(to), Some(Err(ErrorCode::Unavailable)));
    hall.says_enabled("s1", true);
    assert_eq!(hall.now(1, kind("gpu")), ok("g1"));
    // Who waits while it is disabled goes on waiting, and has it afterwards.
    let waiting = hall.want(2, kind("gpu"), None);
    hall.says_enabled("s1", false);
    assert_eq!(hall.release(1, "g1"), ok("g1"));
    assert_eq!(hall.got(waiting), None);
    hall.says_enabled("s1", true);
    assert_eq!(hall.got(waiting), Some(ok("g1")));
}

/// Who waited long enough hears why it waited last, and not why it waited before.
#[test]
fn a_wait_that_ends_tells_why_it_waited_last() {
    for is_out in [true, false] {
        let mut hall = Hall::new(ONE);
        assert_eq!(hall.now(1, id("g1")), ok("g1"));
        let waiting = hall.want(2, kind("gpu"), Some(500));
        hall.says_enabled("s1", false);
        if !is_out {
            hall.says_enabled("s1", true);
        }
        hall.pass(Duration::from_millis(600));
        let Some(Response::Failed(failure)) = hall.answers.remove(&waiting) else {
            panic!("it waited long enough");
        };
        let reason = "g1 is out of service because its server is disabled";
        assert_eq!(failure.message.contains(reason), is_out, "{failure:?}");
    }
}

/// S-ALL-11.
#[test]
fn a_wait_ends_by_its_time() {
    for wish in [id("g1"), kind("gpu")] {
        let mut hall = Hall::new(ONE);
        assert_eq!(hall.now(1, id("g1")), ok("g1"));
        let waiting = hall.want(2, wish, Some(500));
        hall.pass(Duration::from_millis(400));
        assert_eq!(hall.got(waiting), None);
        hall.pass(Duration::from_millis(200));
        assert_eq!(hall.got(waiting), Some(Err(ErrorCode::TimedOut)));
        assert_eq!(hall.release(1, "g1"), ok("g1"));
        assert_eq!(hall.holder("g1"), None, "it does not wait any more");
    }
}

/// S-ALL-12, S-ALL-13.
#[test]
fn an_exclusive_server_belongs_to_one_session_at_a_time() {
    let mut hall = Hall::new(SHARED);
    assert_eq!(hall.now(1, id("a3")), ok("a3"));
    assert_eq!(hall.now(2, id("a3")), Err(ErrorCode::TimedOut));
    assert_eq!(hall.now(2, id("a4")), Err(ErrorCode::TimedOut));
    assert_eq!(hall.now(1, id("a4")), ok("a4"));
    assert_eq!(hall.release(1, "a3"), ok("a3"));
    assert_eq!(hall.now(2, id("a3")), Err(ErrorCode::TimedOut));
    assert_eq!(hall.release(1, "a4"), ok("a4"));
    assert_eq!(hall.now(2, id("a3")), ok("a3"));
}

/// S-ALL-14.
#[test]
fn by_type_only_the_holder_of_the_server_gets_more_of_it() {
    let mut hall = Hall::new(SHARED);
    assert_eq!(hall.now(1, kind("three")), ok("a3"));
    assert_eq!(hall.now(2, kind("four")), Err(ErrorCode::TimedOut));
    assert_eq!(hall.now(1, kind("four")), ok("a4"));
}

/// S-ALL-15.
#[test]
fn who_waits_for_a_server_waits_until_all_of_it_is_free() {
    let mut hall = Hall::new(SHARED);
    assert_eq!(hall.now(1, id("a3")), ok("a3"));
    assert_eq!(hall.now(1, id("a4")), ok("a4"));
    let waiting = hall.want(2, id("a3"), None);
    assert_eq!(hall.release(1, "a3"), ok("a3"));
    assert_eq!(hall.got(waiting), None);
    assert_eq!(hall.release(1, "a4"), ok("a4"));
    assert_eq!(hall.got(waiting), Some(ok("a3")));
}

/// S-ALL-16.
#[test]
fn a_wait_by_type_hears_of_the_whole_server() {
    let mut hall = Hall::new(SHARED);
    assert_eq!(hall.now(2, kind("three")), ok("a3"));
    let waiting = hall.want(1, kind("four"), None);
    assert_eq!(hall.got(waiting), None);
    assert_eq!(hall.release(2, "a3"), ok("a3"));
    assert_eq!(hall.got(waiting), Some(ok("a4")));
}

/// S-ALL-17.
#[test]
fn one_session_gets_both_of_an_exclusive_server() {
    let mut hall = Hall::new(PAIR);
    for session in [1, 2] {
        let got: std::collections::BTreeSet<Got> =
            [hall.now(session, kind("pair")), hall.now(session, kind("pair"))].into();
        assert_eq!(got, [ok("p1"), ok("p2")].into());
        assert_eq!(hall.now(3, kind("pair")), Err(ErrorCode::TimedOut));
        for resource in ["p1", "p2"] {
            assert_eq!(hall.release(session, resource), ok(resource));
        }
    }
}

/// S-ALL-18.
#[test]
fn a_type_on_two_exclusive_servers_serves_two_sessions() {
    let mut hall = Hall::new(&[("s1", true, &[("p1", "pair")]), ("s2", true, &[("p2", "pair")])]);
    let first = hall.now(1, kind("pair")).unwrap();
    let second = hall.now(2, kind("pair")).unwrap();
    assert_ne!(first, second);
    assert_eq!(hall.now(3, kind("pair")), Err(ErrorCode::TimedOut));
    assert_eq!(hall.release(2, &second), ok(&second));
    assert_eq!(hall.now(3, kind("pair")), ok(&second));
}

/// S-ALL-19, S-ALL-20, S-ALL-21: two requests of one session, by id and by type, of a resource and of a whole server, when another
/// session held it and when it was the session's own.
#[test]
fn two_requests_of_one_session_give_it_once() {
    for exclusive in [false, true] {
        for holder in [1, 2] {
            let mut hall = Hall::new(&[("s1", exclusive, &[("g1", "gpu")])]);
            assert_eq!(hall.now(holder, id("g1")), ok("g1"));
            if holder == 2 {
                let both = [hall.want(1, id("g1"), None), hall.want(1, id("g1"), None)];
                assert_eq!(hall.release(2, "g1"), ok("g1"));
                assert_eq!(
                    both.map(|to| hall.got(to)),
                    [Some(ok("g1")), Some(Err(ErrorCode::Precondition))]
                );
                assert_eq!(hall.release(1, "g1"), ok("g1"));
                assert_eq!(hall.now(2, id("g1")), ok("g1"));
            }
            let both = [hall.want(1, kind("gpu"), None), hall.want(1, kind("gpu"), None)];
            assert_eq!(hall.release(holder, "g1"), ok("g1"));
            assert_eq!(both.map(|to| hall.got(to)), [Some(ok("g1")), None]);
            assert_eq!(hall.release(1, "g1"), ok("g1"));
            assert_eq!(hall.got(both[1]), Some(ok("g1")));
        }
    }
}

/// S-ALL-22, S-ALL-23.
#[test]
fn a_session_that_ends_leaves_its_place_and_what_it_holds() {
    let mut hall = Hall::new(ONE);
    assert_eq!(hall.now(2, id("g1")), ok("g1"));
    let waiting = hall.want(1, id("g1"), None);
    let cancelled = hall.want(3, id("g1"), None);
    hall.close(3);
    assert_eq!(
        hall.got(cancelled),
        Some(Err(ErrorCode::NotFound)),
        "its session is over"
    );
    hall.close(2);
    assert_eq!(hall.got(waiting), Some(ok("g1")));
    hall.close(1);
    hall.open(4);
    assert_eq!(hall.now(4, id("g1")), ok("g1"));
}

/// S-ALL-24.
#[test]
fn a_server_that_is_exclusive_no_longer_stays_with_its_holder() {
    let mut hall = Hall::new(SHARED);
    assert_eq!(hall.now(1, id("a3")), ok("a3"));
    let waiting = hall.want(2, id("a4"), None);
    hall.servers[0].1 = false;
    hall.deploy("");
    assert_eq!(hall.got(waiting), None);
    assert_eq!(hall.release(1, "a3"), ok("a3"));
    assert_eq!(hall.got(waiting), Some(ok("a4")));
    assert_eq!(hall.now(1, id("a3")), ok("a3"), "each by itself now");
}

/// S-ALL-25.
#[test]
fn an_update_of_something_else_leaves_holder_and_waiter_alone() {
    let mut hall = Hall::new(ONE);
    assert_eq!(hall.now(1, id("g1")), ok("g1"));
    let waiting = hall.want(2, id("g1"), None);
    hall.deploy("other");
    assert_eq!(
        (hall.got(waiting), hall.holder("g1")),
        (None, Some(SessionId::of(secret(1))))
    );
    assert_eq!(hall.release(1, "g1"), ok("g1"));
    assert_eq!(hall.got(waiting), Some(ok("g1")));
}

/// S-ALL-26.
#[test]
fn what_is_removed_is_known_to_neither_waiter_nor_holder() {
    let mut hall = Hall::new(ONE);
    assert_eq!(hall.now(1, id("g1")), ok("g1"));
    let waiting = hall.want(2, id("g1"), None);
    hall.servers[0].2.clear();
    hall.deploy("");
    assert_eq!(hall.got(waiting), Some(Err(ErrorCode::NotFound)));
    assert_eq!(hall.release(1, "g1"), Err(ErrorCode::NotFound));
}

#[test]
fn a_session_that_is_not_renewed_ends() {
    let mut hall = Hall::new(ONE);
    assert_eq!(hall.now(1, id("g1")), ok("g1"));
    let waiting = hall.want(2, id("g1"), None);
    for _ in 0..3 {
        hall.pass(Duration::from_secs(25));
        let response = hall.ask(Request::RenewSession { secret: secret(2) });
        assert!(matches!(response, Response::Session(_)), "{response:?}");
    }
    assert_eq!(
        hall.got(waiting),
        Some(ok("g1")),
        "session 1 has not been heard for a minute"
    );
    assert_eq!(hall.release(1, "g1"), Err(ErrorCode::NotFound));
}

/// A client that lost the answer asks again and finds what it has; tokens only grow.
#[test]
fn a_request_that_is_sent_again_gives_the_same_lease() {
    let mut hall = Hall::new(ONE);
    let allocate = |request: u128| {
        Request::Allocate(Box::new(Allocate {
            secret: secret(1),
            wish: id("g1"),
            timeout_ms: Some(0),
            request: RequestId::from_bits(request),
        }))
    };
    let token = |response: Response| match response {
        Response::Allocated(lease) => lease.token.parse::<crate::pure::allocation::Token>().unwrap(),
        other => panic!("{other:?}"),
    };
    let first = token(hall.ask(allocate(900)));
    assert_eq!(token(hall.ask(allocate(900))), first);
    assert_eq!(hall.release(1, "g1"), ok("g1"));
    let second = token(hall.ask(allocate(901)));
    assert!(second > first);
    let old = Request::Release {
        secret: secret(1),
        resource: "g1".parse().unwrap(),
        token: Some(first),
    };
    let Response::Failed(failure) = hall.ask(old) else {
        panic!("an old token")
    };
    assert!(failure.message.contains("is not that of the lease"), "{failure}");
}

#[test]
fn terms_that_make_no_sense_are_refused() {
    let mut hall = Hall::new(ONE);
    for (name, ttl_ms) in [
        ("", 10_000),
        ("a\nb", 10_000),
        (&*"x".repeat(65), 10_000),
        ("a", 0),
        ("a", 31_536_000_000),
    ] {
        let request = Request::OpenSession {
            secret: secret(9),
            name: name.to_owned(),
            ttl_ms,
        };
        let Response::Failed(failure) = hall.ask(request) else {
            panic!("{name:?} {ttl_ms}")
        };
        assert_eq!(failure.code, ErrorCode::Invalid, "{failure}");
    }
    let Response::Failed(failure) = hall.ask(Request::RenewSession { secret: secret(9) }) else {
        panic!("no session")
    };
    assert_eq!(failure.code, ErrorCode::NotFound);
}
