//! What IceGrid's tests ask of a deployment (`S-DEP`, `S-UPD`).

use super::fixture::{application, deployed, expanded, faults_of, map, refused, server};
use super::{Application, Deployment, Update};
use std::collections::BTreeMap;

/// S-DEP-02: parameter beats node beats application; reserved names; escapes stay literal.
#[test]
fn s_dep_02_the_nearest_variable_wins() {
    let expansion = expanded(
        r#"
        application = "a"
        variables = { x = "application", y = "application", z = "application", at = "${node}" }
        [template.t]
        parameters = { x = {}, given = { default = "${y}" } }
        id = "s-${x}"
        run = ["p", "${x}", "${y}", "${z}", "${given}", "${application}/${node}/${server}", "$${x} $$$${x}", "${at}"]
        [node.n1]
        variables = { x = "node", y = "node" }
        server = [{ template = "t", with = { x = "parameter-${z}" } }, { id = "${x}", run = ["${x}", "${y}", "${z}"] }]
        "#,
    );
    let run = [
        "p",
        "parameter-application",
        "node",
        "application",
        "node",
        "a/n1/s-parameter-application",
    ];
    let run = run.into_iter().chain(["$${x} $$$${x}", "n1"]).collect::<Vec<_>>();
    assert_eq!(server(&expansion, "s-parameter-application").run, run);
    assert_eq!(server(&expansion, "node").run, ["node", "node", "application"]);
}

/// S-DEP-03: defaults, overriding, extras of an instance; a template without parameters is the plain server.
#[test]
fn s_dep_03_a_server_is_laid_over_its_template() {
    let expansion = expanded(
        r#"
        application = "a"
        group = [{ id = "g" }]
        [template.t]
        parameters = { index = { default = "0" } }
        id = "s-${index}"
        run = ["p"]
        activation = "always"
        environment = { A = "1", B = "${index}" }
        limits = { cpu = "1.5", memory = "1GiB" }
        output = { keep = 2 }
        port = { http = 80, admin = 0 }
        log = { main = "/log/${server}" }
        labels = { tier = "web", zone = "a" }
        file = [{ name = "${index}.conf", set = { a = "1", b = "2" } }]
        object = [{ id = "o-${index}", type = "page" }]
        allocatable = [{ id = "l-${index}", type = "gpu", attributes = { memory = "1", zone = "a" } }]
        adapter = [{ name = "h", group = "g", endpoint = "tcp://h:1", priority = 3 }, { name = "i", endpoint = "tcp://h:2" }]
        [[node.n1.server]]
        template = "t"
        [[node.n1.server]]
        template = "t"
        id = "own"
        with = { index = "7" }
        run = ["q"]
        environment = { B = "b", C = "c" }
        limits = { memory = "2GiB" }
        output = { rotate = "1MiB" }
        port = { http = 0 }
        log = { other = "/x" }
        labels = { zone = "b" }
        file = [{ name = "7.conf", set = { b = "3" } }, { name = "more", set = {} }]
        object = [{ id = "o-7", type = "form" }, { id = "extra" }]
        allocatable = [{ id = "l-7", attributes = { zone = "b" } }]
        adapter = [{ name = "i", endpoint = "tcp://h:3" }, { name = "h", id = "mine", priority = 0 }]
        "#,
    );
    let plain = server(&expansion, "s-0");
    assert_eq!(
        (plain.run.as_slice(), plain.adapters[0].priority),
        (["p".to_owned()].as_slice(), 3)
    );
    assert_eq!(plain.environment, map(&[("A", "1"), ("B", "0")]));
    let own = server(&expansion, "own");
    assert_eq!(own.run, ["q"]);
    assert_eq!(own.activation, super::Activation::Always);
    assert_eq!(own.environment, map(&[("A", "1"), ("B", "b"), ("C", "c")]));
    assert_eq!(
        (own.limits.cpu_millis, own.limits.memory_bytes),
        (Some(1500), Some(2 << 30))
    );
    assert_eq!((own.output.keep, own.output.rotate_bytes), (2, 1 << 20));
    assert_eq!(own.ports, [("admin".to_owned(), 0), ("http".to_owned(), 0)].into());
    assert_eq!(own.logs, map(&[("main", "/log/own"), ("other", "/x")]));
    assert_eq!(own.labels, map(&[("tier", "web"), ("zone", "b")]));
    let files: Vec<_> = own
        .files
        .iter()
        .map(|file| (file.name.as_str(), file.properties.clone()))
        .collect();
    assert_eq!(files, [("7.conf", map(&[("a", "1"), ("b", "3")])), ("more", map(&[]))]);
    let adapters: Vec<_> = own
        .adapters
        .iter()
        .map(|one| (one.id.as_str(), one.endpoint.as_str(), one.priority))
        .collect();
    assert_eq!(adapters, [("mine", "tcp://h:1", 0), ("own.i", "tcp://h:3", 0)]);
    let objects: Vec<_> = expansion
        .objects
        .iter()
        .map(|object| (object.id.as_str(), object.kind.as_str()))
        .collect();
    assert_eq!(objects, [("o-0", "page"), ("o-7", "form"), ("extra", "")]);
    let lease = expansion.allocatables.last().unwrap();
    assert_eq!(
        (lease.id.as_str(), lease.kind.as_str(), lease.server.as_str()),
        ("l-7", "gpu", "own")
    );
    assert_eq!(lease.attributes, map(&[("memory", "1"), ("zone", "b")]));
    assert_eq!(lease.home.as_ref().map(ToString::to_string).as_deref(), Some("mine"));
}

