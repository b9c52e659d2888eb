use super::super::fixture::{application, deployed, many, put, record};
use super::*;
use proptest::prelude::*;
use std::sync::Arc;

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// Servers with their nodes and programs.
fn text(application: &str, servers: &[(&str, &str, &str)]) -> String {
    let head = format!("application = \"{application}\"\n[[group]]\nid = \"group-{application}\"\n");
    let servers = servers.iter().map(|(id, node, program)| {
        format!(
            "[[node.{node}.server]]\nid = \"{id}\"\nrun = [\"{program}\"]\nobject = [{{ id = \"object-{id}\" }}]\n\
             adapter = [{{ name = \"h\", group = \"group-{application}\", endpoint = \"tcp://h:1\" }}]\n\
             allocatable = [{{ id = \"object-{id}\" }}, {{ id = \"lease-{id}\", attributes = {{ program = \"{program}\" }} }}]\n"
        )
    });
    [head].into_iter().chain(servers).collect()
}

#[test]
fn removals_follow_servers_and_end_when_they_come_back() {
    let n1: PeerName = name("n1");
    let mut deployment = deployed(&[&text("a", &[("s", "n1", "x"), ("t", "n1", "x")])]);
    let removals = |deployment: &Deployment, node: &str| deployment.slice(&name(node)).1;
    let s = || name::<ServerId>("s");

    put(&mut deployment, &text("a", &[("s", "n2", "x"), ("t", "n1", "x")]), 2);
    assert_eq!(removals(&deployment, "n1"), [(s(), 2)]);
    assert_eq!(removals(&deployment, "n2"), []);
    assert_eq!(deployment.slice(&n1).0.len(), 1);

    let values = deployment.apply(&Update::RemoveApplication(name("a")), 3).unwrap();
    assert_eq!(values.delete, ["application/a"]);
    assert_eq!(values.put.keys().collect::<Vec<_>>(), ["removal/n1/t", "removal/n2/s"]);
    assert_eq!(removals(&deployment, "n1"), [(s(), 2), (name("t"), 3)]);

    let update = Update::PutApplication(Arc::new(record(application(&text("b", &[("s", "n1", "x")])), 4)));
    let values = deployment.apply(&update, 4).unwrap();
    assert_eq!(values.delete, ["removal/n1/s"]);
    assert_eq!(removals(&deployment, "n1"), [(name("t"), 3)]);
    assert_eq!(removals(&deployment, "n2"), [(s(), 3)]);
}

#[test]
fn a_server_keeps_the_serial_of_its_own_last_change() {
    let mut deployment = deployed(&[&text("a", &[("s", "n1", "x"), ("t", "n1", "x"), ("u", "n1", "x")])]);
    put(
        &mut deployment,
        &text("a", &[("s", "n1", "x"), ("t", "n1", "y"), ("u", "n2", "x")]),
        5,
    );
    let changed: Vec<Serial> = deployment.servers.values().map(|placed| placed.changed).collect();
    assert_eq!(changed, [1, 5, 5]);
    assert_eq!(Deployment::restore(&deployment.values()), Ok(deployment));
}

#[test]
fn the_oldest_removals_go_first() {
    let half = REMOVALS_KEPT * 6 / 10;
    let many = |application, node| many(application, node, half, "[\"x\"]");
    let mut deployment = deployed(&[&many("a", "n1"), &many("b", "n2")]);
    let mut image = deployment.values();
    for (serial, application) in [(3, "a"), (4, "b")] {
        let values = deployment
            .apply(&Update::RemoveApplication(name(application)), serial)
            .unwrap();
        image.extend(values.put);
        values.delete.iter().for_each(|key| drop(image.remove(key)));
    }
    assert_eq!(deployment.removals.len(), REMOVALS_KEPT);
    assert_eq!(deployment.slice(&name("n2")).1.len(), half, "the newer ones stay");
    assert!(image == deployment.values(), "the durable form told of each");
}

