//! Updates on the command line: conditions, the wait for what comes of them, and rollbacks, with their texts and exit codes.

use crate::cli::canned::{Canned, SHOP, applied, file_of, floe};
use crate::cli::{Exit, Failing};
use crate::pure::model::Plan;
use crate::pure::protocol::report::{AppliedReport, ServerState};
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::update::{Affected, AffectedServer, Change, Conditions, Deed, Outcome, OutcomeRow};
use crate::pure::protocol::{Request, Response};

fn done(report: AppliedReport) -> Response {
    Response::Applied(Box::new(report))
}
fn refused(message: &str) -> Response {
    Response::Failed(Failure::new(ErrorCode::Precondition, message, "look at it"))
}
/// Of two servers, one done.
fn outcome(revision: Option<u64>, other: Option<bool>) -> Response {
    let row = |failed| OutcomeRow {
        server: "web-1".parse().unwrap(),
        node: "n1".parse().unwrap(),
        state: if failed {
            ServerState::BackingOff
        } else {
            ServerState::Activating
        },
        failed,
        reason: if failed { "ended with code 1" } else { "" }.into(),
    };
    Response::Outcome(Box::new(Outcome {
        revision,
        servers: 2,
        done: 1 + u64::from(other.is_none()),
        waiting: u64::from(other == Some(false)),
        failed: u64::from(other == Some(true)),
        rows: other.map(row).into_iter().collect(),
    }))
}
fn of(answers: impl IntoIterator<Item = Response>) -> Canned {
    Canned::of(answers.into_iter().map(Ok))
}
const WAITS: Option<bool> = Some(false);
const FAILED: Option<bool> = Some(true);
const NOT_AS_WANTED: &str = "1 of 2 servers are not as wanted:\n  web-1 on n1: backing-off: ended with code 1\n";

#[test]
fn conditions_are_sent_to_the_master() {
    let (_folder, file) = file_of(SHOP, "shop.toml");
    let canned = of([refused("the database is at version 4.95, not 4.93")]);
    let line = format!("floe app apply {file} --if-version 4.93 --if-revision 2 --no-restart");
    let said = floe(&line, &canned);
    assert_eq!(said.exit, Exit::Precondition);
    assert_eq!(
        said.err,
        "floe: the database is at version 4.95, not 4.93\nhint: look at it\n"
    );
    let asked = canned.asked();
    let [Request::Update { conditions, change, .. }] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    let wanted = Conditions {
        if_revision: Some(2),
        if_version: Some("4.93".parse().unwrap()),
        no_restart: true,
    };
    assert_eq!(*conditions, wanted);
    assert!(matches!(change, Change::Put(_)));
    for (line, plain) in [
        ("floe app remove shop --if-revision 2", true),
        ("floe app remove shop --no-restart", false),
        ("floe app rollback shop --no-restart", false),
    ] {
        let canned = of([done(applied())]);
        assert_eq!(floe(line, &canned).exit, Exit::Done);
        let asked = canned.asked();
        assert_eq!(
            !matches!(asked.as_slice(), [Request::Update { .. }]),
            plain,
            "{asked:?}"
        );
    }
    let said = floe("floe app remove shop --if-version 93", &Canned::default());
    assert_eq!(said.exit, Exit::Usage);
    assert!(
        said.err.contains("wants a version of the database such as 4.93"),
        "{}",
        said.err
    );
}

#[test]
fn the_answer_names_what_ran_and_who_is_away() {
    let report = AppliedReport {
        affected: Affected {
            servers: vec![AffectedServer {
                server: "web-1".parse().unwrap(),
                node: "n1".parse().unwrap(),
                deed: Deed::Restart,
                state: ServerState::Unknown,
                reason: "node n1 is not in reach".into(),
            }],
            more: 2,
        },
        absent: vec!["n1".into()],
        ..applied()
    };
    let said = floe("floe app rollback shop", &of([done(report)]));
    assert!(
        said.out.ends_with(
            "\nwere running, and not left alone:\n  restart web-1 (unknown on n1: node n1 is not in reach)\n  and 2 more\nnot in reach, and given their part when they return: n1\n"
        ),
        "{}",
        said.out
    );
}

#[test]
fn wait_follows_the_servers_until_they_are_as_wanted() {
    let (_folder, file) = file_of(SHOP, "shop.toml");
    let away = || Err(Failing::unreachable("nobody could be reached"));
    let canned = Canned::of([Ok(done(applied())), away(), Ok(outcome(Some(3), WAITS))]);
    canned
        .answers
        .borrow_mut()
        .extend((0..6).map(|_| Ok(outcome(Some(3), None))));
    let said = floe(&format!("floe app apply {file} --wait"), &canned);
    assert_eq!(said.exit, Exit::Done, "{}", said.err);
    assert_eq!(said.err, "1 of 2 servers as wanted; web-1 on n1: activating\n");
    assert!(said.out.ends_with("\nas wanted: 2 of 2\n"), "{}", said.out);
    let asked = canned.asked();
    assert!(
        matches!(asked.last(), Some(Request::Outcome { serial: 94, .. })),
        "{asked:?}"
    );
    // A removal is done when the application is gone.
    let gone = AppliedReport {
        plan: Plan {
            removed: applied().plan.removed,
            ..Plan::default()
        },
        ..applied()
    };
    let canned = of([done(gone), outcome(None, None)]);
    assert_eq!(floe("floe app remove shop --wait", &canned).exit, Exit::Done);
}

