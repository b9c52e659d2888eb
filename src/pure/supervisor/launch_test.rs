//! What a definition becomes on its node.

use super::*;
use crate::pure::model::diff::{View, diff};
use crate::pure::model::{Activation, AdapterSpec, DisableAfter, PropertyFile, Stop};
use proptest::prelude::*;
use std::time::Duration;

type Change = fn(&mut ServerSpec);

fn spec() -> ServerSpec {
    ServerSpec {
        activation: Activation::OnDemand,
        ready: Ready::Tcp("http".into()),
        environment: BTreeMap::from([
            ("DATA".into(), "${server.data}".into()),
            ("FLOE_SERVER".into(), "forged".into()),
        ]),
        ports: BTreeMap::from([("http".into(), 0), ("x-y".into(), 0)]),
        adapters: vec![AdapterSpec {
            name: "http".into(),
            id: "web-1.http".parse().unwrap(),
            group: None,
            endpoint: "http://${node.host}:${port.http}/a".into(),
            priority: 0,
        }],
        ..ServerSpec::new(
            "web-1".parse().unwrap(),
            "shop".parse().unwrap(),
            vec!["bin/web".into(), "--port".into(), "${port.http}".into()],
        )
    }
}

fn prepared(spec: &ServerSpec) -> Result<Launch, LaunchError> {
    let ports = BTreeMap::from([("http".into(), 8080), ("x-y".into(), 8081)]);
    prepare(
        spec,
        &Place {
            node: &"n1".parse().unwrap(),
            host: "127.0.0.1",
            data: "/data/web-1",
            config: "/config/web-1",
            peers: "a:1,b:2",
            run: RunId::from_bits(7),
            ports: &ports,
            tenure: None,
        },
    )
}

#[test]
fn a_definition_is_filled_in_with_what_the_node_knows() {
    let launch = prepared(&spec()).unwrap();
    assert_eq!(launch.program, "bin/web");
    assert_eq!(launch.arguments, ["--port", "8080"]);
    assert_eq!(launch.directory, "/data/web-1");
    let expected = [
        ("DATA", "/data/web-1"),
        ("FLOE_APPLICATION", "shop"),
        ("FLOE_NODE", "n1"),
        ("FLOE_PEERS", "a:1,b:2"),
        ("FLOE_RUN", "00000000000000000000000000000007"),
        ("FLOE_SERVER", "web-1"),
        ("PORT_HTTP", "8080"),
        ("PORT_X_Y", "8081"),
    ];
    let environment: Vec<_> = launch
        .environment
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(environment, expected);
    let ports = BTreeMap::from([("http".into(), 8080)]);
    assert_eq!(
        endpoints(&spec(), "127.0.0.1", &ports, &BTreeMap::new()),
        BTreeMap::from([("web-1.http".into(), "http://127.0.0.1:8080/a".into())])
    );
    assert_eq!(
        probe(&spec(), "127.0.0.1", &ports),
        Some(Probe {
            address: "127.0.0.1:8080".parse().unwrap(),
            path: None,
        })
    );
    // What a process published of itself wins; an adapter that is nowhere is left out.
    let published = BTreeMap::from([("http".to_owned(), "tcp://h:1".to_owned())]);
    assert_eq!(
        endpoints(&spec(), "127.0.0.1", &ports, &published)["web-1.http"],
        "tcp://h:1"
    );
    let mut silent = spec();
    silent.adapters[0].endpoint.clear();
    assert!(endpoints(&silent, "127.0.0.1", &ports, &BTreeMap::new()).is_empty());
}

#[test]
fn what_cannot_be_filled_in_is_refused_with_its_text() {
    let faults: [(Change, &str); 7] = [
        (|spec| spec.run.clear(), "the definition names no program"),
        (
            |spec| spec.run[1] = "${server.home}".into(),
            "\"${server.home}\": variable `server.home` has no value here",
        ),
        (
            |spec| spec.run[1] = "a${port.http".into(),
            "\"a${port.http\": `${` without its `}` in ${port.http (a literal dollar is written `$$`)",
        ),
        (|spec| spec.run[0] = "a\0".into(), "\"a\\0\" holds a zero byte"),
        (
            |spec| spec.ready = Ready::Tcp("grpc".into()),
            "readiness asks adapter \"grpc\", whose endpoint \"\" has no host and port to connect to",
        ),
        (
            |spec| {
                spec.ready = Ready::Http {
                    adapter: "grpc".into(),
                    path: "/".into(),
                }
            },
            "readiness asks adapter \"grpc\", whose endpoint \"\" has no host and port to connect to",
        ),
        (
            |spec| spec.adapters[0].endpoint = "unix:/x".into(),
            "readiness asks adapter \"http\", whose endpoint \"unix:/x\" has no host and port to connect to",
        ),
    ];
    for (fault, text) in faults {
        let mut spec = spec();
        fault(&mut spec);
        assert_eq!(prepared(&spec).unwrap_err().to_string(), text);
    }
}

