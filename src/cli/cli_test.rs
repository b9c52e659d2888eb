//! Whole outputs of commands, with answers put in place of the grid: what people see, what programs get, how it ends.

use super::canned::{
    Canned, SHOP, application_row, applied, explained, failing_server, file_of, floe, forecast, happening, node_detail,
    peer, prints, registry, resolved, revision_row, server, status,
};
use super::{Ask, Exit, Failing, Output, run};
use crate::pure::base::WallTime;
use crate::pure::model::{Application, Plan};
use crate::pure::protocol::history::RevisionRow;
use crate::pure::protocol::report::{AppliedReport, Happening, LogReport, StatusReport, UsageReport};
use crate::pure::protocol::request::Verb;
use crate::pure::protocol::update::{Change, Forecast};
use crate::pure::protocol::{ErrorCode, Failure, Request, Response};
use std::ffi::OsString;
use std::io::{ErrorKind, Write};

#[test]
fn status_is_one_page() {
    prints(
        "floe status",
        Response::Status(Box::new(status())),
        "
grid shop, as r2 sees it
master r1: leading, epoch 4, version 4.93

REGISTRY  ROLE     STANDING     VERSION  BEHIND  ADDRESS         REASON
r1        master   leading      4.93     0       127.0.0.1:7401
r2        replica  following    4.91     2       127.0.0.1:7402
r3        -        unreachable  -        0       127.0.0.1:7403  connection refused

NODE  STATE  ADDRESS         OBEYS  APPLIED  ACTIVE  SERVERS  LOAD
n1    up     127.0.0.1:7501  4      4.93     3       4        0.42

warning: r3 was not heard for 12 s: look at its log
",
    );
    let headless = StatusReport {
        master: None,
        ..status()
    };
    let said = floe("floe status", &Canned::of([Ok(Response::Status(Box::new(headless)))]));
    assert!(
        said.out
            .contains("\nno master leads: reads go on, updates are refused\n"),
        "{}",
        said.out
    );
}

#[test]
fn lists_are_tables() {
    prints(
        "floe server list",
        Response::Servers(vec![server("web-1"), failing_server("web-2")]),
        "
SERVER  APPLICATION  NODE  STATE                  PID   RESTARTS  REASON
web-1   shop         n1    active                 4711  0
web-2   shop         n1    backing-off, disabled  -     7         ended with code 1; next try 2023-11-14T22:13:20Z
",
    );
    prints(
        "floe registry list",
        Response::Status(Box::new(status())),
        "
REGISTRY  ROLE     STANDING     VERSION  BEHIND  ADDRESS         REASON
r1        master   leading      4.93     0       127.0.0.1:7401
r2        replica  following    4.91     2       127.0.0.1:7402
r3        -        unreachable  -        0       127.0.0.1:7403  connection refused
",
    );
    prints(
        "floe peer list",
        Response::Peers(vec![peer()]),
        "
PEER  KIND      STATE  ADDRESS         HTTP  VERSION
r1    registry  alive  127.0.0.1:7401  -     4.93
",
    );
    prints(
        "floe app list",
        Response::Applications(vec![application_row()]),
        "
APPLICATION  REVISION  SERVERS  VERSION  TIME                  BY
shop         3         4        4.93     2023-11-14T22:13:20Z  ada@desk
",
    );
    prints(
        "floe node list",
        Response::Nodes(vec![]),
        "NODE  STATE  ADDRESS  OBEYS  APPLIED  ACTIVE  SERVERS  LOAD\n",
    );
}

#[test]
fn what_a_server_uses_is_shown_when_its_node_answers() {
    let usage = UsageReport {
        id: "web-1".parse().unwrap(),
        pid: 4711,
        started: WallTime(0),
        cpu_seconds: 1.25,
        cpu_percent: Some(12.5),
        memory_bytes: 64 << 20,
        descriptors: 7,
        processes: 2,
        tasks: 9,
    };
    let link = Canned::of([
        Ok(Response::Servers(vec![server("web-1")])),
        Ok(Response::Usage(Box::new(usage))),
    ]);
    let said = floe("floe server show web-1", &link);
    let out = said.out;
    assert_eq!(said.exit, Exit::Done);
    for line in [
        "cpu          1.25 s, 12.5 % of a processor",
        "memory       64 MiB",
        "tasks        9 in 2 processes",
    ] {
        assert!(out.lines().any(|told| told == line), "{line} is not in {out}");
    }
}

