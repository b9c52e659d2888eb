//! What the locator's questions come to: versions, starts that are waited for, objects, registrations, and what observers
//! are told.

use super::*;
use crate::pure::base::{ApplicationName, RegistrantId, RequestId};
use crate::pure::locator::Load;
use crate::pure::locator::registration::{Register, Registration};
use crate::pure::membership::Role;
use crate::pure::model::{Application, ObjectRecord};
use crate::pure::protocol::Message;
use crate::pure::protocol::locate::{Position, Row, RowChange, Subject};
use crate::pure::protocol::report::{NodeReport, ServerReport};
use crate::pure::registry::effect::Effect;
use crate::pure::registry::fixture::{Bench, peer};
use crate::pure::registry::observe::Stream;
use crate::pure::registry::{Event, ReplyTo};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const SHOP: &str = r#"
application = "shop"
[[group]]
id = "web"
balance = "round-robin"
object = [{ id = "page", type = "page" }]
[[node.n1.server]]
id = "a"
run = ["x"]
activation = "on-demand"
adapter = [{ name = "h", group = "web", endpoint = "tcp://h:1" }]
object = [{ id = "oa", type = "page" }]
[[node.n2.server]]
id = "b"
run = ["x"]
activation = "on-demand"
adapter = [{ name = "h", group = "web", endpoint = "tcp://h:2" }]
object = [{ id = "ob", type = "page" }]
"#;

/// A master with the shop and its two nodes; `a` and `b` stand in these states.
fn shop(states: [ServerState; 2]) -> Bench {
    let mut bench = Bench::start("r1", Role::Master);
    let application = Application::from_toml(SHOP, "test").unwrap();
    let applied = bench.ask(Request::Apply {
        application,
        if_revision: None,
        request: RequestId::from_bits(1),
    });
    assert!(matches!(applied, Response::Applied(_)), "{applied:?}");
    for ((node, server), state) in [("n1", "a"), ("n2", "b")].into_iter().zip(states) {
        bench.link(node);
        load(&mut bench, node, 0);
        report(&mut bench, node, server, state);
    }
    bench
}
fn load(bench: &mut Bench, node: &str, load: u32) {
    let version = bench.registry.database().end();
    let report = NodeReport {
        obeys: bench.registry.promise(),
        applied: Some(version),
        database: bench.registry.database().id(),
        unfit: false,
        held: Vec::new(),
        kept: Vec::new(),
        load: Load(load),
        host: "h".to_owned(),
        load_longer: (Load(0), Load(0)),
        drained: false,
        labels: BTreeMap::new(),
        means: String::new(),
    };
    bench.says(node, Message::NodeStatus(Box::new(report)));
}
fn report(bench: &mut Bench, node: &str, server: &str, state: ServerState) -> Vec<Effect> {
    let mut report = ServerReport {
        id: server.parse().unwrap(),
        application: "shop".parse().unwrap(),
        node: peer(node),
        state,
        enabled: true,
        pid: None,
        restarts: 0,
        reason: String::new(),
        endpoints: BTreeMap::new(),
        next_try: None,
        tenure: None,
    };
    if state == ServerState::Active {
        report
            .endpoints
            .insert(format!("{server}.h"), format!("tcp://{server}"));
    }
    let servers = vec![report];
    let (first, last) = (false, true);
    bench.says(node, Message::Servers { first, last, servers })
}
fn resolve_request(id: &str, at_least: Option<VersionText>) -> Request {
    Request::Resolve {
        id: id.to_owned(),
        at_least,
        count: None,
    }
}
/// Asks without an answer at once; what else follows.
fn park(bench: &mut Bench, to: u64, request: Request) -> Vec<Effect> {
    let effects = bench.event(Event::Request {
        to: ReplyTo(to),
        actor: "test".to_owned(),
        deadline: Duration::from_secs(1),
        request: Box::new(request),
    });
    assert_eq!(answers(&effects), [], "it waits");
    effects
}
fn answers(effects: &[Effect]) -> Vec<(u64, Response)> {
    let answers = effects.iter().filter_map(|effect| match effect {
        Effect::Reply { to, response, .. } => Some((to.0, response.clone())),
        _ => None,
    });
    answers.collect()
}
/// Which servers nodes were asked to start.
fn started(effects: &[Effect]) -> Vec<(String, u64)> {
    let asked = effects.iter().filter_map(|effect| match effect {
        Effect::Send {
            message: Message::Ask { id, request, .. },
            ..
        } => match &**request {
            Request::Activate { server, .. } => Some((server.to_string(), *id)),
            _ => None,
        },
        _ => None,
    });
    asked.collect()
}
fn endpoints(response: &Response) -> Vec<String> {
    match response {
        Response::Resolved(resolved) => resolved.endpoints.clone(),
        other => panic!("{other:?}"),
    }
}
fn failure(response: Response) -> (ErrorCode, String) {
    match response {
        Response::Failed(failure) => (failure.code, format!("{}; {}", failure.message, failure.hint)),
        other => panic!("{other:?}"),
    }
}
fn object(id: &str, kind: &str) -> ObjectRecord {
    ObjectRecord {
        id: id.parse().unwrap(),
        kind: kind.to_owned(),
        home: ObjectHome::Adapter("a.h".parse().unwrap()),
    }
}
fn put(bench: &mut Bench, id: &str, kind: &str, request: u128) -> Response {
    bench.ask(Request::PutObject {
        object: object(id, kind),
        request: RequestId::from_bits(request),
    })
}
fn register(adapter: &str, group: Option<&str>, renewal: u64) -> Request {
    Request::Register(Box::new(Register {
        registration: Registration {
            adapter: adapter.parse().unwrap(),
            group: group.map(|group| group.parse().unwrap()),
            endpoints: vec![format!("tcp://{adapter}:1")],
        },
        registrant: RegistrantId::from_bits(7),
        renewal,
        ttl_ms: 10_000,
        take_over: false,
    }))
}

