use super::super::Deployment;
use super::super::descriptor::{self, Server};
use super::schema::{self, Schema};
use super::*;
use proptest::prelude::*;

fn refused(text: &str, format: Format) -> Vec<String> {
    let read = read(text, "a", format);
    let faults = read.map_or_else(|faults| faults, |(_, _, faults)| faults);
    faults.iter().map(Fault::to_string).collect()
}

/// What `floe app validate` says of a text that can be read.
fn placed(text: &str, targets: &[&str]) -> Vec<String> {
    let (application, source, mut faults) = read(text, "a", Format::Toml).unwrap();
    let targets: Vec<String> = targets.iter().map(|name| (*name).to_owned()).collect();
    let chosen = application.choose(&targets, &[]).unwrap();
    faults.extend(source.place(Deployment::default().check(&chosen).unwrap_err(), &targets));
    faults.iter().map(Fault::to_string).collect()
}

#[test]
fn what_is_wrong_in_a_key_hides_nothing_that_is_wrong_elsewhere() {
    let text = r#"application = "a"
variables = { a = "${b}", b = "${a}" }
[[node.n1.server]]
id = "x"
runs = ["y"]
run = ["${a}"]
activation = "sometimes"
"#;
    assert_eq!(
        placed(text, &[]),
        [
            "a:5:1: unknown key `runs` in a server or template; did you mean `run`?",
            "a:7:14: `activation` is one of manual, on-demand, always, session, not \"sometimes\"",
            "a:6:8: node n1, server x: run[0]: variables go round in a circle: a -> b -> a",
        ]
    );
}

#[test]
fn every_wrong_key_and_type_is_named_at_once_with_its_place() {
    let text = r#"
application = "a b"
descripton = "x"
description = ["y"]
[[group]]
id = "g"
balance = "adaptiv"
count = -1
[node.N1]
[[node.n2.server]]
rum = []
run = "x"
activation = "allways"
exclusive = "yes"
port = { http = "80", big = 70000 }
adapter = [{ endpoint = "tcp://h:1", priority = 1.5 }]
ready = { tcp = ["h"] }
disable_after = { for = "1m" }
zzzzzzzzzzzz = 1
"#;
    let expected = [
        "a:2:15: application name \"a b\" may hold only letters",
        "a:3:1: unknown key `descripton` in an application; did you mean `description`?",
        "a:4:15: `description` wants a text in quotes, and is a list",
        "a:7:11: `balance` is one of random, round-robin, ordered, adaptive, not \"adaptiv\"; did you mean `adaptive`?",
        "a:8:9: `count` is -1, and may be 0 to 4294967295",
        "a:9:7: peer name \"N1\" may hold only small letters",
        "a:11:1: unknown key `rum` in a server or template; did you mean `run`?",
        "a:12:7: `run` wants a list of texts, and is a text",
        "a:13:14: `activation` is one of manual, on-demand, always, session, not \"allways\"; did you mean `always`?",
        "a:14:13: `exclusive` wants true or false, without quotes, and is a text",
        "a:15:17: `http` wants a whole number, without quotes, and is a text",
        "a:15:29: `big` is 70000, and may be 0 to 65535",
        "a:16:12: `name` is missing in an adapter",
        "a:16:49: `priority` wants a whole number, without quotes, and is a number with a fraction",
        "a:17:17: `tcp` wants a text in quotes, and is a list",
        "a:18:1: `failures` is missing in disable_after",
        "a:19:1: unknown key `zzzzzzzzzzzz` in a server or template; it may have id, template,",
    ];
    let faults = refused(text, Format::Toml);
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "wanted {expected:?}, got {fault:?}");
    }
}

#[test]
fn errors_of_the_syntax_have_their_place_too() {
    let table: &[(&str, Format, &[&str])] = &[
        ("x = \ny = 1\n[a\n", Format::Toml, &["a:1:5: ", "a:3:3: "]),
        ("", Format::Toml, &["a:1:1: `application` is missing in an application"]),
        (
            "application = \"a\"\napplication = \"b\"",
            Format::Toml,
            &["a:2:1: duplicate key"],
        ),
        (
            "{\"application\": \"a\",\n \"nod\": {}}",
            Format::Json,
            &["a:2:2: unknown key `nod` in an application; did you mean `node`?"],
        ),
        (
            "{\"application\": \"a\",\n \"node\": }",
            Format::Json,
            &["a:2:10: expected value"],
        ),
        (
            "{\"application\": \"a\", \"application\": \"b\"}",
            Format::Json,
            &["a:1:22: `application` is written twice"],
        ),
        (
            "[]",
            Format::Json,
            &["a:1:1: `an application` wants a table, and is a list"],
        ),
        (
            "{\"application\": null}",
            Format::Json,
            &["a:1:17: `application` wants a text in quotes, and is null"],
        ),
        (
            "{\"\\u0061pplication\": \"a\\\"\", \"x\": [{}, [], true, -1.5e3]}",
            Format::Json,
            &["a:1:22: application name", "a:1:29: unknown key `x`"],
        ),
    ];
    for (text, format, expected) in table {
        let faults = refused(text, *format);
        let fits = faults
            .iter()
            .zip(*expected)
            .all(|(fault, expected)| fault.starts_with(expected));
        assert!(fits && faults.len() == expected.len(), "{text:?} gave {faults:#?}");
        assert!(!faults.concat().contains('\n'), "{faults:?}");
    }
    for deep in [
        "[".repeat(100_000),
        format!("{{\"a\":{}", "[".repeat(100_000)),
        format!("x = {}", "[".repeat(100_000)),
    ] {
        assert!(!refused(&deep, Format::Json).is_empty() && !refused(&deep, Format::Toml).is_empty());
    }
}