#[test]
fn objects_stand_alone_or_belong_to_an_application() {
    let mut deployment = deployed(&[&text("a", &[("s", "n1", "x")])]);
    let object = |id: &str, home: &str| ObjectRecord {
        id: name(id),
        kind: String::new(),
        home: super::super::descriptor::ObjectHome::Adapter(name(home)),
    };
    let before = deployment.clone();
    let refused = [
        (
            Update::PutObject(object("object-s", "s.h")),
            "object object-s: id object-s is taken by an object of application a",
        ),
        (
            Update::PutObject(object("lease-s", "s.h")),
            "object lease-s: id lease-s is taken by an allocatable of application a",
        ),
        (
            Update::PutObject(object("s.h", "s.h")),
            "object s.h: id s.h is taken by an adapter of application a",
        ),
        (
            Update::PutObject(object("o", "nobody")),
            "object o: its home, adapter nobody, is not deployed",
        ),
        (
            Update::RemoveObject(name("object-s")),
            "object object-s: belongs to an application: it goes when it is taken out of that",
        ),
        (Update::RemoveObject(name("o")), "object o: does not exist"),
        (Update::RemoveApplication(name("b")), "application b: does not exist"),
        (Update::ForgetRegistry(name("r1")), "registry r1: does not exist"),
    ];
    for (update, fault) in refused {
        let faults = deployment.apply(&update, 2).unwrap_err();
        assert_eq!(faults.iter().map(Fault::to_string).collect::<Vec<_>>(), [fault]);
        assert_eq!(deployment, before, "{update:?}");
    }
    deployment.apply(&Update::PutObject(object("o", "s.h")), 2).unwrap();
    deployment.apply(&Update::PutObject(object("o", "s.h")), 3).unwrap();
    let other = application(&text("b", &[("t", "n1", "x")]).replacen("object-t", "o", 1));
    let faults = deployment.check(&other).unwrap_err();
    assert_eq!(
        faults.iter().map(Fault::to_string).collect::<Vec<_>>(),
        ["object o: id o is taken by an object outside all applications"]
    );
    // An object may outlive its home, and be restored without it.
    deployment.apply(&Update::RemoveApplication(name("a")), 4).unwrap();
    assert_eq!(Deployment::restore(&deployment.values()), Ok(deployment));
}

#[test]
fn damaged_values_are_named() {
    let whole = deployed(&[&text("a", &[("s", "n1", "x")])]).values();
    let damaged = |key: &str, bytes: Vec<u8>| {
        let mut values = whole.clone();
        values.insert(key.to_owned(), bytes);
        Deployment::restore(&values).map_or_else(|reason| reason, |_| "accepted".to_owned())
    };
    let application = whole.get("application/a").cloned().unwrap();
    for (key, bytes, reason) in [
        ("application/a", vec![1, 2], "value \"application/a\" is damaged: "),
        (
            "application/b",
            application.clone(),
            "value \"application/b\" is damaged: it holds \"a\"",
        ),
        (
            "removal/n1",
            encode(&1_u64),
            "value \"removal/n1\" is damaged: its key names no server",
        ),
        (
            "removal/N/s",
            encode(&1_u64),
            "value \"removal/N/s\" is damaged: peer name",
        ),
        ("registry/r1", Vec::new(), "value \"registry/r1\" is damaged: "),
        ("object/o", application, "value \"object/o\" is damaged: "),
        ("elsewhere/a", vec![1, 2], "accepted"),
    ] {
        let got = damaged(key, bytes);
        assert!(got.starts_with(reason), "{key}: {got}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put {
        application: u8,
        servers: Vec<(u8, u8, u8)>,
    },
    Remove(u8),
    Registry(u8, bool),
    Object {
        id: u8,
        home: u8,
        put: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_u8, prop::collection::vec((0..6_u8, 0..3_u8, 0..2_u8), 0..5)).prop_map(|(application, servers)| Step::Put { application, servers }),
        2 => (0..3_u8).prop_map(Step::Remove),
        1 => (0..2_u8, any::<bool>()).prop_map(|(registry, put)| Step::Registry(registry, put)),
        2 => (0..8_u8, 0..6_u8, any::<bool>()).prop_map(|(id, home, put)| Step::Object { id, home, put }),
    ]
}