#[test]
fn a_read_that_wants_a_newer_database_waits_for_it_and_is_refused_in_time() {
    use ServerState::Active;
    let mut bench = shop([Active, Active]);
    let end = bench.registry.database().end();
    let newer = VersionText {
        epoch: end.epoch,
        serial: end.serial + 1,
    };
    park(&mut bench, 900, resolve_request("a.h", Some(newer)));
    let effects = bench.event(Event::Request {
        to: ReplyTo(901),
        actor: "test".to_owned(),
        deadline: Duration::from_secs(1),
        request: Box::new(Request::PutObject {
            object: object("new", "page"),
            request: RequestId::from_bits(9),
        }),
    });
    let answers = answers(&effects);
    let read = answers.iter().find(|(to, _)| *to == 900).unwrap();
    assert_eq!(endpoints(&read.1), ["tcp://a"]);
    // What is there is given at once, an entry of another reign never.
    assert_eq!(endpoints(&bench.ask(resolve_request("a.h", Some(newer)))), ["tcp://a"]);
    let other = VersionText { epoch: 9, ..newer };
    let (code, words) = failure(bench.ask(resolve_request("a.h", Some(other))));
    assert_eq!(code, ErrorCode::Precondition);
    assert!(words.contains("it is of epoch 1, not 9"), "{words}");

    let never = VersionText {
        serial: newer.serial + 100,
        ..newer
    };
    park(&mut bench, 902, resolve_request("a.h", Some(never)));
    let effects = bench.wait(Duration::from_secs(2));
    let late = self::answers(&effects).into_iter().find(|(to, _)| *to == 902).unwrap();
    let (code, words) = failure(late.1);
    assert_eq!(code, ErrorCode::Unavailable);
    assert!(words.contains("registry r1 is at"), "{words}");
}

#[test]
fn each_member_is_started_in_turn_and_one_that_fails_gives_its_turn_to_the_next() {
    use ServerState::{Active, Inactive};
    let mut bench = shop([Inactive, Inactive]);
    let first = started(&park(&mut bench, 900, resolve_request("web", None)));
    let second = started(&park(&mut bench, 901, resolve_request("page", None)));
    assert_eq!((first[0].0.as_str(), second[0].0.as_str()), ("a", "b"));
    // A third one waits for the first start without asking again.
    assert_eq!(started(&park(&mut bench, 902, resolve_request("web", None))), []);
    let effects = bench.says(
        "n1",
        Message::Answer {
            id: first[0].1,
            response: Box::new(failed_with(ErrorCode::Unavailable, "no such file", "look")),
        },
    );
    assert_eq!(answers(&effects), [], "b is on its way for all three");
    let effects = report(&mut bench, "n2", "b", Active);
    let given: Vec<(u64, Vec<String>)> = answers(&effects)
        .iter()
        .map(|(to, answer)| (*to, endpoints(answer)))
        .collect();
    let b = || vec!["tcp://b".to_owned()];
    assert_eq!(given, [(900, b()), (901, b()), (902, b())]);
    // A single adapter tells why its server did not start.
    let asked = started(&park(&mut bench, 903, resolve_request("a.h", None)));
    let effects = bench.says(
        "n1",
        Message::Answer {
            id: asked[0].1,
            response: Box::new(failed_with(ErrorCode::TimedOut, "no such file", "look")),
        },
    );
    assert_eq!(
        started(&effects).len(),
        1,
        "a late answer of somebody else's ask is asked again"
    );
    let effects = bench.says(
        "n1",
        Message::Answer {
            id: started(&effects)[0].1,
            response: Box::new(failed_with(ErrorCode::Internal, "no such file", "look")),
        },
    );
    let (to, answer) = answers(&effects).remove(0);
    assert_eq!(
        (to, failure(answer)),
        (903, (ErrorCode::Unavailable, "no such file; look".to_owned()))
    );
}

