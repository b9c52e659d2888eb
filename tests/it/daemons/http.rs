//! What Prometheus and probes see: metrics without a fault, health, every peer found by service discovery and up.

use super::application::Text;
use super::grid::{Grid, get, until};
use crate::dashboards;
use floe::client::SessionOptions;
use floe::pure::allocation::Wish;
use serde_json::Value;
use std::fs::File;
use std::process::{Child, Command, Stdio};

const PEERS: [&str; 5] = ["r1", "r2", "r3", "n1", "n2"];

async fn busy() -> Grid {
    let mut grid = Grid::new(&["r1", "r2", "r3"], &["n1", "n2"]);
    grid.start_all();
    grid.settled("r1", &["r2", "r3"], &["n1", "n2"]).await;
    let text = Text::new("one")
        .web("n1", "web-1", "always")
        .web("n2", "web-2", "on-demand");
    // The first one is scraped, by what it says itself.
    let scraped = text.as_str().replacen(
        "activation = \"always\"",
        "activation = \"always\"\nmetrics = { adapter = \"http\" }\nlabels = { tier = \"gold\" }",
        1,
    );
    let text = Text::new("one").more(scraped.split_once('\n').map_or("", |(_, rest)| rest));
    grid.apply(&["r1"], &text).await;
    grid.active(&["r1"], &["web-1"]).await;
    grid.answer(&["r2"], &["web-1", "web-2"]).await;
    grid
}

pub(super) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[tokio::test]
async fn promtool_finds_no_fault_with_the_metrics_of_peers_at_work() {
    let grid = busy().await;
    for name in PEERS {
        let answer = get(&format!("http://{}/metrics", grid.http(name))).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let metrics = body(&answer);
        for series in ["floe_build_info", "floe_gossip_", "floe_process_", "floe_inbox_depth"] {
            assert!(
                metrics.contains(series) || metrics.contains(&series.replace("floe_process_", "process_")),
                "{series} in {metrics}"
            );
        }
        dashboards::promtool_agrees(&["check", "metrics"], metrics);
    }
}

#[tokio::test]
async fn health_says_whether_a_peer_lives_and_whether_it_is_ready() {
    let mut grid = Grid::new(&["r1"], &["n1"]);
    let health = async |grid: &Grid, name: &str, what: &str| get(&format!("http://{}/{what}", grid.http(name))).await;
    grid.start("n1");
    until("the node lives, and tells why it is not ready", async || {
        let (live, ready) = (health(&grid, "n1", "live").await, health(&grid, "n1", "ready").await);
        let well = live.starts_with("HTTP/1.1 200 ")
            && ready.starts_with("HTTP/1.1 503 ")
            && ready.contains("no registry is in reach");
        if well { Ok(()) } else { Err(format!("{live}\n{ready}")) }
    })
    .await;
    grid.start("r1");
    for name in ["n1", "r1"] {
        until("it is ready", async || {
            let ready = health(&grid, name, "ready").await;
            if ready.starts_with("HTTP/1.1 200 ") {
                Ok(())
            } else {
                Err(ready)
            }
        })
        .await;
        let live = health(&grid, name, "live").await;
        assert!(live.starts_with("HTTP/1.1 200 "), "{live}");
    }
}

