//! Conditions on updates: where the application and the database are, and what runs. Names S-NRU scenarios.

use super::super::super::fixture::{Bench, peer};
use super::*;
use crate::pure::base::{RequestId, ServerId};
use crate::pure::lineage::{Epoch, Reign};
use crate::pure::membership::Role;
use crate::pure::model::Application;
use crate::pure::protocol::report::{AppliedReport, Load, NodeReport, ServerReport, ServerState};
use crate::pure::protocol::update::Deed;
use crate::pure::protocol::{Message, Request};
use std::collections::BTreeMap;

const SHOP: &str = r#"
application = "shop"
[[group]]
id = "web"
[[node.n1.server]]
id = "a"
run = ["/bin/a"]
[[node.n1.server.adapter]]
name = "http"
endpoint = "http://127.0.0.1:1"
[[node.n1.server]]
id = "b"
run = ["/bin/b"]
"#;

fn application(text: &str) -> Application {
    Application::from_toml(text, "test").unwrap()
}

/// Servers of n1, as it reports them after its slice of the present version.
fn report(bench: &mut Bench, servers: &[(&str, ServerState)]) {
    let node = NodeReport {
        obeys: bench.registry.promise(),
        applied: Some(bench.registry.database().end()),
        database: bench.registry.database().id(),
        unfit: false,
        held: Vec::new(),
        kept: Vec::new(),
        load: Load::default(),
        load_longer: Default::default(),
        drained: false,
        means: String::new(),
        labels: BTreeMap::default(),
        host: "127.0.0.1".into(),
    };
    bench.says("n1", Message::NodeStatus(Box::new(node)));
    let servers = servers.iter().map(|(id, state)| ServerReport {
        id: id.parse().unwrap(),
        application: "shop".parse().unwrap(),
        node: peer("n1"),
        state: *state,
        enabled: true,
        pid: None,
        restarts: 0,
        reason: String::new(),
        endpoints: BTreeMap::new(),
        next_try: None,
        tenure: None,
    });
    let servers = servers.collect();
    bench.says(
        "n1",
        Message::Servers {
            first: true,
            last: true,
            servers,
        },
    );
}

fn put(text: &str, conditions: Conditions, request: u128) -> Request {
    Request::Update {
        change: Change::Put(Box::new(application(text))),
        conditions,
        request: RequestId::from_bits(request),
    }
}
fn remove(conditions: Conditions, request: u128) -> Request {
    Request::Update {
        change: Change::Remove {
            name: "shop".parse().unwrap(),
        },
        conditions,
        request: RequestId::from_bits(request),
    }
}
const GENTLE: Conditions = Conditions {
    if_revision: None,
    if_version: None,
    no_restart: true,
};