#[test]
fn objects_are_found_by_type() {
    use ServerState::{Active, Inactive};
    let mut bench = shop([Inactive, Active]);
    let find = |bench: &mut Bench, choose, after: Option<&str>| {
        let (kind, after) = ("page".to_owned(), after.map(str::to_owned));
        bench.ask(Request::Find {
            kind,
            choose,
            after,
            at_least: None,
        })
    };
    let rows = |response: Response| match response {
        Response::Found(found) => found
            .objects
            .into_iter()
            .map(|row| (row.id, row.endpoints.concat()))
            .collect(),
        other => panic!("{other:?}"),
    };
    for _ in 0..6 {
        let any: Vec<(String, String)> = rows(find(&mut bench, Choose::Any, None));
        assert!(any.len() == 1 && any[0].1 == "tcp://b", "one that runs: {any:?}");
    }
    let all: Vec<(String, String)> = rows(find(&mut bench, Choose::All, None));
    let expected = [("oa", ""), ("ob", "tcp://b"), ("page", "")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(all, expected, "what must be started first has no endpoint yet");
    assert_eq!(rows(find(&mut bench, Choose::All, Some("oa"))).len(), 2);
    report(&mut bench, "n1", "a", Active);
    load(&mut bench, "n1", 90);
    load(&mut bench, "n2", 10);
    for _ in 0..4 {
        let least: Vec<(String, String)> = rows(find(&mut bench, Choose::LeastLoaded, None));
        assert_eq!(least[0].1, "tcp://b");
    }
    // A load that is old is not believed.
    for _ in 0..30 {
        bench.wait(Duration::from_secs(1));
    }
    load(&mut bench, "n1", 90);
    let least: Vec<(String, String)> = rows(find(&mut bench, Choose::LeastLoaded, None));
    // Within a group its own policy decides.
    assert!(["oa", "page"].contains(&least[0].0.as_str()), "{least:?}");
    let none = bench.ask(Request::Find {
        kind: "nothing".to_owned(),
        choose: Choose::All,
        after: None,
        at_least: None,
    });
    assert_eq!(failure(none).0, ErrorCode::NotFound);
}

#[test]
fn a_type_is_looked_for_among_what_has_not_failed_and_then_refused() {
    use ServerState::Inactive;
    for choose in [Choose::Any, Choose::LeastLoaded] {
        let mut bench = shop([Inactive, Inactive]);
        let find = Request::Find {
            kind: "page".to_owned(),
            choose,
            after: None,
            at_least: None,
        };
        let mut asked = started(&park(&mut bench, 900, find));
        let (mut tried, mut answer) = (Vec::new(), None);
        while let Some((server, id)) = asked.pop() {
            tried.push(server.clone());
            let node = if server == "a" { "n1" } else { "n2" };
            let failed = failed_with(ErrorCode::Unavailable, "no such file", "look");
            let response = Box::new(failed);
            let effects = bench.says(node, Message::Answer { id, response });
            answer = answers(&effects).into_iter().next().or(answer);
            asked.extend(started(&effects));
        }
        tried.sort();
        assert_eq!(tried, ["a", "b"], "{choose:?}: each once");
        let (to, response) = answer.expect("an answer");
        assert_eq!(
            (to, failure(response)),
            (900, (ErrorCode::Unavailable, "no such file; look".to_owned()))
        );
    }
}

#[test]
fn lists_come_in_parts_that_fit_into_a_frame() {
    let mut bench = shop([ServerState::Active; 2]);
    let long = |number: u32| format!("a{number:04}{}", "x".repeat(250));
    for number in 0..1100 {
        let mut word = register(&long(number), Some("ours"), 1);
        if let Request::Register(register) = &mut word {
            let endpoint = format!("tcp://h:{}/{}", 1 + number, "y".repeat(1500));
            register.registration.endpoints = vec![endpoint];
        }
        assert!(matches!(bench.ask(word), Response::Registered(_)));
    }
    for id in [None, Some("ours")] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let answer = bench.ask(Request::Adapters {
                id: id.map(str::to_owned),
                after,
            });
            let Response::Adapters(rows, more) = &answer else {
                panic!("{answer:?}")
            };
            assert!(encode(&answer).len() < FRAME_BYTES_MAX, "{} rows", rows.len());
            seen.extend(rows.iter().map(|row| row.id.clone()));
            after = seen.last().cloned();
            if !more {
                break;
            }
        }
        let deployed = if id.is_none() { 2 } else { 0 };
        assert_eq!(seen.len(), 1100 + deployed);
        assert!(seen.is_sorted());
    }
}