/// Prometheus with our own configuration, adapted to the ports of the grid. `None`, with a word about it, where it is not
/// installed and need not be.
#[expect(clippy::print_stdout, reason = "a skipped check says so")]
fn prometheus(grid: &Grid, listen: &str) -> Option<Child> {
    let mut config = dashboards::text("prometheus.yml");
    for (name, port) in [("r1", "7481"), ("r2", "7482"), ("r3", "7483")] {
        config = config.replace(&format!("127.0.0.1:{port}/v1"), &format!("{}/v1", grid.http(name)));
    }
    let config = config
        .replace("refresh_interval: 30s", "refresh_interval: 1s")
        .replace("interval: 15s", "interval: 1s");
    let config = grid.write("prometheus.yml", &config);
    for file in ["floe-rules.yml", "floe-alerts.yml"] {
        grid.write(file, &dashboards::text(file));
    }
    let log = File::create(grid.folder().join("prometheus.log")).expect("a log");
    let child = Command::new("prometheus")
        .arg(format!("--config.file={config}"))
        .arg(format!(
            "--storage.tsdb.path={}",
            grid.folder().join("prometheus").display()
        ))
        .arg(format!("--web.listen-address={listen}"))
        .env(super::process::MARK, grid.folder())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    match child {
        Ok(child) => Some(child),
        Err(error) => {
            let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!must, "run prometheus: {error}; install the Debian package prometheus");
            println!("skipped: prometheus: {error}");
            None
        }
    }
}

#[tokio::test]
async fn prometheus_finds_every_peer_and_all_are_up() {
    let grid = busy().await;
    let port = super::ports::Port::find();
    let Some(mut child) = prometheus(&grid, &port.address.to_string()) else {
        return;
    };
    until("every peer is up", async || {
        let answer = get(&format!("http://{}/api/v1/query?query=up", port.address)).await;
        let Ok(value) = serde_json::from_str::<Value>(body(&answer)) else {
            return Err(answer);
        };
        let rows = value["data"]["result"].as_array().cloned().unwrap_or_default();
        let up = |name: &&str| {
            rows.iter()
                .any(|row| row["metric"]["peer"] == **name && row["value"][1] == "1")
        };
        let server = rows.iter().any(|row| {
            let metric = &row["metric"];
            metric["server"] == "web-1" && metric["job"] == "floe-servers" && row["value"][1] == "1"
        });
        if rows.len() == PEERS.len() + 1 && PEERS.iter().all(up) && server {
            Ok(())
        } else {
            Err(answer)
        }
    })
    .await;
    until(
        "a recorded series, or one of ours, is there for every registry",
        async || {
            let answer = get(&format!(
                "http://{}/api/v1/query?query=floe_registry_epoch",
                port.address
            ))
            .await;
            if answer.matches("\"peer_kind\":\"registry\"").count() == 3 {
                Ok(())
            } else {
                Err(answer)
            }
        },
    )
    .await;
    // What the server says of itself, found through the grid.
    until("the server's own metric is there", async || {
        let query = "dev_web_greetings_total%7Bapplication%3D%22one%22%2Cnode%3D%22n1%22%7D";
        let answer = get(&format!("http://{}/api/v1/query?query={query}", port.address)).await;
        if answer.contains("\"server\":\"web-1\"") {
            Ok(())
        } else {
            Err(answer)
        }
    })
    .await;
    child.kill().expect("it can be ended");
    child.wait().expect("it has ended");
}

/// Does a value fit a schema of the description? Only the words that the description uses are known.
pub(super) fn check(document: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let words = schema.as_object().expect("a schema is an object");
    for (word, rule) in words {
        match word.as_str() {
            "$ref" => {
                let path = rule
                    .as_str()
                    .and_then(|path| path.strip_prefix('#'))
                    .expect("a local reference");
                let target = document.pointer(path).unwrap_or_else(|| panic!("{path} is not there"));
                check(document, target, value, place, faults);
            }
            "oneOf" => {
                let fits = |schema: &Value| {
                    let mut faults = Vec::new();
                    check(document, schema, value, place, &mut faults);
                    faults.is_empty()
                };
                if !rule.as_array().expect("a list").iter().any(fits) {
                    faults.push(format!("{place} fits none of {rule}: {value}"));
                }
            }
            "type" => {
                let fits = match rule.as_str().expect("a type") {
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    "null" => value.is_null(),
                    other => panic!("the test does not know type {other}"),
                };
                if !fits {
                    faults.push(format!("{place} is no {rule}: {value}"));
                }
            }
            "enum" if !rule.as_array().expect("a list").contains(value) => {
                faults.push(format!("{place} is none of {rule}: {value}"));
            }
            "required" => {
                for name in rule.as_array().expect("a list") {
                    if value.get(name.as_str().expect("a name")).is_none() {
                        faults.push(format!("{place} has no {name}: {value}"));
                    }
                }
            }
            "properties" => {
                for (name, schema) in rule.as_object().expect("an object") {
                    if let Some(inner) = value.get(name) {
                        check(document, schema, inner, &format!("{place}.{name}"), faults);
                    }
                }
            }
            "additionalProperties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    check(document, rule, inner, &format!("{place}.{name}"), faults);
                }
            }
            "items" => {
                for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                    check(document, rule, inner, &format!("{place}[{index}]"), faults);
                }
            }
            "enum" | "description" => {}
            other => panic!("the test does not know {other}: teach it"),
        }
    }
}