#[test]
fn only_what_a_process_sees_asks_for_a_new_one() {
    let changes: [(Change, bool); 7] = [
        (|_| (), true),
        (|spec| spec.activation = Activation::Always, true),
        (|spec| spec.deactivation_timeout = Duration::ZERO, true),
        (|spec| spec.adapters[0].priority = 3, true),
        (|spec| spec.adapters[0].endpoint.push('b'), false),
        (|spec| spec.run.push("-v".into()), false),
        (|spec| spec.ports.clear(), false),
    ];
    for (index, (change, same)) in changes.into_iter().enumerate() {
        let mut new = spec();
        change(&mut new);
        assert_eq!(same_process(&spec(), &new), same, "change {index}");
    }
}

/// Each changes one thing, in one of two ways.
const CHANGES: [fn(&mut ServerSpec, u8); 24] = [
    |spec, v| spec.run.push(v.to_string()),
    |spec, v| drop(spec.environment.insert("A".into(), v.to_string())),
    |spec, v| spec.directory = Some(format!("/{v}")),
    |spec, v| spec.ports.extend([("p".to_owned(), v.into())]),
    |spec, v| spec.user = Some(v.to_string()),
    |spec, v| spec.limits.cpu_millis = Some(v.into()),
    |spec, v| spec.limits.memory_bytes = Some(v.into()),
    |spec, v| spec.limits.files = Some(v.into()),
    |spec, v| spec.limits.tasks = Some(v.into()),
    |spec, v| spec.ready = Ready::After(Duration::from_secs(v.into())),
    |spec, v| spec.adapters[0].id = format!("id-{v}").parse().unwrap(),
    |spec, v| spec.adapters[0].endpoint = format!("tcp://h:{v}"),
    |spec, v| spec.adapters[0].priority = v.into(),
    |spec, v| spec.adapters[0].group = Some(format!("g{v}").parse().unwrap()),
    |spec, v| {
        let name = format!("{v}");
        let other = AdapterSpec {
            name,
            ..spec.adapters[0].clone()
        };
        spec.adapters.insert(usize::from(v), other);
    },
    |spec, _| spec.adapters.reverse(),
    |spec, v| {
        spec.activation = if v == 0 {
            Activation::Always
        } else {
            Activation::Session
        }
    },
    |spec, v| spec.activation_timeout = Duration::from_secs(v.into()),
    |spec, v| spec.stop.command.push(v.to_string()),
    |spec, v| spec.reload = Some(i32::from(v).into()),
    |spec, v| spec.output.keep = v.into(),
    |spec, v| drop(spec.logs.insert("l".into(), v.to_string())),
    |spec, v| {
        let properties = BTreeMap::from([("a".into(), v.to_string())]);
        spec.files = vec![PropertyFile {
            name: "f".into(),
            properties,
        }];
    },
    |spec, v| {
        spec.disable_after = Some(DisableAfter {
            failures: v.into(),
            period: None,
        });
        spec.labels.insert("l".into(), v.to_string());
        spec.exclusive = v == 0;
        spec.stop.signal = Some(i32::from(v).into());
    },
];

proptest! {
    /// What an operator is told beforehand is what the node does: restarted exactly when no process can go on.
    #[test]
    fn the_plan_says_restart_exactly_when_the_process_cannot_go_on(
        before in prop::collection::vec((0..CHANGES.len(), 0..2_u8), 0..4),
        after in prop::collection::vec((0..CHANGES.len(), 0..2_u8), 0..4),
    ) {
        let of = |changes: &[(usize, u8)]| {
            let mut spec = spec();
            for (change, way) in changes {
                CHANGES[*change](&mut spec, *way);
            }
            spec
        };
        let (old, new) = (of(&before), of(&after));
        let node = "n1".parse().unwrap();
        let view = |spec| View { servers: BTreeMap::from([(&old.id, (&node, spec))]), ..View::default() };
        let plan = diff(&view(&old), &view(&new));
        prop_assert_eq!(plan.restarted.is_empty(), same_process(&old, &new), "{:?}", plan);
        prop_assert_eq!(plan.unchanged.len() == 1, old == new);
        prop_assert_eq!(plan.details.is_empty(), old == new, "{:?}", plan);
    }
}

#[test]
fn files_and_stop_commands_know_what_the_server_knows() {
    let spec = ServerSpec {
        files: vec![PropertyFile {
            name: "server.cfg".into(),
            properties: BTreeMap::from([
                ("Log.Path".into(), "${server.data}/log #1".into()),
                ("Port".into(), "${port.http}$$".into()),
            ]),
        }],
        stop: Stop {
            command: vec!["bin/stop".into(), "${server.config}/server.cfg".into()],
            signal: None,
        },
        ..spec()
    };
    let ports = BTreeMap::from([("http".into(), 8080)]);
    let place = Place {
        node: &"n1".parse().unwrap(),
        host: "127.0.0.1",
        data: "/data/web-1",
        config: "/config/web-1",
        peers: "",
        run: RunId::from_bits(7),
        ports: &ports,
        tenure: None,
    };
    let text = "Log.Path=/data/web-1/log \\#1\nPort=8080$\n";
    assert_eq!(
        prepare_files(&spec, &place),
        Ok(vec![("server.cfg".into(), text.into())])
    );
    let stop = prepare_stop(&spec, &place, 42).unwrap();
    assert_eq!(
        (stop.program.as_str(), stop.arguments),
        ("bin/stop", vec!["/config/web-1/server.cfg".to_owned()])
    );
    assert_eq!(stop.environment["FLOE_PID"], "42");
    assert_eq!(stop.environment["FLOE_SERVER"], "web-1");
}
