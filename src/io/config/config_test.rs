//! What a configuration means, what it is refused for, and that nothing written makes the reader fall over.

use super::file;
use super::load::{Flag, Overrides, Reading, from_file};
use super::{Config, Environment, Format, Kind, OnStop};
use crate::pure::membership::{PeerKind, Role};
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;

const GOOD: &str = r#"
grid = "shop"
[peer]
name = "r1"
listen = "127.0.0.1:7401"
data = "/d"
"#;

fn read(text: &str, variables: &[(&str, &str)], overrides: &Overrides) -> Reading {
    let environment = Environment::of(variables.iter().copied());
    from_file(
        file::parse(text, Path::new("f.toml")),
        Path::new("f.toml"),
        &environment,
        overrides,
    )
}
fn good(text: &str, variables: &[(&str, &str)]) -> Config {
    read(text, variables, &Overrides::default())
        .outcome
        .unwrap_or_else(|faults| panic!("{faults}"))
}
fn role(value: &str) -> Overrides {
    Overrides {
        flags: vec![Flag {
            flag: "--role".into(),
            path: "registry.role",
            value: value.into(),
        }],
        kind: Some(PeerKind::Registry),
    }
}

#[track_caller]
fn refused(text: &str, variables: &[(&str, &str)], overrides: &Overrides, expected: &str) {
    let faults = read(text, variables, overrides).outcome.expect_err("must be refused");
    assert_eq!(faults.to_string(), expected.trim());
}

#[test]
fn defaults_hold_where_nothing_is_written() {
    let config = good(&format!("{GOOD}[registry]"), &[]);
    assert_eq!(config.peer.advertise, config.peer.listen);
    assert!(config.peer.locator.is_empty() && config.http.is_none() && config.warnings().is_empty());
    let Kind::Registry(registry) = config.kind else {
        panic!("a registry")
    };
    assert_eq!(registry.role, Role::Replica);
    assert_eq!((registry.min_copies, registry.log_keep), (1, 10_000));
    assert_eq!(registry.copy_deadline, Duration::from_secs(2));
    assert_eq!(registry.discovery_window, Duration::from_secs(3));

    let config = good(&format!("{GOOD}[node]"), &[]);
    let Kind::Node(node) = config.kind else {
        panic!("a node")
    };
    assert_eq!((node.host.as_str(), node.on_stop), ("127.0.0.1", OnStop::Leave));
    assert_eq!((node.user, node.allow_root), (None, false));
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let text = format!("{GOOD}locator = [\"127.0.0.1:1\"]\n[registry]\nrole = \"replica\"\nmin_copies = 2\n");
    let variables = [
        ("FLOE_REGISTRY__ROLE", "replica"),
        ("FLOE_REGISTRY__MIN_COPIES", "3"),
        ("FLOE_PEER__LOCATOR", "127.0.0.1:2, 127.0.0.1:3"),
        ("FLOE_LOG", "warn,floe::io=debug"),
        ("FLOE_LOG__FORMAT", "json"),
        ("FLOE_PEERS", "given to servers, none of our business"),
        ("PATH", "/bin"),
    ];
    let reading = read(&text, &variables, &role("master"));
    let config = reading.outcome.unwrap_or_else(|faults| panic!("{faults}"));
    let Kind::Registry(registry) = config.kind else {
        panic!("a registry")
    };
    assert_eq!((registry.role, registry.min_copies), (Role::Master, 3));
    assert_eq!(
        config.peer.locator,
        ["127.0.0.1:2", "127.0.0.1:3"].map(|text| text.parse().unwrap())
    );
    assert_eq!(
        (config.log.level.as_str(), config.log.format),
        ("warn,floe::io=debug", Format::Json)
    );

    let shown: Vec<String> = reading
        .shown
        .iter()
        .map(|row| format!("{} = {} ({})", row.key, row.value, row.origin))
        .collect();
    for line in [
        "grid = \"shop\" (f.toml:2:8)",
        "peer.advertise =  (default: as peer.listen)",
        "peer.locator = [\"127.0.0.1:2\", \"127.0.0.1:3\"] (environment FLOE_PEER__LOCATOR)",
        "gossip.interval = \"500ms\" (default)",
        "registry.role = \"master\" (flag --role)",
        "log.level = \"warn,floe::io=debug\" (environment FLOE_LOG)",
    ] {
        assert!(
            shown.iter().any(|found| found == line),
            "{line}\nnot in\n{}",
            shown.join("\n")
        );
    }
    assert!(
        !shown.iter().any(|row| row.starts_with("node.")),
        "a registry has no node keys"
    );
}

/// figment would make numbers and booleans of these, and lose the leading zero.
#[test]
fn texts_of_the_environment_stay_texts() {
    for name in ["0123", "true", "1e5", "7"] {
        assert_eq!(
            good(&format!("{GOOD}[node]"), &[("FLOE_PEER__NAME", name)])
                .peer
                .name
                .as_str(),
            name
        );
    }
}

