use super::super::Deployment;
use super::super::fixture::{application, deployed, faults_of, many};
use super::*;
use crate::pure::base::limits::SERVERS_PER_NODE_MAX;

/// What is deployed already, besides the application under test.
const OTHER: &str = r#"
application = "other"
[[group]]
id = "taken-group"
object = [{ id = "taken-object" }]
[[node.n1.server]]
id = "taken"
run = ["x"]
adapter = [{ name = "a", endpoint = "tcp://h:1" }]
"#;

/// One server `s` on `n1` with these further lines.
fn server(lines: &str) -> String {
    format!("application = \"a\"\n[[group]]\nid = \"g\"\n[[node.n1.server]]\nid = \"s\"\nrun = [\"x\"]\n{lines}\n")
}
fn adapter(fields: &str) -> String {
    server(&format!("adapter = [{{ name = \"h\", {fields} }}]"))
}
fn endpoint(endpoint: &str) -> String {
    adapter(&format!("endpoint = \"{endpoint}\""))
}

#[test]
fn every_rule_refuses_with_its_place() {
    let deployment = deployed(&[OTHER]);
    let run = |run: &str| format!("application = \"a\"\n[[node.n1.server]]\nid = \"s\"\nrun = {run}\n");
    let two = |second: &str| format!("{}{second}", adapter("endpoint = \"tcp://h:1\""));
    let table: Vec<(String, &str)> = vec![
        // Names and ids.
        (
            "application = \"a\"\n[[node.n1.server]]\nid = \"a b\"\nrun = [\"x\"]".into(),
            "node n1, server a b: id: server id \"a b\" may hold",
        ),
        (
            "application = \"a\"\n[[node.n1.server]]\nid = \"${server}\"\nrun = [\"x\"]".into(),
            "server ${server}: id: variable `server` has no value",
        ),
        (
            two("[[node.n2.server]]\nid = \"s\"\nrun = [\"x\"]"),
            "node n2, server s: server s is declared twice",
        ),
        (
            two(
                "[[node.n2.server]]\nid = \"t\"\nrun = [\"x\"]\nadapter = [{ name = \"b\", id = \"s.h\", endpoint = \"tcp://h:1\" }]",
            ),
            "node n2, server t, adapter b: id s.h is also that of node n1, server s, adapter h",
        ),
        (two("[[group]]\nid = \"g\""), "group g: id g is also that of group g"),
        (
            adapter("id = \"g\", endpoint = \"tcp://h:1\""),
            "adapter h: id g is also that of group g",
        ),
        (
            server("object = [{ id = \"g\" }]\nadapter = [{ name = \"h\", endpoint = \"tcp://h:1\" }]"),
            "object g: id g is also that of group g",
        ),
        (
            server(
                "adapter = [{ name = \"h\", endpoint = \"tcp://h:1\" }, { name = \"h\", id = \"q\", endpoint = \"tcp://h:1\" }]",
            ),
            "server s, adapter h: is declared twice in this server",
        ),
        (
            server("adapter = [{ name = \"a/b\", endpoint = \"tcp://h:1\" }]"),
            "adapter a/b: name: adapter id \"s.a/b\" may hold only",
        ),
        // The rest of the grid.
        (
            "application = \"a\"\n[[node.n2.server]]\nid = \"taken\"\nrun = [\"x\"]".into(),
            "node n2, server taken: server taken belongs to application other already",
        ),
        (
            adapter("id = \"taken.a\", endpoint = \"tcp://h:1\""),
            "adapter h: id taken.a is taken by an adapter of application other",
        ),
        (
            adapter("id = \"taken-object\", endpoint = \"tcp://h:1\""),
            "adapter h: id taken-object is taken by an object of application other",
        ),
        (
            "application = \"a\"\n[[group]]\nid = \"taken-group\"".into(),
            "group taken-group: id taken-group is taken by a group of application other",
        ),
        (
            "application = \"a\"\n[[group]]\nid = \"g\"\nobject = [{ id = \"taken-object\" }]".into(),
            "object taken-object: id taken-object is taken by an object",
        ),
        // What runs.
        (run("[]"), "node n1, server s: run is empty"),
        (run("[\"x\", \"\"]"), "node n1, server s: run[1] is empty"),
        (run("[\"x\\u0000\"]"), "node n1, server s: run[0] holds a zero byte"),
        (
            run("[\"${nobody}\"]"),
            "node n1, server s: run[0]: variable `nobody` has no value here",
        ),
        (
            server("environment = { A = \"\\u0000\" }"),
            "server s: environment A holds a zero byte",
        ),
        (
            server("environment = { \"1A\" = \"\" }"),
            "environment name \"1A\" may hold only",
        ),
        (
            server("environment = { \"A=B\" = \"\" }"),
            "environment name \"A=B\" may hold only",
        ),
        (
            server("environment = { \"\" = \"\" }"),
            "environment name \"\" may hold only",
        ),
        (
            server("environment = { FLOE_NODE = \"x\" }"),
            "environment name FLOE_NODE is reserved",
        ),
        (server("directory = \"here\""), "directory \"here\" is not absolute"),
        (server("directory = \"/a\\u0000\""), "directory holds a zero byte"),
        (server("port = { \"a.b\" = 0 }"), "port name \"a.b\" may hold only"),
        (
            server("activation_timeout = \"30\""),
            "server s: activation_timeout: \"30\" is no duration",
        ),
        (
            server("deactivation_timeout = \"25h\""),
            "server s: deactivation_timeout: \"25h\" is longer than 24h",
        ),
        // What it offers.
        (
            adapter("group = \"nobody\", endpoint = \"tcp://h:1\""),
            "adapter h: group nobody is not declared in this application",
        ),
        (
            adapter("group = \"taken-group\", endpoint = \"tcp://h:1\""),
            "adapter h: group taken-group is not declared in this application",
        ),
        (
            endpoint("h:1"),
            "node n1, server s, adapter h: endpoint \"h:1\" is no URI",
        ),
        (endpoint(""), "is no URI"),
        (endpoint("1http://h"), "is no URI"),
        (endpoint("http://"), "has no valid HOST"),
        (endpoint("http://:80"), "has no valid HOST"),
        (endpoint("http://h:99999"), "has no valid HOST"),
        (endpoint("http://h:0"), "has port 0"),
        (endpoint("http://a b"), "holds a blank"),
        (
            server("ready = { tcp = \"nobody\" }"),
            "server s: ready.tcp names adapter \"nobody\", which this server does not have",
        ),
        (
            server("ready = { tcp = \"h\" }\nadapter = [{ name = \"h\", endpoint = \"http://host/\" }]"),
            "server s: ready.tcp wants a port in the endpoint of adapter h",
        ),
        (
            server("object = [{ id = \"o\" }]"),
            "server s, object o: its server has no adapter",
        ),
        (
            server("object = [{ id = \"o\", adapter = \"nobody\" }]"),
            "server s, object o: adapter \"nobody\" is not one of this server",
        ),
        (
            "application = \"a\"\n[[group]]\nid = \"g\"\nobject = [{ id = \"o\", adapter = \"x\" }]".into(),
            "group g, object o: an object of a group names no adapter",
        ),
        // Variables.
        (
            "application = \"a\"\nvariables = { server = \"x\" }".into(),
            "application: variable `server` is reserved",
        ),
        (
            "application = \"a\"\n[node.n1.variables]\n\"port.x\" = \"1\"".into(),
            "node n1: variable `port.x` is reserved",
        ),
        (
            "application = \"a\"\nvariables = { \"a b\" = \"x\" }".into(),
            "application: variable \"a b\" may hold only",
        ),
        (
            format!(
                "variables = {{ v = \"{}\" }}\n{}",
                "x".repeat(65_000),
                run(&format!("[{}]", ["\"${v}\""; 9].join(",")))
            ),
            "server s: takes 585",
        ),
    ];
    for (text, expected) in table {
        let faults = faults_of(&deployment, &text);
        assert!(
            faults.len() == 1 && faults.iter().all(|fault| fault.contains(expected)),
            "wanted {expected:?}, got {faults:#?} for:\n{}",
            shown(&text)
        );
    }
}

