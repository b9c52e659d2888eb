//! Requests over real sockets, written by hand, so that also those are sent which no client library would send.

use super::*;
use crate::pure::membership::PeerKind;
use crate::pure::protocol::report::{PeerRow, Resolved, ResolvedKind};
use crate::pure::protocol::{ErrorCode, Failure, Request, Response};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

/// A daemon that answers what the test puts in.
#[derive(Default)]
struct Fake {
    peers: Mutex<Option<Vec<PeerRow>>>,
    unready: Mutex<Vec<String>>,
    dead: AtomicBool,
    asked: Mutex<Vec<Request>>,
}

#[async_trait]
impl Backend for Fake {
    async fn ask(&self, request: Request) -> Response {
        self.asked.lock().unwrap().push(request.clone());
        match request {
            Request::Peers => match self.peers.lock().unwrap().clone() {
                Some(rows) => Response::Peers(rows),
                None => Response::Failed(Failure::new(ErrorCode::Overloaded, "too much at once", "come again")),
            },
            Request::Servers { .. } => Response::Servers(Vec::new()),
            Request::Resolve { id, .. } if id == "shop.http" => Response::Resolved(Resolved {
                id,
                kind: ResolvedKind::Adapter,
                endpoints: vec!["http://127.0.0.1:1".to_owned()],
                version: "4.93".to_owned(),
            }),
            Request::Resolve { id, .. } => Response::Failed(Failure::new(
                ErrorCode::NotFound,
                format!("nothing is called {id}"),
                "floe app list shows what is deployed",
            )),
            _ => Response::Failed(Failure::new(ErrorCode::Internal, "not in this test", "")),
        }
    }
    fn ready(&self) -> Result<(), Vec<String>> {
        let reasons = self.unready.lock().unwrap().clone();
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }
    fn live(&self) -> bool {
        !self.dead.load(Ordering::Relaxed)
    }
}

struct Running {
    address: SocketAddr,
    fake: Arc<Fake>,
    metrics: Metrics,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<io::Result<()>>,
}

async fn start() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let fake = Arc::new(Fake::default());
    let metrics = Metrics::new(PeerKind::Registry);
    let (stop, stopped) = oneshot::channel::<()>();
    let settings = Settings {
        grid: "shop".parse().unwrap(),
        addresses: vec!["r1.example:7481".parse().unwrap()],
    };
    let task = tokio::spawn(serve(listener, fake.clone(), metrics.clone(), settings, async {
        drop(stopped.await);
    }));
    Running {
        address,
        fake,
        metrics,
        stop: Some(stop),
        task,
    }
}

/// A whole answer: status code, headers as text in small letters, body.
struct Got {
    status: u16,
    head: String,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap()
    }
    fn error_code(&self) -> String {
        let value = self.json();
        for field in ["code", "message", "hint"] {
            assert!(value["error"][field].is_string(), "{value}");
        }
        value["error"]["code"].as_str().unwrap().to_owned()
    }
}

impl Running {
    async fn raw(&self, request: &str) -> Got {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            // The other side may answer and close before it has read everything.
            drop(stream.write_all(request.as_bytes()).await);
            let mut bytes = Vec::new();
            drop(stream.read_to_end(&mut bytes).await);
            String::from_utf8(bytes).unwrap()
        };
        let text = timeout(Duration::from_secs(10), exchange)
            .await
            .expect("no answer in 10 s");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Got {
            status: status.unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }
    async fn get(&self, path: &str) -> Got {
        let host = self.address;
        self.raw(&format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ))
        .await
    }
}

fn peer(name: &str, kind: PeerKind, http: &str, state: &str) -> PeerRow {
    PeerRow {
        name: name.to_owned(),
        kind,
        state: state.to_owned(),
        address: "127.0.0.1:7401".to_owned(),
        http: http.to_owned(),
        version: "1.1".to_owned(),
    }
}

#[tokio::test]
async fn health_tells_yes_or_the_reasons() {
    let running = start().await;
    assert_eq!(running.get("/live").await.status, 200);
    assert_eq!(running.get("/ready").await.status, 200);
    *running.fake.unready.lock().unwrap() = vec!["no master".to_owned(), "starting".to_owned()];
    running.fake.dead.store(true, Ordering::Relaxed);
    let ready = running.get("/ready").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "no master\nstarting\n"));
    assert_eq!(running.get("/live").await.status, 503);
}

#[tokio::test]
async fn metrics_have_the_type_that_prometheus_wants_and_count_requests() {
    let running = start().await;
    assert_eq!(running.get("/v1/nothing").await.status, 404);
    let got = running.get("/metrics").await;
    assert_eq!(got.status, 200);
    assert!(
        got.head
            .contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        got.head
    );
    assert!(got.body.contains("floe_build_info{version="));
    let line = "floe_http_requests_total{route=\"other\",code=\"4xx\"} 1";
    assert!(running.metrics.render().contains(line), "{}", running.metrics.render());
}