#[test]
fn single_things_are_facts() {
    prints(
        "floe server show web-1",
        Response::Servers(vec![server("web-1")]),
        "
server       web-1
application  shop
node         n1
state        active
pid          4711
restarts     0
endpoint     web-1.http http://127.0.0.1:40001
",
    );
    prints(
        "floe registry show",
        Response::Registry(Box::new(registry())),
        "
registry     r1
role         master (file)
standing     leading
epoch        4
version      4.93
digest       ab12
log          entries 1 to 93
database     00ff

FOLLOWER  VERSION  BEHIND
r2        4.91     2
",
    );
    prints(
        "floe resolve web",
        Response::Resolved(resolved()),
        "http://127.0.0.1:40001\nhttp://127.0.0.1:40002\n",
    );
    let logs = LogReport {
        file: "/d/web-1.out".into(),
        text: "hello\nworld".into(),
        ..LogReport::default()
    };
    prints("floe server logs web-1", Response::Logs(logs), "hello\nworld\n");
}

/// The fields that design.md promises to scripts, each answer as a program gets it.
#[test]
fn programs_get_the_promised_fields() {
    let (_folder, file) = file_of(SHOP, "shop.toml");
    for (line, answer, promised) in [
        (
            "floe status",
            Response::Status(Box::new(status())),
            "grid master registries nodes warnings",
        ),
        (
            "floe registry list",
            Response::Status(Box::new(status())),
            "name role standing version behind address reason",
        ),
        (
            "floe node list",
            Response::Nodes(status().nodes),
            "name state address obeys_epoch applied servers_active servers_total",
        ),
        (
            "floe peer list",
            Response::Peers(vec![peer()]),
            "name kind state address http version",
        ),
        (
            "floe registry show",
            Response::Registry(Box::new(registry())),
            "name role role_source standing reason epoch version digest serial log_first followers",
        ),
        (
            "floe server list",
            Response::Servers(vec![server("web-1")]),
            "id application node state enabled pid restarts reason",
        ),
        (
            "floe resolve web",
            Response::Resolved(resolved()),
            "id kind endpoints version",
        ),
        (
            "floe app list",
            Response::Applications(vec![application_row()]),
            "name revision servers version",
        ),
        (
            "floe app history shop",
            Response::History(vec![revision_row()]),
            "revision action version time actor changes rolled_back_to current",
        ),
        (
            &format!("floe app apply {file}"),
            Response::Applied(Box::new(applied())),
            "application revision version copies behind plan",
        ),
        (
            &format!("floe app diff {file}"),
            Response::Forecast(Box::new(forecast())),
            "added removed restarted changed unchanged",
        ),
    ] {
        let said = floe(&format!("{line} --format json"), &Canned::of([Ok(answer)]));
        assert_eq!(said.exit, Exit::Done, "{line}: {}", said.err);
        let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        let value = if value.is_array() { &value[0] } else { &value };
        for field in promised.split(' ') {
            assert!(value.get(field).is_some(), "{line} lacks {field}: {}", said.out);
        }
    }
    let value: serde_json::Value = serde_json::from_str(
        &floe(
            "floe resolve web --format json",
            &Canned::of([Ok(Response::Resolved(resolved()))]),
        )
        .out,
    )
    .unwrap();
    assert_eq!(value["kind"], "group");
}