/// A master with the shop, and n1 that runs `a` while `b` stands still.
fn shop() -> Bench {
    let mut bench = Bench::start("r1", Role::Master);
    applied(bench.ask(put(SHOP, Conditions::default(), 1)));
    bench.link("n1");
    report(&mut bench, &[("a", ServerState::Active), ("b", ServerState::Inactive)]);
    bench
}
fn applied(response: Response) -> AppliedReport {
    match response {
        Response::Applied(report) => *report,
        other => panic!("{other:?}"),
    }
}
fn refused(response: Response) -> Failure {
    match response {
        Response::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_update_without_restart_leaves_every_running_server_alone() {
    let no = |words: &'static str| Some(words);
    // S-NRU-01 to -07, as far as they mean something here: services are ordinary servers.
    let table: Vec<(&str, String, Option<&str>)> = vec![
        (
            "S-NRU-01 add a server",
            format!("{SHOP}[[node.n1.server]]\nid = \"c\"\nrun = [\"/bin/c\"]\n"),
            None,
        ),
        (
            "S-NRU-02 remove one that runs",
            SHOP.replace("id = \"a\"", "id = \"c\""),
            no("remove a (active on n1)"),
        ),
        (
            "S-NRU-02 remove one that is stopped",
            SHOP.replace("id = \"b\"", "id = \"c\""),
            None,
        ),
        (
            "S-NRU-03 a property file",
            SHOP.replace(
                "run = [\"/bin/a\"]",
                "run = [\"/bin/a\"]\nfile = [{ name = \"a.conf\", set = { x = \"1\" } }]",
            ),
            None,
        ),
        (
            "S-NRU-05 an endpoint",
            SHOP.replace("127.0.0.1:1", "127.0.0.1:2"),
            no("restart a (active on n1)"),
        ),
        (
            "S-NRU-05 an adapter's id",
            SHOP.replace("name = \"http\"", "name = \"http\"\nid = \"other\""),
            no("restart a (active on n1)"),
        ),
        (
            "S-NRU-05 a group: nothing that runs changes",
            SHOP.replace("name = \"http\"", "name = \"http\"\ngroup = \"web\""),
            None,
        ),
        (
            "S-NRU-05 an object: nothing that runs changes",
            SHOP.replace("run = [\"/bin/a\"]", "run = [\"/bin/a\"]\nobject = [{ id = \"o\" }]"),
            None,
        ),
        (
            "S-NRU-06 another command of a stopped one",
            SHOP.replace("/bin/b", "/bin/c"),
            None,
        ),
        (
            "S-NRU-07 another command of one that runs",
            SHOP.replace("/bin/a", "/bin/c"),
            no("restart a (active on n1)"),
        ),
        (
            "move both",
            SHOP.replace("node.n1", "node.n2"),
            no("move a (active on n1)"),
        ),
    ];
    for (what, text, refusal) in table {
        let mut bench = shop();
        let before = bench.registry.database().end();
        let response = bench.ask(put(&text, GENTLE, 2));
        match refusal {
            None => assert_eq!(applied(response).affected, Affected::default(), "{what}"),
            Some(words) => {
                let failure = refused(response);
                assert_eq!(failure.code, ErrorCode::Precondition, "{what}");
                let message = format!("the update does not leave running servers alone: {words}; nothing was changed");
                assert_eq!(failure.message, message, "{what}");
                assert_eq!(bench.registry.database().end(), before, "{what}");
                // Without the condition it is done, and the answer tells the same.
                let report = applied(bench.ask(put(&text, Conditions::default(), 3)));
                assert_eq!(report.affected.servers.len(), 1, "{what}");
            }
        }
    }
}

#[test]
fn what_is_not_known_counts_as_running() {
    let mut bench = shop();
    let text = SHOP.replace("/bin/b", "/bin/c");
    bench.event(super::super::super::event::Event::Unlinked {
        peer: peer("n1"),
        reason: "closed".into(),
    });
    let failure = refused(bench.ask(put(&text, GENTLE, 2)));
    let words = "restart b (unknown on n1: node n1 is not in reach)";
    assert!(failure.message.contains(words), "{failure:?}");
    bench.link("n1");
    let failure = refused(bench.ask(put(&text, GENTLE, 3)));
    assert!(failure.message.contains("node n1 has not said yet"), "{failure:?}");
    // In two parts: the first alone tells nothing yet.
    report(&mut bench, &[("a", ServerState::Active)]);
    let failure = refused(bench.ask(put(&text, GENTLE, 4)));
    assert!(failure.message.contains("has not taken it over yet"), "{failure:?}");
    report(
        &mut bench,
        &[("a", ServerState::Active), ("b", ServerState::BackingOff)],
    );
    applied(bench.ask(put(&text, GENTLE, 5)));
}

#[test]
fn a_removal_without_restart_needs_stopped_servers() {
    let mut bench = shop();
    let failure = refused(bench.ask(remove(GENTLE, 2)));
    assert!(failure.message.contains("remove a (active on n1)"), "{failure:?}");
    report(
        &mut bench,
        &[("a", ServerState::Inactive), ("b", ServerState::Inactive)],
    );
    let report = applied(bench.ask(remove(GENTLE, 3)));
    assert_eq!((report.replaces, report.affected), (Some(1), Affected::default()));
}

#[test]
fn a_forecast_says_what_runs() {
    let mut bench = shop();
    let text = SHOP.replace("/bin/a", "/bin/c").replace("/bin/b", "/bin/c");
    let change = Change::Put(Box::new(application(&text)));
    let Response::Forecast(forecast) = bench.ask(Request::Forecast { change }) else {
        panic!("a forecast");
    };
    let ids = ["a", "b"].map(|id| id.parse::<ServerId>().unwrap());
    assert_eq!(
        (forecast.plan.restarted.as_slice(), forecast.revision),
        (ids.as_slice(), 1)
    );
    let affected = forecast
        .affected
        .servers
        .iter()
        .map(|one| (one.server.as_str(), one.deed));
    assert_eq!(affected.collect::<Vec<_>>(), [("a", Deed::Restart)]);
    let name = || "shop".parse().unwrap();
    let change = Change::Rollback { name: name(), to: None };
    refused(bench.ask(Request::Forecast { change }));
    let change = Change::Remove { name: name() };
    let Response::Forecast(forecast) = bench.ask(Request::Forecast { change }) else {
        panic!("a forecast");
    };
    assert_eq!(forecast.plan.removed.len(), 2);
}

#[test]
fn an_update_is_refused_when_the_application_or_the_database_moved() {
    let mut bench = shop();
    let end: VersionText = bench.registry.database().end().into();
    let at = |if_revision, if_version| Conditions {
        if_revision,
        if_version,
        no_restart: false,
    };
    let failure = refused(bench.ask(put(SHOP, at(Some(7), None), 2)));
    assert_eq!(failure.message, "application shop is at revision 1, not 7");
    assert_eq!(
        applied(bench.ask(put(SHOP, at(Some(1), Some(end)), 3))).replaces,
        Some(1)
    );
    let now = bench.registry.database().end();
    for request in [put(SHOP, at(None, Some(end)), 4), remove(at(None, Some(end)), 5)] {
        let failure = refused(bench.ask(request));
        assert_eq!(failure.code, ErrorCode::Precondition);
        assert_eq!(failure.message, format!("the database is at version {now}, not {end}"));
        assert!(failure.hint.contains(&now.to_string()));
    }
}

#[test]
fn reigns_alone_move_nothing() {
    let reign = |number, first| Reign {
        epoch: Epoch {
            number,
            id: crate::pure::base::EpochId::from_bits(1),
        },
        by: peer("r1"),
        first,
    };
    let lineage = Lineage(vec![reign(1, 1), reign(2, 5), reign(4, 6)]);
    let version = |epoch, serial| VersionText { epoch, serial };
    let table = [
        (version(1, 4), version(4, 6), false),
        (version(1, 4), version(4, 7), true),
        (version(1, 3), version(4, 6), true),
        (version(2, 5), version(4, 6), false),
        (version(4, 6), version(4, 6), false),
        // Versions that the database never had.
        (version(2, 4), version(4, 6), true),
        (version(4, 9), version(4, 6), true),
        (version(0, 0), version(4, 6), true),
    ];
    for (wanted, end, moved) in table {
        assert_eq!(moved_since(wanted, end, &lineage), moved, "{wanted} against {end}");
    }
}
