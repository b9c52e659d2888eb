//! What an operator sees of initialisations, and of a surplus that is applied again.

use super::Exit;
use super::canned::{Canned, floe, status};
use crate::pure::protocol::report::{AppliedReport, InitialisedReport};
use crate::pure::protocol::surplus::{SURPLUS_FORMAT, SurplusFile, SurplusKind, SurplusUpdate};
use crate::pure::protocol::{ErrorCode, Failure, Request, Response};

fn report() -> InitialisedReport {
    InitialisedReport {
        registry: "r2".into(),
        source: "r1".into(),
        relation: "diverged".into(),
        replaced: true,
        before: "5.97".into(),
        version: "6.99".into(),
        surplus: 4,
        surplus_file: "/var/lib/floe/r2/surplus-5.97-20261123T043626Z.json".into(),
        kept_file: "/var/lib/floe/r2/database-5.97-20261123T043626Z.replaced".into(),
        kept_bytes: 1_589_248,
        kept_bytes_total: 20_000_000,
        unproven: String::new(),
        next: "look at what only r2 held".into(),
    }
}

#[test]
fn an_initialisation_is_asked_of_the_registry_itself_and_told_in_full() {
    let answers = [
        Ok(Response::Status(Box::new(status()))),
        Ok(Response::Initialised(Box::new(report()))),
    ];
    let canned = Canned::of(answers);
    let said = floe("floe registry init r2 --from r1 --from-unproven", &canned);
    assert_eq!((said.exit, said.err.as_str()), (Exit::Done, ""));
    let expected = "\
registry     r2
from         r1
was          5.97; the other was diverged then
version      6.99
surplus      4 updates, in /var/lib/floe/r2/surplus-5.97-20261123T043626Z.json
kept         /var/lib/floe/r2/database-5.97-20261123T043626Z.replaced, 1552 KiB (all kept databases: 19 MiB; remove them when nobody needs them)
next         look at what only r2 held
";
    assert_eq!(said.out, expected);
    let asked = canned.asked.borrow();
    let (address, request) = &asked[1];
    assert_eq!(
        address.as_ref().map(ToString::to_string).as_deref(),
        Some("127.0.0.1:7402")
    );
    let wanted = Request::Initialise {
        from: "r1".parse().unwrap(),
        from_unproven: true,
    };
    assert_eq!(request, &wanted);
}

#[test]
fn what_need_not_or_may_not_be_done_has_its_own_words_and_code() {
    let needless = InitialisedReport {
        replaced: false,
        ..report()
    };
    let page = || Ok(Response::Status(Box::new(status())));
    let said = floe(
        "floe registry init r2 --from r1",
        &Canned::of([page(), Ok(Response::Initialised(Box::new(needless)))]),
    );
    assert_eq!(
        (said.exit, said.out.as_str()),
        (
            Exit::Done,
            "r2 holds everything that r1 holds (6.99); nothing was changed\n"
        )
    );
    let refusal = Failure::new(ErrorCode::Precondition, "r2 leads", "promote another registry first");
    let said = floe(
        "floe registry init r2 --from r1",
        &Canned::of([page(), Ok(Response::Failed(refusal))]),
    );
    assert_eq!(said.exit, Exit::Precondition, "{}", said.err);
    for (line, exit) in [
        ("floe registry init r1 --from r1", Exit::Usage),
        ("floe registry init r1", Exit::Usage),
        ("floe registry init r9 --from r1", Exit::NotFound),
    ] {
        assert_eq!(floe(line, &Canned::of([page()])).exit, exit, "{line}");
    }
}

fn update(serial: u64, kind: SurplusKind, name: &str, after: Option<u64>) -> SurplusUpdate {
    let text = format!("application = \"{name}\"\n[[node.n1.server]]\nid = \"{name}-1\"\nrun = [\"/bin/true\"]\n");
    SurplusUpdate {
        serial,
        epoch: 5,
        request: crate::pure::base::RequestId::from_bits(u128::from(serial)),
        actor: "ann@office".into(),
        time: "2026-11-23T04:36:26Z".into(),
        kind,
        name: name.into(),
        after_revision: after,
        application: (kind == SurplusKind::PutApplication)
            .then(|| crate::pure::model::Application::from_toml(&text, "x").unwrap()),
        object: None,
        address: None,
    }
}

#[test]
fn a_surplus_is_applied_in_order_and_conflicts_stop_only_their_application() {
    use SurplusKind::{PutApplication, PutRegistry, RemoveApplication};
    let surplus = SurplusFile {
        floe_surplus: SURPLUS_FORMAT,
        grid: "shop".into(),
        registry: "r2".into(),
        source: "r1".into(),
        database: String::new(),
        held: "5.97".into(),
        taken: "6.99".into(),
        fork: 92,
        complete: true,
        note: "all of them".into(),
        updates: vec![
            update(93, PutApplication, "shop", Some(3)),
            update(94, PutApplication, "shop", Some(4)),
            update(95, PutApplication, "mail", Some(0)),
            update(96, PutRegistry, "r3", None),
            update(97, RemoveApplication, "old", Some(2)),
        ],
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("surplus.json");
    std::fs::write(&path, serde_json::to_string_pretty(&surplus).unwrap()).unwrap();
    let applied = || {
        Ok(Response::Applied(Box::new(AppliedReport {
            application: "mail".into(),
            revision: 1,
            version: "6.100".into(),
            copies: 2,
            behind: Vec::new(),
            plan: crate::pure::model::Plan::default(),
            rolled_back_to: None,
            replaces: None,
            affected: crate::pure::protocol::update::Affected::default(),
            absent: Vec::new(),
        })))
    };
    let moved = Failure::new(ErrorCode::Precondition, "application shop is at revision 5, not 3", "");
    let canned = Canned::of([Ok(Response::Failed(moved)), applied(), applied()]);
    let said = floe(&format!("floe app apply {}", path.display()), &canned);
    assert_eq!(said.exit, Exit::InPart, "{}", said.err);
    let outcomes: Vec<&str> = said
        .out
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(3))
        .collect();
    assert_eq!(
        outcomes,
        ["conflict", "conflict", "applied", "skipped", "applied"],
        "{}",
        said.out
    );
    assert!(said.out.contains("floe app show shop"), "{}", said.out);
    let requests: Vec<u128> = canned
        .asked()
        .iter()
        .map(|request| match request {
            Request::Apply {
                request,
                if_revision: Some(_),
                ..
            } => u128::from_be_bytes(request.to_bytes()),
            Request::RemoveAt {
                request, revision: 2, ..
            } => u128::from_be_bytes(request.to_bytes()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(requests, [93, 95, 97], "each with its own old request id");

    std::fs::write(&path, "{\n  \"floe_surplus\": 2\n}").unwrap();
    let said = floe(&format!("floe app apply {}", path.display()), &Canned::default());
    assert_eq!(said.exit, Exit::Failed, "{}", said.err);
}