#[test]
fn objects_are_added_and_removed_once() {
    let mut bench = shop([ServerState::Active; 2]);
    let Response::ObjectStored(stored) = put(&mut bench, "o", "page", 20) else {
        panic!("not stored")
    };
    assert_eq!((stored.id.as_str(), stored.removed, stored.copies), ("o", false, 1));
    assert_eq!(endpoints(&bench.ask(resolve_request("o", None))), ["tcp://a"]);
    let remove = |bits| Request::RemoveObject {
        id: "o".parse().unwrap(),
        request: RequestId::from_bits(bits),
    };
    assert!(matches!(bench.ask(remove(21)), Response::ObjectStored(report) if report.removed));
    // A retry of the first does not bring it back, and one of the second tells the same again.
    let end = bench.registry.database().end();
    assert!(matches!(put(&mut bench, "o", "page", 20), Response::ObjectStored(report) if !report.removed));
    assert!(matches!(bench.ask(remove(21)), Response::ObjectStored(report) if report.removed));
    assert_eq!(bench.registry.database().end(), end);
    assert_eq!(failure(bench.ask(remove(22))).0, ErrorCode::NotFound);
    let held = bench.ask(Request::RemoveObject {
        id: "oa".parse().unwrap(),
        request: RequestId::from_bits(23),
    });
    assert_eq!(failure(held).0, ErrorCode::Precondition);
    for taken in ["web", "a.h", "oa"] {
        let (code, words) = failure(put(&mut bench, taken, "", 24));
        assert_eq!(code, ErrorCode::Invalid);
        assert!(words.contains("is taken by"), "{words}");
    }
}

#[test]
fn registrations_are_found_told_and_ended_and_keep_off_deployed_names() {
    let mut bench = shop([ServerState::Active; 2]);
    bench.link("r2");
    let told = |effects: &[Effect]| -> Vec<(String, u64)> {
        let rows = effects.iter().filter_map(|effect| match effect {
            Effect::Send {
                to,
                message: Message::Registrations { rows },
            } if *to == peer("r2") => Some(rows),
            _ => None,
        });
        rows.flatten()
            .map(|row| (row.registration.adapter.to_string(), row.left_ms))
            .collect()
    };
    for (adapter, group) in [("a.h", None), ("web", None), ("mine", Some("web")), ("oa", None)] {
        let (code, words) = failure(bench.ask(register(adapter, group, 1)));
        assert_eq!(code, ErrorCode::Precondition);
        assert!(words.contains("is deployed by an application"), "{words}");
    }
    let effects = bench.event(Event::Request {
        to: ReplyTo(1),
        actor: "somebody".to_owned(),
        deadline: Duration::from_secs(1),
        request: Box::new(register("mine", Some("ours"), 1)),
    });
    assert_eq!(told(&effects), [("mine".to_owned(), 10_000)]);
    for id in ["mine", "ours"] {
        assert_eq!(endpoints(&bench.ask(resolve_request(id, None))), ["tcp://mine:1"]);
    }
    // Whoever links hears what stands, and who hears it finds it, without a master.
    let rows = bench.link("r3").into_iter().find_map(|effect| match effect {
        Effect::Send {
            message: message @ Message::Registrations { .. },
            ..
        } => Some(message),
        _ => None,
    });
    let mut other = Bench::start("r2", Role::Replica);
    other.link("r1");
    other.says("r1", rows.unwrap());
    assert_eq!(endpoints(&other.ask(resolve_request("ours", None))), ["tcp://mine:1"]);
    // An application cannot take the name while it is used.
    let text = SHOP
        .replace("\"shop\"", "\"other\"")
        .replace("id = \"web\"", "id = \"ours\"");
    let text = text
        .replace("group = \"web\"", "group = \"ours\"")
        .replace("id = \"a\"", "id = \"c\"");
    let text = text
        .replace("id = \"b\"", "id = \"d\"")
        .replace("\"oa\"", "\"oc\"")
        .replace("\"ob\"", "\"od\"");
    let application = Application::from_toml(&text.replace("\"page\", type", "\"sheet\", type"), "test").unwrap();
    let apply = |bits| Request::Apply {
        application: application.clone(),
        if_revision: None,
        request: RequestId::from_bits(bits),
    };
    let (code, words) = failure(bench.ask(apply(30)));
    assert_eq!(code, ErrorCode::Precondition);
    assert!(words.contains("ours is registered at run time by somebody"), "{words}");
    for _ in 0..11 {
        bench.wait(Duration::from_secs(1));
        other.wait(Duration::from_secs(1));
    }
    for bench in [&mut bench, &mut other] {
        assert_eq!(failure(bench.ask(resolve_request("mine", None))).0, ErrorCode::NotFound);
    }
    assert!(matches!(bench.ask(apply(31)), Response::Applied(_)));
    assert_eq!(
        failure(bench.ask(register("mine", Some("ours"), 2))).0,
        ErrorCode::Precondition
    );
}