#[test]
fn all_faults_are_told_at_once_with_place_and_nearest_key() {
    let text = r#"gird = "shop"
role = "master"
[peer]
name = "R1"
listen = 7401
data = "/d"
locator = ["127.0.0.1:7401", "nowhere", "127.0.0.1:0"]
zookeeper = true
[registy]
role = "master"
[registry]
role = "boss"
min_copys = 2
min_copies = 0
copy_deadline = 2
discovery_window = "1h"
interval = "1s"
[log]
level = "inof"
[gossip]
insecure = "yes"
"#;
    let variables = [
        ("FLOE_REGISTRY__LOG_KEEP", "many"),
        ("FLOE_REGISTRY_ROLE", "master"),
        ("FLOE_HOME", "/x"),
    ];
    refused(
        text,
        &variables,
        &role("chief"),
        r#"
f.toml: grid: missing: name of the grid; peers of another grid are refused
f.toml:1:1: gird: no such key; nearest: grid
f.toml:2:1: role: no such key; nearest: registry.role
f.toml:4:8: peer.name: peer name "R1" may hold only small letters, digits and '-'
f.toml:5:10: peer.listen: wants a text, not 7401
f.toml:7:11: peer.locator: address "nowhere" wants HOST:PORT
f.toml:7:11: peer.locator: 127.0.0.1:0: nobody answers on port 0
f.toml:8:1: peer.zookeeper: no such key; [peer] knows name, listen, advertise, data, locator
f.toml:9:2: registy: no such section; nearest: registry
f.toml:13:1: registry.min_copys: no such key; nearest: registry.min_copies
f.toml:14:14: registry.min_copies: wants a whole number from 1 to 100, not 0
f.toml:15:17: registry.copy_deadline: wants a time such as "2s" or "500ms", from 50ms to 60s, not 2
f.toml:16:20: registry.discovery_window: wants a time such as "2s" or "500ms", from 50ms to 60s, not "1h"
f.toml:17:1: registry.interval: no such key; nearest: gossip.interval
f.toml:19:9: log.level: "inof" is neither off, error, warn, info, debug or trace nor MODULE=LEVEL
f.toml:21:12: gossip.insecure: wants true or false, not "yes"
environment FLOE_HOME: no such variable; nearest: FLOE_NODE
environment FLOE_REGISTRY_ROLE: no such variable; nearest: FLOE_REGISTRY__ROLE
environment FLOE_REGISTRY__LOG_KEEP: registry.log_keep: wants a whole number from 16 to 10000000, not "many"
flag --role: registry.role: wants "master" or "replica", not "chief"
"#,
    );
}

