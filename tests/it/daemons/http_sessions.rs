//! Sessions by HTTP on real processes: opened, held, waited for, lost; each answer as the description says.

use super::application::Text;
use super::grid::{Grid, get, send, until};
use super::http::{body, check};
use floe::pure::allocation::Token;
use serde_json::{Value, json};
use std::path::Path;

const R: [&str; 1] = ["r1"];

/// One session as its client knows it.
struct Holder<'g> {
    grid: &'g Grid,
    document: &'g Value,
    secret: &'static str,
}

impl Holder<'_> {
    /// What a peer answers to one request, which must be as the description says.
    async fn ask_at(&self, peer: &str, method: &str, path: &str) -> (u64, Value) {
        let header = format!("Authorization: Bearer {}\r\n", self.secret);
        let answer = send(method, &format!("http://{}{path}", self.grid.http(peer)), &header).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        let code: u64 = status.parse().unwrap_or_else(|_| panic!("{method} {path}: {answer}"));
        let value: Value = serde_json::from_str(body(&answer)).unwrap_or_else(|error| panic!("{error}: {answer}"));
        let own = path.split('?').next().unwrap_or_default();
        let described = &self.document["paths"][own][method.to_ascii_lowercase()]["responses"][status];
        assert!(
            described.is_object(),
            "{method} {own}: {status} is not described: {answer}"
        );
        let schema = match described["$ref"].as_str() {
            Some(_) => &self.document["components"]["schemas"]["Error"],
            None => &described["content"]["application/json"]["schema"],
        };
        let mut faults = Vec::new();
        check(self.document, schema, &value, path, &mut faults);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert!(!answer.contains(self.secret), "{answer}");
        (code, value)
    }
    async fn ask(&self, method: &str, path: &str) -> (u64, Value) {
        self.ask_at("r1", method, path).await
    }
    /// The same, which is granted.
    async fn done(&self, method: &str, path: &str) -> Value {
        let (code, value) = self.ask(method, path).await;
        assert_eq!(code, 200, "{method} {path}: {value}");
        value
    }
    /// The same, which is refused in these words.
    async fn refused(&self, method: &str, path: &str, status: u64, words: &str) {
        let (code, value) = self.ask(method, path).await;
        let message = value["error"]["message"].as_str().unwrap_or_default();
        assert!(
            code == status && message.contains(words),
            "{method} {path}: {code} {value}"
        );
    }
}

fn request(number: u8) -> String {
    format!("request={number:032x}")
}

fn token(lease: &Value) -> Token {
    let text = lease["token"].as_str().unwrap_or_default();
    text.parse().unwrap_or_else(|_| panic!("a token in {lease}"))
}

/// Two registries, a node, two resources; and what they say that they serve.
async fn hall() -> (Grid, Value) {
    let mut grid = Grid::new(&["r1", "r2"], &["n1"]);
    grid.start_all();
    grid.settled("r1", &["r2"], &["n1"]).await;
    let text = Text::new("hall").more(
        r#"
[[node.n1.server]]
id = "gpus"
run = ["/bin/sleep", "1000"]
allocatable = [{ id = "gpu-0", type = "gpu", attributes = { memory = "80GiB" } }, { id = "gpu-1", type = "gpu" }]
"#,
    );
    grid.apply(&R, &text).await;
    let answer = get(&format!("http://{}/v1/openapi.json", grid.http("r1"))).await;
    let document = serde_json::from_str(body(&answer)).expect("JSON");
    (grid, document)
}