#[tokio::test]
async fn reads_are_the_json_of_the_protocol() {
    let running = start().await;
    let resolved = running.get("/v1/resolve/shop%2Ehttp").await;
    assert_eq!(resolved.status, 200);
    let wanted = json!({"id": "shop.http", "kind": "adapter", "endpoints": ["http://127.0.0.1:1"], "version": "4.93"});
    assert_eq!(resolved.json(), wanted);
    assert!(resolved.head.contains("cache-control: no-store"));

    let unknown = running.get("/v1/resolve/x").await;
    assert_eq!((unknown.status, unknown.error_code().as_str()), (404, "not-found"));
    assert_eq!(running.get("/v1/status").await.status, 500);
    let busy = running.get("/v1/peers").await;
    assert_eq!((busy.status, busy.error_code().as_str()), (503, "overloaded"));
    assert!(busy.head.contains("retry-after"));

    assert_eq!(running.get("/v1/servers?application=shop").await.json(), json!([]));
    let asked = running.fake.asked.lock().unwrap().last().cloned();
    let application = Some("shop".parse().unwrap());
    assert_eq!(asked, Some(Request::Servers { application }));
    for bad in [
        "/v1/servers?application=a/b",
        "/v1/resolve/%ff",
        &format!("/v1/resolve/{}", "a".repeat(256)),
    ] {
        let got = running.get(bad).await;
        assert_eq!((got.status, got.error_code().as_str()), (400, "invalid"), "{bad}");
    }
}

#[tokio::test]
async fn targets_name_every_peer_or_nothing() {
    let running = start().await;
    *running.fake.unready.lock().unwrap() = vec!["starting".to_owned()];
    let rows = vec![
        peer("r1", PeerKind::Registry, "127.0.0.1:7481", "alive"),
        peer("r2", PeerKind::Registry, "10.0.0.2:7481", "unreachable"),
        peer("n1", PeerKind::Node, "", "alive"),
        peer("n2", PeerKind::Node, "0.0.0.0:7481", "alive"),
    ];
    *running.fake.peers.lock().unwrap() = Some(rows);
    assert_eq!(running.get("/v1/sd/prometheus").await.status, 503, "it was never ready");

    running.fake.unready.lock().unwrap().clear();
    let groups = running.get("/v1/sd/prometheus").await.json();
    let targets: Vec<_> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["targets"])
        .collect();
    assert_eq!(targets, [&json!(["127.0.0.1:7481"]), &json!(["10.0.0.2:7481"])]);
    let labels = groups[1]["labels"].as_object().unwrap();
    for (name, value) in [
        ("grid", "shop"),
        ("peer", "r2"),
        ("peer_kind", "registry"),
        ("__meta_floe_state", "unreachable"),
    ] {
        assert_eq!(labels[name], value);
    }
    for (name, value) in labels {
        assert!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{name} is no label name"
        );
        assert!(value.is_string(), "{name}");
    }

    running.fake.unready.lock().unwrap().push("no master".to_owned());
    assert_eq!(
        running.get("/v1/sd/prometheus").await.status,
        200,
        "it was ready once, the peers are known"
    );
    for unsure in [Some(Vec::new()), None] {
        *running.fake.peers.lock().unwrap() = unsure;
        let got = running.get("/v1/sd/prometheus").await;
        assert_eq!(
            (got.status, got.error_code().as_str()),
            (503, "unavailable"),
            "never an empty list"
        );
    }
}

#[tokio::test]
async fn foreign_hosts_bodies_and_methods_are_refused_as_json() {
    let running = start().await;
    let with_host = |host: &str| format!("GET /live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    for own in [
        "localhost",
        "LOCALHOST:80",
        "127.0.0.9:1",
        "[::1]:7481",
        "[::1]",
        "r1.example:7481",
        "r1.example.",
    ] {
        assert_eq!(running.raw(&with_host(own)).await.status, 200, "{own}");
    }
    for foreign in [
        "evil.example",
        "10.0.0.1:7481",
        "localhost.evil.example",
        "",
        "127.0.0.1.evil:80",
        "\u{e4}",
    ] {
        let got = running.raw(&with_host(foreign)).await;
        assert_eq!(
            (got.status, got.error_code().as_str()),
            (421, "foreign-host"),
            "{foreign}"
        );
    }
    let own = "Host: localhost\r\nConnection: close\r\n";
    let cases = [
        (format!("GET http://evil.example/live HTTP/1.1\r\n{own}\r\n"), 421),
        (format!("GET /live HTTP/1.1\r\nHost: evil.example\r\n{own}\r\n"), 421),
        (format!("GET /live HTTP/1.1\r\n{own}Content-Length: 3\r\n\r\nabc"), 413),
        (
            format!("GET /live HTTP/1.1\r\n{own}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            413,
        ),
        (format!("POST /v1/status HTTP/1.1\r\n{own}\r\n"), 405),
        (format!("DELETE /v1/peers HTTP/1.1\r\n{own}\r\n"), 405),
        (format!("GET /v1/../etc/passwd HTTP/1.1\r\n{own}\r\n"), 404),
        (format!("GET / HTTP/1.1\r\n{own}\r\n"), 404),
    ];
    for (request, status) in cases {
        let got = running.raw(&request).await;
        assert_eq!(got.status, status, "{request}");
        drop(got.error_code());
    }
}

#[tokio::test]
async fn large_heads_are_cut_off() {
    let running = start().await;
    let cases = [
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(64 * 1024)),
        format!(
            "GET /live HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
            "a".repeat(64 * 1024)
        ),
        format!(
            "GET /live HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
            "A: b\r\n".repeat(200)
        ),
        "nonsense\r\n\r\n".to_owned(),
    ];
    for request in cases {
        let got = running.raw(&request).await;
        let start: String = request.chars().take(30).collect();
        assert!(matches!(got.status, 0 | 400 | 414 | 431), "{start}: {}", got.status);
    }
    assert_eq!(running.get("/live").await.status, 200, "others are served on");
}

#[tokio::test]
async fn the_end_is_graceful_and_bounded() {
    let mut running = start().await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    idle.write_all(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    drop(running.stop.take());
    let end = timeout(Duration::from_secs(10), &mut running.task).await;
    end.expect("the end has a deadline").unwrap().unwrap();
    assert!(
        TcpStream::connect(running.address).await.is_err(),
        "the listener is closed"
    );
}