#[test]
fn apply_says_what_it_did() {
    let (_folder, file) = file_of(SHOP, "shop.toml");
    let canned = Canned::of([Ok(Response::Applied(Box::new(applied())))]);
    let said = floe(&format!("floe app apply {file} --if-revision 2"), &canned);
    assert_eq!(said.exit, Exit::Done, "{}", said.err);
    assert_eq!(
        said.out,
        "applied shop: revision 3, version 4.94, on 2 registries\n\
         behind: r3\n\
         1 added, 1 removed, 1 restarted, 0 changed live, 1 untouched\n  \
         add     web-2\n  remove  web-9\n  restart web-1\n"
    );
    let asked = canned.asked();
    let [
        Request::Apply {
            application,
            if_revision: Some(2),
            ..
        },
    ] = asked.as_slice()
    else {
        panic!("{asked:?}")
    };
    assert_eq!(application.name.as_str(), "shop");

    let said = floe(
        "floe app remove shop",
        &Canned::of([Ok(Response::Applied(Box::new(applied())))]),
    );
    assert!(
        said.out
            .starts_with("removed shop: revision 3, version 4.94, on 2 registries\n"),
        "{}",
        said.out
    );
}

#[test]
fn history_is_a_table_and_a_rollback_says_where_it_went() {
    let applied_row = revision_row();
    let rolled_back = RevisionRow {
        revision: 4,
        action: "rolled-back".into(),
        changes: None,
        rolled_back_to: Some(2),
        current: true,
        ..applied_row.clone()
    };
    prints(
        "floe app history shop",
        Response::History(vec![rolled_back, applied_row]),
        "
REVISION  STATE     ACTION            VERSION  TIME                  BY        CHANGES
4         in force  rolled-back to 2  4.93     2023-11-14T22:13:20Z  ada@desk  -
3         -         applied           4.93     2023-11-14T22:13:20Z  ada@desk  1 added, 2 restarted
",
    );
    let report = AppliedReport {
        rolled_back_to: Some(2),
        ..applied()
    };
    let canned = Canned::of([Ok(Response::Applied(Box::new(report)))]);
    let said = floe("floe app rollback shop --to 2 --if-revision 7", &canned);
    assert!(
        said.out
            .starts_with("rolled back to revision 2: shop: revision 3, version 4.94, on 2 registries\n"),
        "{}",
        said.out
    );
    let asked = canned.asked();
    assert!(
        matches!(
            asked.as_slice(),
            [Request::Rollback {
                to: Some(2),
                if_revision: Some(7),
                ..
            }]
        ),
        "{asked:?}"
    );
    let canned = Canned::of([Ok(Response::Forecast(Box::new(forecast())))]);
    let said = floe("floe app rollback shop --dry-run", &canned);
    assert!(said.out.ends_with("  web-1: run changed\n"), "{}", said.out);
    assert!(matches!(
        canned.asked().as_slice(),
        [Request::Forecast {
            change: Change::Rollback { to: None, .. }
        }]
    ));
}

#[test]
fn an_update_in_doubt_can_be_tried_again_with_its_id() {
    let (_folder, file) = file_of(SHOP, "shop.toml");
    let id = "0123456789abcdef0123456789abcdef";
    let failure = Failure::new(ErrorCode::InDoubt, "stored on 1 of 2 registries", "");
    let canned = Canned::of([Ok(Response::Failed(failure))]);
    let said = floe(&format!("floe app apply {file} --request {id}"), &canned);
    assert_eq!(said.exit, Exit::InPart);
    assert_eq!(
        said.err,
        format!("floe: stored on 1 of 2 registries\nhint: run it again with --request {id}: it is applied once\n")
    );
}

#[test]
fn diff_changes_nothing_and_ends_with_3_only_when_asked() {
    let (_folder, file) = file_of(SHOP, "shop.toml");
    let plan = || Ok(Response::Forecast(Box::new(forecast())));
    let said = floe(&format!("floe app diff {file}"), &Canned::of([plan()]));
    assert_eq!(said.exit, Exit::Done);
    assert!(
        said.out
            .starts_with("shop against revision 3, database version 4.93\n1 added")
            && said.out.ends_with("  restart web-1\n  web-1: run changed\n"),
        "{}",
        said.out
    );
    let said = floe(&format!("floe app diff {file} --exit-code"), &Canned::of([plan()]));
    assert_eq!(said.exit, Exit::Differences);
    let nothing = Forecast {
        plan: Plan::default(),
        ..forecast()
    };
    let nothing = Canned::of([Ok(Response::Forecast(Box::new(nothing)))]);
    let said = floe(&format!("floe app diff {file} --exit-code"), &nothing);
    assert_eq!((said.exit, nothing.asked().len()), (Exit::Done, 1));
}

