//! The files in `dashboards/`: every query parses and names only metrics, labels and label values of the catalogue; the
//! board is well laid out; promtool agrees, where it is installed (Debian package `prometheus`; a must when `CI=true`).

use floe::io::telemetry::metrics::{CATALOGUE, Kind, Metric, Metrics};
use floe::pure::membership::PeerKind;
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{self, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Labels that the scrape adds to every series.
const SCRAPE_LABELS: [&str; 5] = ["grid", "peer", "peer_kind", "instance", "job"];
/// Series that Prometheus itself writes for every target.
const PROMETHEUS_SERIES: [&str; 1] = ["up"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

/// A file of `dashboards/`.
pub(crate) fn text(name: &str) -> String {
    let path = folder().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

fn board() -> Value {
    serde_json::from_str(&text("grafana-floe.json")).expect("the board is JSON")
}

/// Panels that ask something, rows left out.
fn panels(board: &Value) -> Vec<&Value> {
    let all = board["panels"].as_array().expect("the board has panels").iter();
    all.filter(|panel| panel["type"] != "row").collect()
}

/// One rule of a rules file.
#[derive(Debug)]
struct Rule {
    /// Of the recorded series, or of the alert.
    name: String,
    is_alert: bool,
    query: String,
    /// All its lines.
    text: String,
}

/// The rules of a file. Reads the YAML that we write: `- record:` or `- alert:`, and `expr:` on one line or as a block.
fn rules(file: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut block: Option<usize> = None;
    for line in text(file).lines() {
        let words = line.trim_start();
        let indent = line.len() - words.len();
        let start = ["- record: ", "- alert: "]
            .iter()
            .find_map(|start| words.strip_prefix(start));
        if let Some(name) = start {
            rules.push(Rule {
                name: name.trim().to_owned(),
                is_alert: words.starts_with("- alert"),
                query: String::new(),
                text: String::new(),
            });
        }
        let Some(rule) = rules.last_mut() else { continue };
        rule.text.push_str(line);
        rule.text.push('\n');
        if block.is_some_and(|of| indent > of) {
            rule.query.push_str(line);
            rule.query.push('\n');
            continue;
        }
        block = None;
        match words.strip_prefix("expr:").map(str::trim) {
            Some("|") => block = Some(indent),
            Some(query) => query.clone_into(&mut rule.query),
            None => {}
        }
    }
    rules
}

/// A query of the board with Grafana's variables filled in.
fn filled_in(query: &str) -> String {
    query
        .replace("$__rate_interval", "1m")
        .replace("$__range", "1h")
        .replace("$grid", "shop")
}

/// Checks one query against the catalogue; collects what is wrong in words.
struct Checker<'a> {
    recorded: &'a BTreeSet<String>,
    faults: Vec<String>,
    labels: BTreeSet<&'static str>,
}

fn find(series: &str) -> Option<(&'static Metric, Option<&'static str>)> {
    CATALOGUE.iter().find_map(|metric| {
        let all = metric.series();
        let found = all.into_iter().find(|(name, _)| name == series);
        found.map(|(_, extra)| (metric, extra))
    })
}

impl Checker<'_> {
    fn fault(&mut self, text: String) {
        self.faults.push(text);
    }
    /// `over_time`: the selector has a range, which counters need and gauges do not.
    fn selector(&mut self, selector: &VectorSelector, over_time: bool) {
        let Some(name) = &selector.name else {
            return self.fault("a selector without a name".to_owned());
        };
        self.labels.extend(SCRAPE_LABELS);
        if PROMETHEUS_SERIES.contains(&name.as_str()) || self.recorded.contains(name) {
            for matcher in &selector.matchers.matchers {
                if !SCRAPE_LABELS.contains(&matcher.name.as_str()) {
                    self.fault(format!("{name} has no label {}", matcher.name));
                }
            }
            return;
        }
        let Some((metric, extra)) = find(name) else {
            return self.fault(format!("{name} is not in the catalogue"));
        };
        if (metric.kind == Kind::Gauge) == over_time {
            self.fault(format!("{name} is a {:?}, range: {over_time}", metric.kind));
        }
        self.labels
            .extend(metric.labels.iter().map(|label| label.name).chain(extra));
        for matcher in &selector.matchers.matchers {
            self.matcher(metric, extra, matcher);
        }
        if !selector.matchers.or_matchers.is_empty() {
            self.fault(format!("{name}: `or` between matchers is not for every Prometheus"));
        }
    }
    fn matcher(&mut self, metric: &Metric, extra: Option<&str>, matcher: &Matcher) {
        let name = matcher.name.as_str();
        if SCRAPE_LABELS.contains(&name) || extra == Some(name) {
            return;
        }
        let Some(label) = metric.labels.iter().find(|label| label.name == name) else {
            return self.fault(format!("{} has no label {name}", metric.name));
        };
        let values: Vec<&str> = match &matcher.op {
            MatchOp::Equal | MatchOp::NotEqual => vec![&matcher.value],
            MatchOp::Re(_) | MatchOp::NotRe(_) => matcher.value.split('|').collect(),
        };
        for value in values {
            if !label.values.contains(&value) {
                self.fault(format!("{} has no {name}={value:?}", metric.name));
            }
        }
    }
    fn check_labels<'l>(&mut self, used: impl Iterator<Item = &'l String>) {
        for label in used {
            if !self.labels.contains(label.as_str()) {
                self.fault(format!("no selector here has the label {label}"));
            }
        }
    }
}

