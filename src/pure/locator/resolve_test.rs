use super::*;
use crate::pure::base::WallTime;
use crate::pure::locator::balance::{Candidate, arrange};
use crate::pure::locator::{Turns, glance};
use crate::pure::model::deployment::Placed;
use crate::pure::model::fixture::deployed;
use crate::pure::supervisor::report::ServerState::{
    self, Activating, ActivationTimedOut, Active, BackingOff, Deactivating, Inactive, Unknown,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What a test's registry sees: reports by server, loads by node.
#[derive(Debug, Default)]
struct View {
    servers: BTreeMap<ServerId, ServerReport>,
    nodes: BTreeMap<PeerName, Load>,
}
impl Sight for View {
    fn server(&self, placed: &Placed) -> Option<&ServerReport> {
        self.servers.get(&placed.spec.id)
    }
    fn node(&self, name: &PeerName) -> Option<Load> {
        self.nodes.get(name).copied()
    }
}
impl View {
    /// All of `nodes` up, without load.
    fn up(nodes: &[&str]) -> Self {
        Self {
            nodes: nodes.iter().map(|node| (node.parse().unwrap(), Load(0))).collect(),
            ..Self::default()
        }
    }
    /// A server's adapter `h` has its own id as endpoint.
    fn with(mut self, node: &str, id: &str, state: ServerState, change: fn(&mut ServerReport)) -> Self {
        let mut report = ServerReport {
            id: id.parse().unwrap(),
            application: "a".parse().unwrap(),
            node: node.parse().unwrap(),
            state,
            enabled: true,
            pid: None,
            restarts: 0,
            reason: String::new(),
            endpoints: BTreeMap::new(),
            next_try: None,
            tenure: None,
        };
        if state == Active {
            report.endpoints.insert(format!("{id}.h"), format!("tcp://{id}"));
        }
        change(&mut report);
        self.servers.insert(report.id.clone(), report);
        self
    }
}

/// A group `g` with the object `go` and these members: server, node, activation, priority.
fn group(balance: &str, count: u32, members: &[(&str, &str, &str, i32)]) -> Deployment {
    let head = format!(
        "application = \"a\"\n[[group]]\nid = \"g\"\nbalance = \"{balance}\"\ncount = {count}\nobject = [{{ id = \"go\" }}]\n"
    );
    let members = members.iter().map(|(server, node, activation, priority)| {
        format!(
            "[[node.{node}.server]]\nid = \"{server}\"\nrun = [\"x\"]\nactivation = \"{activation}\"\nobject = [{{ id = \"{server}-o\" }}]\n\
             adapter = [{{ name = \"h\", group = \"g\", priority = {priority}, endpoint = \"tcp://h:1\" }}]\n"
        )
    });
    let text: String = [head].into_iter().chain(members).collect();
    deployed(&[&text])
}

/// The `turn`-th resolve.
fn at(turn: u64) -> Wish<'static> {
    Wish {
        turn,
        free: turn,
        ..Wish::default()
    }
}
fn endpoints<'a>(resolution: &Resolution<'a>) -> Vec<&'a str> {
    match resolution {
        Resolution::Found { endpoints, .. } => endpoints.clone(),
        other => panic!("not found but {other:?}"),
    }
}
fn starts<'a>(resolution: &'a Resolution<'_>) -> Vec<&'a str> {
    match resolution {
        Resolution::Start { servers, .. } => servers.iter().map(|place| place.server.as_str()).collect(),
        other => panic!("not to be started but {other:?}"),
    }
}

/// An endpoint, `start`, or a reason and a hint.
type Expected = Result<&'static str, (String, &'static str)>;

