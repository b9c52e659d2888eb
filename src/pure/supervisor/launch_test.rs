//! What a definition becomes on its node.

use super::*;
use crate::pure::model::{Activation, AdapterSpec, Stop};
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
        endpoints(&spec(), "127.0.0.1", &ports),
        BTreeMap::from([("web-1.http".into(), "http://127.0.0.1:8080/a".into())])
    );
    assert_eq!(
        probe_address(&spec(), "127.0.0.1", &ports),
        Some("127.0.0.1:8080".parse().unwrap())
    );
}

#[test]
fn what_cannot_be_filled_in_is_refused_with_its_text() {
    let faults: [(Change, &str); 6] = [
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
