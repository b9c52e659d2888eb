use super::*;
use crate::pure::model::descriptor::{
    Adapter, Allocatable, Application, Balance, File, Group, Limits, Node, Object, Parameter, PropertySet, Ready,
    Server, Target,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn map() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map(any::<String>(), any::<String>(), 0..4)
}
fn set() -> impl Strategy<Value = PropertySet> {
    (prop::collection::vec(any::<String>(), 0..3), map()).prop_map(|(uses, set)| PropertySet { uses, set })
}
fn objects() -> impl Strategy<Value = Vec<Object>> {
    let object = (any::<String>(), any::<String>(), any::<Option<String>>());
    prop::collection::vec(
        object.prop_map(|(id, kind, adapter)| Object { id, kind, adapter }),
        0..3,
    )
}
fn server() -> impl Strategy<Value = Server> {
    let parts = (map(), map(), map(), map(), prop::collection::vec(any::<String>(), 0..4));
    (
        any::<(String, Option<String>, Option<bool>, u64, u16)>(),
        parts,
        set(),
        objects(),
    )
        .prop_map(
            |((id, text, flag, number, port), (with, environment, logs, labels, run), set, objects)| Server {
                id: id.clone(),
                template: text.clone(),
                with,
                run: run.clone(),
                stop: run,
                environment,
                logs,
                directory: text.clone(),
                exclusive: flag,
                parameters: labels
                    .iter()
                    .map(|(name, value)| {
                        (
                            name.clone(),
                            Parameter {
                                default: Some(value.clone()),
                            },
                        )
                    })
                    .collect(),
                labels: labels.clone(),
                ready: flag.map(|notify| Ready {
                    notify: Some(notify),
                    ..Ready::default()
                }),
                limits: text.clone().map(|cpu| Limits {
                    cpu: Some(cpu),
                    files: Some(number >> 1),
                    ..Limits::default()
                }),
                ports: BTreeMap::from([(id.clone(), port)]),
                files: vec![File {
                    name: id.clone(),
                    uses: set.uses,
                    set: set.set,
                }],
                adapters: vec![Adapter {
                    name: id.clone(),
                    id: text.clone(),
                    group: text,
                    endpoint: id.clone(),
                    priority: Some(i32::from(port)),
                }],
                objects,
                allocatables: vec![Allocatable {
                    id,
                    kind: String::new(),
                    adapter: None,
                    attributes: labels,
                }],
                ..Server::default()
            },
        )
}
fn node() -> impl Strategy<Value = Node> {
    (
        map(),
        prop::collection::btree_map(any::<String>(), set(), 0..2),
        prop::collection::vec(server(), 0..3),
    )
        .prop_map(|(variables, property_sets, servers)| Node {
            variables,
            property_sets,
            servers,
        })
}
fn nodes() -> impl Strategy<Value = BTreeMap<crate::pure::base::PeerName, Node>> {
    prop::collection::btree_map("[a-z0-9]{1,4}".prop_map(|name| name.parse().unwrap()), node(), 0..3)
}
fn group() -> impl Strategy<Value = Group> {
    ("[a-z]{1,4}", objects(), any::<u32>()).prop_map(|(id, objects, count)| Group {
        id: id.parse().unwrap(),
        balance: Balance::Adaptive,
        count,
        objects,
    })
}
fn application() -> impl Strategy<Value = Application> {
    let targets = prop::collection::btree_map(any::<String>(), nodes(), 0..3);
    let templates = prop::collection::btree_map(any::<String>(), server(), 0..3);
    (
        any::<String>(),
        node(),
        nodes(),
        targets,
        templates,
        prop::collection::vec(group(), 0..3),
    )
        .prop_map(|(description, common, nodes, targets, templates, groups)| Application {
            description,
            variables: common.variables,
            property_sets: common.property_sets,
            templates,
            groups,
            nodes,
            targets: targets
                .into_iter()
                .map(|(name, nodes)| {
                    let target = Target {
                        nodes,
                        ..Target::default()
                    };
                    (name, target)
                })
                .collect(),
            ..Application::new("a".parse().unwrap())
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_application_is_read_back_from_its_toml(application in application(), comment in any::<String>()) {
        let comments = application.nodes.keys().map(|name| (format!("node.{name}"), comment.clone())).collect();
        let imported = Imported { application, notes: Vec::new(), comments };
        let toml = to_toml(&imported, "a.xml");
        let again = Application::from_toml(&toml, "a.toml");
        prop_assert_eq!(again.as_ref(), Ok(&imported.application), "{}", toml);
    }
}

#[test]
fn long_tables_become_sections_and_empty_nodes_stay() {
    let mut application = Application::new("a".parse().unwrap());
    let set: BTreeMap<_, _> = (0..9)
        .map(|number| (format!("Property.{number}"), "long enough".to_owned()))
        .collect();
    let server = Server {
        id: "s".into(),
        run: vec!["/bin/x".into(); 20],
        files: vec![File {
            name: "config".into(),
            uses: Vec::new(),
            set,
        }],
        ..Server::default()
    };
    application.nodes.insert("n1".parse().unwrap(), Node::default());
    let node = Node {
        servers: vec![server],
        ..Node::default()
    };
    application.nodes.insert("n2".parse().unwrap(), node);
    let imported = Imported {
        application,
        notes: Vec::new(),
        comments: vec![("node.n2".into(), "the second".into())],
    };
    let toml = to_toml(&imported, "a.xml");
    let expected = "\n[node.n1]\n\n# the second\n[[node.n2.server]]\nid = \"s\"\nrun = [\n    \"/bin/x\",\n";
    assert!(toml.contains(expected), "{toml}");
    assert!(
        toml.contains("\n[[node.n2.server.file]]\nname = \"config\"\n\n[node.n2.server.file.set]\n\"Property.0\""),
        "{toml}"
    );
}