#[test]
fn a_single_adapter_is_given_started_or_refused_with_the_next_step() {
    fn disable(report: &mut ServerReport) {
        report.enabled = false;
    }
    fn explain(report: &mut ServerReport) {
        report.reason = "exit status 3".to_owned();
        report.next_try = Some(WallTime(0));
    }
    fn silence(report: &mut ServerReport) {
        report.endpoints.clear();
    }
    fn keep(_: &mut ServerReport) {}
    let up = || View::up(&["n1"]);
    let on = "server s on node n1";
    let seen = |state, change| up().with("n1", "s", state, change);
    let table: Vec<(&str, View, Expected)> = vec![
        ("manual", seen(Active, keep), Ok("tcp://s")),
        ("manual", seen(Active, disable), Ok("tcp://s")),
        ("on-demand", seen(Inactive, keep), Ok("start")),
        ("on-demand", seen(Activating, keep), Ok("start")),
        ("on-demand", seen(Deactivating, keep), Ok("start")),
        ("on-demand", seen(Unknown, keep), Ok("start")),
        ("on-demand", up(), Ok("start")),
        (
            "on-demand",
            seen(Inactive, disable),
            Err((format!("{on} is disabled"), "floe server enable s")),
        ),
        (
            "on-demand",
            seen(BackingOff, explain),
            Err((
                format!("{on} is backing-off: exit status 3; next try 1970-01-01T00:00:00Z"),
                "floe server start s",
            )),
        ),
        (
            "on-demand",
            seen(ActivationTimedOut, keep),
            Err((format!("{on} is activation-timed-out"), "floe server logs s")),
        ),
        (
            "on-demand",
            seen(Active, silence),
            Err((
                format!("{on} is active, but its node reports no endpoint of the adapter"),
                "floe server show s",
            )),
        ),
        (
            "on-demand",
            View::default().with("n1", "s", Active, keep),
            Err((
                "server s runs on node n1, which is out of reach".into(),
                "floe node list",
            )),
        ),
        // A report of the node that the server moved away from says nothing.
        (
            "always",
            up().with("n2", "s", Active, keep),
            Err((
                format!("{on} has not been reported by its node yet"),
                "floe server show s",
            )),
        ),
        (
            "manual",
            seen(Inactive, keep),
            Err((
                format!("{on} is inactive, and only an operator starts it"),
                "floe server start s",
            )),
        ),
        (
            "always",
            seen(Inactive, keep),
            Err((format!("{on} is inactive"), "floe server start s")),
        ),
        // Others started it: it is waited for, and nobody is asked.
        ("always", seen(Activating, keep), Ok("wait")),
        ("manual", seen(Activating, keep), Ok("wait")),
        (
            "manual",
            seen(Activating, disable),
            Err((format!("{on} is disabled"), "floe server enable s")),
        ),
    ];
    for (activation, view, expected) in table {
        let deployment = group("random", 1, &[("s", "n1", activation, 0)]);
        for (id, kind) in [("s.h", ResolvedKind::Adapter), ("s-o", ResolvedKind::Object)] {
            let expected = match &expected {
                Ok(what @ ("start" | "wait")) => Resolution::Start {
                    kind,
                    servers: vec![ServerPlace {
                        node: "n1".parse().unwrap(),
                        server: "s".parse().unwrap(),
                        ask: *what == "start",
                    }],
                    meanwhile: Vec::new(),
                },
                Ok(endpoint) => Resolution::Found {
                    kind,
                    endpoints: vec![endpoint],
                },
                Err((reason, hint)) => Resolution::Unavailable {
                    kind,
                    reason: reason.clone(),
                    hint: (*hint).to_owned(),
                },
            };
            assert_eq!(
                resolve(&deployment, &view, id, at(0)),
                expected,
                "{activation} {id} {view:?}"
            );
        }
    }
}

#[test]
fn unknown_ids_are_not_found() {
    let deployment = group("random", 1, &[("s", "n1", "manual", 0)]);
    for id in [
        "",
        "s",
        "S.H",
        "s.h ",
        "s.h\0",
        "\u{202e}s.h",
        "../../etc",
        &"x".repeat(1 << 20),
    ] {
        assert_eq!(resolve(&deployment, &View::default(), id, at(0)), Resolution::NotFound);
    }
}

