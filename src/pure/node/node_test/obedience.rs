//! Promises 3, 5 and 6: whom a node obeys, and in which words it refuses.

use super::bench::{Bench, HOME, always, card, epoch, id, version};
use crate::pure::base::limits::EPOCH_JUMP_MAX;
use crate::pure::base::{DatabaseId, ServerId};
use crate::pure::lineage::{Epoch, Version};
use crate::pure::membership::PeerKind;
use crate::pure::node::{Event, Placed, Slice};
use crate::pure::protocol::message::{RefusalCode, SlicePart};
use crate::pure::protocol::request::Verb;
use crate::pure::protocol::{Message, Request};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn epochs_are_refused_by_the_table_also_after_a_restart() {
    // What arrives | what is said | is it obeyed then?
    let table: [(&str, Epoch, &str, bool); 14] = [
        ("slice", epoch(6, 1), "StaleMaster", false),
        ("slice", epoch(7, 2), "Contested", false),
        ("slice", epoch(7 + EPOCH_JUMP_MAX + 1, 1), "EpochJump", false),
        ("slice", epoch(7, 1), "other", true),
        ("slice", epoch(8, 3), "other", true),
        ("prepare", Epoch::NONE, "Declined", false),
        ("prepare", epoch(6, 1), "Declined", false),
        ("prepare", epoch(7, 2), "Declined", false),
        ("prepare", epoch(7 + EPOCH_JUMP_MAX + 1, 1), "Declined", false),
        ("prepare", epoch(7, 1), "Promised", true),
        ("prepare", epoch(8, 3), "Promised", true),
        ("ask", epoch(6, 1), "StaleEpoch", false),
        ("ask", epoch(7, 2), "StaleEpoch", false),
        ("ask", epoch(7, 1), "NotFound", true),
    ];
    for restart in [false, true] {
        for (what, asked, said, obeyed) in table {
            let mut bench = Bench::new();
            bench.link("r1");
            bench.slice("r1", epoch(7, 1), 3, always(&["a"]), &[]);
            if restart {
                bench.crash();
                bench.link("r1");
            }
            bench.said.clear();
            match what {
                "slice" => bench.slice("r1", asked, 4, always(&["b"]), &[]),
                "prepare" => bench.hear(
                    "r1",
                    Message::Prepare {
                        epoch: asked,
                        database: Some(HOME),
                    },
                ),
                _ => bench.hear(
                    "r1",
                    Message::Ask {
                        id: 1,
                        epoch: asked,
                        database: Some(HOME),
                        deadline_ms: 1000,
                        actor: "test".into(),
                        request: Box::new(Request::Activate {
                            server: id("x"),
                            tenure: None,
                        }),
                    },
                ),
            }
            let case = format!("{what} {asked}, restarted: {restart}");
            assert_eq!(bench.last_word(), said, "{case}");
            assert_eq!(bench.node.obeys() == asked, obeyed, "{case}");
            assert_eq!(bench.identity.promise, bench.node.obeys(), "{case}: on disk");
            assert_eq!(bench.processes.contains_key("b"), what == "slice" && obeyed, "{case}");
            assert!(bench.processes.contains_key("a"), "{case}: what runs goes on");
        }
    }
}