#[tokio::test]
async fn a_session_holds_waits_and_gives_back_by_http() {
    let (grid, document) = hall().await;
    let holder = |secret| Holder {
        grid: &grid,
        document: &document,
        secret,
    };
    let (one, two) = (
        holder("6f1d3a90c2b84e57a1094d7be32f8c05"),
        holder("d40b7c19e85a4f2693f10ea7526bc88d"),
    );
    // Opened twice, it is there once.
    let opened = one.done("POST", "/v1/sessions?name=one&ttl=5m").await;
    let again = one.done("POST", "/v1/sessions?name=one&ttl=5m").await;
    assert_eq!((&opened["id"], &opened["ttl_ms"]), (&again["id"], &json!(300_000)));
    two.done("POST", "/v1/sessions?name=two&ttl=5m").await;
    let listed = grid.floe_at(&R, &["session", "list", "--format", "json"]).await.json();
    let actors = listed.as_array().expect("rows").iter().map(|row| row["actor"].as_str());
    assert!(
        actors.clone().count() == 2 && actors.flatten().all(|actor| actor.starts_with("http from 127.0.0.1:")),
        "{listed}"
    );

    // By type, and the same again to whoever did not hear it.
    let path = format!("/v1/leases?type=gpu&where=memory=80GiB&{}", request(1));
    let lease = one.done("POST", &path).await;
    assert_eq!(
        (&lease["resource"], &lease["session"]),
        (&json!("gpu-0"), &opened["id"])
    );
    assert_eq!(one.done("POST", &path).await["token"], lease["token"]);
    let renewed = one.done("POST", "/v1/sessions/renew").await;
    assert_eq!(renewed["held"], json!([["gpu-0", lease["token"]]]));
    let rows = grid.floe_at(&R, &["lease", "list", "--format", "json"]).await.json();
    assert_eq!(
        (&rows[0]["resource"], &rows[0]["token"]),
        (&lease["resource"], &lease["token"])
    );
    until("the replica tells it as well", async || {
        let answer = get(&format!("http://{}/v1/leases", grid.http("r2"))).await;
        let value: Value = serde_json::from_str(body(&answer)).map_err(|error| error.to_string())?;
        let there = value["leases"][0]["token"] == lease["token"];
        there.then_some(()).ok_or(answer)
    })
    .await;

    // It is held: not for who will not wait, and a place in the queue for who will.
    let now = format!("/v1/leases?id=gpu-0&timeout=0s&{}", request(1));
    two.refused("POST", &now, 504, "gpu-0 is held by session").await;
    let (code, waits) = two.ask("POST", &format!("{path}&poll=0s")).await;
    assert_eq!((code, &waits["ahead"]), (202, &json!(0)), "{waits}");
    let lease_of = |id: &str, token: &str| format!("/v1/leases?id={id}&token={token}");
    one.refused(
        "DELETE",
        &lease_of("gpu-0", "1-0"),
        409,
        "token 1-0 is not that of the lease",
    )
    .await;
    let held = token(&lease).to_string();
    two.refused("DELETE", &lease_of("gpu-0", &held), 409, "is not held by this session")
        .await;
    let long = format!("{path}&poll=60s");
    let release = async {
        until("it waits", async || {
            let rows = grid.floe_at(&R, &["session", "list", "--format", "json"]).await.json();
            let waits = rows
                .as_array()
                .is_some_and(|rows| rows.iter().any(|row| row["waiting"] == 1));
            waits.then_some(()).ok_or_else(|| rows.to_string())
        })
        .await;
        one.done("DELETE", &lease_of("gpu-0", &held)).await
    };
    let (granted, released) = tokio::join!(two.done("POST", &long), release);
    assert_eq!(
        (&granted["resource"], &released["token"]),
        (&json!("gpu-0"), &lease["token"])
    );
    assert!(token(&granted) > token(&lease), "{granted} after {lease}");
    one.refused("DELETE", &lease_of("gpu-0", &held), 409, "is not held by this session")
        .await;

    // Withdrawn once; what the session has as a whole goes when it is closed.
    let waiting = format!("/v1/leases?id=gpu-0&poll=0s&{}", request(2));
    assert_eq!(one.ask("POST", &waiting).await.0, 202);
    let withdraw = format!("/v1/leases?{}", request(2));
    assert_eq!(one.done("DELETE", &withdraw).await, json!({"withdrawn": true}));
    assert_eq!(one.done("DELETE", &withdraw).await, json!({"withdrawn": false}));
    let nothing = format!("/v1/leases?id=gpu-9&{}", request(3));
    one.refused("POST", &nothing, 404, "gpu-9 is not deployed").await;
    assert_eq!(two.done("DELETE", "/v1/session").await["leases"], 1);
    let leases = get(&format!("http://{}/v1/leases", grid.http("r1"))).await;
    assert_eq!(body(&leases), "{\"leases\":[],\"more\":false}");
    two.refused("POST", "/v1/sessions/renew", 404, "there is no session of this secret")
        .await;

    // Nobody else has ever seen a secret.
    for secret in [one.secret, two.secret] {
        assert_eq!(file_with(grid.folder(), secret), None);
    }
}

/// A file below a folder that has this text in it.
fn file_with(folder: &Path, text: &str) -> Option<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.flatten().find_map(|entry| {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        if kind.is_dir() {
            return file_with(&path, text);
        }
        let bytes = if kind.is_file() {
            std::fs::read(&path).unwrap_or_default()
        } else {
            Vec::new()
        };
        let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        found.then(|| path.display().to_string())
    })
}

#[tokio::test]
async fn a_session_that_is_not_renewed_ends_and_only_the_master_decides() {
    let (grid, document) = hall().await;
    let holder = |secret| Holder {
        grid: &grid,
        document: &document,
        secret,
    };
    let (brief, next) = (
        holder("07b2e9f4518c4da6b3f7602c1de9a834"),
        holder("f3908ad6c7214eb59d6e13b0a84f275c"),
    );
    // A replica and a node say where the master is; whoever follows that is served.
    let open = "/v1/sessions?name=brief&ttl=2s";
    for peer in ["r2", "n1"] {
        let asked = async || {
            let (code, value) = brief.ask_at(peer, "POST", open).await;
            let error = &value["error"];
            let http = grid.http("r1").to_string();
            let hint = json!(format!("ask the master: http://{http}"));
            let told = error["code"] == "not-master" && error["master"]["name"] == "r1" && error["hint"] == hint;
            if code == 409 && told && error["master"]["http"] == http {
                Ok(())
            } else {
                Err(format!("{code} {value}"))
            }
        };
        until("it says where the master is", asked).await;
    }
    for (path, words) in [
        ("/v1/sessions?name=&ttl=2s", "a session's name has 1 to 64 bytes"),
        (
            "/v1/sessions?name=a&ttl=10ms",
            "a time to live of 10 ms is not from 1 s to 24 h",
        ),
        ("/v1/sessions?name=a%00", "no control characters"),
    ] {
        brief.refused("POST", path, 400, words).await;
    }
    next.refused("POST", "/v1/sessions/renew", 404, "there is no session of this secret")
        .await;

    // Nobody renews it: what it held is the next one's, which waits.
    brief.done("POST", open).await;
    next.done("POST", "/v1/sessions?name=next&ttl=5m").await;
    let path = format!("/v1/leases?id=gpu-1&poll=60s&{}", request(1));
    let lease = brief.done("POST", &path).await;
    let granted = next.done("POST", &path).await;
    assert_eq!(granted["session_name"], "next");
    assert!(token(&granted) > token(&lease), "{granted} after {lease}");
    brief
        .refused("POST", "/v1/sessions/renew", 404, "not renewed in time")
        .await;
    let old = format!("/v1/leases?id=gpu-1&token={}", token(&lease));
    next.refused("DELETE", &old, 409, "is not that of the lease").await;
}