#[test]
fn wait_tells_failures_apart_from_time() {
    let (_folder, file) = file_of(SHOP, "shop.toml");
    let canned = of([done(applied()), outcome(Some(3), FAILED)]);
    let said = floe(&format!("floe app apply {file} --wait"), &canned);
    assert_eq!(said.exit, Exit::InPart);
    assert!(
        said.err.contains(&format!("floe: {NOT_AS_WANTED}hint: ")),
        "{}",
        said.err
    );
    assert!(said.out.starts_with("applied shop: revision 3"), "{}", said.out);
    let answers = (0..1000).map(|_| outcome(Some(3), WAITS));
    let canned = of([done(applied())].into_iter().chain(answers));
    let said = floe(&format!("floe app apply {file} --wait --timeout 1ms"), &canned);
    assert_eq!(said.exit, Exit::TimedOut);
    let words = "1 of 2 servers are not as wanted in time:\n  web-1 on n1: activating\n";
    assert!(said.err.contains(words), "{}", said.err);
    let canned = of([done(applied()), outcome(Some(4), WAITS)]);
    let said = floe(&format!("floe app apply {file} --wait"), &canned);
    assert_eq!(said.exit, Exit::InPart);
    assert!(said.err.contains("it is at revision 4 now"), "{}", said.err);
}

#[test]
fn what_fails_is_rolled_back_unless_somebody_else_came_between() {
    let (_folder, file) = file_of(SHOP, "shop.toml");
    let line = format!("floe app apply {file} --rollback-on-failure");
    let undone = || {
        done(AppliedReport {
            revision: 4,
            version: "4.95".into(),
            ..applied()
        })
    };
    let canned = of([done(applied()), outcome(Some(3), FAILED), undone()]);
    let said = floe(&line, &canned);
    assert_eq!(said.exit, Exit::Failed);
    let words = format!("floe: {NOT_AS_WANTED}rolled back to revision 2: revision 4, version 4.95\n");
    assert!(said.err.ends_with(&words) || said.err.contains(&words), "{}", said.err);
    let asked = canned.asked();
    assert!(
        matches!(
            asked.last(),
            Some(Request::Rollback {
                to: Some(2),
                if_revision: Some(3),
                ..
            })
        ),
        "{asked:?}"
    );
    // What was new is removed again, at the revision that failed and no other.
    let new = AppliedReport {
        replaces: None,
        ..applied()
    };
    let canned = of([done(new), outcome(Some(3), FAILED), undone()]);
    let said = floe(&line, &canned);
    assert_eq!(said.exit, Exit::Failed);
    assert!(said.err.contains("removed it again, as it was new"), "{}", said.err);
    let asked = canned.asked();
    assert!(
        matches!(asked.last(), Some(Request::RemoveAt { revision: 3, .. })),
        "{asked:?}"
    );
    // Refused: said, and not counted as undone.
    let moved = refused("application shop is at revision 5, not 3");
    let canned = of([done(applied()), outcome(Some(3), FAILED), moved]);
    let said = floe(&line, &canned);
    assert_eq!(said.exit, Exit::InPart);
    let words = "the rollback failed: application shop is at revision 5, not 3";
    assert!(said.err.contains(words), "{}", said.err);
    // Seen before: nothing is undone.
    let canned = of([done(applied()), outcome(Some(5), FAILED)]);
    assert_eq!(floe(&line, &canned).exit, Exit::InPart);
    // All well: nothing to undo.
    let steady = (0..6).map(|_| outcome(Some(3), None));
    let canned = of([done(applied())].into_iter().chain(steady));
    assert_eq!(floe(&line, &canned).exit, Exit::Done);
    // Active at first, and gone a moment later.
    let canned = of([
        done(applied()),
        outcome(Some(3), None),
        outcome(Some(3), FAILED),
        undone(),
    ]);
    assert_eq!(floe(&line, &canned).exit, Exit::Failed);
}

#[test]
fn programs_get_the_outcome_with_the_answer() {
    let (_folder, file) = file_of(SHOP, "shop.toml");
    let canned = of([done(applied()), outcome(Some(3), FAILED)]);
    let said = floe(&format!("floe app apply {file} --wait --format json"), &canned);
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&value["revision"], &value["outcome"]["failed"]),
        (&3.into(), &1.into())
    );
    assert!(said.err.contains("\"code\":\"in-part\""), "{}", said.err);
}