#[test]
fn refusals_name_both_sides_and_the_next_step() {
    let mut bench = Bench::new();
    bench.link("r1");
    bench.link("r2");
    bench.slice("r2", epoch(7, 1), 3, Vec::new(), &[]);
    bench.said.clear();
    bench.slice("r1", epoch(5, 2), 9, Vec::new(), &[]);
    let Some((
        to,
        Message::Refusal {
            code, promise, text, ..
        },
    )) = bench.said.pop()
    else {
        panic!("a refusal was to be sent");
    };
    assert_eq!(
        (to.as_str(), code, promise),
        ("r1", RefusalCode::StaleMaster, epoch(7, 1))
    );
    for part in [
        "STALE_MASTER",
        "node n1",
        "epoch 7 ",
        "r1",
        "epoch 5 ",
        "floe status",
        "floe registry promote r1",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
}

#[test]
fn a_foreign_master_commands_no_node_whatever_its_epoch() {
    let other = DatabaseId::from_bits(78);
    // What the node has | what arrives | of which database | what is said | is it obeyed then?
    let table: [(&str, &str, Option<DatabaseId>, &str, bool); 9] = [
        ("a slice", "slice", Some(other), "ForeignStore", false),
        ("a slice", "prepare", Some(other), "ForeignStore", false),
        ("a slice", "prepare", None, "ForeignStore", false),
        ("a slice", "ask", Some(other), "Precondition", false),
        ("a slice", "ask", None, "Precondition", false),
        ("a slice", "prepare", Some(HOME), "Promised", true),
        ("nothing", "slice", Some(other), "other", true),
        ("nothing", "prepare", Some(other), "Promised", true),
        ("nothing", "prepare", None, "Promised", true),
    ];
    for (has, what, database, said, obeyed) in table {
        for (number, restart) in [(3, false), (7, true), (8, false), (900, true)] {
            let case = format!("has {has}, hears {what} of {database:?} in epoch {number}, restarted: {restart}");
            let mut bench = Bench::new();
            bench.link("r1");
            if has == "a slice" {
                bench.slice("r1", epoch(2, 1), 3, always(&["a"]), &[]);
            }
            if restart {
                bench.crash();
            }
            bench.link("r2");
            bench.said.clear();
            let before = (bench.node.slice().clone(), bench.node.obeys());
            let epoch = epoch(number, 2);
            bench.hear(
                "r2",
                match what {
                    "slice" => Message::Slice(Box::new(SlicePart {
                        epoch,
                        database: database.unwrap(),
                        version: version(number, 9),
                        base: None,
                        first: true,
                        last: true,
                        servers: always(&["b"]),
                        removals: vec![(id("a"), 9)],
                        held: Vec::new(),
                    })),
                    "prepare" => Message::Prepare { epoch, database },
                    _ => Message::Ask {
                        id: 1,
                        epoch,
                        database,
                        deadline_ms: 1000,
                        actor: "test".into(),
                        request: Box::new(Request::Command {
                            server: id("a"),
                            verb: Verb::Stop,
                        }),
                    },
                },
            );
            let texts = format!("{:?}", bench.said);
            assert_eq!(bench.last_word(), said, "{case}");
            assert_eq!(bench.node.obeys() == epoch, obeyed, "{case}");
            assert_eq!(bench.identity.promise, bench.node.obeys(), "{case}: on disk");
            if !obeyed {
                assert_eq!((bench.node.slice().clone(), bench.node.obeys()), before, "{case}");
                assert!(bench.processes.contains_key("a"), "{case}: what runs goes on");
                let both = [
                    HOME.to_string(),
                    database.map_or("no database yet".into(), |id| id.to_string()),
                ];
                for part in [
                    "FOREIGN_STORE",
                    "node n1",
                    "r2",
                    "set its data folder aside",
                    &both[0],
                    &both[1],
                ] {
                    assert!(texts.contains(part), "{case}: {part:?} is missing in {texts}");
                }
            }
        }
    }
}

#[test]
fn a_slice_from_before_databases_were_remembered_belongs_to_the_first_that_speaks() {
    #[derive(serde::Serialize)]
    struct Old {
        epoch: Epoch,
        version: Option<Version>,
        servers: BTreeMap<ServerId, Placed>,
        removed: BTreeSet<ServerId>,
    }
    let old = crate::pure::wire::encode(&Old {
        epoch: epoch(2, 1),
        version: Some(version(2, 3)),
        servers: BTreeMap::new(),
        removed: BTreeSet::new(),
    });
    let slice: Slice = crate::pure::wire::decode(&old).unwrap();
    assert_eq!((slice.version, slice.database), (Some(version(2, 3)), None));
}

#[test]
fn a_peer_that_is_no_registry_orders_nothing() {
    let mut bench = Bench::new();
    let card = card("n2", PeerKind::Node);
    bench.event(Event::Linked { card });
    bench.said.clear();
    bench.slice("n2", epoch(1, 1), 1, always(&["a"]), &[]);
    bench.hear(
        "n2",
        Message::Prepare {
            epoch: epoch(9, 9),
            database: None,
        },
    );
    bench.slice("stranger", epoch(1, 1), 1, always(&["a"]), &[]);
    assert_eq!(
        (bench.node.obeys(), bench.said.len(), bench.processes.len()),
        (Epoch::NONE, 0, 0)
    );
}
