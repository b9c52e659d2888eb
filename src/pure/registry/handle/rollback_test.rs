//! What operators see of the history, and that a rollback is an update like any other.

use super::super::super::fixture::Bench;
use crate::pure::base::RequestId;
use crate::pure::membership::Role;
use crate::pure::model::{Application, Changes};
use crate::pure::protocol::history::RevisionRow;
use crate::pure::protocol::report::AppliedReport;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::{Request, Response};

fn shop(run: &str) -> Application {
    let text = format!("application = \"shop\"\n[[node.n1.server]]\nid = \"web\"\nrun = [\"{run}\"]\n");
    Application::from_toml(&text, "test.toml").unwrap()
}

/// A master with revisions 1 and 2 of an application.
fn master() -> Bench {
    let mut bench = Bench::start("r1", Role::Master);
    for (number, run) in [(1, "/bin/one"), (2, "/bin/two")] {
        let report = applied(bench.ask(Request::Apply {
            application: shop(run),
            if_revision: None,
            request: RequestId::from_bits(number),
        }));
        assert_eq!(report.rolled_back_to, None);
    }
    bench
}

fn roll_back(to: Option<u64>, if_revision: Option<u64>, request: u128) -> Request {
    Request::Rollback {
        name: "shop".parse().unwrap(),
        to,
        if_revision,
        request: RequestId::from_bits(request),
    }
}
fn applied(response: Response) -> AppliedReport {
    match response {
        Response::Applied(report) => *report,
        other => panic!("{other:?}"),
    }
}
fn failed(response: Response) -> Failure {
    match response {
        Response::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}
fn history(bench: &mut Bench) -> Vec<RevisionRow> {
    let name = "shop".parse().unwrap();
    match bench.ask(Request::History { name }) {
        Response::History(rows) => rows,
        other => panic!("{other:?}"),
    }
}
fn shown(bench: &mut Bench, revision: Option<u64>) -> Response {
    let name = "shop".parse().unwrap();
    bench.ask(match revision {
        None => Request::Application { name },
        Some(revision) => Request::Revision { name, revision },
    })
}

#[test]
fn a_rollback_is_a_new_revision_with_the_old_content() {
    let mut bench = master();
    let before = history(&mut bench);
    let planned = bench.ask(Request::PlanRollback {
        name: "shop".parse().unwrap(),
        to: None,
    });
    let Response::Plan(plan) = planned else {
        panic!("{planned:?}")
    };
    assert_eq!(history(&mut bench), before, "a plan changes nothing");
    let report = applied(bench.ask(roll_back(None, Some(2), 3)));
    assert_eq!((report.revision, report.rolled_back_to), (3, Some(1)));
    assert_eq!(report.plan, *plan);
    assert_eq!(
        shown(&mut bench, None),
        Response::Application(Box::new(shop("/bin/one")))
    );
    let two = Response::Application(Box::new(shop("/bin/two")));
    assert_eq!(shown(&mut bench, Some(2)), two);
    let rows = history(&mut bench);
    let restarted = Changes {
        restarted: 1,
        ..Changes::default()
    };
    assert_eq!(
        (
            rows[0].revision,
            rows[0].action.as_str(),
            rows[0].changes,
            rows[0].current
        ),
        (3, "rolled-back", Some(restarted), true)
    );
    assert_eq!((rows[0].rolled_back_to, rows.len()), (Some(1), 3));
    // And forth again.
    let report = applied(bench.ask(roll_back(None, None, 4)));
    assert_eq!((report.revision, report.rolled_back_to), (4, Some(2)));
}

#[test]
fn a_retry_is_applied_once() {
    let mut bench = master();
    let first = applied(bench.ask(roll_back(None, None, 3)));
    let again = applied(bench.ask(roll_back(None, None, 3)));
    assert_eq!(
        (again.revision, again.rolled_back_to),
        (first.revision, first.rolled_back_to)
    );
    assert_eq!(history(&mut bench).len(), 3);
}

#[test]
fn a_removed_application_comes_back_as_it_was() {
    let mut bench = master();
    let name: crate::pure::base::ApplicationName = "shop".parse().unwrap();
    applied(bench.ask(Request::Remove {
        name: name.clone(),
        request: RequestId::from_bits(3),
    }));
    let rows = history(&mut bench);
    assert_eq!((rows[0].action.as_str(), rows[0].revision), ("removed", 2));
    assert_eq!(rows[0].changes.unwrap().removed, 1);
    let wrong = failed(bench.ask(roll_back(None, Some(2), 4)));
    assert_eq!(wrong.code, ErrorCode::Precondition, "it does not exist: revision 0");
    let report = applied(bench.ask(roll_back(None, Some(0), 5)));
    assert_eq!((report.revision, report.rolled_back_to), (3, Some(2)));
    assert_eq!(report.plan.added.len(), 1);
    assert_eq!(
        shown(&mut bench, None),
        Response::Application(Box::new(shop("/bin/two")))
    );
}

#[test]
fn what_cannot_be_rolled_back_is_refused_and_changes_nothing() {
    let mut bench = master();
    let before = history(&mut bench);
    for (to, if_revision, code) in [
        (Some(9), None, ErrorCode::NotFound),
        (Some(1), Some(7), ErrorCode::Precondition),
    ] {
        let failure = failed(bench.ask(roll_back(to, if_revision, 9)));
        assert_eq!(failure.code, code, "{failure:?}");
        assert!(failure.hint.contains("floe app"), "{failure:?}");
    }
    // Its server's id was given to another application meanwhile.
    applied(bench.ask(Request::Apply {
        application: Application::from_toml("application = \"shop\"\n", "test.toml").unwrap(),
        if_revision: None,
        request: RequestId::from_bits(10),
    }));
    let mut other = shop("/bin/other");
    other.name = "other".parse().unwrap();
    applied(bench.ask(Request::Apply {
        application: other,
        if_revision: None,
        request: RequestId::from_bits(11),
    }));
    let failure = failed(bench.ask(roll_back(Some(2), None, 12)));
    assert!(
        failure.code == ErrorCode::Invalid && failure.message.contains("web"),
        "{failure:?}"
    );
    assert_eq!(history(&mut bench).len(), before.len() + 1);
    for request in [
        Request::History {
            name: "nobody".parse().unwrap(),
        },
        Request::Revision {
            name: "nobody".parse().unwrap(),
            revision: 1,
        },
        Request::PlanRollback {
            name: "nobody".parse().unwrap(),
            to: None,
        },
    ] {
        assert_eq!(failed(bench.ask(request)).code, ErrorCode::NotFound);
    }
    // A replica sends the caller to the master.
    let mut replica = Bench::start("r2", Role::Replica);
    assert_eq!(failed(replica.ask(roll_back(None, None, 1))).code, ErrorCode::NotMaster);
}