impl ExprVisitor for Checker<'_> {
    type Error = ();
    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, ()> {
        match expression {
            Expr::VectorSelector(selector) => self.selector(selector, false),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs, true),
            _ => {}
        }
        Ok(true)
    }
    // After the children: by then the labels below are known.
    fn post_visit(&mut self, expression: &Expr) -> Result<bool, ()> {
        match expression {
            Expr::Aggregate(aggregate) => {
                if let Some(modifier) = &aggregate.modifier {
                    self.check_labels(modifier.labels().labels.iter());
                }
            }
            Expr::Binary(binary) => {
                if let Some(matching) = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref()) {
                    self.check_labels(matching.labels().labels.iter());
                }
            }
            _ => {}
        }
        Ok(true)
    }
}

/// What is wrong with a query; and the labels that its series may have.
fn check(query: &str, recorded: &BTreeSet<String>) -> (Vec<String>, BTreeSet<&'static str>) {
    let mut checker = Checker {
        recorded,
        faults: Vec::new(),
        labels: BTreeSet::new(),
    };
    match parser::parse(query) {
        Ok(expression) => drop(walk_expr(&mut checker, &expression)),
        Err(error) => checker.fault(format!("does not parse: {error}")),
    }
    (checker.faults, checker.labels)
}

/// `{{label}}` in a legend.
fn legend_labels(legend: &str) -> Vec<&str> {
    let parts = legend.split("{{").skip(1);
    parts
        .filter_map(|part| part.split("}}").next())
        .map(str::trim)
        .collect()
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let recorded = BTreeSet::from(["grid:known:sum".to_owned()]);
    for good in [
        "sum by (grid, standing) (floe_registry_standing{standing=\"leading\"})",
        "histogram_quantile(0.9, sum by (le) (rate(floe_store_commit_duration_seconds_bucket[1m])))",
        "up == 0 unless on (grid) grid:known:sum > 0",
    ] {
        assert_eq!(check(good, &recorded).0, Vec::<String>::new(), "{good}");
    }
    for (bad, words) in [
        ("floe_registry_standings", "not in the catalogue"),
        ("sum by (grid) (", "does not parse"),
        ("floe_registry_standing{state=\"leading\"}", "no label state"),
        ("floe_registry_standing{standing=\"ruling\"}", "no standing=\"ruling\""),
        (
            "floe_registry_standing{standing=~\"leading|ruling\"}",
            "no standing=\"ruling\"",
        ),
        (
            "sum by (standing) (floe_registry_epoch)",
            "no selector here has the label standing",
        ),
        ("floe_registry_epoch > on (role) floe_registry_serial", "label role"),
        ("floe_events_total", "range: false"),
        ("rate(floe_registry_epoch[1m])", "range: true"),
        ("grid:unknown:sum", "not in the catalogue"),
        ("{grid=\"shop\"}", "without a name"),
    ] {
        let faults = check(bad, &recorded).0;
        assert!(faults.iter().any(|fault| fault.contains(words)), "{bad}: {faults:?}");
    }
}

#[test]
fn rules_ask_only_for_what_there_is() {
    let all: Vec<Rule> = ["floe-rules.yml", "floe-alerts.yml"]
        .into_iter()
        .flat_map(rules)
        .collect();
    let recorded: BTreeSet<String> = all
        .iter()
        .filter(|rule| !rule.is_alert)
        .map(|rule| rule.name.clone())
        .collect();
    assert!(!recorded.is_empty() && all.len() > recorded.len(), "{all:?}");
    for rule in &all {
        let faults = check(&rule.query, &recorded).0;
        assert!(faults.is_empty(), "{}: {faults:?} in {}", rule.name, rule.query);
    }
}

#[test]
fn every_alert_says_what_to_do_and_is_tested_both_ways() {
    let tests = text("floe-rules-test.yml");
    for alert in rules("floe-alerts.yml").iter().filter(|rule| rule.is_alert) {
        for part in ["severity: ", "summary: ", "description: ", "next: ", "for: "] {
            assert!(alert.text.contains(part), "{} has no {part}", alert.name);
        }
        let inline = format!("alertname: {}, exp_alerts: []", alert.name);
        assert!(
            tests.contains(&inline),
            "{} has no case in which it is silent",
            alert.name
        );
        let block = format!("alertname: {}\n        exp_alerts:\n          - exp_labels", alert.name);
        assert!(tests.contains(&block), "{} has no case in which it fires", alert.name);
    }
}