#[test]
fn validate_asks_nobody() {
    let (_folder, file) = file_of(SHOP, "shop.toml");
    let said = floe(&format!("floe app validate {file}"), &Canned::default());
    assert_eq!(
        (said.exit, said.out.as_str()),
        (Exit::Done, "shop: no faults; servers: 1, nodes: 1\n")
    );
    let (_folder, file) = file_of("application = \"shop\"\nnodes = 1", "shop.toml");
    let said = floe(&format!("floe app validate {file}"), &Canned::default());
    assert_eq!(said.exit, Exit::Failed);
    assert!(
        said.err.starts_with(&format!("floe: {file} has a fault\n{file}")),
        "{}",
        said.err
    );
    let said = floe("floe app validate /nonexistent/x.toml", &Canned::default());
    assert_eq!(
        said.err,
        "floe: failed to open /nonexistent/x.toml: No such file or directory (os error 2)\n"
    );
}

#[test]
fn shown_applications_can_be_applied_again() {
    let application: Application = toml::from_str(SHOP).unwrap();
    let canned = Canned::of([Ok(Response::Application(Box::new(application.clone())))]);
    let said = floe("floe app show shop", &canned);
    assert_eq!(
        toml::from_str::<Application>(&said.out).unwrap(),
        application,
        "{}",
        said.out
    );
}

#[test]
fn a_server_command_names_server_and_verb() {
    for (verb, expected) in [
        ("start", Verb::Start),
        ("stop", Verb::Stop),
        ("restart", Verb::Restart),
        ("enable", Verb::Enable),
        ("disable", Verb::Disable),
    ] {
        let canned = Canned::of([Ok(Response::Commanded(Box::new(failing_server("web-2"))))]);
        let said = floe(&format!("floe server {verb} web-2"), &canned);
        assert!(
            said.out
                .contains("state        backing-off, disabled\nreason       ended with code 1; next try")
        );
        let server = "web-2".parse().unwrap();
        assert_eq!(canned.asked(), [Request::Command { server, verb: expected }]);
    }
}

#[test]
fn registry_show_asks_the_one_that_is_named() {
    let answers = [
        Ok(Response::Status(Box::new(status()))),
        Ok(Response::Registry(Box::new(registry()))),
    ];
    let canned = Canned::of(answers);
    assert_eq!(floe("floe registry show r2", &canned).exit, Exit::Done);
    let asked = canned.asked.borrow();
    assert_eq!(asked[1], (Some("127.0.0.1:7402".parse().unwrap()), Request::Registry));

    let said = floe(
        "floe registry show r9",
        &Canned::of([Ok(Response::Status(Box::new(status())))]),
    );
    assert_eq!(said.exit, Exit::NotFound);
    assert_eq!(
        said.err,
        "floe: there is no registry r9\nhint: floe registry list shows all\n"
    );
}

#[test]
fn failures_have_a_code_a_message_and_a_hint() {
    let codes = [
        (ErrorCode::Invalid, Exit::Failed, "invalid"),
        (ErrorCode::NotFound, Exit::NotFound, "not-found"),
        (ErrorCode::NotMaster, Exit::Precondition, "not-master"),
        (ErrorCode::Precondition, Exit::Precondition, "precondition"),
        (ErrorCode::Unavailable, Exit::Failed, "unavailable"),
        (ErrorCode::TimedOut, Exit::TimedOut, "timed-out"),
        (ErrorCode::InDoubt, Exit::InPart, "in-doubt"),
        (ErrorCode::Overloaded, Exit::Failed, "overloaded"),
        (ErrorCode::StaleEpoch, Exit::Precondition, "stale-epoch"),
        (ErrorCode::Internal, Exit::Failed, "internal"),
    ];
    for (code, exit, word) in codes {
        let answer = || Ok(Response::Failed(Failure::new(code, "it failed", "try this")));
        let said = floe("floe status", &Canned::of([answer()]));
        assert_eq!((said.exit, said.out.as_str()), (exit, ""));
        assert_eq!(said.err, "floe: it failed\nhint: try this\n");
        let said = floe("floe status --format json", &Canned::of([answer()]));
        assert_eq!((said.exit, said.out.as_str()), (exit, ""));
        assert_eq!(
            said.err,
            format!("{{\"error\":{{\"code\":\"{word}\",\"message\":\"it failed\",\"hint\":\"try this\"}}}}\n")
        );
    }
    let failing = Failing::unreachable("nobody could be reached: a:1: connection refused");
    let said = floe("floe status", &Canned::of([Err(failing)]));
    assert_eq!(said.exit, Exit::Unreachable);
    let mut failure = Failure::new(ErrorCode::NotMaster, "r2 is a replica", "");
    failure.master = Some(("r1".parse().unwrap(), "127.0.0.1:7401".parse().unwrap()));
    let said = floe("floe status", &Canned::of([Ok(Response::Failed(failure))]));
    assert_eq!(
        said.err,
        "floe: r2 is a replica\nhint: the master is r1: --peer 127.0.0.1:7401\n"
    );
    let said = floe("floe status", &Canned::of([Ok(Response::Nodes(vec![]))]));
    assert_eq!(said.exit, Exit::Failed, "an answer to another question is no answer");
}