/// Five members of which two are out: `b` is disabled, the node of `d` is down.
fn mixed() -> View {
    View::up(&["n1", "n2", "n3"])
        .with("n1", "a", Active, |_| {})
        .with("n1", "b", Active, |report| report.enabled = false)
        .with("n2", "c", Active, |_| {})
        .with("n9", "d", Active, |_| {})
        .with("n3", "e", Active, |_| {})
}
const MEMBERS: [(&str, &str, &str, i32); 5] = [
    ("a", "n1", "manual", 3),
    ("b", "n1", "manual", 0),
    ("c", "n2", "manual", 1),
    ("d", "n9", "manual", 0),
    ("e", "n3", "on-demand", 1),
];

#[test]
fn policies_arrange_the_members_that_can_be_had() {
    let mut view = mixed();
    view.nodes.insert("n1".parse().unwrap(), Load(50));
    view.nodes.insert("n2".parse().unwrap(), Load(10));
    view.nodes.insert("n3".parse().unwrap(), Load(10));
    // Members stand in order of nodes: a, b, c, e, d.
    let table: &[(&str, u32, u64, &[&str])] = &[
        ("round-robin", 0, 0, &["tcp://a", "tcp://c", "tcp://e"]),
        ("round-robin", 2, 1, &["tcp://c", "tcp://e"]),
        ("round-robin", 1, 2, &["tcp://e"]),
        ("round-robin", 1, u64::MAX, &["tcp://a"]),
        ("ordered", 0, 5, &["tcp://c", "tcp://e", "tcp://a"]),
        ("ordered", 1, 7, &["tcp://c"]),
        ("adaptive", 0, 0, &["tcp://c", "tcp://e", "tcp://a"]),
        // Nodes of equal load take turns.
        ("adaptive", 1, 2, &["tcp://e"]),
    ];
    for (balance, count, turn, expected) in table {
        for id in ["g", "go"] {
            let deployment = group(balance, *count, &MEMBERS);
            let resolution = resolve(&deployment, &view, id, at(*turn));
            assert_eq!(endpoints(&resolution), *expected, "{balance} {count} {turn}");
        }
    }
    let deployment = group("random", 1, &MEMBERS);
    let seen: BTreeSet<String> = (0..64)
        .map(|turn| endpoints(&resolve(&deployment, &view, "g", at(turn))).concat())
        .collect();
    assert_eq!(seen.len(), 3, "random offers every member: {seen:?}");
}

#[test]
fn a_group_offers_what_can_be_started_as_it_offers_what_runs() {
    let members = [
        ("m", "n1", "manual", 0),
        ("x", "n1", "on-demand", 2),
        ("y", "n1", "on-demand", 1),
        ("z", "n1", "on-demand", 3),
    ];
    let up = || View::up(&["n1"]).with("n1", "m", Inactive, |_| {});
    let ordered = group("ordered", 1, &members);
    assert_eq!(starts(&resolve(&ordered, &up(), "g", at(0))), ["y"]);
    // One that others have started is waited for only by them, or where none is active.
    let view = up().with("n1", "y", Activating, |_| {});
    assert_eq!(starts(&resolve(&ordered, &view, "g", at(0))), ["y"]);
    let view = view.with("n1", "z", Active, |_| {});
    assert_eq!(starts(&resolve(&ordered, &view, "g", at(0))), ["x"]);
    let waiting: Vec<ServerId> = vec!["y".parse().unwrap()];
    let wish = Wish {
        waiting: &waiting,
        ..at(0)
    };
    assert_eq!(starts(&resolve(&ordered, &view, "g", wish)), ["y"]);
    // One that failed is left out for this resolve, until none is left.
    let failed: Vec<ServerId> = ["y", "x"].map(|id| id.parse().unwrap()).into();
    let wish = Wish {
        failed: &failed,
        ..at(0)
    };
    assert_eq!(endpoints(&resolve(&ordered, &view, "g", wish)), ["tcp://z"]);
    let wish = Wish {
        failed: &failed,
        ..at(0)
    };
    assert_eq!(starts(&resolve(&ordered, &up(), "g", wish)), ["z"]);
    // Each in turn, whether it runs or not.
    let rotating = group("round-robin", 1, &members);
    let view = up().with("n1", "y", Active, |_| {});
    assert_eq!(starts(&resolve(&rotating, &view, "g", at(0))), ["x"]);
    assert_eq!(endpoints(&resolve(&rotating, &view, "g", at(1))), ["tcp://y"]);
    assert_eq!(starts(&resolve(&rotating, &view, "g", at(2))), ["z"]);
}