/// S-DEP-04, S-UPD-07: sets in sets, a node's own, the order of override, diamonds.
#[test]
fn s_dep_04_property_sets_add_up_in_order() {
    let expansion = expanded(
        r#"
        application = "a"
        variables = { x = "1" }
        [properties]
        base = { set = { who = "base", a = "${x}", b = "base", at = "${server} ${port.http}" } }
        left = { use = ["base"], set = { who = "left" } }
        right = { use = ["base"], set = { who = "right", b = "right" } }
        both = { use = ["left", "right"] }
        needs = { use = ["local"] }
        [node.n1]
        properties = { local = { use = ["base"], set = { who = "local" } } }
        server = [{ id = "s", run = ["p"], file = [
            { name = "one", use = ["both"], set = { c = "own $$5" } },
            { name = "two", use = ["right", "left"], set = { who = "own" } },
            { name = "three", use = ["needs"] },
            { name = "four" },
        ] }]
        [node.n2]
        properties = { base = { set = { who = "other" } }, local = {} }
        server = [{ id = "t", run = ["p"], file = [{ name = "one", use = ["left", "needs"] }, { name = "two", use = ["base"] }] }]
        "#,
    );
    let files = |id: &str| -> Vec<BTreeMap<String, String>> {
        server(&expansion, id)
            .files
            .into_iter()
            .map(|file| file.properties)
            .collect()
    };
    let at = ("at", "s ${port.http}");
    assert_eq!(
        files("s"),
        [
            map(&[at, ("a", "1"), ("b", "right"), ("who", "right"), ("c", "own $$5")]),
            map(&[at, ("a", "1"), ("b", "base"), ("who", "own")]),
            map(&[at, ("a", "1"), ("b", "base"), ("who", "local")]),
            map(&[]),
        ]
    );
    assert_eq!(files("t"), [map(&[("who", "left")]), map(&[("who", "other")])]);
    assert_eq!(server(&expansion, "s").ports, [("http".to_owned(), 0)].into());
}