#[tokio::test]
async fn answers_are_what_the_description_says() {
    let grid = busy().await;
    grid.floe_at(
        &["r1"],
        &["object", "add", "o", "--adapter", "web-1.http", "--type", "t"],
    )
    .await
    .done();
    let server = "[[node.n1.server]]\nid = \"gpus\"\nrun = [\"/bin/sleep\", \"1000\"]\n";
    let held = "allocatable = [{ id = \"gpu-1\", type = \"gpu\", attributes = { memory = \"8GiB\" } }]\n";
    grid.apply(&["r1"], &Text::new("gpus").more(server).more(held)).await;
    let session = grid
        .client(&["r1"])
        .session(SessionOptions::new("test"))
        .await
        .expect("opened");
    let gpu = Wish::Id("gpu-1".parse().expect("an id"));
    session.allocate(gpu, None, |_| {}).await.expect("it is free");
    let fetch = async |path: &str| {
        let answer = get(&format!("http://{}{path}", grid.http("r1"))).await;
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        (status, body(&answer).to_owned())
    };
    let (status, text) = fetch("/v1/openapi.json").await;
    assert_eq!(status, "200");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let mut faults = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        // What changes something is looked at in `http_sessions`.
        let Some(get) = methods.get("get") else { continue };
        let asked = match path.as_str() {
            "/v1/resolve" => "/v1/resolve?type=t&choose=all".to_owned(),
            "/v1/watch" => "/v1/watch?poll=1s".to_owned(),
            // A stream has no end: what it says is looked at elsewhere.
            "/v1/locate" => continue,
            path => path.replace("{id}", "web-1.http").replace("{name}", "one"),
        };
        let (status, text) = fetch(&asked).await;
        assert_eq!(status, "200", "{asked}: {text}");
        let schema = &get["responses"]["200"]["content"]["application/json"]["schema"];
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{asked}: {error}: {text}"));
        check(&document, schema, &value, path, &mut faults);
        let held = [("/v1/sessions", "sessions"), ("/v1/leases", "leases")];
        for (_, rows) in held.iter().filter(|(own, _)| own == path) {
            assert_eq!(value[rows].as_array().map(Vec::len), Some(1), "{asked}: {text}");
        }
        // What it does not allow, it refuses as it says.
        for parameter in get["parameters"].as_array().into_iter().flatten() {
            assert!(
                parameter["name"].is_string() && parameter["description"].is_string(),
                "{path}"
            );
        }
    }
    let error = &document["components"]["schemas"]["Error"];
    for (path, code) in [
        ("/v1/resolve/nobody", "404"),
        ("/v1/resolve/a?count=x", "400"),
        ("/v1/nothing", "404"),
    ] {
        let (status, text) = fetch(path).await;
        assert_eq!(status, code);
        check(
            &document,
            error,
            &serde_json::from_str(&text).expect("JSON"),
            path,
            &mut faults,
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // And nothing is served that it does not describe.
    let described: Vec<&String> = document["paths"].as_object().expect("paths").keys().collect();
    let metrics = get(&format!("http://{}/metrics", grid.http("r1"))).await;
    let routes = metrics
        .lines()
        .filter(|line| line.starts_with("floe_http_requests_total{"));
    for line in routes.filter(|line| line.contains("route=\"/v1/")) {
        let route = line
            .split("route=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .expect("a label");
        assert!(described.iter().any(|path| *path == route), "{route} is not described");
    }
}

#[tokio::test]
async fn curl_finds_a_server_and_events_go_on_where_they_were() {
    let grid = busy().await;
    let r2 = grid.http("r2");
    let found = Command::new("curl")
        .args(["-s", &format!("http://{r2}/v1/resolve/web-1.http")])
        .output();
    let found = match found {
        Ok(found) => serde_json::from_slice::<Value>(&found.stdout).expect("JSON"),
        Err(error) => {
            let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!must, "run curl: {error}; install the Debian package curl");
            return;
        }
    };
    let endpoint = found["endpoints"][0].as_str().expect("an endpoint");
    assert!(get(endpoint).await.ends_with("hello from web-1\n"));

    // A stream is read to its snapshot and cut; what changes meanwhile is told to who comes back with its place.
    let (mut text, _) = stream(&r2, "/v1/watch?subject=object", "", "event: snapshot").await;
    let place = text
        .lines()
        .find_map(|line| line.strip_prefix("id: "))
        .expect("a place")
        .to_owned();
    for id in ["o1", "o2"] {
        grid.floe_at(&["r1"], &["object", "add", id, "--adapter", "web-1.http"])
            .await
            .done();
    }
    let header = format!("Last-Event-ID: {place}\r\n");
    (text, _) = stream(&r2, "/v1/watch?subject=object", &header, "\"id\":\"o2\"").await;
    assert!(
        !text.contains("event: snapshot") && text.contains("\"id\":\"o1\""),
        "{text}"
    );
    // The same by a long poll, and how followed ids stand.
    let poll = get(&format!("http://{r2}/v1/watch?subject=object&poll=20s&after={place}")).await;
    assert!(body(&poll).contains("\"id\":\"o1\""), "{poll}");
    let (text, mut open) = stream(&r2, "/v1/locate?id=web-1.http,nobody", "", "nobody").await;
    assert!(text.contains("event: location") && text.contains(endpoint), "{text}");
    grid.floe_at(&["r1"], &["server", "stop", "web-1"]).await.done();
    let mut more = String::new();
    while !more.contains("\"places\":[]") {
        read_some(&mut open, &mut more).await;
    }
    // A node has no stream, and says who has.
    let refused = get(&format!("http://{}/v1/watch", grid.http("n1"))).await;
    assert!(
        refused.starts_with("HTTP/1.1 409 ") && refused.contains("ask a registry"),
        "{refused}"
    );
}

/// Opens a stream of events and reads until these words have come.
async fn stream(
    address: &floe::pure::base::Address,
    path: &str,
    header: &str,
    wanted: &str,
) -> (String, tokio::net::TcpStream) {
    use tokio::io::AsyncWriteExt as _;
    let mut stream = tokio::net::TcpStream::connect(address.to_string())
        .await
        .expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut text = String::new();
    while !text.contains(wanted) {
        read_some(&mut stream, &mut text).await;
    }
    (text, stream)
}

async fn read_some(stream: &mut tokio::net::TcpStream, text: &mut String) {
    use tokio::io::AsyncReadExt as _;
    let mut bytes = [0; 4096];
    let read = tokio::time::timeout(super::grid::PATIENCE, stream.read(&mut bytes)).await;
    let count = read
        .unwrap_or_else(|_| panic!("nothing more after {text}"))
        .expect("it goes on");
    assert!(count > 0, "it ended after {text}");
    text.push_str(&String::from_utf8_lossy(&bytes[..count]));
}