#[test]
fn as_many_are_started_as_the_group_says_and_the_rest_waits_for_nobody() {
    let members = [
        ("x", "n1", "on-demand", 0),
        ("y", "n1", "on-demand", 0),
        ("z", "n1", "on-demand", 0),
    ];
    let view = View::up(&["n1"]).with("n1", "y", Active, |_| {});
    let two = group("round-robin", 2, &members);
    let resolution = resolve(&two, &view, "g", at(0));
    assert_eq!(starts(&resolution), ["x"]);
    assert!(matches!(&resolution, Resolution::Start { meanwhile, .. } if *meanwhile == ["tcp://y"]));
    let all = |deployment: &Deployment| {
        let wish = Wish {
            count: Some(0),
            ..at(0)
        };
        match resolve(deployment, &view, "g", wish) {
            Resolution::Found { endpoints, .. } => endpoints.len(),
            Resolution::Start { servers, .. } => 10 + servers.len(),
            other => panic!("{other:?}"),
        }
    };
    // Who asks for more than the group gives starts nothing for the surplus.
    assert_eq!(all(&group("ordered", 1, &members)), 11);
    assert_eq!(all(&group("ordered", 2, &members)), 11);
    assert_eq!(all(&group("ordered", 0, &members)), 12, "the group gives all");
    let some = Wish {
        count: Some(1),
        ..at(1)
    };
    assert_eq!(endpoints(&resolve(&two, &view, "g", some)), ["tcp://y"]);
}

#[test]
fn what_others_have_started_is_waited_for_where_nothing_else_is_to_be_had() {
    let members = [("a", "n1", "always", 0), ("b", "n1", "always", 0)];
    let deployment = group("random", 1, &members);
    let view = View::up(&["n1"])
        .with("n1", "a", Activating, |_| {})
        .with("n1", "b", BackingOff, |_| {});
    assert_eq!(starts(&resolve(&deployment, &view, "g", at(0))), ["a"]);
    let view = view.with("n1", "b", Active, |_| {});
    assert_eq!(endpoints(&resolve(&deployment, &view, "g", at(0))), ["tcp://b"]);
}

#[test]
fn a_group_without_usable_members_says_why() {
    let empty = deployed(&["application = \"a\"\n[[group]]\nid = \"g\""]);
    let Resolution::Unavailable { reason, .. } = resolve(&empty, &View::default(), "g", at(0)) else {
        panic!()
    };
    assert_eq!(reason, "group g has no members");
    let view = View::up(&["n1"])
        .with("n1", "a", Inactive, |_| {})
        .with("n1", "b", Active, |report| report.enabled = false);
    let expected = Resolution::Unavailable {
        kind: ResolvedKind::Object,
        reason: "no member of group g can be had: server a on node n1 is inactive, and only an operator starts it; \
                 server b on node n1 is disabled; server c runs on node n2, which is out of reach; and 2 more"
            .to_owned(),
        hint: "floe server start a".to_owned(),
    };
    let deployment = group("random", 1, &MEMBERS);
    assert_eq!(resolve(&deployment, &view, "go", at(0)), expected);
}

