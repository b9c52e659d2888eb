//! A master that sees too few of the others writes nothing, and goes on by itself.

use crate::pure::lineage::sight::Sight;
use crate::pure::membership::{Role, Standing};
use crate::pure::protocol::request::ErrorCode;
use crate::pure::protocol::{Request, Response};
use crate::pure::registry::cluster::Cluster;
use std::time::Duration;

fn three() -> Cluster {
    let mut cluster = Cluster::new(&["r1", "r2", "r3"]);
    cluster.pass(Duration::from_secs(1));
    assert!(matches!(cluster.apply("r1", "first"), Response::Applied(_)));
    cluster
}

fn refused(response: Response) -> String {
    match response {
        Response::Failed(failure) => {
            assert_eq!(failure.code, ErrorCode::Precondition, "{failure}");
            failure.message
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_master_that_is_cut_off_waits_and_goes_on() {
    let mut cluster = three();
    cluster.cut_off("r1");
    // What was heard last holds for four seconds.
    cluster.pass(Duration::from_secs(5));
    let before = cluster.registry("r1").database().end();
    let message = refused(cluster.apply("r1", "second"));
    assert!(
        message.contains("1 of 3 registries in sight, 2 are needed"),
        "{message}"
    );
    assert!(
        message.contains("missing: r2, r3") && message.contains("floe registry lead r1 --alone"),
        "{message}"
    );
    assert_eq!(cluster.registry("r1").database().end(), before);
    assert_eq!(cluster.standing("r1"), Standing::Waiting);
    cluster.rejoin("r1");
    assert_eq!(cluster.standing("r1"), Standing::Leading);
    assert!(matches!(cluster.apply("r1", "second"), Response::Applied(_)));
}

#[test]
fn one_of_two_others_is_enough_for_a_majority() {
    let mut cluster = three();
    cluster.cut_off("r3");
    cluster.pass(Duration::from_secs(10));
    assert!(matches!(cluster.apply("r1", "second"), Response::Applied(_)));
}

#[test]
fn a_machine_that_slept_looks_around_before_it_writes() {
    let mut cluster = three();
    cluster.sleep(Duration::from_mins(1));
    let to = cluster.send(
        "r1",
        Request::Remove {
            name: "first".parse().unwrap(),
            request: crate::pure::base::RequestId::from_bits(1),
        },
    );
    let message = refused(cluster.answer(to).expect("an answer at once"));
    assert!(message.contains("1 of 3 registries in sight"), "{message}");
    // Signs of life come at once, not after a deadline.
    cluster.pass(Duration::from_millis(100));
    assert!(matches!(cluster.apply("r1", "second"), Response::Applied(_)));
}

#[test]
fn a_start_waits_for_enough_others_and_an_operator_may_say_otherwise() {
    let mut cluster = three();
    cluster.crash("r2");
    cluster.crash("r3");
    cluster.crash("r1");
    cluster.start("r1", |config| config.role = Role::Master);
    cluster.pass(Duration::from_secs(10));
    let (standing, reason) = cluster.registry("r1").standing();
    assert_eq!(standing, Standing::Waiting);
    assert!(reason.contains("1 of 3 registries in sight"), "{reason}");
    let report = cluster.ask("r1", Request::LeadAlone);
    assert!(matches!(report, Response::Registry(_)), "{report:?}");
    cluster.pass(Duration::from_secs(5));
    assert_eq!(cluster.standing("r1"), Standing::Leading);
    // Until it stops.
    cluster.crash("r1");
    cluster.start("r1", |config| config.role = Role::Master);
    cluster.pass(Duration::from_secs(5));
    assert_eq!(cluster.standing("r1"), Standing::Waiting);
    // Who was missing comes: it leads by itself.
    cluster.start("r2", |config| config.role = Role::Replica);
    cluster.pass(Duration::from_secs(2));
    assert_eq!(cluster.standing("r1"), Standing::Leading);
    assert_eq!(cluster.standing("r2"), Standing::Following);
}

#[test]
fn sight_can_be_switched_off() {
    let mut cluster = three();
    cluster.crash("r1");
    cluster.crash("r2");
    cluster.crash("r3");
    cluster.start("r1", |config| (config.role, config.sight) = (Role::Master, Sight::Off));
    cluster.pass(Duration::from_secs(10));
    assert_eq!(cluster.standing("r1"), Standing::Leading);
    assert!(matches!(cluster.apply("r1", "second"), Response::Applied(_)));
}
