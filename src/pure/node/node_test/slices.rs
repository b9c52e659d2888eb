//! Promise 6 and what slices are made of: parts, changes, removals.

use super::bench::{Bench, HOME, always, epoch, id, version};
use crate::pure::base::ServerId;
use crate::pure::lineage::{Digest, Version};
use crate::pure::node::Slice;
use crate::pure::protocol::Message;
use crate::pure::protocol::message::SlicePart;
use std::collections::BTreeSet;

#[test]
fn only_a_later_removal_entry_deletes_a_server() {
    let mut bench = Bench::new();
    bench.link("r1");
    let reign = epoch(1, 1);
    bench.slice("r1", reign, 5, always(&["a", "b"]), &[]);
    for (serial, removals) in [(6, &[][..]), (7, &[("b", 5)]), (8, &[("b", 4), ("a", 9)])] {
        bench.slice("r1", reign, serial, always(&["a"]), removals);
        assert!(
            bench.processes.contains_key("b") && bench.deleted.is_empty(),
            "at {serial}"
        );
        let reports = bench.node.reports();
        let reason = &reports.iter().find(|report| report.id == id("b")).unwrap().reason;
        assert_eq!(*reason, format!("kept: slice 1.{serial} neither lists nor removes it"));
        bench.crash();
        bench.link("r1");
    }
    bench.slice("r1", reign, 9, always(&["a"]), &[("b", 6)]);
    assert!(bench.deleted.is_empty(), "it is stopped first");
    // A crash between the order and its end changes nothing.
    bench.crash();
    bench.link("r1");
    bench.said.clear();
    bench.exit("b");
    assert_eq!(bench.deleted, BTreeSet::from([id("b")]));
    let whole =
        |message: &Message| matches!(message, Message::Servers { first: true, servers, .. } if servers.len() == 1);
    assert!(
        bench.said.iter().any(|(_, message)| whole(message)),
        "registries hear that it is gone"
    );
    bench.slice("r1", reign, 10, always(&["a", "b"]), &[("b", 6)]);
    assert!(bench.processes.contains_key("b"), "listed again, it runs again");
}

#[test]
fn slices_are_assembled_from_their_parts_and_late_ones_ignored() {
    let mut bench = Bench::new();
    bench.link("r1");
    bench.link("r2");
    let part = |serial, first, last, server: &str| {
        let epoch = epoch(3, 1);
        let version = version(3, serial);
        let servers = always(&[server]);
        let removals = Vec::new();
        Message::Slice(Box::new(SlicePart {
            epoch,
            database: HOME,
            version,
            base: None,
            first,
            last,
            servers,
            removals,
            held: Vec::new(),
        }))
    };
    bench.hear("r1", part(4, true, false, "a"));
    bench.hear("r2", part(4, false, true, "x"));
    bench.hear("r1", part(5, false, true, "y"));
    assert_eq!(bench.node.applied(), None, "parts of another slice complete nothing");
    bench.hear("r1", part(6, true, false, "a"));
    bench.hear("r1", part(6, false, false, "b"));
    bench.hear("r1", part(6, false, true, "c"));
    let runs: Vec<_> = bench.processes.keys().map(ServerId::as_str).collect();
    assert_eq!(runs, ["a", "b", "c"]);
    bench.hear("r1", part(5, true, true, "d"));
    assert_eq!(
        bench.node.applied(),
        Some(version(3, 6)),
        "an earlier version of the same reign is late"
    );
    bench.slice("r1", epoch(4, 1), 2, always(&["a"]), &[]);
    assert_eq!(bench.node.applied(), Some(version(4, 2)), "a new reign may stand lower");
}

#[test]
fn changes_that_do_not_fit_change_nothing_and_ask_for_the_whole() {
    let strange = Version {
        digest: Digest([9; 32]),
        ..version(3, 4)
    };
    // The epoch of the changes | what they are based on | do they fit version 4 of epoch 3?
    let table = [
        (epoch(3, 1), version(3, 4), true),
        (epoch(3, 1), version(3, 3), false),
        (epoch(3, 1), version(3, 5), false),
        (epoch(3, 1), strange, false),
        (epoch(4, 1), version(3, 4), false),
    ];
    for (reign, base, fits) in table {
        for lost in [false, true] {
            let fits = fits && !lost;
            let case = format!("changes of {base} in epoch {reign}, slice lost: {lost}");
            let mut bench = Bench::new();
            bench.link("r1");
            bench.slice("r1", epoch(3, 1), 4, always(&["a", "b"]), &[]);
            if lost {
                bench.slice = Slice::default();
                bench.crash();
                bench.link("r1");
            }
            let before = bench.node.slice().clone();
            bench.said.clear();
            let changes = |removals: &[(&str, u64)]| {
                Message::Slice(Box::new(SlicePart {
                    epoch: reign,
                    database: HOME,
                    version: version(reign.number, 6),
                    base: Some(base),
                    first: true,
                    last: true,
                    servers: always(&["c"]),
                    removals: removals.iter().map(|(name, serial)| (id(name), *serial)).collect(),
                    held: Vec::new(),
                }))
            };
            for _ in 0..2 {
                bench.hear("r1", changes(&[("a", 6)]));
                let said = std::mem::take(&mut bench.said);
                let status = said.into_iter().find_map(|(_, message)| match message {
                    Message::NodeStatus(report) => Some((report.unfit, report.applied)),
                    _ => None,
                });
                if fits {
                    assert_eq!(status, Some((false, Some(version(3, 6)))), "{case}");
                    break;
                }
                assert_eq!(status, Some((true, before.version)), "{case}: each time");
                assert_eq!(*bench.node.slice(), before, "{case}");
            }
            bench.slice("r1", reign, 7, always(&["b"]), &[("a", 6)]);
            assert!(!bench.node.status().unfit, "{case}: the whole one ends it");
        }
    }
}