/// What an observer holds after it was told these parts.
fn hold(
    held: &mut BTreeMap<(Subject, String), Row>,
    position: &mut Option<Position>,
    (stream, subjects): (&Stream, &[Subject]),
) {
    for part in stream.parts(subjects, position.clone().as_ref()) {
        if part.first {
            held.clear();
        }
        for RowChange { subject, id, row } in part.changes {
            match row {
                Some(row) => drop(held.insert((subject, id), row)),
                None => drop(held.remove(&(subject, id))),
            }
        }
        if part.position.is_some() {
            *position = part.position;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    /// Whoever observes from any point on, with pauses, holds what a fresh observer is told.
    #[test]
    fn observers_hold_what_is_there(steps in prop::collection::vec((0_u8..7, 0_u8..4), 1..30), pause in 1_usize..5) {
        let mut bench = shop([ServerState::Active, ServerState::Inactive]);
        let mut stream = Stream::new("r1-test-1".to_owned(), Arc::new(bench.registry.view()));
        let (mut held, mut position) = (BTreeMap::new(), None);
        let (mut servers_held, mut servers_position) = (BTreeMap::new(), None);
        for (number, (kind, which)) in steps.into_iter().enumerate() {
            let bits = 1000 + number as u128;
            let name = format!("o{which}");
            match kind {
                0 => drop(put(&mut bench, &name, &format!("t{}", number % 3), bits)),
                1 => drop(bench.ask(Request::RemoveObject { id: name.parse().unwrap(), request: RequestId::from_bits(bits) })),
                2 => drop(report(&mut bench, "n1", "a", ServerState::ALL[usize::from(which)])),
                3 => drop(bench.event(Event::Unlinked { peer: peer("n2"), reason: "cut".to_owned() })),
                4 => { bench.link("n2"); load(&mut bench, "n2", u32::from(which)); report(&mut bench, "n2", "b", ServerState::Active); }
                5 => drop(bench.ask(register(&name, Some("ours"), u64::try_from(bits).unwrap()))),
                _ => {
                    let name: ApplicationName = "shop".parse().unwrap();
                    drop(bench.ask(Request::Remove { name, request: RequestId::from_bits(bits) }));
                    let application = Application::from_toml(&SHOP.replace("tcp://h:1", &format!("tcp://h:{}", 10 + which)), "test").unwrap();
                    drop(bench.ask(Request::Apply { application, if_revision: None, request: RequestId::from_bits(bits + 5000) }));
                }
            }
            stream.advance(Arc::new(bench.registry.view()));
            if number % pause == 0 {
                hold(&mut held, &mut position, (&stream, &[]));
                let subjects = [Subject::Server];
                hold(&mut servers_held, &mut servers_position, (&stream, &subjects));
            }
        }
        hold(&mut held, &mut position, (&stream, &[]));
        hold(&mut servers_held, &mut servers_position, (&stream, &[Subject::Server]));
        let mut fresh = BTreeMap::new();
        hold(&mut fresh, &mut None, (&stream, &[]));
        prop_assert_eq!(&held, &fresh);
        fresh.retain(|(subject, _), _| *subject == Subject::Server);
        prop_assert_eq!(servers_held, fresh);
        // A position of another start is answered by a snapshot.
        let other = Position { stream: "r1-test-2".to_owned(), sequence: 0 };
        prop_assert!(stream.parts(&[], Some(&other)).iter().all(|part| part.snapshot));
    }
}
