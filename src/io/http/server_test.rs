//! Requests over real sockets, written by hand, so that also those are sent which no client library would send.

use super::*;
use crate::pure::membership::PeerKind;
use crate::pure::protocol::locate::{Choose, Observed, Position, RowChange, ScrapeTarget, Subject};
use crate::pure::protocol::report::{PeerRow, Resolved, ResolvedKind, ServerState};
use crate::pure::protocol::update::VersionText;
use crate::pure::protocol::{ErrorCode, Failure, Request, Response};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

#[path = "sessions_test.rs"]
mod sessions;

/// A daemon that answers what the test puts in.
#[derive(Default)]
struct Fake {
    peers: Mutex<Option<Vec<PeerRow>>>,
    unready: Mutex<Vec<String>>,
    dead: AtomicBool,
    asked: Mutex<Vec<Request>>,
    /// What everybody is told who follows.
    told: Mutex<Vec<Response>>,
    targets: Mutex<Vec<ScrapeTarget>>,
    kept: Mutex<Vec<mpsc::Sender<(Response, bool)>>>,
    /// Who asked last, and what sessions are told.
    actor: Mutex<String>,
    decided: Mutex<Option<Response>>,
    /// Does a session's request wait for ever?
    stuck: Mutex<bool>,
}

#[async_trait]
impl Backend for Fake {
    async fn ask(&self, actor: &str, request: Request, _: Duration) -> Response {
        actor.clone_into(&mut self.actor.lock().unwrap());
        self.asked.lock().unwrap().push(request.clone());
        let stuck = *self.stuck.lock().unwrap();
        if stuck {
            std::future::pending::<()>().await;
        }
        match request {
            Request::Peers => match self.peers.lock().unwrap().clone() {
                Some(rows) => Response::Peers(rows),
                None => Response::Failed(Failure::new(ErrorCode::Overloaded, "too much at once", "come again")),
            },
            Request::Servers { .. } => Response::Servers(Vec::new()),
            Request::ScrapeTargets => Response::ScrapeTargets(self.targets.lock().unwrap().clone()),
            Request::Find { .. } | Request::Objects { .. } | Request::Adapters { .. } => {
                Response::Adapters(Vec::new(), false)
            }
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
            _ => {
                let decided = self.decided.lock().unwrap().clone();
                let other = || Response::Failed(Failure::new(ErrorCode::Internal, "not in this test", ""));
                decided.unwrap_or_else(other)
            }
        }
    }
    fn follow(&self, request: Request) -> Result<mpsc::Receiver<(Response, bool)>, Failure> {
        self.asked.lock().unwrap().push(request);
        let (sender, receiver) = mpsc::channel(64);
        for answer in self.told.lock().unwrap().iter().cloned() {
            sender.try_send((answer, false)).unwrap();
        }
        // What is not ended goes on.
        self.kept.lock().unwrap().push(sender);
        Ok(receiver)
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
async fn servers_that_name_a_metrics_adapter_are_targets() {
    let running = start().await;
    let row = peer("r1", PeerKind::Registry, "127.0.0.1:7481", "alive");
    *running.fake.peers.lock().unwrap() = Some(vec![row]);
    let target = |server: &str, endpoint: &str| ScrapeTarget {
        server: server.to_owned(),
        application: "one".to_owned(),
        node: "n1".to_owned(),
        state: ServerState::Active,
        endpoint: endpoint.to_owned(),
        path: "/stats".to_owned(),
        labels: [("tier-1".to_owned(), "gold".to_owned())].into(),
    };
    *running.fake.targets.lock().unwrap() = vec![
        target("s1", "http://127.0.0.1:8001/app"),
        target("s2", "https://web.example"),
        target("s3", "tcp://127.0.0.1:1"),
    ];
    let groups = running.get("/v1/sd/prometheus").await.json();
    let targets: Vec<&Value> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["targets"][0])
        .collect();
    assert_eq!(targets, ["127.0.0.1:7481", "127.0.0.1:8001", "web.example:443"]);
    let labels = &groups[1]["labels"];
    for (name, value) in [
        ("application", "one"),
        ("server", "s1"),
        ("node", "n1"),
        ("grid", "shop"),
        ("__metrics_path__", "/stats"),
        ("__scheme__", "http"),
        ("__meta_floe_label_tier_1", "gold"),
        ("__meta_floe_state", "active"),
    ] {
        assert_eq!(labels[name], value, "{name}");
    }
    assert_eq!(groups[2]["labels"]["__scheme__"], "https");
}

#[tokio::test]
async fn questions_are_read_or_refused_with_what_is_allowed() {
    let running = start().await;
    let last = |running: &Running| running.fake.asked.lock().unwrap().last().cloned().unwrap();
    running
        .get("/v1/resolve/shop.http?count=0&at_least=4.93&wait=500ms")
        .await;
    let at_least = Some(VersionText { epoch: 4, serial: 93 });
    let expected = Request::Resolve {
        id: "shop.http".to_owned(),
        at_least,
        count: Some(0),
    };
    assert_eq!(last(&running), expected);
    running.get("/v1/resolve?type=a%20b&choose=least-loaded").await;
    let expected = Request::Find {
        kind: "a b".to_owned(),
        choose: Choose::LeastLoaded,
        after: None,
        at_least: None,
    };
    assert_eq!(last(&running), expected);
    running.get("/v1/objects?after=o1").await;
    let after = Some("o1".to_owned());
    assert_eq!(last(&running), Request::Objects { kind: None, after });
    running.get("/v1/leases?after=gpu-1").await;
    let after = Some("gpu-1".to_owned());
    assert_eq!(last(&running), Request::Leases { after });
    running.get("/v1/sessions?after=00000000000000ff").await;
    let after = "00000000000000ff".parse().ok();
    assert!(after.is_some());
    assert_eq!(last(&running), Request::Sessions { after });
    let long = "x".repeat(5000);
    for bad in [
        "/v1/resolve/a?count=-1",
        "/v1/resolve/a?count=4294967296",
        "/v1/resolve/a?count=1&count=2",
        "/v1/resolve/a?at_least=4",
        "/v1/resolve/a?wait=1h",
        "/v1/resolve/a?wait=",
        "/v1/resolve/a?other=1",
        "/v1/resolve?type=t&choose=best",
        "/v1/resolve?choose=all",
        "/v1/adapters?x=1",
        "/v1/objects?type=t&type=t",
        "/v1/sessions?after=me",
        "/v1/leases?session=1",
        "/v1/watch?subject=servers",
        "/v1/watch?after=here",
        "/v1/watch?poll=61s",
        "/v1/locate",
        "/v1/locate?id=a,,b",
        &format!("/v1/locate?id={}", "a,".repeat(1001)),
        &format!("/v1/locate?id={long}"),
    ] {
        let got = running.get(bad).await;
        let start: String = bad.chars().take(60).collect();
        assert_eq!((got.status, got.error_code().as_str()), (400, "invalid"), "{start}");
        assert!(got.body.len() < 600, "{start}: {}", got.body);
    }
}

fn part(sequence: Option<u64>, snapshot: bool, id: &str) -> Response {
    Response::Observed(Observed {
        position: sequence.map(|sequence| Position {
            stream: "r1-x-1".to_owned(),
            sequence,
        }),
        snapshot,
        first: snapshot,
        changes: vec![RowChange {
            subject: Subject::Object,
            id: id.to_owned(),
            row: None,
        }],
        version: "1.2".to_owned(),
    })
}

#[tokio::test]
async fn a_long_poll_ends_with_a_change_or_in_time() {
    let running = start().await;
    let nothing = running
        .get("/v1/watch?poll=100ms&after=r1-x-1.7&subject=object,server")
        .await;
    let expected = json!({ "position": "r1-x-1.7", "snapshot": false, "changes": [], "version": null });
    assert_eq!((nothing.status, nothing.json()), (200, expected));
    let asked = running.fake.asked.lock().unwrap().last().cloned();
    let after = Some("r1-x-1.7".parse().unwrap());
    let subjects = vec![Subject::Object, Subject::Server];
    assert_eq!(asked, Some(Request::Observe { subjects, after }));
    *running.fake.told.lock().unwrap() = vec![part(None, true, "o1"), part(Some(9), true, "o2")];
    let all = running.get("/v1/watch?poll=20s").await.json();
    assert_eq!((&all["position"], &all["snapshot"]), (&json!("r1-x-1.9"), &json!(true)));
    assert_eq!(all["changes"].as_array().map(Vec::len), Some(2));
    let failure = Failure::new(ErrorCode::NotMaster, "a node", "ask a registry");
    *running.fake.told.lock().unwrap() = vec![Response::Failed(failure)];
    for path in ["/v1/watch", "/v1/watch?poll=1s", "/v1/locate?id=a"] {
        assert_eq!(running.get(path).await.status, 409, "{path}");
    }
}

#[tokio::test]
async fn events_carry_their_place_and_a_stuck_reader_costs_the_others_nothing() {
    let running = start().await;
    *running.fake.told.lock().unwrap() = vec![part(Some(1), true, "o1"), part(Some(2), false, "o2")];
    let mut stuck = Vec::new();
    for _ in 0..STREAMS_MAX {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let request = "GET /v1/watch HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: r1-x-1.1\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        stuck.push(stream);
    }
    let mut text = String::new();
    let mut first = stuck.remove(0);
    while !text.contains("id: r1-x-1.2") {
        let mut bytes = [0; 4096];
        let count = timeout(Duration::from_secs(10), first.read(&mut bytes))
            .await
            .expect("events come")
            .unwrap();
        text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    for words in ["event: snapshot", "id: r1-x-1.1", "event: change", "\"id\":\"o2\""] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let asked = running.fake.asked.lock().unwrap().last().cloned();
    let (subjects, after) = (Vec::new(), Some("r1-x-1.1".parse().unwrap()));
    assert_eq!(asked, Some(Request::Observe { subjects, after }));
    // No more streams, but everything else.
    let mut seen = 0;
    while running.fake.kept.lock().unwrap().len() < STREAMS_MAX {
        seen += 1;
        assert!(seen < 10_000, "the streams do not begin");
        tokio::task::yield_now().await;
        sleep(Duration::from_millis(1)).await;
    }
    let full = running.get("/v1/watch").await;
    assert_eq!((full.status, full.error_code().as_str()), (503, "overloaded"));
    assert!(full.head.contains("retry-after"));
    assert_eq!(running.get("/live").await.status, 200);
    drop(first);
    drop(stuck);
}

/// Whatever is said first, what was smuggled behind it is never answered as a request of its own where another reader
/// would take it for a body.
#[tokio::test]
async fn nothing_is_smuggled() {
    let running = start().await;
    let inner = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let length = inner.len();
    let host = "Host: localhost\r\n";
    let cases = [
        format!("GET /live HTTP/1.1\r\n{host}Content-Length: {length}\r\n\r\n{inner}"),
        format!(
            "GET /live HTTP/1.1\r\n{host}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
        ),
        format!("GET /live HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{inner}"),
        format!("GET /live HTTP/1.1\r\n{host}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{inner}"),
        format!("GET /live HTTP/1.1\r\n{host}Content-Length: +{length}\r\n\r\n{inner}"),
        format!("GET /live HTTP/1.1\r\n{host}Content-Length : {length}\r\n\r\n{inner}"),
        format!("GET /live HTTP/1.1\r\n{host}Transfer-Encoding : chunked\r\n\r\n{inner}"),
        format!("GET /live HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n{inner}"),
        format!("GET /live HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n{inner}"),
        format!("GET /live HTTP/1.1\r\n{host}X: a\r\n Content-Length: {length}\r\n\r\n{inner}"),
        format!("GET /live HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nzz\r\n{inner}"),
        format!("GET /live HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{inner}"),
        format!("GET /live HTTP/1.0\r\n{host}Content-Length: {length}\r\n\r\n{inner}"),
        format!("GET /live\r\n\r\n{inner}"),
    ];
    for case in cases {
        let got = running.raw(&case).await;
        let whole = format!("{}\r\n\r\n{}", got.head, got.body);
        assert!(!whole.contains("there is nothing at /smuggled"), "{case:?}\n{whole}");
        assert!(matches!(got.status, 0 | 400 | 413 | 505), "{case:?}\n{whole}");
    }
    // Two honest ones on one connection are both answered.
    let two = format!("GET /live HTTP/1.1\r\n{host}\r\nGET /smuggled HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    let got = running.raw(&two).await;
    assert!(
        got.status == 200 && got.body.contains("there is nothing at /smuggled"),
        "{}",
        got.body
    );
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