/// S-DEP-05, S-UPD-02, S-UPD-03, S-UPD-07, S-UPD-09: refused as a whole, with what to mend.
#[test]
fn s_dep_05_s_upd_02_what_does_not_fit_its_template_is_refused() {
    let template = "[template.web]\nparameters = { index = {}, port = { default = \"0\" } }\nid = \"s-${index}\"\nrun = [\"p\", \"${index}\"]";
    refused(
        template,
        &[
            // S-UPD-02
            (
                "[[node.n1.server]]\ntemplate = \"web\"",
                "node n1, server : with: template web wants a value for its parameter `index`: write with = { index",
            ),
            // S-UPD-03: a template in use is gone, or has another name.
            (
                "[[node.n1.server]]\ntemplate = \"wep\"\nwith = { index = \"1\" }",
                "node n1, server : template: \"wep\" is not declared in this application; did you mean `web`?",
            ),
            (
                "[[node.n1.server]]\ntemplate = \"web\"\nwith = { index = \"1\", prot = \"2\" }",
                "with prot: template web has no parameter `prot`; did you mean `port`?",
            ),
            (
                "[[node.n1.server]]\ntemplate = \"web\"\nwith = { index = \"${index}\" }",
                "with index: variable `index` has no value here",
            ),
            (
                "[[node.n1.server]]\ntemplate = \"web\"\nwith = { index = \"${server}\" }",
                "with index: variable `server` has no value here",
            ),
            (
                "[[node.n1.server]]\nid = \"s\"\nrun = [\"p\"]\nwith = { index = \"1\" }",
                "server s: with: gives values to a template's parameters",
            ),
            (
                "[[node.n1.server]]\nid = \"s\"\nrun = [\"p\"]\nparameters = { index = {} }",
                "server s: parameters: stand only in a template",
            ),
            (
                "[template.u]\ntemplate = \"web\"",
                "template u: is made from template web, but a template has none",
            ),
            (
                "[template.u]\nwith = { a = \"1\" }",
                "template u: with stands in servers",
            ),
            (
                "[template.u]\nparameters = { server = {} }",
                "template u: parameter `server` is reserved",
            ),
            (
                "[template.u]\nparameters = { \"a b\" = {} }",
                "template u: parameter \"a b\" may hold only",
            ),
            (
                "[template.u]\nrun = [\"p\"]\n[[node.n1.server]]\ntemplate = \"u\"",
                "server : id: neither the server nor its template gives one",
            ),
            (
                "[[node.n1.server]]\ntemplate = \"web\"\nwith = { index = \"1\" }\nadapter = [{ name = \"x\" }]",
                "adapter x: endpoint \"\" is no URI",
            ),
            (
                "[[node.n1.server]]\ntemplate = \"web\"\nwith = { index = \"1\" }\n[[node.n2.server]]\ntemplate = \"web\"\nwith = { index = \"1\" }",
                "node n2, server s-1: server s-1 is declared twice",
            ),
            (
                "[template.u]\nid = \"s\"\nrun = [\"p\"]\nparameters = { a = {}, b = { default = \"${a}\" } }\n[[node.n1.server]]\ntemplate = \"u\"\nwith = { a = \"1\" }",
                "node n1, server : default of parameter `b`: variable `a` has no value here",
            ),
            // S-UPD-07
            (
                "[properties]\na = { use = [\"b\"] }\nb = { use = [\"a\"] }",
                "property sets go round in a circle: a -> b -> a",
            ),
            (
                "[properties]\na = { use = [\"a\"] }",
                "properties a: use: property sets go round in a circle: a -> a",
            ),
            (
                "[properties]\nabc = { use = [\"abd\"] }",
                "properties abc: use: property set \"abd\" is not declared in this application; did you mean `abc`?",
            ),
            (
                "[node.n1.properties]\na = { use = [\"b\"] }",
                "node n1, properties a: use: property set \"b\" is not declared in this application",
            ),
            (
                "[properties]\na = { use = [\"b\"] }\n[node.n1.properties]\nb = {}\n[[node.n2.server]]\nid = \"s\"\nrun = [\"p\"]\nfile = [{ name = \"f\", use = [\"a\"] }]",
                "properties a: use: property set \"b\" is not declared for node n2",
            ),
        ],
    );
    // S-UPD-07, S-UPD-09
    let server = "[[node.n1.server]]\nid = \"s\"\nrun = [\"${x}\"]";
    refused(
        server,
        &[(
            "[node.n2.variables]\nx = \"1\"",
            "server s: run[0]: variable `x` has no value here",
        )],
    );
    refused(
        "variables = { x = \"${y}\", y = \"${x}\" }",
        &[(server, "variables go round in a circle: x -> y -> x")],
    );
}

