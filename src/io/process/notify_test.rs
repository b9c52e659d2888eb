//! What real processes say of themselves, and who is believed.

use super::process_test::{Bench, id, spec};
use crate::pure::base::RunId;
use crate::pure::model::{AdapterSpec, Ready, ServerSpec};
use crate::pure::supervisor::{Event, Word};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends each of these texts to the notify socket, then waits for its end.
const SPEAKER: &str = "import os, socket, sys, time
address = os.environ['NOTIFY_SOCKET'].replace('@', '\\0', 1)
for text in sys.argv[1:]:
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(text.encode(), address)
time.sleep(600)
";

fn speaker(words: &[&str]) -> ServerSpec {
    let adapter = AdapterSpec {
        name: "http".into(),
        id: "s.http".parse().unwrap(),
        group: None,
        endpoint: String::new(),
        priority: 0,
    };
    let run = [&["python3", "-c", SPEAKER], words].concat();
    ServerSpec {
        ready: Ready::Notify,
        adapters: vec![adapter],
        ..spec(&run)
    }
}

/// The next word, which is of this run.
async fn heard(bench: &mut Bench, run: RunId) -> Word {
    match bench.event().await {
        Event::Said { run: told, word } if told == run => word,
        other => panic!("{other:?} instead of a word"),
    }
}

/// Somebody who is no server says it, as soon as somebody listens.
async fn forge(run: RunId, text: &str) {
    let address = SocketAddr::from_abstract_name(format!("floe-{run}")).unwrap();
    let socket = UnixDatagram::unbound().unwrap();
    let begin = std::time::Instant::now();
    while let Err(error) = socket.send_to_addr(text.as_bytes(), &address) {
        assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_heard_and_a_stranger_is_not() {
    let mut bench = Bench::new();
    let noise = "x".repeat(5000);
    let words = [
        &noise,
        "X_FLOE_ENDPOINT=no=x",
        "STATUS=up\nX_FLOE_ENDPOINT=http=tcp://h:1\nREADY=1",
    ];
    let (run, ..) = bench.spawned(speaker(&words)).await;
    let uri = "tcp://h:1".to_owned();
    let adapter = "http".to_owned();
    assert_eq!(heard(&mut bench, run).await, Word::Endpoint { adapter, uri });
    assert_eq!(heard(&mut bench, run).await, Word::Status("up".into()));
    assert_eq!(heard(&mut bench, run).await, Word::Ready);
    forge(run, "STOPPING=1").await;
    // The next life of the node knows what was said, and goes on listening.
    let mut bench = bench.next_life();
    forge(run, "STOPPING=1").await;
    assert_eq!(bench.adopted[&id()].run, run);
    let told = bench.supervisor.take_told().remove(&id()).unwrap();
    assert_eq!((told.ready, told.stopping, told.status.as_str()), (true, false, "up"));
    assert_eq!(told.endpoints["http"], "tcp://h:1");
    bench.supervisor.kill(&id(), run);
    assert!(
        matches!(bench.event().await, Event::Exited { .. }),
        "no stranger was believed"
    );
    // A new run has said nothing.
    bench.spawned(speaker(&[])).await;
    assert!(bench.next_life().supervisor.take_told().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn helpers_and_children_of_a_process_speak_for_it() {
    let mut bench = Bench::new();
    let say = "import os,socket;socket.socket(1,2).sendto(os.environ['WORD'].encode(),os.environ['NOTIFY_SOCKET'].replace('@','\\0',1))";
    let script = format!("WORD=STATUS=one python3 -c \"{say}\"; WORD=READY=1 setsid python3 -c \"{say}\"; sleep 600");
    let mut spec = spec(&["sh", "-c", &script]);
    spec.ready = Ready::Notify;
    let (run, ..) = bench.spawned(spec).await;
    assert_eq!(heard(&mut bench, run).await, Word::Status("one".into()));
    assert_eq!(heard(&mut bench, run).await, Word::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_words_is_passed_on_in_portions() {
    let mut bench = Bench::new();
    let script = "import os, socket
address = os.environ['NOTIFY_SOCKET'].replace('@', '\\0', 1)
s = socket.socket(1, 2)
for i in range(20000): s.sendto(b'STATUS=%d' % i, address)
s.sendto(b'READY=1', address)
import time; time.sleep(600)
";
    let mut spec = spec(&["python3", "-c", script]);
    spec.ready = Ready::Notify;
    let (run, ..) = bench.spawned(spec).await;
    let (mut statuses, begin) = (0, std::time::Instant::now());
    while heard(&mut bench, run).await != Word::Ready {
        statuses += 1;
    }
    let most = begin.elapsed().as_millis() / 100 + 2;
    assert!(statuses <= most, "{statuses} of at most {most}");
}

#[tokio::test]
async fn an_adopted_process_that_ran_long_enough_is_ready() {
    let mut bench = Bench::new();
    let delay = std::time::Duration::from_millis(300);
    let mut spec = spec(&["sleep", "600"]);
    spec.ready = Ready::After(delay);
    bench.spawned(spec).await;
    let mut bench = bench.next_life();
    assert!(bench.supervisor.take_told().is_empty(), "it has just started");
    let begin = std::time::Instant::now();
    loop {
        bench = bench.next_life();
        if bench.supervisor.take_told().get(&id()).is_some_and(|told| told.ready) {
            break;
        }
        assert!(begin.elapsed() < std::time::Duration::from_secs(20), "never ready");
    }
}
