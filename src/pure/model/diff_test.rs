use super::super::fixture::{application, deployed};
use super::*;

fn text(node: &str, server: &str, adapter: &str, group: &str) -> String {
    format!(
        "application = \"a\"\n[[group]]\nid = \"g\"\n{group}\n[[node.{node}.server]]\nid = \"s\"\n{server}\n\
         [[node.{node}.server.adapter]]\nname = \"h\"\n{adapter}\n[[node.n1.server]]\nid = \"other\"\nrun = [\"x\"]\n"
    )
}

type Count = dyn Fn(&Plan) -> usize;

#[test]
fn what_changes_decides_what_happens_and_is_told() {
    let run = "run = [\"a\"]";
    let end = "endpoint = \"tcp://h:1\"";
    let base = text("n1", run, end, "");
    let with = |server: &str| text("n1", &format!("{run}\n{server}"), end, "");
    let with_adapter = |fields: &str| text("n1", run, &format!("{end}\n{fields}"), "");
    let restarted = |plan: &Plan| plan.restarted.len();
    let changed = |plan: &Plan| plan.changed.len();
    let unchanged = |plan: &Plan| plan.unchanged.len() - 1;
    let table: Vec<(String, &Count, &str)> = vec![
        (
            text("n1", "run = [\"b\"]", end, ""),
            &restarted,
            "server s: run: [\"a\"] -> [\"b\"]",
        ),
        (text("n2", run, end, ""), &restarted, "server s: node: \"n1\" -> \"n2\""),
        (
            with("environment = { A = \"1\" }"),
            &restarted,
            "server s: environment A: none -> \"1\"",
        ),
        (
            with("directory = \"/d\""),
            &restarted,
            "server s: directory: none -> \"/d\"",
        ),
        (with("port = { p = 1 }"), &restarted, "server s: port p: none -> 1"),
        (
            with("ready = { tcp = \"h\" }"),
            &restarted,
            "server s: ready: AtOnce -> Tcp(\"h\")",
        ),
        (
            text("n1", run, "endpoint = \"tcp://h:2\"", ""),
            &restarted,
            "server s: endpoint h: \"tcp://h:1\" -> \"tcp://h:2\"",
        ),
        (
            with("activation = \"always\""),
            &changed,
            "server s: activation: Manual -> Always",
        ),
        (
            with("activation_timeout = \"1s\""),
            &changed,
            "server s: activation_timeout: 60s -> 1s",
        ),
        (
            with("deactivation_timeout = \"1s\""),
            &changed,
            "server s: deactivation_timeout: 60s -> 1s",
        ),
        (
            with_adapter("priority = 2"),
            &changed,
            "server s: adapter h priority: 0 -> 2",
        ),
        (
            with_adapter("group = \"g\""),
            &changed,
            "server s: adapter h group: none -> \"g\"",
        ),
        (
            with_adapter("id = \"i\""),
            &restarted,
            "server s: adapter h id: \"s.h\" -> \"i\"",
        ),
        (
            text("n1", run, end, "balance = \"ordered\""),
            &unchanged,
            "group g: balance: Random -> Ordered",
        ),
        (
            text("n1", run, end, "object = [{ id = \"o\" }]"),
            &unchanged,
            "object o: added",
        ),
    ];
    let deployment = deployed(&[&base]);
    for (text, count, line) in table {
        let plan = deployment.plan(&application(&text)).unwrap();
        assert_eq!(
            (count(&plan), plan.details.as_slice()),
            (1, [line.to_owned()].as_slice()),
            "{plan:?}"
        );
        assert_eq!(
            plan.restarted.len() + plan.changed.len() + plan.unchanged.len(),
            2,
            "{plan:?}"
        );
    }
}

#[test]
fn equal_sides_are_unchanged_and_a_removal_removes_all() {
    let base = text(
        "n1",
        "run = [\"a\"]",
        "endpoint = \"tcp://h:1\"",
        "object = [{ id = \"o\" }]",
    );
    let deployment = deployed(&[&base]);
    let both = ["other", "s"].map(|id| id.parse::<ServerId>().unwrap()).to_vec();
    let unchanged = Plan {
        unchanged: both.clone(),
        ..Plan::default()
    };
    assert_eq!(deployment.plan(&application(&base)), Ok(unchanged));
    let removal = deployment.plan_removal(&"a".parse().unwrap()).unwrap();
    assert_eq!(removal.removed, both);
    let lines = [
        "server other: removed from node n1",
        "server s: removed from node n1",
        "group g: removed",
        "object o: removed",
    ];
    assert_eq!(removal.details, lines);
    assert_eq!(deployment.plan_removal(&"b".parse().unwrap()), None);
    let added = super::super::Deployment::default().plan(&application(&base)).unwrap();
    assert_eq!(added.added, both);
}

#[test]
fn details_are_bounded() {
    let mut details = Details::default();
    for _ in 0..=DETAILS_MAX {
        details.field("run", &"x".repeat(10_000), &String::new());
    }
    let lines = details.finish();
    assert_eq!(lines.len(), DETAILS_MAX + 1);
    assert_eq!(lines.last().map(String::as_str), Some("further changes: 1"));
    assert!(lines.iter().all(|line| line.len() < 400));
}