#[test]
fn wrong_usage_ends_with_2_in_either_style() {
    for line in [
        "floe",
        "floe nonsense",
        "floe server start",
        "floe status --peer nowhere",
        "floe status --timeout 1h",
    ] {
        let said = floe(line, &Canned::default());
        assert_eq!((said.exit, said.out.as_str()), (Exit::Usage, ""), "{line}");
        assert!(
            said.err.contains("Usage: floe") || said.err.starts_with("error: "),
            "{line}: {}",
            said.err
        );
        assert!(!said.err.starts_with("floe: "), "{line}: {}", said.err);
    }
    let said = floe("floe nonsense --format json", &Canned::default());
    let value: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((said.exit, &value["error"]["code"]), (Exit::Usage, &"usage".into()));
    for line in [
        "floe --help",
        "floe --version",
        "floe app apply --help",
        "floe help server logs",
    ] {
        let said = floe(line, &Canned::default());
        assert_eq!((said.exit, said.err.as_str()), (Exit::Done, ""), "{line}");
        assert!(!said.out.is_empty(), "{line}");
    }
}

#[test]
fn configuration_faults_end_with_78_and_are_all_told() {
    let (_folder, file) = file_of("gird = 1\n[registry]\nrole = 3\n", "r.toml");
    for line in [
        format!("floe config check {file}"),
        format!("floe registry run --config {file}"),
    ] {
        let said = floe(&line, &Canned::default());
        assert_eq!(said.exit, Exit::Configuration, "{line}");
        assert!(
            said.err.starts_with("floe: the configuration has 6 faults\n"),
            "{}",
            said.err
        );
        assert!(
            said.err
                .contains(&format!("\n{file}:1:1: gird: no such key; nearest: grid\n")),
            "{}",
            said.err
        );
    }
    let good = "grid = \"g\"\n[peer]\nname = \"n1\"\nlisten = \"127.0.0.1:0\"\ndata = \"d\"\n[node]\n";
    let (_folder, file) = file_of(good, "n.toml");
    let said = floe(&format!("floe config check {file}"), &Canned::default());
    assert_eq!(
        (said.exit, said.out.as_str()),
        (Exit::Done, "node n1 of grid g: no faults\n"),
        "{}",
        said.err
    );
    let said = floe(&format!("floe config show {file}"), &Canned::default());
    let line = said.out.lines().find(|line| line.starts_with("grid")).unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["grid", "\"g\"", &format!("{file}:1:8")]
    );
    let said = floe(&format!("floe registry run --config {file}"), &Canned::default());
    assert_eq!(
        said.exit,
        Exit::Configuration,
        "a node's configuration runs no registry"
    );
}

