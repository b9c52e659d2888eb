//! Promotion by command: nothing changes before everybody was asked, no update is lost, and wherever it is interrupted,
//! the old or the new master leads afterwards.

use super::*;
use crate::pure::membership::Standing;
use crate::pure::protocol::Request;
use crate::pure::registry::cluster::Cluster;

fn three() -> Cluster {
    let mut cluster = Cluster::new(&["r1", "r2", "r3"]);
    cluster.pass(Duration::from_secs(1));
    assert!(matches!(cluster.apply("r1", "first"), Response::Applied(_)));
    cluster
}
fn order(dry_run: bool, force: bool) -> Request {
    Request::Promote {
        dry_run,
        accept_loss: false,
        force,
    }
}
fn report(response: Response) -> PromotionReport {
    match response {
        Response::Promotion(report) => *report,
        other => panic!("{other:?}"),
    }
}
fn refusal(response: Response) -> Failure {
    match response {
        Response::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}
/// Exactly one leads, everybody else follows it, and it takes updates.
fn all_is_well(cluster: &mut Cluster, members: &[&str]) -> String {
    cluster.pass(Duration::from_secs(15));
    let standings: Vec<(&str, Standing)> = members.iter().map(|name| (*name, cluster.standing(name))).collect();
    let leading = |(_, standing): &&(&str, Standing)| *standing == Standing::Leading;
    let masters: Vec<&(&str, Standing)> = standings.iter().filter(leading).collect();
    let reasons: Vec<String> = members.iter().map(|name| cluster.registry(name).standing().1).collect();
    assert_eq!(masters.len(), 1, "{standings:?} {reasons:?}");
    let master = masters[0].0;
    let others = standings.iter().filter(|(name, _)| *name != master);
    for (name, standing) in others {
        assert_eq!(
            *standing,
            Standing::Following,
            "{name}: {:?}",
            cluster.registry(name).standing()
        );
    }
    assert!(matches!(cluster.apply(master, "after"), Response::Applied(_)));
    master.to_owned()
}

#[test]
fn a_master_in_reach_hands_over_and_follows() {
    let mut cluster = three();
    let report = report(cluster.ask("r2", order(false, false)));
    assert!(report.leads && report.proven, "{report:?}");
    assert_eq!(report.hands_over, "r1");
    assert_eq!((report.asked.len(), report.acknowledged.len()), (3, 3), "{report:?}");
    assert_eq!(all_is_well(&mut cluster, &["r1", "r2", "r3"]), "r2");
    assert_eq!(cluster.registry("r1").database().deployment().applications.len(), 2);
    // The order is stored on both sides: restarted from unchanged files, they stay what the command made them.
    cluster.crash("r1");
    cluster.crash("r2");
    cluster.start("r1", |config| config.role = Role::Master);
    cluster.start("r2", |config| config.role = Role::Replica);
    assert_eq!(all_is_well(&mut cluster, &["r1", "r2", "r3"]), "r2");
    let (r1, r2) = (cluster.report("r1"), cluster.report("r2"));
    assert_eq!((r1.role.as_str(), r1.role_source.as_str()), ("replica", "command"));
    assert_eq!((r2.role.as_str(), r2.role_source.as_str()), ("master", "command"));
    // A change in the file is a newer word.
    cluster.crash("r2");
    cluster.start("r2", |config| config.role = Role::Master);
    cluster.crash("r2");
    cluster.start("r2", |config| config.role = Role::Replica);
    let r2 = cluster.report("r2");
    assert_eq!((r2.role.as_str(), r2.role_source.as_str()), ("replica", "file"));
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut cluster = three();
    cluster.cut_off("r3");
    cluster.apply("r1", "second");
    cluster.rejoin("r3");
    let before = (cluster.versions(), cluster.standing("r1"), cluster.standing("r2"));
    let found = report(cluster.ask("r2", order(true, false)));
    assert_eq!(
        (cluster.versions(), cluster.standing("r1"), cluster.standing("r2")),
        before
    );
    assert!(found.dry_run && !found.leads && found.refusal.is_empty(), "{found:?}");
    let told: Vec<(&str, &str)> = (found.registries.iter())
        .map(|row| (row.name.as_str(), row.standing.as_str()))
        .collect();
    assert_eq!(told, [("r1", "leading"), ("r3", "following")]);
}

#[test]
fn a_replica_that_is_behind_gets_the_rest_first() {
    let mut cluster = three();
    // r2 is attached, and nothing reaches it.
    cluster.losing = vec!["Entries"];
    let to = cluster.send("r1", apply("second"));
    cluster.pass(Duration::from_secs(3));
    assert!(matches!(cluster.answer(to), Some(Response::Applied(_))));
    let found = report(cluster.ask("r2", order(true, false)));
    assert_eq!(found.registries[0].relation, "holds 1 update more");
    assert!(found.refusal.is_empty(), "{found:?}");
    cluster.losing.clear();
    assert!(report(cluster.ask("r2", order(false, false))).leads);
    assert_eq!(all_is_well(&mut cluster, &["r1", "r2", "r3"]), "r2");
    assert_eq!(cluster.registry("r2").database().deployment().applications.len(), 3);
}
fn apply(name: &str) -> Request {
    let application = crate::pure::model::Application::from_toml(&format!("application = \"{name}\""), "test");
    Request::Apply {
        application: application.unwrap(),
        if_revision: None,
        request: crate::pure::base::RequestId::from_bits(name.bytes().map(u128::from).sum()),
    }
}

#[test]
fn without_a_master_what_others_hold_decides() {
    let mut cluster = three();
    cluster.cut_off("r2");
    cluster.apply("r1", "second");
    cluster.crash("r1");
    cluster.rejoin("r2");
    // r3 has what r2 lacks.
    let found = report(cluster.ask("r2", order(true, false)));
    assert!(found.refusal.starts_with("MASTER_OUT_OF_DATE: r3"), "{found:?}");
    let refused = refusal(cluster.ask("r2", order(false, false)));
    assert_eq!(refused.code, ErrorCode::Precondition);
    assert!(
        refused.hint.contains("--dry-run") && refused.hint.contains("--force"),
        "{}",
        refused.hint
    );
    assert_eq!(cluster.standing("r2"), Standing::Detached);
    assert!(report(cluster.ask("r3", order(false, false))).leads);
    assert_eq!(all_is_well(&mut cluster, &["r2", "r3"]), "r3");
    // Forced, it leads without them; r3 keeps what only it holds.
    cluster.crash("r3");
    let refused = refusal(cluster.ask("r2", order(false, false)));
    assert!(refused.message.contains("1 of 3 registries in sight"), "{refused}");
}

#[test]
fn an_order_that_is_given_twice_is_one_promotion() {
    let mut cluster = three();
    cluster.losing = vec!["HandedOver {"];
    let (first, second) = (
        cluster.send("r2", order(false, false)),
        cluster.send("r2", order(false, false)),
    );
    assert!(cluster.answer(first).is_none() && cluster.answer(second).is_none());
    cluster.pass(Duration::from_secs(6));
    for to in [first, second] {
        assert_eq!(refusal(cluster.answer(to).unwrap()).code, ErrorCode::TimedOut);
    }
    cluster.losing.clear();
    assert_eq!(all_is_well(&mut cluster, &["r1", "r2", "r3"]), "r1");
    assert!(report(cluster.ask("r2", order(false, false))).leads);
    let again = report(cluster.ask("r2", order(false, false)));
    assert!(again.leads && again.asked.is_empty(), "{again:?}");
}

#[test]
fn wherever_it_is_interrupted_somebody_leads() {
    // The candidate dies, or what it says is lost, at each step; it comes back, or it does not.
    let steps = ["Survey", "HandOver {", "HandedOver {", "Prepare", "Promised", "Status"];
    for step in steps {
        for returns in [true, false] {
            let mut cluster = three();
            cluster.losing = vec![step];
            let to = cluster.send("r2", order(false, false));
            cluster.crash("r2");
            cluster.losing.clear();
            assert!(cluster.answer(to).is_none(), "{step}");
            println!("{step} lost, r2 restarted: {returns}");
            if returns {
                cluster.start("r2", |config| config.role = Role::Replica);
                let master = all_is_well(&mut cluster, &["r1", "r2", "r3"]);
                println!("{master} leads");
                assert_eq!(cluster.identity("r2").ordered, None);
            } else {
                assert_eq!(all_is_well(&mut cluster, &["r1", "r3"]), "r1", "{step}");
                // The dead one returns to a grid that has a master.
                cluster.start("r2", |config| config.role = Role::Replica);
                assert_eq!(all_is_well(&mut cluster, &["r1", "r2", "r3"]), "r1", "{step}");
            }
        }
    }
}

#[test]
fn updates_wait_while_a_reign_is_handed_over_and_are_not_lost() {
    let mut cluster = three();
    cluster.losing = vec!["HandedOver {"];
    cluster.send("r2", order(false, false));
    let refused = refusal(cluster.ask("r1", apply("second")));
    // What makes a client come again by itself.
    assert_eq!(refused.code, ErrorCode::Overloaded);
    assert!(refused.message.contains("hands over to r2"), "{refused}");
}

#[test]
fn demotion_needs_a_reason() {
    let mut cluster = three();
    let refused = refusal(cluster.ask("r1", Request::Demote { force: false }));
    assert_eq!(refused.code, ErrorCode::Precondition);
    assert!(refused.hint.contains("floe registry promote NAME"), "{}", refused.hint);
    assert!(matches!(
        cluster.ask("r1", Request::Demote { force: true }),
        Response::Registry(_)
    ));
    assert_eq!(cluster.standing("r1"), Standing::Detached);
    assert_eq!(cluster.standing("r2"), Standing::Detached);
    assert!(report(cluster.ask("r3", order(false, false))).leads);
    assert_eq!(all_is_well(&mut cluster, &["r1", "r2", "r3"]), "r3");
}

#[test]
fn a_deposed_master_with_a_surplus_stays_for_inspection() {
    let mut cluster = three();
    cluster.cut_off("r1");
    // Within the time that sight allows, r1 takes an update that nobody else has.
    let to = cluster.send("r1", apply("lone"));
    assert!(matches!(cluster.answer(to), Some(Response::Applied(_))));
    assert!(report(cluster.ask("r2", order(false, false))).leads);
    assert!(matches!(cluster.apply("r2", "new"), Response::Applied(_)));
    let before = cluster.registry("r1").database().end();
    cluster.rejoin("r1");
    cluster.pass(Duration::from_secs(5));
    let (standing, reason) = cluster.registry("r1").standing();
    assert_eq!(standing, Standing::Superseded, "{reason}");
    for step in [
        "floe registry compare r1 r2",
        "floe registry promote r1 --force",
        "floe registry init r1 --from r2",
    ] {
        assert!(reason.contains(step), "{reason}");
    }
    assert_eq!(cluster.registry("r1").database().end(), before);
    // The master says so as well.
    let rows = cluster.registry("r2").view().status().registries;
    let row = rows.iter().find(|row| row.name == "r1").unwrap();
    assert!(
        row.reason.contains("DIVERGED") || row.reason.contains("REPLICA_AHEAD"),
        "{row:?}"
    );
}

#[test]
fn a_surplus_can_be_made_the_rule() {
    let mut cluster = three();
    cluster.cut_off("r1");
    cluster.send("r1", apply("lone"));
    assert!(report(cluster.ask("r2", order(false, false))).leads);
    cluster.apply("r2", "new");
    cluster.rejoin("r1");
    cluster.pass(Duration::from_secs(3));
    // Not by accident.
    let refused = refusal(cluster.ask("r1", order(false, false)));
    assert!(refused.message.contains("MASTER_OUT_OF_DATE"), "{refused}");
    cluster.pass(Duration::from_secs(3));
    assert_eq!(cluster.standing("r1"), Standing::Superseded);
    assert_eq!(cluster.standing("r2"), Standing::Leading);
    let forced = report(cluster.ask("r1", order(false, true)));
    assert!(
        forced.leads && !forced.proven && forced.proof.starts_with("forced"),
        "{forced:?}"
    );
    cluster.pass(Duration::from_secs(3));
    assert_eq!(cluster.standing("r1"), Standing::Leading);
    // Nobody's data was touched.
    for name in ["r2", "r3"] {
        assert_ne!(cluster.standing(name), Standing::Following, "{name}");
        let applications = &cluster.registry(name).database().deployment().applications;
        assert!(applications.keys().any(|name| name.as_str() == "new"));
    }
}
