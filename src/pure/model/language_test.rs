//! The rules of the language that IceGrid's tests do not know: how a server lives, and what is bounded.

use super::fixture::{application, expanded, faults_of, map, refused, server};
use super::{Deployment, Ready};
use proptest::prelude::*;

#[test]
fn a_servers_life_is_read_or_refused() {
    let adapters = "adapter = [{ name = \"h\", endpoint = \"http://h:1\" }, { name = \"tls\", endpoint = \"https://h:1\" }, { name = \"far\", endpoint = \"http://h\" }]";
    let head = format!("[[node.n1.server]]\nid = \"s\"\nrun = [\"p\"]\n{adapters}");
    let read = |line: &str| server(&expanded(&format!("application = \"a\"\n{head}\n{line}\n")), "s");
    let seconds = std::time::Duration::from_secs;
    for (line, ready) in [
        ("ready = { tcp = \"h\" }", Ready::Tcp("h".into())),
        (
            "ready = { http = \"h\" }",
            Ready::Http {
                adapter: "h".into(),
                path: "/".into(),
            },
        ),
        (
            "ready = { http = \"h\", path = \"/up?x=${server}\" }",
            Ready::Http {
                adapter: "h".into(),
                path: "/up?x=s".into(),
            },
        ),
        ("ready = { notify = true }", Ready::Notify),
        ("ready = { after = \"2s\", notify = false }", Ready::After(seconds(2))),
    ] {
        assert_eq!(read(line).ready, ready, "{line}");
    }
    let full = read(
        "stop = [\"p\", \"--stop\", \"${server.config}\"]\nstop_signal = \"quit\"\nreload_signal = \"SIGHUP\"\nuser = \"www-data\"\n\
         limits = { cpu = \"0.5\", memory = \"512MiB\", files = 1024, tasks = 10 }\noutput = { rotate = \"1MiB\", keep = 0 }\n\
         log = { main = \"${server.data}/log/$$x\" }\nlabels = { tier = \"${application}\" }\ndisable_after = { failures = 3, for = \"10m\" }\nexclusive = true",
    );
    assert_eq!(full.stop.command, ["p", "--stop", "${server.config}"]);
    assert_eq!(
        full.stop.signal.map(|signal| signal.to_string()).as_deref(),
        Some("SIGQUIT")
    );
    assert_eq!(full.reload.map(|signal| signal.to_string()).as_deref(), Some("SIGHUP"));
    assert_eq!(
        (full.limits.cpu_millis, full.limits.files, full.limits.tasks),
        (Some(500), Some(1024), Some(10))
    );
    assert_eq!(full.logs, map(&[("main", "${server.data}/log/$$x")]));
    assert_eq!(full.labels, map(&[("tier", "a")]));
    assert_eq!(full.disable_after.and_then(|after| after.period), Some(seconds(600)));
    assert!(full.exclusive);
    refused(
        &head,
        &[
            (
                "ready = { }",
                "server s: ready: names exactly one of tcp, http, notify and after",
            ),
            ("ready = { tcp = \"h\", notify = true }", "names exactly one of"),
            (
                "ready = { tcp = \"h\", path = \"/\" }",
                "ready.path: goes with http only",
            ),
            (
                "ready = { http = \"h\", path = \"up\" }",
                "ready.path \"up\" is refused: a path starts with '/'",
            ),
            (
                "ready = { http = \"nobody\" }",
                "ready.http names adapter \"nobody\", which",
            ),
            ("ready = { http = \"far\" }", "ready.http wants a port"),
            ("ready = { http = \"tls\" }", "ready.http asks without TLS"),
            ("ready = { after = \"soon\" }", "ready.after: \"soon\" is no duration"),
            (
                "ready = { after = \"2m\" }",
                "ready.after is longer than activation_timeout",
            ),
            (
                "limits = { cpu = \"0\" }",
                "limits.cpu: \"0\" is no number of processors",
            ),
            ("limits = { memory = \"512\" }", "limits.memory: \"512\" is no size"),
            (
                "limits = { memory = \"1KiB\" }",
                "limits.memory: \"1KiB\" is less than 1MiB",
            ),
            ("limits = { files = 3 }", "limits.files: 3 is not from 16 to 1048576"),
            ("limits = { tasks = 0 }", "limits.tasks: 0 is not from 1"),
            (
                "output = { rotate = \"1KiB\" }",
                "output.rotate: \"1KiB\" is less than 64KiB",
            ),
            ("output = { keep = 1001 }", "output.keep: 1001 is not from 0 to 1000"),
            ("stop = [\"\"]", "stop[0] is empty"),
            ("stop = [\"${no}\"]", "stop[0]: variable `no` has no value"),
            ("stop_signal = \"SIGNOPE\"", "stop_signal: \"SIGNOPE\" is no signal"),
            ("reload_signal = \"0\"", "reload_signal: \"0\" is no signal"),
            ("log = { main = \"log\" }", "log main \"log\" is not absolute"),
            ("log = { \"a b\" = \"/x\" }", "log name \"a b\" may hold only"),
            ("labels = { \"\" = \"x\" }", "labels name \"\" may hold only"),
            ("labels = { a = \"\\n\" }", "labels a holds a control character"),
            (
                "labels = { a = \"${port.x}\" }",
                "labels a: variable `port.x` is known only to the node",
            ),
            (
                "disable_after = { failures = 0 }",
                "disable_after.failures: 0 is not from 1",
            ),
            (
                "disable_after = { failures = 1, for = \"0s\" }",
                "disable_after.for: \"0s\" is less than 1s",
            ),
            (
                "disable_after = { failures = 1, for = \"745h\" }",
                "is longer than 744h",
            ),
            ("user = \"a b\"", "user \"a b\" is no user name"),
            ("user = \"-r\"", "user \"-r\" is no user name"),
            ("user = \"4294967295\"", "user \"4294967295\" is no user name"),
            ("file = [{ name = \"a/b\" }]", "file a/b: name holds a '/'"),
            ("file = [{ name = \"..\" }]", "file ..: name names a folder"),
            ("file = [{ name = \"\" }]", "file : name is empty"),
            ("file = [{ name = \"a\\n\" }]", "name holds a control character"),
            (
                "file = [{ name = \"f\" }, { name = \"${x}f\" }]\n[node.n1.variables]\nx = \"\"",
                "file f: is declared twice in this server",
            ),
            (
                "file = [{ name = \"f\", use = [\"db\"] }]",
                "file f: use: property set \"db\" is not declared",
            ),
            (
                "file = [{ name = \"f\", set = { \"a=b\" = \"\" } }]",
                "file f: property \"a=b\" may hold no '='",
            ),
            (
                "file = [{ name = \"f\", set = { a = \"x\\ny\" } }]",
                "file f: property a holds a line end",
            ),
            (
                "file = [{ name = \"f\", set = { a = \"${no}\" } }]",
                "file f: set a: variable `no` has no value here",
            ),
            (
                "file = [{ name = \"f\", use = [\"db\"] }]\n[properties.db]\nset = { a = \"${no}\" }",
                "file f: set a: variable `no` has no value here",
            ),
        ],
    );
}