proptest! {
    /// A glance gives what a look would have chosen, or nothing.
    #[test]
    fn a_glance_is_a_look(states in prop::collection::vec((0_usize..7, any::<bool>(), 0_i32..3, 0_u32..3), 1..6), policy in 0_usize..4, turn in 0_u64..50) {
        let balance = ["random", "round-robin", "ordered", "adaptive"][policy];
        let names: Vec<String> = (0..states.len()).map(|number| format!("s{number}")).collect();
        let nodes: Vec<String> = (0..states.len()).map(|number| format!("n{number}")).collect();
        let rows: Vec<_> = names.iter().zip(&nodes).zip(&states).map(|((name, node), state)| (name.as_str(), node.as_str(), "on-demand", state.2)).collect();
        let deployment = group(balance, 1, &rows);
        let mut view = View::default();
        for ((name, node), (state, enabled, _, load)) in names.iter().zip(&nodes).zip(&states) {
            let change: fn(&mut ServerReport) = if *enabled { |_| {} } else { |report| report.enabled = false };
            view = view.with(node, name, ServerState::ALL[*state], change);
            view.nodes.insert(node.parse().unwrap(), Load(*load));
        }
        let mut turns = Turns::default();
        turns.follow(&deployment);
        let counted = ["round-robin", "adaptive"].contains(&balance);
        let id: GroupId = "g".parse().unwrap();
        for taken in 0..turn {
            prop_assert!(turns.take(&id, taken));
        }
        for id in names.iter().map(|name| format!("{name}.h")).chain(["g".to_owned(), "go".to_owned(), "nobody".to_owned()]) {
            let now = turns.next(&"g".parse().unwrap());
            let Some((kind, endpoint)) = glance(&deployment, &view, &turns, &id, turn) else { continue };
            let looks: Vec<Resolution<'_>> = (0..64).map(|free| {
                let wish = Wish { turn: now, free, ..Wish::default() };
                resolve(&deployment, &view, &id, wish)
            }).collect();
            let expected = Resolution::Found { kind, endpoints: vec![endpoint] };
            if balance == "random" {
                prop_assert!(looks.contains(&expected), "{} {:?} {:?}", id, expected, looks);
            } else {
                prop_assert!(looks.iter().all(|look| *look == expected), "{} {:?} {:?}", id, expected, looks);
            }
            if counted && id.starts_with('g') {
                prop_assert_eq!(turns.next(&"g".parse().unwrap()), now + 1, "it took its turn");
            }
        }
    }
    /// Over any run of turns, no member is offered twice before every other active one was offered once.
    #[test]
    fn rotation_is_strict(members in 1..8_usize, start in any::<u64>(), adaptive in any::<bool>()) {
        let start = start.min(u64::MAX - 100);
        let names: Vec<String> = (0..members).map(|number| format!("s{number}")).collect();
        let rows: Vec<_> = names.iter().map(|name| (name.as_str(), "n1", "manual", 0)).collect();
        let deployment = group(if adaptive { "adaptive" } else { "round-robin" }, 1, &rows);
        let view = names.iter().fold(View::up(&["n1"]), |view, name| view.with("n1", name, Active, |_| {}));
        let offered: Vec<String> = (0..3 * members as u64).map(|turn| endpoints(&resolve(&deployment, &view, "g", at(start + turn))).concat()).collect();
        for round in offered.windows(members) {
            prop_assert_eq!(round.iter().collect::<BTreeSet<_>>().len(), members, "{:?}", offered);
        }
    }
    #[test]
    fn arranging_loses_nobody(loads in prop::collection::vec((any::<u32>(), any::<i32>()), 0..20), turn in any::<u64>()) {
        for balance in [Balance::Random, Balance::RoundRobin, Balance::Ordered, Balance::Adaptive] {
            let members = loads.iter().enumerate().map(|(item, (load, priority))| Candidate { item, priority: *priority, load: Load(*load) });
            let mut arranged = arrange(balance, members.collect(), turn);
            arranged.sort_unstable();
            prop_assert_eq!(arranged, (0..loads.len()).collect::<Vec<_>>());
        }
    }
}