#[test]
fn numbers_and_truths_are_taken_as_texts_where_texts_are_wanted() {
    let toml = "application = \"a\"\nvariables = { port = 8080, ratio = 1.50, on = true, mask = 0x1f }\n\
                [[node.n1.server]]\nid = \"s\"\nrun = [\"p\", 1_000]\nlimits = { cpu = 1.5 }\n";
    let json = r#"{"application": "a", "variables": {"port": 8080, "ratio": 1.50, "on": true, "mask": "0x1f"},
                "node": {"n1": {"server": [{"id": "s", "run": ["p", "1_000"], "limits": {"cpu": 1.5}}]}}}"#;
    let read = Application::from_toml(toml, "a").unwrap();
    let values: Vec<&str> = ["port", "ratio", "on", "mask"]
        .iter()
        .map(|name| read.variables[*name].as_str())
        .collect();
    assert_eq!(values, ["8080", "1.50", "true", "0x1f"]);
    assert_eq!(Application::from_json(json, "a"), Ok(read));
    let date = refused("application = \"a\"\nvariables = { day = 2026-01-01 }", Format::Toml);
    assert_eq!(date, ["a:2:21: `day` wants a text in quotes, and is a date or time"]);
}

#[test]
fn faults_of_the_meaning_stand_where_their_texts_are_written() {
    let text = r#"
application = "a"
variables = { server = "x" }
[properties.db.set]
host = "${nobody}"
[template.web]
parameters = { index = {} }
id = "web-${index}"
run = ["p", "${missing}"]
directory = "here"
[[group]]
id = "g"
object = [{ id = "o" }, { id = "o" }]
[node.n1]
server = [
  { template = "web" },
  { template = "web", with = { index = "2" }, directory = "there",
    file = [{ name = "f", use = ["db"] }] },
]
[[node.n2.server]]
id = "s"
run = []
environment = { A = "1", FLOE_A = "2" }
[[node.n2.server.adapter]]
name = "a"
endpoint = "tcp://h:1"
[[node.n2.server.adapter]]
name = "b"
id = "s.a"
endpoint = "nowhere"
"#;
    let expected = [
        "a:3:15: application: variable `server` is reserved",
        "a:5:1: node n1, server web-2, file f: set host: variable `nobody`",
        "a:9:13: node n1, server web-1: run[1]: variable `missing`",
        "a:9:13: node n1, server web-2: run[1]: variable `missing`",
        "a:10:1: node n1, server web-1: directory \"here\" is not absolute",
        "a:13:11: object o: id o is also that of object o",
        "a:16:3: node n1, server : with: template web wants a value for its parameter `index`",
        "a:17:47: node n1, server web-2: directory \"there\" is not absolute",
        "a:22:1: node n2, server s: run is empty",
        "a:23:26: node n2, server s: environment name FLOE_A is reserved",
        "a:27:1: node n2, server s, adapter b: id s.a is also that of node n2, server s, adapter a",
        "a:30:1: node n2, server s, adapter b: endpoint \"nowhere\" is no URI",
    ];
    let faults = placed(text, &[]);
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "wanted {expected:?}, got {fault:?}");
    }
    let targets = "application = \"a\"\n[[node.n1.server]]\nid = \"s\"\nrun = [\"p\"]\n\
                   [target.t.node.n1]\nserver = [{ id = \"s\", directory = \"here\" }]\n";
    assert_eq!(placed(targets, &["t"]).len(), 1);
    assert!(
        placed(targets, &["t"])[0].starts_with("a:6:23: node n1, server s: directory \"here\""),
        "{:?}",
        placed(targets, &["t"])
    );
}

#[test]
fn a_text_above_the_bound_is_not_parsed_and_faults_are_counted() {
    let text = "#".repeat(TEXT_BYTES_MAX + 1);
    for format in [Format::Toml, Format::Json] {
        assert_eq!(
            refused(&text, format),
            ["a: is 1572865 bytes long, at most 1572864 are allowed"]
        );
    }
    let text = format!(
        "application = \"a\"\n{}",
        (0..10_000)
            .map(|i| ["k", &i.to_string(), " = 1\n"].concat())
            .collect::<Vec<_>>()
            .concat()
    );
    let faults = refused(&text, Format::Toml);
    assert_eq!(
        (faults.len(), faults.last().map(String::as_str)),
        (101, Some("a: further faults: 9900"))
    );
    let many = super::super::fixture::many("a", "n1", 10_000, "[]");
    let faults = placed(&many, &[]);
    assert_eq!(
        (faults.len(), faults[0].as_str()),
        (
            101,
            "a:4:1: node n1, server a0: run is empty: it names the program and its arguments"
        )
    );
    assert_eq!(faults[100], "a: application: further faults: 9900");
}

