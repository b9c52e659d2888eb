//! Sessions by HTTP: what is asked of the daemon, and what is refused in which words.

use super::*;
use crate::pure::allocation::{SessionId, Wish};
use crate::pure::base::WallTime;
use crate::pure::protocol::allocation::{Allocate, QueueReport, SessionReport};

const DIGITS: &str = "00112233445566778899aabbccddeeff";
const REQUEST: &str = "request=ffeeddccbbaa99887766554433221100";

impl Running {
    /// One request with these headers beside the host.
    async fn send(&self, method: &str, path: &str, headers: &str) -> Got {
        let own = format!("Host: {}\r\nConnection: close\r\n", self.address);
        self.raw(&format!("{method} {path} HTTP/1.1\r\n{own}{headers}\r\n"))
            .await
    }
    async fn hold(&self, method: &str, path: &str) -> Got {
        self.send(method, path, &format!("Authorization: Bearer {DIGITS}\r\n"))
            .await
    }
    fn last(&self) -> Option<Request> {
        self.fake.asked.lock().unwrap().last().cloned()
    }
    fn decide(&self, response: Response) {
        *self.fake.decided.lock().unwrap() = Some(response);
    }
}

#[tokio::test]
async fn each_change_is_asked_of_the_daemon_by_whoever_calls() {
    let running = start().await;
    let secret = DIGITS.parse().unwrap();
    let request = "ffeeddccbbaa99887766554433221100".parse().unwrap();
    let resource = || "gpu-1".parse().unwrap();
    let allocate = |wish, timeout_ms| {
        Request::Allocate(Box::new(Allocate {
            secret,
            wish,
            timeout_ms,
            request,
        }))
    };
    let kind = "gpu".to_owned();
    let attributes = [("memory", "80GiB"), ("a", "b=c")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let attributes = attributes.into();
    let cases = [
        (
            "POST",
            "/v1/sessions?name=a%20b&ttl=3s".to_owned(),
            Request::OpenSession {
                secret,
                name: "a b".to_owned(),
                ttl_ms: 3000,
            },
        ),
        (
            "POST",
            "/v1/sessions?name=a".to_owned(),
            Request::OpenSession {
                secret,
                name: "a".to_owned(),
                ttl_ms: 10_000,
            },
        ),
        (
            "POST",
            "/v1/sessions/renew".to_owned(),
            Request::RenewSession { secret },
        ),
        ("DELETE", "/v1/session".to_owned(), Request::CloseSession { secret }),
        (
            "POST",
            format!("/v1/leases?id=gpu-1&{REQUEST}"),
            allocate(Wish::Id(resource()), None),
        ),
        (
            "POST",
            format!("/v1/leases?type=gpu&where=memory=80GiB&where=a=b%3Dc&timeout=5s&{REQUEST}"),
            allocate(Wish::Type { kind, attributes }, Some(5000)),
        ),
        (
            "DELETE",
            "/v1/leases?id=gpu-1&token=3-41".to_owned(),
            Request::Release {
                secret,
                resource: resource(),
                token: "3-41".parse().ok(),
            },
        ),
        (
            "DELETE",
            format!("/v1/leases?{REQUEST}"),
            Request::Withdraw { secret, request },
        ),
    ];
    running.decide(Response::Withdrawn(true));
    for (method, path, expected) in cases {
        let got = running.hold(method, &path).await;
        assert_eq!((got.status, got.json()), (200, json!({"withdrawn": true})), "{path}");
        assert_eq!(running.last(), Some(expected), "{path}");
        let actor = running.fake.actor.lock().unwrap().clone();
        assert!(actor.starts_with("http from 127.0.0.1:"), "{actor}");
    }
    // A scheme is written as anybody likes.
    let header = format!("authorization: bearer  {}\r\n", DIGITS.to_uppercase());
    assert_eq!(running.send("DELETE", "/v1/session", &header).await.status, 200);
    assert_eq!(running.get("/v1/peers").await.status, 503);
    assert_eq!(running.fake.actor.lock().unwrap().as_str(), "http");
}

#[tokio::test]
async fn without_a_secret_that_can_be_read_nothing_is_asked() {
    let running = start().await;
    let good = format!("Authorization: Bearer {DIGITS}\r\n");
    let cases = [
        (String::new(), "the session's secret is missing"),
        (format!("{good}{good}"), "there are several Authorization headers"),
        (
            format!("Authorization: Basic {DIGITS}\r\n"),
            "the Authorization header is not of the scheme Bearer",
        ),
        (
            format!("Authorization: {DIGITS}\r\n"),
            "the Authorization header is not of the scheme Bearer",
        ),
        (
            "Authorization: Bearer\r\n".to_owned(),
            "the session's secret cannot be read",
        ),
        (
            format!("Authorization: Bearer {DIGITS}0\r\n"),
            "the session's secret cannot be read",
        ),
        (
            format!("Authorization: Bearer +{}\r\n", &DIGITS[1..]),
            "the session's secret cannot be read",
        ),
        (
            format!("Authorization: Bearer x{}\r\n", &DIGITS[1..]),
            "the session's secret cannot be read",
        ),
        (
            format!("Authorization: Bearer \u{e4}{}\r\n", &DIGITS[1..]),
            "the Authorization header is not of the scheme Bearer",
        ),
    ];
    for (headers, words) in cases {
        for (method, path) in [
            ("POST", "/v1/sessions?name=a"),
            ("POST", "/v1/sessions/renew"),
            ("DELETE", "/v1/session"),
            ("POST", "/v1/leases?id=a"),
            ("DELETE", "/v1/leases?id=a&token=1-1"),
        ] {
            let got = running.send(method, path, &headers).await;
            assert_eq!((got.status, got.error_code().as_str()), (401, "unauthorized"), "{path}");
            assert_eq!(got.json()["error"]["message"], *words, "{path}");
            assert!(got.head.contains("www-authenticate: bearer"), "{}", got.head);
            assert!(!got.body.contains(&DIGITS[4..]), "{}", got.body);
        }
    }
    assert_eq!(running.last(), None);
}

#[tokio::test]
async fn bad_input_is_refused_in_a_sentence() {
    let running = start().await;
    let long = "x".repeat(256);
    let many = "&where=a=b".repeat(17);
    let cases = [
        ("POST", "/v1/sessions".to_owned(), "name is missing"),
        (
            "POST",
            "/v1/sessions?name=a&ttl=1d25h".to_owned(),
            "ttl \"1d25h\" cannot be read",
        ),
        ("POST", "/v1/sessions?name=a&ttl=25h".to_owned(), "ttl 25h is refused"),
        ("POST", "/v1/sessions?name=a&ttl=-1s".to_owned(), "ttl -1s is refused"),
        (
            "POST",
            "/v1/sessions?name=a&name=b".to_owned(),
            "parameter \"name\" is given twice",
        ),
        (
            "POST",
            "/v1/sessions?name=a&secret=1".to_owned(),
            "there is no parameter \"secret\" here",
        ),
        (
            "POST",
            "/v1/sessions/renew?ttl=9s".to_owned(),
            "there is no parameter \"ttl\" here",
        ),
        (
            "DELETE",
            "/v1/session?id=0011223344556677".to_owned(),
            "there is no parameter \"id\" here",
        ),
        ("POST", "/v1/leases?id=a".to_owned(), "request is missing"),
        (
            "POST",
            "/v1/leases?id=a&request=1".to_owned(),
            "request \"1\" cannot be read",
        ),
        (
            "POST",
            format!("/v1/leases?{REQUEST}"),
            "neither an id nor a type is named",
        ),
        (
            "POST",
            format!("/v1/leases?id=a&type=t&{REQUEST}"),
            "an id and a type are named at once",
        ),
        (
            "POST",
            format!("/v1/leases?id=a&where=k=v&{REQUEST}"),
            "where goes with a type, not with an id",
        ),
        (
            "POST",
            format!("/v1/leases?id=a/b&{REQUEST}"),
            "id \"a/b\" cannot be read",
        ),
        ("POST", format!("/v1/leases?type=&{REQUEST}"), "type \"\" is refused"),
        (
            "POST",
            format!("/v1/leases?type=a%0Ab&{REQUEST}"),
            "type \"a\\nb\" is refused",
        ),
        (
            "POST",
            format!("/v1/leases?type={long}&{REQUEST}"),
            "type \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" is refused",
        ),
        (
            "POST",
            format!("/v1/leases?type=t&where=k&{REQUEST}"),
            "where \"k\" cannot be read",
        ),
        (
            "POST",
            format!("/v1/leases?type=t&where==v&{REQUEST}"),
            "where \"=v\" cannot be read",
        ),
        (
            "POST",
            format!("/v1/leases?type=t&where=k=v&where=k=w&{REQUEST}"),
            "attribute \"k\" is named twice",
        ),
        (
            "POST",
            format!("/v1/leases?type=t{many}&{REQUEST}"),
            "17 attributes are named",
        ),
        (
            "POST",
            format!("/v1/leases?type=t&timeout=never&{REQUEST}"),
            "timeout \"never\" cannot be read",
        ),
        (
            "POST",
            format!("/v1/leases?type=t&timeout=48h&{REQUEST}"),
            "timeout 48h is refused",
        ),
        (
            "POST",
            format!("/v1/leases?type=t&poll=61s&{REQUEST}"),
            "poll 61s is refused",
        ),
        (
            "DELETE",
            "/v1/leases".to_owned(),
            "neither a lease nor a request is named",
        ),
        ("DELETE", "/v1/leases?id=a".to_owned(), "the lease's token is missing"),
        (
            "DELETE",
            "/v1/leases?token=1-1".to_owned(),
            "the lease's resource is missing",
        ),
        (
            "DELETE",
            "/v1/leases?id=a&token=1".to_owned(),
            "token \"1\" cannot be read",
        ),
        (
            "DELETE",
            format!("/v1/leases?id=a&token=1-1&{REQUEST}"),
            "a lease and a request are named at once",
        ),
        (
            "DELETE",
            "/v1/leases?id=%ff".to_owned(),
            "id \"\u{fffd}\" cannot be read",
        ),
    ];
    for (method, path, words) in cases {
        let got = running.hold(method, &path).await;
        let start: String = path.chars().take(60).collect();
        assert_eq!((got.status, got.error_code().as_str()), (400, "invalid"), "{start}");
        assert_eq!(got.json()["error"]["message"], *words, "{start}");
        assert_ne!(got.json()["error"]["hint"], "", "{start}");
    }
    assert_eq!(running.last(), None);
}

#[tokio::test]
async fn pages_bodies_long_queries_and_other_methods_are_refused() {
    let running = start().await;
    let bearer = format!("Authorization: Bearer {DIGITS}\r\n");
    let origin = |origin: &str| format!("{bearer}Origin: {origin}\r\n");
    let own = format!("http://{}", running.address);
    let long = format!("/v1/sessions?name={}", "a".repeat(11_000));
    let cases = [
        (
            "POST",
            "/v1/sessions?name=a",
            origin("http://evil.example"),
            403,
            "origin",
        ),
        ("POST", "/v1/sessions?name=a", origin(&own), 403, "origin"),
        ("POST", "/v1/leases?id=a", origin("null"), 403, "origin"),
        ("DELETE", "/v1/session", origin("http://evil.example"), 403, "origin"),
        ("OPTIONS", "/v1/sessions", origin("http://evil.example"), 403, "origin"),
        (
            "POST",
            "/v1/sessions?name=a",
            format!("{bearer}Content-Length: 2\r\n\r\n{{}}"),
            413,
            "body",
        ),
        ("POST", &long, bearer.clone(), 414, "too-large"),
        ("PUT", "/v1/sessions?name=a", bearer.clone(), 405, "method"),
        ("DELETE", "/v1/sessions", bearer.clone(), 405, "method"),
        ("POST", "/v1/nodes", bearer.clone(), 405, "method"),
    ];
    for (method, path, headers, status, code) in cases {
        let got = running.send(method, path, &headers).await;
        let start: String = path.chars().take(60).collect();
        let found = (got.status, got.error_code());
        assert_eq!(found, (status, code.to_owned()), "{method} {start} {headers}");
    }
    assert_eq!(running.last(), None);
    for (path, allowed) in [
        ("/v1/sessions", "allow: get,head,post"),
        ("/v1/sessions/renew", "allow: post"),
        ("/v1/session", "allow: delete"),
        ("/v1/leases", "allow: get,head,post,delete"),
        ("/v1/nodes", "allow: get,head"),
    ] {
        let got = running.send("PATCH", path, &bearer).await;
        let lines: Vec<&str> = got.head.lines().filter(|line| line.starts_with("allow:")).collect();
        assert_eq!(lines, [allowed], "{path}");
        assert_eq!(got.json()["error"]["message"], "PATCH is not served here");
    }
    // Whoever only reads may come from a page, and curl says that it sends nothing.
    assert_eq!(
        running.send("GET", "/v1/servers", "Origin: http://a\r\n").await.status,
        200
    );
    running.decide(Response::Withdrawn(true));
    let empty = format!("{bearer}Content-Length: 0\r\n");
    assert_eq!(running.send("POST", "/v1/sessions?name=a", &empty).await.status, 200);
    let routes = running.metrics.render();
    for line in [
        "{route=\"/v1/session\",code=\"4xx\"} 2",
        "{route=\"/v1/sessions/renew\",code=\"4xx\"} 1",
    ] {
        assert!(routes.contains(line), "{line} in {routes}");
    }
}

#[tokio::test]
async fn every_outcome_has_its_status() {
    let running = start().await;
    let path = format!("/v1/leases?type=gpu&{REQUEST}");
    let wish = "one of type gpu".to_owned();
    running.decide(Response::Queued(QueueReport { wish, ahead: 2 }));
    let got = running.hold("POST", &path).await;
    let expected = json!({"wish": "one of type gpu", "ahead": 2});
    assert_eq!((got.status, got.json()), (202, expected));
    running.decide(Response::Session(Box::new(SessionReport {
        id: SessionId::of(DIGITS.parse().unwrap()),
        name: "a".to_owned(),
        expires_in: Some(10),
        ttl_ms: 10_000,
        leases: 1,
        waiting: 0,
        actor: "http".to_owned(),
        opened: WallTime(7),
        held: vec![("gpu-1".to_owned(), "3-41".to_owned())],
    })));
    let got = running.hold("POST", "/v1/sessions/renew").await;
    assert_eq!((got.status, &got.json()["held"]), (200, &json!([["gpu-1", "3-41"]])));
    assert!(!got.body.contains(DIGITS), "{}", got.body);
    for (code, status) in [
        (ErrorCode::Invalid, 400),
        (ErrorCode::NotFound, 404),
        (ErrorCode::NotMaster, 409),
        (ErrorCode::Reviewing, 409),
        (ErrorCode::Precondition, 409),
        (ErrorCode::Unavailable, 503),
        (ErrorCode::InDoubt, 503),
        (ErrorCode::Overloaded, 503),
        (ErrorCode::TimedOut, 504),
    ] {
        running.decide(Response::Failed(Failure::new(code, "a sentence", "a hint")));
        let got = running.hold("POST", &path).await;
        drop(got.error_code());
        let told = &got.json()["error"];
        assert_eq!(
            (got.status, &told["message"], &told["hint"]),
            (status, &json!("a sentence"), &json!("a hint"))
        );
    }
}

#[tokio::test]
async fn whoever_does_not_lead_says_where_the_master_is() {
    let running = start().await;
    let mut failure = Failure::new(
        ErrorCode::NotMaster,
        "r2 is following",
        "ask the master: --peer 10.0.0.1:7401",
    );
    failure.master = Some(("r1".parse().unwrap(), "10.0.0.1:7401".parse().unwrap()));
    running.decide(Response::Failed(failure));
    let master = |http: Value| json!({"name": "r1", "address": "10.0.0.1:7401", "http": http});
    let row = |http: &str| Some(vec![peer("r1", PeerKind::Registry, http, "alive")]);
    for (peers, http, hint) in [
        (
            row("10.0.0.1:7481"),
            json!("10.0.0.1:7481"),
            "ask the master: http://10.0.0.1:7481",
        ),
        (
            row("[::1]:7481"),
            json!("[::1]:7481"),
            "ask the master: http://[::1]:7481",
        ),
        // Not served, nowhere in particular, or not known.
        (row(""), Value::Null, "ask the master: --peer 10.0.0.1:7401"),
        (row("0.0.0.0:7481"), Value::Null, "ask the master: --peer 10.0.0.1:7401"),
        (Some(Vec::new()), Value::Null, "ask the master: --peer 10.0.0.1:7401"),
        (None, Value::Null, "ask the master: --peer 10.0.0.1:7401"),
    ] {
        *running.fake.peers.lock().unwrap() = peers;
        let got = running.hold("POST", "/v1/sessions?name=a").await;
        let told = &got.json()["error"];
        assert_eq!((got.status, &told["code"]), (409, &json!("not-master")));
        assert_eq!((&told["master"], &told["hint"]), (&master(http), &json!(hint)));
    }
}

#[tokio::test]
async fn so_many_wait_and_no_more() {
    let running = start().await;
    *running.fake.stuck.lock().unwrap() = true;
    let mut waiting = Vec::new();
    for _ in 0..POLLS_MAX {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let request = format!(
            "POST /v1/leases?type=gpu&{REQUEST} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {DIGITS}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    let mut seen = 0;
    while running.fake.asked.lock().unwrap().len() < waiting.len() {
        seen += 1;
        assert!(seen < 10_000, "they do not begin to wait");
        sleep(Duration::from_millis(1)).await;
    }
    let full = running.hold("POST", &format!("/v1/leases?type=gpu&{REQUEST}")).await;
    assert_eq!((full.status, full.error_code().as_str()), (503, "overloaded"));
    assert!(full.head.contains("retry-after"), "{}", full.head);
    *running.fake.stuck.lock().unwrap() = false;
    running.decide(Response::Withdrawn(false));
    for now in ["poll=0s", "timeout=0s"] {
        let got = running
            .hold("POST", &format!("/v1/leases?type=gpu&{now}&{REQUEST}"))
            .await;
        assert_eq!(got.status, 200, "{now}: who does not wait takes no room");
    }
    // Who hangs up makes room.
    drop(waiting.pop());
    let mut tries = 0;
    while running
        .hold("POST", &format!("/v1/leases?type=gpu&{REQUEST}"))
        .await
        .status
        != 200
    {
        tries += 1;
        assert!(tries < 1000, "no room came free");
        sleep(Duration::from_millis(5)).await;
    }
}