#[test]
fn what_does_not_go_together_is_refused() {
    let none = Overrides::default();
    let node = Overrides {
        kind: Some(PeerKind::Node),
        ..Overrides::default()
    };
    let open = GOOD.replace("127.0.0.1:7401", "0.0.0.0:7401");
    let named = "advertise = \"10.0.0.1:7401\"\n";
    let exposed = "is not loopback and there is no TLS: anybody who reaches it could command this peer; \
                   listen on loopback, or accept that with gossip.insecure = true";
    for (text, overrides, expected) in [
        (
            format!("{GOOD}[registry]\n[node]"),
            &none,
            "f.toml:8:2: node: a peer is a registry or a node: [registry] is here too (f.toml:7:2)".to_owned(),
        ),
        (GOOD.to_owned(), &none, "f.toml: wants a section [registry] or [node], even an empty one".to_owned()),
        (
            format!("{GOOD}[registry]\n[allocation]\npolicy = \"fair\""),
            &none,
            "f.toml:9:10: allocation.policy: \"fair\" is no built-in and there is no [allocation.plugin.fair]; known are random, \
             first-fit"
                .to_owned(),
        ),
        // The policy may well be there: of plugins that cannot be read that alone is said.
        (
            format!("{GOOD}[registry]\n[allocation]\npolicy = \"fair\"\n[allocation.plugin.fair]\nfile = \"fair.so\""),
            &none,
            "f.toml:10:13: allocation.plugin: [allocation.plugin.fair] file = \"fair.so\" is not absolute: write the whole path"
                .to_owned(),
        ),
        (
            GOOD.to_owned(),
            &role("master"),
            "f.toml: registry: missing: a registry needs a section [registry], even an empty one".to_owned(),
        ),
        (
            format!("{GOOD}[registry]"),
            &node,
            "f.toml:7:2: registry: this peer is a registry: start it with `floe registry run`, or write [node] instead"
                .to_owned(),
        ),
        (
            format!("{open}[registry]\n[http]\nlisten = \"10.0.0.1:80\""),
            &none,
            format!(
                "f.toml:5:10: peer.advertise: missing: 0.0.0.0:7401 tells other peers nothing; write an address that \
                 they reach\nf.toml:5:10: peer.listen: 0.0.0.0:7401 {exposed}\nf.toml:9:10: http.listen: 10.0.0.1:80 {exposed}"
            ),
        ),
        (
            format!("{GOOD}advertise = \"127.0.0.1:0\"\n[registry]\n[http]"),
            &none,
            "f.toml:7:13: peer.advertise: port 0 is only for a peer that listens on port 0\n\
             f.toml:9:2: http.listen: missing: write it, or leave [http] out to serve no HTTP"
                .to_owned(),
        ),
        (
            "peer = 3\n[[registry]]\n[grid]\nx = 1".to_owned(),
            &none,
            "f.toml: peer.name: missing: name of this peer, unique in the grid\n\
             f.toml: peer.listen: missing: TCP control and UDP gossip, HOST:PORT on one number; port 0 takes a free one\n\
             f.toml: peer.data: missing: data folder of this peer alone\n\
             f.toml: wants a section [registry] or [node], even an empty one\n\
             f.toml:1:1: peer: wants a section [peer], not an integer\n\
             f.toml:2:3: registry: wants a section [registry], not an array\n\
             f.toml:3:1: grid: wants a text, not a table"
                .to_owned(),
        ),
        (
            "grid = \"a\nb = [\n".to_owned(),
            &none,
            "f.toml:1:10: invalid basic string, expected `\"`\nf.toml:2:6: unclosed array, expected `]`".to_owned(),
        ),
    ] {
        refused(&text, &[], overrides, &expected);
    }
    let config = good(&format!("{open}{named}[registry]\n[gossip]\ninsecure = true"), &[]);
    assert_eq!(
        config.warnings(),
        [
            "listening on 0.0.0.0:7401 without TLS: anybody who reaches this address can read and change the grid",
            "gossip is not sealed: anybody who reaches the UDP port can forge members",
        ]
    );
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "secret").unwrap();
    let text = format!("{GOOD}[registry]\n[gossip]\nkey_file = {:?}", key.display().to_string());
    for (mode, fine) in [
        (0o600, true),
        (0o400, true),
        (0o640, true),
        (0o644, false),
        (0o660, false),
        (0o604, false),
    ] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let outcome = read(&text, &[], &Overrides::default()).outcome;
        assert_eq!(outcome.is_ok(), fine, "{mode:o}: {outcome:?}");
    }
    std::fs::remove_file(&key).unwrap();
    let faults = read(&text, &[], &Overrides::default()).outcome.unwrap_err().to_string();
    assert!(
        faults.contains("gossip.key_file: failed to look at") && faults.contains("No such file"),
        "{faults}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_one_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent.toml");
    let faults = super::load(&path, &Overrides::default()).unwrap_err().to_string();
    let shown = path.display();
    assert_eq!(
        faults,
        format!("{shown}: failed to open the configuration: No such file or directory (os error 2)")
    );
    std::fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).unwrap();
    let faults = super::load(&path, &Overrides::default()).unwrap_err().to_string();
    assert_eq!(faults, format!("{shown}: the configuration is larger than 1 MiB"));
}

/// Pieces of which some make sense: pure noise would only ever meet the parser.
fn toml_like() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("grid = \"shop\"".to_owned()),
        Just("[peer]\nname = \"r1\"\nlisten = \"127.0.0.1:0\"\ndata = \"d\"".to_owned()),
        prop::sample::select(vec![
            "[registry]",
            "[node]",
            "[http]",
            "[gossip]",
            "[[peer]]",
            "[log]",
            "[a.b]"
        ])
        .prop_map(str::to_owned),
        (
            "[a-z_.\"]{1,12}|role|min_copies|interval|listen|level|advertise|locator",
            prop_oneof![
                "[0-9xe_+.-]{1,30}",
                "\"\\PC{0,40}\"",
                "\\[.{0,20}\\]",
                "\\{.{0,20}\\}",
                Just("1979-05-27".to_owned()),
                Just("true".to_owned()),
                Just("\"1s\"".to_owned()),
                Just("\"127.0.0.1:7401\"".to_owned()),
                Just("99999999999999999999999999999999999999999999999999".to_owned()),
                Just("nan".to_owned()),
            ]
        )
            .prop_map(|(key, value)| format!("{key} = {value}")),
        "\\PC{0,30}",
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_fall_over(
        text in toml_like(),
        name in "FLOE_[A-Z_]{0,20}|FLOE_REGISTRY__ROLE|FLOE_PEER__LOCATOR|FLOE_GOSSIP__INTERVAL",
        value in "\\PC{0,30}",
    ) {
        let reading = read(&text, &[(&name, &value)], &Overrides::default());
        if let Err(faults) = reading.outcome {
            prop_assert!(!faults.list().is_empty());
            prop_assert!(!faults.to_string().is_empty());
        }
    }
}
