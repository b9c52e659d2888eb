//! Servers with `session` activation on their node: started for who has them, ended with that, whatever comes late or again.

use super::bench::*;
use crate::pure::allocation::{SessionId, Tenure, TenureWord, Token};
use crate::pure::base::{RunId, Secret};
use crate::pure::lineage::Epoch;
use crate::pure::model::Activation;
use crate::pure::node::Event;
use crate::pure::protocol::request::Verb;
use crate::pure::protocol::{ErrorCode, Message, Request, Response};
use crate::pure::supervisor::{self, Exit};

fn tenure(session: u8, epoch: u64, number: u64) -> Tenure {
    Tenure {
        session: SessionId::of(Secret::from_bits(u128::from(session))),
        token: Token { epoch, number },
    }
}
/// A master tells who has `s`.
fn word(bench: &mut Bench, epoch: Epoch, as_of: u64, held: Option<Tenure>) {
    let as_of = Token {
        epoch: epoch.number,
        number: as_of,
    };
    let server = id("s");
    let words = vec![TenureWord { server, as_of, held }];
    let database = Some(HOME);
    bench.hear("r1", Message::Tenures { epoch, database, words });
}
/// A registry asks for something; the failure, if it was refused at once.
fn ask(bench: &mut Bench, epoch: Epoch, request: Request) -> Option<(ErrorCode, String)> {
    bench.said.clear();
    let ask = Message::Ask {
        id: 1,
        epoch,
        database: Some(HOME),
        deadline_ms: 5000,
        actor: "test".into(),
        request: Box::new(request),
    };
    bench.hear("r1", ask);
    let answer = bench.said.iter().find_map(|(_, message)| match message {
        Message::Answer { response, .. } => Some(response),
        _ => None,
    });
    match answer.map(|answer| &**answer) {
        Some(Response::Failed(failure)) => Some((failure.code, failure.message.clone())),
        _ => None,
    }
}
fn activate(bench: &mut Bench, epoch: Epoch, tenure: Option<Tenure>) -> Option<(ErrorCode, String)> {
    let server = id("s");
    ask(bench, epoch, Request::Activate { server, tenure })
}
/// The run and the tenure of the process.
fn process(bench: &Bench) -> Option<(RunId, Option<Tenure>)> {
    bench
        .processes
        .get(&id("s"))
        .map(|running| (running.run, running.tenure))
}
/// The process ends, if it was told to.
fn ends(bench: &mut Bench) {
    let running = bench.processes.remove(&id("s")).unwrap();
    let (run, how) = (running.run, Exit::Code(0));
    let event = supervisor::Event::Exited { run, how };
    bench.event(Event::Server { id: id("s"), event });
}
fn state(bench: &Bench) -> String {
    bench.node.reports()[0].state.to_string()
}
fn bench(reign: Epoch) -> Bench {
    let mut bench = Bench::new();
    bench.link("r1");
    bench.slice("r1", reign, 5, vec![spec("s", Activation::Session)], &[]);
    bench
}

#[test]
fn it_is_started_for_who_has_it_and_ends_with_that() {
    let reign = epoch(1, 1);
    let mut bench = bench(reign);
    let (x5, x7) = (tenure(1, 1, 5), tenure(1, 1, 7));
    let command = |verb| Request::Command { server: id("s"), verb };
    for request in [command(Verb::Start), command(Verb::Restart)] {
        let (code, why) = ask(&mut bench, reign, request).unwrap();
        assert!(
            code == ErrorCode::Precondition && why.contains("while a session holds it"),
            "{why}"
        );
    }
    let (code, _) = activate(&mut bench, reign, None).unwrap();
    assert_eq!((code, process(&bench)), (ErrorCode::Unavailable, None));
    // Had, but not asked for: it waits for a use.
    word(&mut bench, reign, 5, Some(x5));
    assert_eq!(process(&bench), None);
    assert_eq!(activate(&mut bench, reign, Some(x5)), None);
    let (first, of) = process(&bench).unwrap();
    assert_eq!((of, bench.node.reports()[0].tenure), (Some(x5), Some(x5)));
    // It ends by itself: the next use starts it again.
    ends(&mut bench);
    assert_eq!(activate(&mut bench, reign, Some(x5)), None);
    assert_ne!(process(&bench).unwrap().0, first);
    // The same session takes it again before the node hears of the end: the process is another one.
    word(&mut bench, reign, 7, Some(x7));
    assert_eq!(state(&bench), "deactivating");
    assert_eq!(activate(&mut bench, reign, Some(x7)), None);
    ends(&mut bench);
    assert_eq!(process(&bench).unwrap().1, Some(x7));
    word(&mut bench, reign, 7, None);
    assert_eq!(state(&bench), "deactivating");
    ends(&mut bench);
    assert_eq!((state(&bench).as_str(), process(&bench)), ("inactive", None));
    assert!(activate(&mut bench, reign, None).is_some());
}

#[test]
fn nothing_old_starts_it_or_stops_it_also_over_a_crash() {
    let reign = epoch(1, 1);
    let mut bench = bench(reign);
    let (x5, y6) = (tenure(1, 1, 5), tenure(2, 1, 6));
    // A registry knows of the lease before the master has told.
    assert_eq!(activate(&mut bench, reign, Some(y6)), None);
    let runs = process(&bench);
    assert_eq!(runs.unwrap().1, Some(y6));
    for crash in [false, true] {
        if crash {
            bench.crash();
            bench.link("r1");
        }
        word(&mut bench, reign, 5, Some(x5));
        word(&mut bench, reign, 5, None);
        let (code, why) = activate(&mut bench, reign, Some(x5)).unwrap();
        assert!(
            code == ErrorCode::Unavailable && why.contains("has it no longer"),
            "{why}"
        );
        assert_eq!(
            (process(&bench), state(&bench).as_str()),
            (runs, "active"),
            "after a crash: {crash}"
        );
    }
    // A new master knows of it and says so: the process goes on, and a former master is not heard.
    let next = epoch(2, 2);
    word(&mut bench, next, 6, Some(y6));
    word(&mut bench, reign, 9, None);
    assert_eq!((process(&bench), state(&bench).as_str()), (runs, "active"));
    // Over is over: also for who crashed before it ended, and for a registry that has not heard.
    word(&mut bench, next, 6, None);
    bench.crash();
    assert_eq!(state(&bench), "deactivating");
    ends(&mut bench);
    bench.link("r1");
    word(&mut bench, next, 6, Some(y6));
    let (_, why) = activate(&mut bench, next, Some(y6)).unwrap();
    assert!(why.contains("are over"), "{why}");
    assert_eq!(process(&bench), None);
}