fn update_of(step: &Step, serial: Serial) -> Update {
    match step {
        Step::Put {
            application: number,
            servers,
        } => {
            let servers: Vec<[String; 3]> = servers
                .iter()
                .map(|(id, node, program)| [format!("s{id}"), format!("n{node}"), format!("p{program}")])
                .collect();
            let servers: Vec<(&str, &str, &str)> = servers
                .iter()
                .map(|[id, node, program]| (id.as_str(), node.as_str(), program.as_str()))
                .collect();
            Update::PutApplication(Arc::new(record(
                application(&text(&format!("a{number}"), &servers)),
                serial,
            )))
        }
        Step::Remove(number) => Update::RemoveApplication(name(&format!("a{number}"))),
        Step::Registry(number, true) => Update::PutRegistry(RegistryRecord {
            name: name(&format!("r{number}")),
            address: name("127.0.0.1:1"),
        }),
        Step::Registry(number, false) => Update::ForgetRegistry(name(&format!("r{number}"))),
        // Ids 6 and 7 are free, the others may be an application's.
        Step::Object { id, home, put: true } => Update::PutObject(ObjectRecord {
            id: object_of(*id),
            kind: String::new(),
            home: super::super::descriptor::ObjectHome::Adapter(name(&format!("s{home}.h"))),
        }),
        Step::Object { id, put: false, .. } => Update::RemoveObject(object_of(*id)),
    }
}

/// Ids that applications have, too, as objects or as allocatables.
fn object_of(id: u8) -> ObjectId {
    let kind = if id.is_multiple_of(2) { "object" } else { "lease" };
    name(&format!("{kind}-s{id}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever is applied: a refusal changes nothing, the changes add up to the durable form, a rebuild from that is
    /// equal in all indexes, and removals are what went from a node and did not come back.
    #[test]
    fn any_updates_keep_state_indexes_and_durable_form_together(steps in prop::collection::vec(step(), 1..25)) {
        let mut deployment = Deployment::default();
        let mut image = BTreeMap::new();
        let mut removals = BTreeMap::new();
        for (serial, step) in (1..).zip(&steps) {
            let before = deployment.clone();
            let update = update_of(step, serial);
            let planned = match &update {
                Update::PutApplication(record) => before.plan(&record.descriptor).ok(),
                Update::RemoveApplication(name) => before.plan_removal(name),
                _ => None,
            };
            match deployment.apply(&update, serial) {
                Err(faults) => {
                    prop_assert!(!faults.is_empty());
                    prop_assert_eq!(&deployment, &before);
                }
                Ok(values) => {
                    prop_assert!(values.delete.iter().all(|key| !values.put.contains_key(key)));
                    for key in &values.delete {
                        prop_assert!(image.remove(key).is_some(), "{} was not there", key);
                    }
                    image.extend(values.put);
                    for (id, now) in &deployment.servers {
                        removals.remove(&(now.node.clone(), id.clone()));
                    }
                    for (id, old) in &before.servers {
                        if deployment.servers.get(id).is_none_or(|now| now.node != old.node) {
                            removals.insert((old.node.clone(), id.clone()), serial);
                        }
                    }
                    if let Some(plan) = planned {
                        let fresh = |id: &&ServerId| deployment.servers.get(*id).is_some_and(|placed| placed.changed == serial);
                        let touched: BTreeSet<&ServerId> = plan.added.iter().chain(&plan.restarted).chain(&plan.changed).collect();
                        prop_assert_eq!(deployment.servers.keys().filter(fresh).collect::<BTreeSet<_>>(), touched);
                    }
                }
            }
            prop_assert_eq!(&deployment.values(), &image);
            prop_assert!(deployment.removals.iter().eq(removals.iter()));
            prop_assert_eq!(&Deployment::restore(&image), &Ok(deployment.clone()));
            if let Update::PutApplication(record) = &update
                && deployment.applications.get(&record.descriptor.name).is_some_and(|kept| kept.revision == serial)
            {
                let plan = deployment.plan(&record.descriptor).unwrap();
                prop_assert_eq!(plan.unchanged.len(), deployment.contents.get(&record.descriptor.name).unwrap().servers.len());
                prop_assert!(plan.details.is_empty());
            }
        }
    }
}
