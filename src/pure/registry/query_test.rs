//! What is told to people and programs, where it matters that it is there.

use crate::pure::membership::Role;
use crate::pure::model::Application;
use crate::pure::protocol::request::ErrorCode;
use crate::pure::protocol::{Message, Request, Response};
use crate::pure::registry::fixture::{Bench, card, peer};
use std::collections::BTreeSet;

fn shop() -> Application {
    Application::new("shop".parse().unwrap())
}
fn keys(value: &serde_json::Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}
fn set(words: &str) -> BTreeSet<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_grid_without_a_master_says_so_and_what_to_do() {
    let bench = Bench::start("r1", Role::Replica);
    let status = bench.registry.view().status();
    assert_eq!(status.master, None);
    let warning = status.warnings.join("\n");
    assert!(
        warning.contains("no master leads") && warning.contains("promote a replica"),
        "{warning}"
    );
}

#[test]
fn a_healthy_master_is_shown_without_warnings() {
    let bench = Bench::start("r1", Role::Master);
    let status = bench.registry.view().status();
    let master = status.master.unwrap();
    assert_eq!(
        (master.name.as_str(), master.epoch, master.version.as_str()),
        ("r1", 1, "1.2")
    );
    assert_eq!(status.warnings, Vec::<String>::new());
}

#[test]
fn who_is_recorded_and_out_of_reach_is_named_with_its_address() {
    let mut bench = Bench::start("r1", Role::Master);
    bench.link("r2");
    let epoch = bench.registry.reign().unwrap();
    let summary = Box::default();
    bench.says("r2", Message::Follow { epoch, summary });
    bench.event(crate::pure::registry::Event::Unlinked {
        peer: peer("r2"),
        reason: "connection reset".to_owned(),
    });
    let warnings = bench.registry.view().status().warnings.join("\n");
    let address = card("r2").address.to_string();
    for words in ["r2", address.as_str(), "unreachable", "connection reset"] {
        assert!(warnings.contains(words), "{words:?} is not in {warnings}");
    }
}

#[test]
fn an_update_at_the_wrong_registry_is_sent_to_the_master() {
    let mut master = Bench::start("r1", Role::Master);
    let mut replica = Bench::start("r2", Role::Replica);
    master.link("r2");
    replica.link("r1");
    let apply = || Request::Apply {
        application: shop(),
        if_revision: None,
        request: crate::pure::base::RequestId::from_bits(1),
    };
    let Response::Failed(failure) = replica.ask(apply()) else {
        panic!("a replica took an update")
    };
    assert_eq!(failure.code, ErrorCode::NotMaster);
    assert!(failure.hint.contains("promote a replica"), "{failure:?}");

    replica.says("r1", Message::Status(Box::new(master.status())));
    let Response::Failed(failure) = replica.ask(apply()) else {
        panic!("a replica took an update")
    };
    assert_eq!(failure.master, Some((peer("r1"), card("r1").address)));
    assert!(failure.hint.contains("--peer"), "{failure:?}");
}

#[test]
fn scripts_find_the_fields_that_were_promised() {
    let mut bench = Bench::start("r1", Role::Master);
    bench.link("r2");
    let epoch = bench.registry.reign().unwrap();
    bench.says(
        "r2",
        Message::Follow {
            epoch,
            summary: Box::default(),
        },
    );
    let view = bench.registry.view();
    let status = serde_json::to_value(view.status()).unwrap();
    assert!(keys(&status).is_superset(&set("grid master registries nodes warnings")));
    assert!(keys(&status["master"]).is_superset(&set("name epoch version standing")));
    let row = set("name role standing version behind address reason");
    assert!(keys(&status["registries"][0]).is_superset(&row));
    let Response::Registry(report) = bench.ask(Request::Registry) else {
        panic!("no report")
    };
    let report = serde_json::to_value(report).unwrap();
    let fields = set("name role role_source standing reason epoch version digest serial log_first followers");
    assert!(keys(&report).is_superset(&fields));
    assert!(keys(&report["followers"][0]).is_superset(&set("name version behind")));
    assert_eq!(
        report["digest"].as_str().unwrap().len(),
        64,
        "the whole digest, to be compared"
    );
}