#[test]
fn what_is_right_passes() {
    let deployment = deployed(&[OTHER]);
    let texts = [
        "application = \"a\"".to_owned(),
        OTHER.to_owned(),
        server("environment = { LD_PRELOAD = \"x\", _A1 = \"\" }\ndirectory = \"${server.data}/x\""),
        server("ready = { tcp = \"h\" }\nadapter = [{ name = \"h\", endpoint = \"tcp://[::1]:${port.a}/path?q=1\" }]"),
        endpoint("https://user@host.example/path"),
        endpoint("tcp://[::1]"),
        endpoint("a+b.c-d://h:65535"),
    ];
    for text in texts {
        assert_eq!(faults_of(&deployment, &text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn all_faults_come_at_once_and_are_bounded() {
    let text = server(
        "directory = \"here\"\nenvironment = { FLOE_A = \"1\" }\nadapter = [{ name = \"h\", group = \"x\", endpoint = \"y\" }]",
    );
    assert_eq!(faults_of(&Deployment::default(), &text).len(), 4);
    let many = many("a", "n1", FAULTS_MAX + 1, "[]");
    let faults = faults_of(&Deployment::default(), &many);
    assert_eq!(faults.len(), FAULTS_MAX + 1);
    assert_eq!(
        faults.last().map(String::as_str),
        Some("application: further faults: 1")
    );
}

#[test]
fn a_nodes_room_counts_over_applications_but_not_twice() {
    let many = |name, count| many(name, "n1", count, "[\"x\"]");
    let half = SERVERS_PER_NODE_MAX / 2;
    let deployment = deployed(&[&many("a", half), &many("b", half)]);
    assert_eq!(faults_of(&deployment, &many("a", half)), Vec::<String>::new());
    let faults = faults_of(&deployment, &many("a", half + 1));
    assert_eq!(
        faults,
        ["node n1: would have 10001 servers over all applications, at most 10000 are allowed"]
    );
}

#[test]
fn an_application_that_does_not_fit_into_an_entry_is_refused() {
    let mut large = application("application = \"a\"");
    large.description = "x".repeat(APPLICATION_BYTES_MAX);
    let faults = Deployment::default().check(&large).unwrap_err();
    assert!(
        faults
            .iter()
            .all(|fault| fault.to_string().starts_with("application: takes ")),
        "{faults:?}"
    );
}
