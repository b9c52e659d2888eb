//! What is kept, for how long, and that every way to the same end keeps the same.

use super::*;
use crate::pure::base::{EpochId, RequestId};
use crate::pure::lineage::{Digest, Epoch};
use crate::pure::registry::payload::ApplicationPayload;

/// A deployment with its history, and the values that both would have on disk.
#[derive(Default)]
struct Bench {
    deployment: Deployment,
    history: History,
    values: BTreeMap<String, Vec<u8>>,
    serial: Serial,
}

fn name(text: &str) -> ApplicationName {
    text.parse().unwrap()
}

impl Bench {
    fn step(&mut self, payload: &Payload) {
        self.serial += 1;
        let entry = Entry {
            serial: self.serial,
            epoch: Epoch {
                number: 1,
                id: EpochId::from_bits(1),
            },
            request: RequestId::from_bits(u128::from(self.serial)),
            actor: format!("actor {}", self.serial),
            time: WallTime(1),
            kind: payload.kind(),
            bytes: payload.to_bytes(),
            digest: Digest::default(),
        };
        let replaced = History::about_to_go(payload, &self.deployment);
        let update = payload.update(&entry).unwrap();
        self.deployment.apply(&update, self.serial).unwrap();
        let changed = self.history.follow(&entry, payload, replaced);
        self.values.extend(changed.put);
        for key in &changed.delete {
            assert!(self.values.remove(key).is_some(), "{key} was never there");
        }
        let all: BTreeMap<_, _> = self.history.values().collect();
        assert_eq!(all.keys().collect::<Vec<_>>(), self.values.keys().collect::<Vec<_>>());
        assert!(all == self.values);
    }
    fn put(&mut self, application: &str, content: &str) -> u64 {
        let application = name(application);
        let revision = self.history.next_revision(&application, self.in_force(&application));
        self.step(&Payload::PutApplication(ApplicationPayload {
            descriptor: Application {
                description: content.to_owned(),
                ..Application::new(application)
            }
            .into(),
            revision,
            changes: Some(Changes::default()),
            rolled_back_to: None,
        }));
        revision
    }
    fn remove(&mut self, application: &str) {
        self.step(&Payload::RemoveApplication(name(application)));
    }
    fn in_force(&self, application: &ApplicationName) -> Option<u64> {
        let record = self.deployment.applications.get(application)?;
        Some(record.revision)
    }
    fn kept(&self, application: &str) -> Vec<(u64, String)> {
        let application = name(application);
        let record = self.deployment.applications.get(&application);
        let rows = self.history.rows(&application, record.map(Arc::as_ref));
        rows.into_iter().map(|row| (row.revision, row.action)).collect()
    }
    fn restored(&self) -> History {
        History::restore(&self.values, &self.deployment).unwrap()
    }
}

#[test]
fn the_last_revisions_are_kept_with_their_content() {
    let mut bench = Bench::default();
    for number in 1..=25 {
        assert_eq!(bench.put("shop", &format!("content {number}")), number);
    }
    let kept: Vec<u64> = bench.kept("shop").into_iter().map(|(revision, _)| revision).collect();
    assert_eq!(kept, (6..=25).rev().collect::<Vec<_>>());
    let shop = name("shop");
    for number in 6..25 {
        let content = bench.history.content(&shop, number).unwrap().unwrap();
        assert_eq!(content.description, format!("content {number}"));
    }
    assert!(bench.history.content(&shop, 5).is_none());
    assert_eq!(bench.history.before(&shop, Some(25)), Some(24));
    assert_eq!(bench.history.before(&shop, Some(6)), None);
    let newest = bench
        .history
        .rows(&shop, bench.deployment.applications.get(&shop).map(Arc::as_ref))
        .remove(0);
    assert!(newest.current && newest.actor == "actor 25", "{newest:?}");
}

#[test]
fn a_removed_application_keeps_its_revisions_and_its_numbers_go_on() {
    let mut bench = Bench::default();
    bench.put("shop", "one");
    bench.put("shop", "two");
    bench.remove("shop");
    let told = |rows: &[(u64, &str)]| {
        rows.iter()
            .map(|(number, what)| (*number, (*what).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        bench.kept("shop"),
        told(&[(2, "removed"), (2, "applied"), (1, "applied")])
    );
    assert_eq!(bench.history.before(&name("shop"), None), Some(2));
    assert_eq!(bench.put("shop", "three"), 3);
    assert_eq!(
        bench.kept("shop"),
        told(&[(3, "applied"), (2, "removed"), (2, "applied"), (1, "applied")])
    );
    assert!(bench.kept("nobody").is_empty());
}

#[test]
fn so_many_removed_applications_are_remembered() {
    let mut bench = Bench::default();
    bench.put("back", "one");
    bench.remove("back");
    for number in 0..REMOVED_KEPT {
        let application = format!("app-{number}");
        bench.put(&application, "one");
        bench.put(&application, "two");
        bench.remove(&application);
        if number == 3 {
            // It is deployed again, so it is none of the removed ones.
            bench.put("back", "two");
        }
    }
    bench.history = bench.restored();
    bench.put("last", "one");
    bench.remove("last");
    assert!(bench.kept("app-0").is_empty(), "the one that was removed first");
    assert_eq!(bench.kept("app-1").len(), 3);
    assert_eq!(bench.kept("last").len(), 2);
    assert_eq!(bench.kept("back").len(), 3);
}

#[test]
fn what_ended_first_goes_first_when_contents_grow_too_large() {
    let mut bench = Bench::default();
    let large = "x".repeat(100_000);
    for application in ["one", "two", "gone"] {
        bench.put(application, &large);
    }
    bench.remove("gone");
    bench.put("one", &large);
    bench.put("two", &large);
    let mut touched = BTreeSet::new();
    bench.history.bound_bytes(250_000, &mut touched);
    assert_eq!(touched, BTreeSet::from([(name("gone"), 1)]));
    assert!(bench.kept("gone").is_empty() && bench.history.removed.is_empty());
    bench.history.bound_bytes(0, &mut touched);
    assert_eq!(touched.len(), 3);
    assert_eq!((bench.history.bytes, bench.history.ended.len()), (0, 0));
    assert_eq!(bench.kept("two"), [(2, "applied".to_owned())], "what is in force stays");
}

#[test]
fn damage_is_named() {
    let mut bench = Bench::default();
    bench.put("shop", "one");
    bench.put("shop", "two");
    let key = revision_key(&name("shop"), 1);
    let mut values = bench.values.clone();
    let value = values.remove(&key).unwrap();
    let wrong = |key: &str, value: Vec<u8>| {
        let mut values = values.clone();
        values.insert(key.to_owned(), value);
        let said = History::restore(&values, &bench.deployment).unwrap_err();
        assert!(said.contains(key), "{said}");
    };
    wrong(&key, b"noise".to_vec());
    wrong("revision/shop/2", value.clone());
    wrong("revision/ /00000000000000000001", value);
}