#[test]
fn the_board_asks_only_for_what_there_is() {
    let board = board();
    let variables = board["templating"]["list"].as_array().expect("variables");
    for variable in variables.iter().filter(|variable| variable["type"] == "query") {
        let definition = variable["definition"].as_str().expect("definition");
        let inner = definition
            .strip_prefix("label_values(")
            .and_then(|rest| rest.strip_suffix(')'));
        let (metric, label) = inner
            .and_then(|inner| inner.split_once(", "))
            .expect("label_values(METRIC, LABEL)");
        assert!(find(metric).is_some() && SCRAPE_LABELS.contains(&label), "{definition}");
        assert_eq!(variable["query"]["query"], definition);
    }
    for panel in panels(&board) {
        let title = panel["title"].as_str().expect("title");
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{title} asks nothing");
        for target in targets {
            let query = target["expr"].as_str().expect("expr");
            assert!(
                query.contains("grid=~\"$grid\""),
                "{title} shows all grids, whatever is chosen: {query}"
            );
            let (faults, labels) = check(&filled_in(query), &BTreeSet::new());
            assert!(faults.is_empty(), "{title}: {faults:?} in {query}");
            for label in legend_labels(target["legendFormat"].as_str().expect("legendFormat")) {
                assert!(
                    labels.contains(label),
                    "{title}: no series has the label {label} of the legend"
                );
            }
        }
    }
}

#[test]
fn every_metric_has_a_place_on_the_board() {
    let asked: String = panels(&board())
        .iter()
        .map(|panel| panel["targets"].to_string())
        .collect();
    // Told by another series beside it: the epoch by the promise, the role by the standing.
    let left_out = ["floe_registry_epoch", "floe_registry_role"];
    for metric in CATALOGUE {
        let there = asked.contains(metric.name);
        assert_ne!(
            there,
            left_out.contains(&metric.name),
            "{}: on the board: {there}",
            metric.name
        );
    }
}

#[test]
fn the_board_is_well_laid_out() {
    let board = board();
    assert!(board["schemaVersion"].as_u64().expect("schemaVersion") >= 39);
    assert!(board["uid"].is_string() && board["title"].is_string());
    let mut ids = BTreeSet::new();
    let mut cells: BTreeMap<(u64, u64), String> = BTreeMap::new();
    for panel in board["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().expect("title").to_owned();
        assert!(
            ids.insert(panel["id"].as_u64().expect("id")),
            "{title}: its id stands twice"
        );
        let place = |name: &str| panel["gridPos"][name].as_u64().expect("gridPos");
        let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{title} is wider than the board");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            let before = cells.insert(cell, title.clone());
            assert_eq!(before, None, "{title} lies over another panel at {cell:?}");
        }
        if panel["type"] == "row" {
            assert!(title.ends_with('?'), "row {title:?} is no question");
            continue;
        }
        let description = panel["description"].as_str().unwrap_or_default();
        assert!(description.ends_with('.'), "{title} has no description");
        assert!(
            panel["fieldConfig"]["defaults"]["unit"].is_string(),
            "{title} has no unit"
        );
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let mut letters = BTreeSet::new();
        for target in panel["targets"].as_array().expect("targets") {
            assert!(
                letters.insert(target["refId"].as_str()),
                "{title}: a refId stands twice"
            );
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
}

/// Runs promtool in `dashboards/`; `None`, with a word about it, where it is not installed and need not be.
#[expect(clippy::print_stdout, reason = "a skipped check says so")]
fn promtool(arguments: &[&str], input: &str) -> Option<(bool, String)> {
    let child = Command::new("promtool")
        .args(arguments)
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!must, "run promtool: {error}; install the Debian package prometheus");
            println!("skipped: promtool {}: {error}", arguments.join(" "));
            return None;
        }
    };
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("promtool reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("promtool ends");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    Some((output.status.success(), said))
}

/// promtool finds no fault; nothing is checked where it is not installed and need not be.
pub(crate) fn promtool_agrees(arguments: &[&str], input: &str) {
    if let Some((agrees, said)) = promtool(arguments, input) {
        assert!(agrees, "promtool {}: {said}", arguments.join(" "));
    }
}

#[test]
fn promtool_accepts_configuration_and_rules() {
    promtool_agrees(&["check", "config", "prometheus.yml"], "");
    promtool_agrees(&["check", "rules", "floe-rules.yml", "floe-alerts.yml"], "");
}

#[test]
fn promtool_sees_each_alert_fire_and_stay_silent() {
    promtool_agrees(&["test", "rules", "floe-rules-test.yml"], "");
}

#[test]
fn promtool_finds_no_fault_with_the_metrics() {
    for kind in [PeerKind::Registry, PeerKind::Node] {
        promtool_agrees(&["check", "metrics"], &Metrics::new(kind).render());
    }
}