/// The keys that serde knows, as it tells them of an unknown one.
fn keys_of<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let unknown = serde_json::json!({ "zzz": 0 });
    let message = serde_json::from_value::<T>(unknown)
        .map(|_| ())
        .unwrap_err()
        .to_string();
    let mut keys: Vec<String> = message.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    keys.sort();
    keys
}

#[test]
fn the_schema_knows_the_keys_that_the_descriptor_has() {
    let keys = [
        keys_of::<Application>(),
        keys_of::<descriptor::Target>(),
        keys_of::<descriptor::PropertySet>(),
        keys_of::<descriptor::Node>(),
        keys_of::<Server>(),
        keys_of::<descriptor::Parameter>(),
        keys_of::<descriptor::Ready>(),
        keys_of::<descriptor::Limits>(),
        keys_of::<descriptor::DisableAfter>(),
        keys_of::<descriptor::Output>(),
        keys_of::<descriptor::File>(),
        keys_of::<descriptor::Adapter>(),
        keys_of::<descriptor::Group>(),
        keys_of::<descriptor::Object>(),
        keys_of::<descriptor::Allocatable>(),
    ];
    for (schema, keys) in SCHEMAS.iter().zip(keys) {
        let mut known: Vec<&str> = schema.keys.iter().map(|(key, _)| *key).collect();
        known.sort_unstable();
        assert_eq!(known, keys, "{}", schema.what);
    }
}

#[test]
fn the_sample_is_valid_with_and_without_its_target_and_survives_json() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/shop.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let sample = Application::from_toml(&text, "config/shop.toml").unwrap();
    for targets in [vec![], vec!["production".to_owned()]] {
        let chosen = sample.clone().choose(&targets, &["greeting=hello".to_owned()]).unwrap();
        let expansion = Deployment::default().check(&chosen).unwrap();
        assert_eq!((expansion.servers.len(), expansion.allocatables.len()), (3, 1));
    }
    // Every key is shown, if only in a remark.
    for schema in SCHEMAS {
        for (key, _) in schema.keys {
            let shown = text.contains(&format!("{key} ="))
                || text.contains(&format!("[{key}"))
                || text.contains(&format!(".{key}"));
            assert!(shown, "{key} of {} is not in the sample", schema.what);
        }
    }
    let json = serde_json::to_string(&sample).unwrap();
    assert_eq!(Application::from_json(&json, "shop.json"), Ok(sample));
}

const SCHEMAS: [&Schema; 15] = [
    &schema::APPLICATION,
    &schema::TARGET,
    &schema::PROPERTY_SET,
    &schema::NODE,
    &schema::SERVER,
    &schema::PARAMETER,
    &schema::READY,
    &schema::LIMITS,
    &schema::DISABLE_AFTER,
    &schema::OUTPUT,
    &schema::FILE,
    &schema::ADAPTER,
    &schema::GROUP,
    &schema::OBJECT,
    &schema::ALLOCATABLE,
];

/// Pieces of applications, put together at random.
fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "application = \"a\"\n",
        "[node.n1]\n",
        "[[node.n1.server]]\n",
        "id = \"s\"\n",
        "run = [\"p\", \"${x}\"]\n",
        "template = \"t\"\n",
        "[template.t]\n",
        "parameters = { x = {} }\n",
        "with = { x = \"${y}\" }\n",
        "[properties.p]\n",
        "use = [\"p\"]\n",
        "set = { a = 1 }\n",
        "file = [{ name = \"f\", use = [\"p\"] }]\n",
        "[target.u.node.n1]\n",
        "variables = { x = 1 }\n",
        "[[group]]\n",
        "ready = { after = 1 }\n",
        "adapter = [{ name = \"h\" }]\n",
        "[",
        "\"",
        "{",
        "}",
        "= ",
        "zzz = 1\n",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..14).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn arbitrary_texts_never_panic(text in "\\PC{0,80}|[\\[\\]{}=\".a-z\\n]{0,80}", pieces in pieces()) {
        for text in [text, pieces] {
            for format in [Format::Toml, Format::Json] {
                if let Ok((application, source, _)) = read(&text, "a", format) {
                    let targets: Vec<String> = application.targets.keys().cloned().collect();
                    let chosen = application.choose(&targets, &[]).unwrap();
                    if let Err(faults) = Deployment::default().check(&chosen) {
                        drop(source.place(faults, &targets));
                    }
                }
            }
        }
    }
}