/// Whatever a template multiplies, work and memory are bounded, and the fault says so.
#[test]
fn what_templates_and_sets_multiply_is_bounded() {
    let servers = "{ template = \"t\" },".repeat(5000);
    let items = "\"\",".repeat(50_000);
    let of = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<Vec<_>>().concat();
    let sets = of(200, &|i| {
        format!("[properties.s{i}]\nuse = [{}]\n", format!("\"s{}\",", i + 1).repeat(50))
    });
    let keys = of(2000, &|i| format!("k{i} = \"\"\n"));
    for text in [
        format!("[template.t]\nid = \"s\"\nrun = [{items}]\n[node.n1]\nserver = [{servers}]\n"),
        format!("{sets}[properties.s200.set]\n{keys}"),
    ] {
        let faults = faults_of(&Deployment::default(), &format!("application = \"a\"\n{text}"));
        let told = faults
            .iter()
            .any(|fault| fault.contains("add up to more than") || fault.contains("nested more than 32 deep"));
        assert!(told, "{:?}", faults.first());
    }
}

/// Fields of a server, right and wrong.
const FIELDS: [&str; 16] = [
    "run = [\"p\", \"${server}\", \"${v}\"]",
    "activation = \"session\"",
    "ready = { tcp = \"h\" }",
    "environment = { A = \"${node}\", FLOE_B = \"1\" }",
    "directory = \"${server.data}/x\"",
    "user = \"a b\"",
    "limits = { cpu = 1.5, memory = \"1\" }",
    "stop = [\"p\"]",
    "disable_after = { failures = 0 }",
    "port = { h = 0 }",
    "log = { a = \"b\" }",
    "labels = { a = \"b\" }",
    "file = [{ name = \"f\", use = [\"db\"], set = { a = \"${server}\" } }]",
    "adapter = [{ name = \"h\", endpoint = \"tcp://h:${port.h}\" }]",
    "object = [{ id = \"o\" }]",
    "allocatable = [{ id = \"o\", attributes = { a = \"b\" } }]",
];

proptest! {
    /// A template without parameters is the server itself, whichever of the two names a field, also where it is refused.
    #[test]
    fn a_template_without_parameters_is_the_plain_server(there in any::<u16>(), upper in any::<u16>(), known in any::<bool>()) {
        let fields = |mask: u16| -> String {
            let some = FIELDS.iter().enumerate().filter(|(index, _)| mask & (1 << index) != 0);
            some.map(|(_, field)| format!("{field}\n")).collect::<Vec<_>>().concat()
        };
        let head = if known { "variables = { v = 1 }\nproperties = { db = { set = { x = 1 } } }\n" } else { "" };
        let plain = format!("application = \"a\"\n{head}[[node.n1.server]]\nid = \"s\"\n{}", fields(there));
        let split = format!(
            "application = \"a\"\n{head}[template.t]\nid = \"s\"\n{}[[node.n1.server]]\ntemplate = \"t\"\n{}",
            fields(there & !upper), fields(there & upper)
        );
        let check = |text: &str| {
            let expansion = Deployment::default().check(&application(text));
            expansion.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        prop_assert_eq!(check(&plain), check(&split));
    }
}
