use super::super::Deployment;
use super::super::descriptor::Balance;
use super::super::fixture::application;
use super::*;
use proptest::prelude::*;

const TEXT: &str = r#"
application = "a"
variables = { where = "test", kept = "k" }
[properties.db]
set = { host = "h", port = "1" }
[template.t]
parameters = { i = {} }
id = "t${i}"
run = ["p", "${where}", "${version}"]
[[group]]
id = "g"
balance = "ordered"
object = [{ id = "o", type = "x" }]
[[node.n1.server]]
id = "s"
run = ["p"]
activation = "always"
environment = { A = "1" }
[target.production]
variables = { where = "production" }
group = [{ id = "g", count = 0 }, { id = "h" }]
[target.production.properties.db]
set = { host = "p" }
[[target.production.node.n1.server]]
id = "s"
environment = { B = "2" }
[[target.production.node.n2.server]]
id = "more"
run = ["p"]
[target.debug]
template = { t = { run = ["gdb"] } }
node = { n1 = { server = [{ id = "s", activation = "manual", environment = { A = "debug" } }] } }
"#;

fn chosen(targets: &[&str], values: &[&str]) -> Result<Application, String> {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let result = application(TEXT).choose(&own(targets), &own(values));
    result.map_err(|error| error.to_string())
}

/// S-DEP-06: targets on and off.
#[test]
fn s_dep_06_chosen_targets_are_laid_over() {
    let base = chosen(&[], &[]).unwrap();
    assert_eq!(
        (base.variables["where"].as_str(), base.nodes.len(), base.targets.len()),
        ("test", 1, 0)
    );
    let both = chosen(&["production", "debug"], &["version=7=8"]).unwrap();
    assert_eq!(
        (both.variables["where"].as_str(), both.variables["kept"].as_str()),
        ("production", "k")
    );
    assert_eq!(both.variables["version"], "7=8");
    assert_eq!(
        both.property_sets["db"].set.len(),
        1,
        "a set takes the place of the one of its name"
    );
    assert_eq!(
        (
            both.groups[0].count,
            both.groups[0].balance,
            both.groups[0].objects.len()
        ),
        (0, Balance::Ordered, 1)
    );
    assert_eq!((both.groups[1].count, both.groups.len()), (1, 2));
    assert_eq!(
        (both.templates["t"].run.as_slice(), both.templates["t"].id.as_str()),
        (["gdb".to_owned()].as_slice(), "t${i}")
    );
    let server = &both.nodes["n1"].servers[0];
    assert_eq!(server.run, ["p"]);
    assert_eq!(server.activation, Some(super::super::Activation::Manual));
    let environment: Vec<(&str, &str)> = server
        .environment
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(environment, [("A", "debug"), ("B", "2")]);
    assert_eq!(both.nodes.len(), 2);
    for application in [base, both] {
        assert!(Deployment::default().check(&application).is_ok());
    }
}

#[test]
fn what_cannot_be_chosen_is_refused() {
    for (targets, values, expected) in [
        (
            &["prod"][..],
            &[][..],
            "there is no target prod; this application has debug, production",
        ),
        (&[], &["where"], "\"where\" is no NAME=VALUE"),
        (&[], &["=x"], "variable \"\" may hold only letters"),
        (&[], &["node=x"], "variable `node` is reserved"),
        (
            &[],
            &["wher=x"],
            "variable `wher` is neither declared nor used in this application; did you mean `where`?",
        ),
    ] {
        let error = chosen(targets, values).unwrap_err();
        assert!(error.starts_with(expected), "wanted {expected:?}, got {error:?}");
    }
    let none = application("application = \"a\"")
        .choose(&["t".to_owned()], &[])
        .unwrap_err();
    assert_eq!(none.to_string(), "there is no target t; this application has none");
    // The registry takes no targets: what was not chosen must not be ignored.
    let faults = Deployment::default().check(&application(TEXT)).unwrap_err();
    assert!(
        faults
            .iter()
            .any(|fault| fault.to_string().contains("none may be left: debug, production")),
        "{faults:?}"
    );
}

proptest! {
    /// Targets that touch different things may be chosen in any order.
    #[test]
    fn disjoint_targets_commute(keys in prop::collection::btree_set("[a-f]", 0..6), split in 0..6_usize, value in "[a-z]{1,4}") {
        let keys: Vec<String> = keys.into_iter().collect();
        let (one, other) = keys.split_at(split.min(keys.len()));
        let target = |name: &str, keys: &[String]| {
            let servers = keys.iter().map(|key| {
                format!(
                    "[[target.{name}.node.n1.server]]\nid = \"{key}\"\nrun = [\"{value}\"]\n[[target.{name}.group]]\nid = \"g{key}\"\ncount = 2\n[target.{name}.template.{key}]\nrun = [\"{value}\"]\n"
                )
            });
            servers.collect::<Vec<_>>().concat()
        };
        let base = "application = \"a\"\n[[node.n1.server]]\nid = \"a\"\nrun = [\"p\"]\n[[group]]\nid = \"gb\"\n[template.c]\nrun = [\"p\"]\n[target.one]\n[target.other]\n";
        let text = format!("{base}{}{}", target("one", one), target("other", other));
        let of = |order: [&str; 2]| {
            let mut chosen = application(&text).choose(&order.map(str::to_owned), &[]).unwrap();
            chosen.groups.sort_by(|a, b| a.id.cmp(&b.id));
            for node in chosen.nodes.values_mut() {
                node.servers.sort_by(|a, b| a.id.cmp(&b.id));
            }
            chosen
        };
        prop_assert_eq!(of(["one", "other"]), of(["other", "one"]));
    }
}
