//! `--readonly` is tight: every request that would change something is refused with one code, and nothing changes anywhere.

use super::*;
use crate::pure::allocation::{SessionId, Wish};
use crate::pure::base::{RequestId, Secret};
use crate::pure::membership::Role;
use crate::pure::model::Application;
use crate::pure::protocol::Response;
use crate::pure::protocol::allocation::Allocate;
use crate::pure::protocol::request::Verb;
use crate::pure::registry::cluster::Cluster;
use std::time::Duration;

/// r1 led r2 and r3, and was restarted for a look.
fn under_review() -> Cluster {
    let mut cluster = Cluster::new(&["r1", "r2", "r3"]);
    cluster.pass(Duration::from_secs(1));
    cluster.apply("r1", "shop");
    cluster.crash("r1");
    cluster.start("r1", |config| (config.role, config.readonly) = (Role::Master, true));
    cluster
}

/// Every request that would change something.
fn mutating() -> Vec<Request> {
    let application = Application::from_toml("application = \"shop\"\nvariables = { a = \"1\" }", "test").unwrap();
    let request = RequestId::from_bits(7);
    let server: crate::pure::base::ServerId = "web-1".parse().unwrap();
    let verbs = [Verb::Start, Verb::Stop, Verb::Restart, Verb::Enable, Verb::Disable];
    let commands = verbs.map(|verb| Request::Command {
        server: server.clone(),
        verb,
    });
    let mut all = vec![
        Request::Apply {
            application,
            if_revision: None,
            request,
        },
        Request::Remove {
            name: "shop".parse().unwrap(),
            request,
        },
        Request::Rollback {
            name: "shop".parse().unwrap(),
            to: None,
            if_revision: None,
            request,
        },
        Request::RemoveAt {
            name: "shop".parse().unwrap(),
            revision: 1,
            request,
        },
        Request::Initialise {
            from: "r2".parse().unwrap(),
            from_unproven: true,
        },
        Request::OpenSession {
            secret: Secret::from_bits(1),
            name: "job".to_owned(),
            ttl_ms: 10_000,
        },
        Request::RenewSession {
            secret: Secret::from_bits(1),
        },
        Request::CloseSession {
            secret: Secret::from_bits(1),
        },
        Request::EndSession {
            id: SessionId::of(Secret::from_bits(1)),
        },
        Request::Allocate(Box::new(Allocate {
            secret: Secret::from_bits(1),
            wish: Wish::Id("gpu-0".parse().unwrap()),
            timeout_ms: None,
            request,
        })),
        Request::Withdraw {
            secret: Secret::from_bits(1),
            request,
        },
        Request::Release {
            secret: Secret::from_bits(1),
            resource: "gpu-0".parse().unwrap(),
            token: None,
        },
        Request::Activate { server, tenure: None },
        Request::Demote { force: true },
        Request::LeadAlone,
    ];
    all.extend(commands);
    all
}

#[test]
fn a_registry_under_review_changes_nothing_for_anybody() {
    let mut cluster = under_review();
    let before = cluster.versions();
    for request in mutating() {
        match cluster.ask("r1", request.clone()) {
            Response::Failed(failure) => {
                assert_eq!(failure.code, ErrorCode::Reviewing, "{request:?}: {failure}");
                assert!(failure.message.starts_with("READONLY_MASTER: registry r1"), "{failure}");
                assert!(failure.hint.contains("floe registry promote r1"), "{}", failure.hint);
            }
            other => panic!("{request:?}: {other:?}"),
        }
    }
    cluster.pass(Duration::from_secs(20));
    assert_eq!(cluster.versions(), before);
    assert_eq!(cluster.standing("r1"), Standing::Reviewing);
    for replica in ["r2", "r3"] {
        let (standing, reason) = cluster.registry(replica).standing();
        assert_eq!(standing, Standing::Detached);
        assert!(reason.starts_with("READONLY_MASTER: r1 is under review"), "{reason}");
    }
}

#[test]
fn it_reports_how_the_others_stand_to_it() {
    let mut cluster = Cluster::new(&["r1", "r2", "r3"]);
    cluster.pass(Duration::from_secs(1));
    cluster.cut_off("r3");
    cluster.apply("r1", "shop");
    cluster.crash("r1");
    cluster.rejoin("r3");
    cluster.start("r1", |config| (config.role, config.readonly) = (Role::Master, true));
    let others = cluster.report("r1").others;
    let told: Vec<(&str, &str)> = (others.iter().map(|row| (row.name.as_str(), row.relation.as_str()))).collect();
    assert_eq!(told, [("r2", "same"), ("r3", "lacks 1 update")]);
    assert!(
        others.iter().all(|row| row.answers && row.standing == "detached"),
        "{others:?}"
    );
}

#[test]
fn it_neither_deposes_a_master_nor_helps_another_to_lead() {
    let mut cluster = under_review();
    // r2 takes over meanwhile: r1 promises nothing, and is not needed for it.
    let response = cluster.ask(
        "r2",
        Request::Promote {
            dry_run: false,
            accept_loss: false,
            force: false,
        },
    );
    assert!(matches!(response, Response::Promotion(_)), "{response:?}");
    assert_eq!(cluster.standing("r2"), Standing::Leading);
    assert!(cluster.registry("r2").promise().number > cluster.registry("r1").promise().number);
    // An old master with a higher promise than the one that leads, as after a backup was put back, looks on as well.
    cluster.crash("r1");
    cluster.start("r1", |config| (config.role, config.readonly) = (Role::Master, true));
    cluster.pass(Duration::from_secs(3));
    assert_eq!(cluster.standing("r2"), Standing::Leading);
    assert_eq!(cluster.standing("r3"), Standing::Following);
}

#[test]
fn a_restart_or_a_promotion_ends_the_review() {
    let mut cluster = under_review();
    cluster.crash("r1");
    cluster.start("r1", |config| config.role = Role::Master);
    assert_eq!(cluster.standing("r1"), Standing::Leading);
    let mut cluster = under_review();
    let response = cluster.ask(
        "r1",
        Request::Promote {
            dry_run: false,
            accept_loss: false,
            force: false,
        },
    );
    assert!(matches!(response, Response::Promotion(_)), "{response:?}");
    assert_eq!(cluster.standing("r1"), Standing::Leading);
}