/// S-UPD-04: changing a template changes every server of it. S-UPD-03: a template that is in use cannot go.
#[test]
fn s_upd_04_a_template_changes_all_its_servers() {
    let text = |run: &str| {
        format!(
            "application = \"a\"\n[template.t]\nparameters = {{ i = {{}} }}\nid = \"s${{i}}\"\nrun = [\"{run}\"]\n\
             [node.n1]\nserver = [{{ template = \"t\", with = {{ i = \"1\" }} }}, {{ template = \"t\", with = {{ i = \"2\" }} }}, {{ id = \"o\", run = [\"x\"] }}]\n"
        )
    };
    let mut deployment = deployed(&[&text("a")]);
    let plan = deployment.plan(&application(&text("b"))).unwrap();
    assert_eq!((plan.restarted.len(), plan.unchanged.len()), (2, 1));
    let before = deployment.clone();
    let without = Application {
        templates: BTreeMap::new(),
        ..application(&text("a"))
    };
    let update = Update::PutApplication(std::sync::Arc::new(super::fixture::record(without, 2)));
    assert_eq!(deployment.apply(&update, 2).unwrap_err().len(), 2);
    assert_eq!(deployment, before, "refused as a whole");
    assert_eq!(Deployment::restore(&deployment.values()), Ok(deployment));
}

/// S-UPD-05: an allocatable and an ordinary object of one id.
#[test]
fn s_upd_05_an_allocatable_shares_its_id_only_with_an_object_of_its_adapter() {
    let server = |id: &str, lines: &str| {
        format!(
            "[[node.n1.server]]\nid = \"{id}\"\nrun = [\"p\"]\nadapter = [{{ name = \"a\", endpoint = \"tcp://h:1\" }}, {{ name = \"b\", endpoint = \"tcp://h:2\" }}]\n{lines}\n"
        )
    };
    let both = server(
        "s",
        "object = [{ id = \"x\" }]\nallocatable = [{ id = \"x\", type = \"gpu\" }]",
    );
    let expansion = expanded(&format!("application = \"a\"\n{both}"));
    assert_eq!((expansion.objects.len(), expansion.allocatables.len()), (1, 1));
    let lease = "allocatable = [{ id = \"x\" }]";
    let elsewhere = "node n1, server s, allocatable x: id x is also that of object x";
    refused(
        "",
        &[
            (
                &server(
                    "s",
                    "object = [{ id = \"x\", adapter = \"b\" }]\nallocatable = [{ id = \"x\" }]",
                ),
                elsewhere,
            ),
            (
                &format!("{}{}", server("t", "object = [{ id = \"x\" }]"), server("s", lease)),
                elsewhere,
            ),
            (
                &format!("{}{}", server("t", lease), server("s", lease)),
                "allocatable x: id x is also that of another allocatable",
            ),
            (
                &format!(
                    "[[group]]\nid = \"g\"\nobject = [{{ id = \"x\" }}]\n{}",
                    server("s", lease)
                ),
                elsewhere,
            ),
            (
                &server("s", "allocatable = [{ id = \"s.b\" }]"),
                "allocatable s.b: id s.b is also that of node n1, server s, adapter b",
            ),
            (
                &server("s", "allocatable = [{ id = \"x\", adapter = \"c\" }]"),
                "allocatable x: adapter \"c\" is not one of this server",
            ),
        ],
    );
    // What other applications hold.
    let deployment = deployed(&[&format!("application = \"other\"\n{both}")]);
    for (lines, what) in [
        ("allocatable = [{ id = \"x\" }]", "an object"),
        ("object = [{ id = \"x\" }]", "an object"),
    ] {
        let text = format!("application = \"a\"\n{}", server("mine", lines));
        let faults = faults_of(&deployment, &text);
        assert!(
            faults.len() == 1 && faults[0].ends_with(&format!("id x is taken by {what} of application other")),
            "{faults:?}"
        );
    }
    // A resource need not be reachable.
    let bare = expanded(
        "application = \"a\"\n[[node.n1.server]]\nid = \"s\"\nrun = [\"p\"]\nactivation = \"session\"\nexclusive = false\nallocatable = [{ id = \"licence\" }]",
    );
    assert_eq!(bare.allocatables[0].home, None);
    assert!(bare.servers[0].1.exclusive, "session activation implies it");
}

/// S-UPD-09: a node's variable wins, also when it comes later.
#[test]
fn s_upd_09_a_nodes_variable_wins_over_the_applications() {
    let text = |node: &str| {
        format!(
            "application = \"a\"\nvariables = {{ x = \"1\" }}\n[node.n1]\nvariables = {{ {node} }}\nserver = [{{ id = \"s\", run = [\"${{x}}\"] }}]\n"
        )
    };
    let deployment = deployed(&[&text("")]);
    let plan = deployment.plan(&application(&text("x = \"2\""))).unwrap();
    assert_eq!(plan.details, ["server s: run: [\"1\"] -> [\"2\"]"]);
}