#[test]
fn a_watch_goes_on_through_an_outage_and_ends_with_its_reader() {
    let happened = || Ok(Response::Happened(Box::new(happening())));
    let answers = [
        happened(),
        Err(Failing::timed_out("no answer came")),
        happened(),
        Err(Failing::internal("broken")),
    ];
    let said = floe("floe events", &Canned::of(answers));
    let line = "2023-11-14T22:13:20Z registry r2 leading, 5.94, promoted\n";
    assert_eq!((said.exit, said.out), (Exit::Failed, format!("{line}{line}")));
    assert_eq!(said.err, "floe: no answer came; trying again\nfloe: broken\n");
    let answers = [happened(), Err(Failing::internal("broken"))];
    let said = floe("floe events --format json", &Canned::of(answers));
    assert_eq!(serde_json::from_str::<Happening>(&said.out).unwrap(), happening());
    let said = floe("floe events", &Canned::of([Err(Failing::unreachable("nobody"))]));
    assert_eq!(said.exit, Exit::Unreachable, "nobody in reach at the start");
}

/// Takes one line, then nobody reads any more.
struct Head(bool);
impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if std::mem::replace(&mut self.0, true) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let happened = || Ok(Response::Happened(Box::new(happening())));
    for (line, answers) in [
        ("floe events", vec![happened(), happened()]),
        ("floe status", vec![Ok(Response::Status(Box::new(status())))]),
        ("floe completions bash", vec![]),
    ] {
        for already_gone in [false, true] {
            let canned = Canned::of(answers.clone());
            let (mut head, mut err) = (Head(already_gone), Vec::new());
            let mut output = Output::new(&mut head, &mut err, false);
            let mut connect = |_: &super::args::Global| Ok(Box::new(canned.clone()) as Box<dyn Ask>);
            let arguments = line.split_whitespace().map(OsString::from).collect();
            assert_eq!(run(arguments, &mut output, &mut connect), Exit::Done, "{line}");
            assert!(err.is_empty(), "{line}: {}", String::from_utf8_lossy(&err));
        }
    }
}

#[test]
fn nodes_and_servers_are_explained_in_facts_and_tables() {
    prints(
        "floe node show n1",
        Response::Node(Box::new(node_detail())),
        "
node         n1
host         127.0.0.1
address      127.0.0.1:7501
since        2023-11-14T22:13:20Z
drained      by ada@desk, at 2023-11-14T22:13:20Z; what ran goes on
obeys epoch  4
applied      4.93, since 2023-11-14T22:13:20Z
load         0.42 0.40 0.38
load factor  1/2
processors   2
labels       rack=7 zone=a
servers      3 active, 1 inactive
processes    3

what happened to it last:
TIME                  STATE    REASON
2023-11-14T22:13:20Z  leading  promoted
",
    );
    prints(
        "floe node load n1",
        Response::Node(Box::new(node_detail())),
        "0.42 0.40 0.38\n",
    );
    prints(
        "floe server explain web-1",
        Response::Explained(Box::new(explained())),
        "
server       web-2
application  shop
node         n1
state        backing-off, disabled
reason       ended with code 1; next try 2023-11-14T22:13:20Z
restarts     7
activation   always
disabled     by ada@desk, at 2023-11-14T22:13:20Z
command      /bin/web --port 80

its last transitions:
TIME                  STATE        PID   REASON
2023-11-14T22:13:20Z  backing-off  4711  exit code 1

its last words on standard error:
port 80 is taken
",
    );
    let mut empty = node_detail();
    (empty.running, empty.events) = (0, Vec::new());
    let busy = node_detail();
    let canned = Canned::of([Ok(Response::Node(Box::new(busy))), Ok(Response::Node(Box::new(empty)))]);
    let said = floe("floe node drain n1", &canned);
    assert_eq!(
        (said.exit, said.err.as_str()),
        (Exit::Done, "node n1: 3 servers still run\n")
    );
    let asked = canned.asked();
    assert!(
        matches!(
            asked[0],
            Request::Drain {
                keep_running: false,
                ..
            }
        ),
        "{asked:?}"
    );
    assert!(matches!(asked[1], Request::Node { .. }), "{asked:?}");
    let busy = Canned::of([(); 3].map(|()| Ok(Response::Node(Box::new(node_detail())))));
    assert_eq!(floe("floe node drain n1 --timeout 1ms", &busy).exit, Exit::TimedOut);
}
