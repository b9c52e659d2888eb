//! The life cycle as a table of state and event, and its invariants over arbitrary events.

use super::*;
use crate::pure::allocation::{SessionId, Token};
use crate::pure::base::Secret;
use crate::pure::model::{Activation, AdapterSpec, DisableAfter, PropertyFile, Ready};
use crate::pure::supervisor::event::Why;
use crate::pure::supervisor::exit::Exit;
use crate::pure::supervisor::notice::Word;
use proptest::prelude::*;
use std::time::Duration;

fn spec(activation: Activation) -> ServerSpec {
    ServerSpec {
        activation,
        ready: Ready::Tcp("http".into()),
        deactivation_timeout: Duration::from_secs(20),
        ports: BTreeMap::from([("http".into(), 0)]),
        adapters: vec![AdapterSpec {
            name: "http".into(),
            id: "s.http".parse().unwrap(),
            group: None,
            endpoint: "http://${node.host}:${port.http}".into(),
            priority: 0,
        }],
        ..ServerSpec::new("s".parse().unwrap(), "a".parse().unwrap(), vec!["true".into()])
    }
}

fn changed(activation: Activation) -> Arc<ServerSpec> {
    let mut spec = spec(activation);
    spec.run.push("--new".into());
    Arc::new(spec)
}

fn other_files(activation: Activation) -> ServerSpec {
    let file = PropertyFile {
        name: "f".into(),
        properties: BTreeMap::new(),
    };
    ServerSpec {
        files: vec![file],
        ..spec(activation)
    }
}

fn at(second: u64) -> Moment {
    Moment {
        now: Time::from_micros(second * 1_000_000),
        wall: WallTime(0),
        dice: u128::from(second),
    }
}

/// A machine with its shell, in one hand: `did` collects what the machine asked for, in words.
struct Bench {
    machine: Machine,
    second: u64,
    /// Tenures so far.
    tokens: u64,
    did: Vec<&'static str>,
}

impl Bench {
    fn new(activation: Activation) -> Self {
        Self::of(spec(activation))
    }
    /// Activation, then what differs from the usual: `always, notify`.
    fn described(words: &str) -> Self {
        let mut words = words.split(", ");
        let mut spec = spec(match words.next() {
            Some("manual") => Activation::Manual,
            Some("on-demand") => Activation::OnDemand,
            Some("session") => Activation::Session,
            Some("always") => Activation::Always,
            other => panic!("no such activation: {other:?}"),
        });
        let disable_after = |failures, period: Option<u64>| {
            let period = period.map(Duration::from_secs);
            Some(DisableAfter { failures, period })
        };
        for word in words {
            match word {
                "notify" => spec.ready = Ready::Notify,
                "after" => spec.ready = Ready::After(Duration::from_secs(10)),
                "twice" => spec.disable_after = disable_after(2, None),
                "once" => spec.disable_after = disable_after(1, Some(20)),
                other => panic!("no such definition: {other}"),
            }
        }
        Self::of(spec)
    }
    fn of(spec: ServerSpec) -> Self {
        let machine = Machine::new(Arc::new(spec), "127.0.0.1".into(), Marks::default());
        Self {
            machine,
            second: 1,
            tokens: 0,
            did: Vec::new(),
        }
    }
    fn event(&mut self, event: Event) {
        for action in self.machine.handle(event, &at(self.second)) {
            match action {
                Action::Spawn { .. } => self.did.push("spawn"),
                Action::Probe { probe, .. } => {
                    assert_eq!(probe.address.to_string(), "127.0.0.1:8080");
                    self.did.push("probe");
                }
                Action::StopProbe { .. } => self.did.push("stop probe"),
                Action::Refresh { .. } => self.did.push("refresh"),
                Action::Terminate { .. } => self.did.push("terminate"),
                Action::Kill { .. } => self.did.push("kill"),
                Action::Changed => (),
            }
        }
    }
    /// One word each; what concerns a process concerns the present one.
    fn word(&mut self, word: &str) {
        let run = self.machine.run().unwrap_or(RunId::from_bits(1));
        let activation = self.machine.spec().activation;
        match word {
            "boot" => self.event(Event::Start(Why::Always)),
            "start" => self.event(Event::Start(Why::Operator)),
            "demand" => self.event(Event::Start(Why::Demand)),
            "stop" => self.event(Event::Stop),
            "restart" => self.event(Event::Restart),
            "enable" => self.event(Event::Enable),
            "disable" => self.event(Event::Disable),
            "close" => self.event(Event::Close),
            "reopen" => self.event(Event::Reopen(self.machine.spec().clone())),
            "respec" => self.event(Event::Respec(changed(activation))),
            // The next session has it, or none has.
            "lent" | "returned" => {
                self.tokens += 1;
                let token = Token {
                    epoch: 1,
                    number: self.tokens,
                };
                let session = (word == "lent").then(|| SessionId::of(Secret::from_bits(1)));
                self.event(Event::Tenure(Known { token, session }));
            }
            "drain" => self.event(Event::Drain { keep_running: false }),
            "rest" => self.event(Event::Drain { keep_running: true }),
            "undrain" => self.event(Event::Undrain),
            "says-ready" => self.says(run, Word::Ready),
            "leaves" => self.says(run, Word::Stopping),
            "node-restarts" => {
                let (spec, marks) = (self.machine.spec().clone(), self.machine.marks());
                self.machine = Machine::new(spec, "127.0.0.1".into(), marks);
                self.event(Event::Start(Why::Always));
            }
            "same" => self.event(Event::Respec(self.machine.spec().clone())),
            "files" => self.event(Event::Respec(Arc::new(other_files(activation)))),
            "manual" => self.event(Event::Respec(Arc::new(spec(Activation::Manual)))),
            "spawned" => self.event(Event::Spawned {
                run,
                pid: 42,
                ports: BTreeMap::from([("http".into(), 8080)]),
            }),
            "unspawned" => self.event(Event::SpawnFailed {
                run,
                reason: "command not found".into(),
            }),
            "ready" => self.event(Event::Ready { run }),
            "exit" => self.event(Event::Exited {
                run,
                how: Exit::Code(3),
            }),
            "done" => self.event(Event::Exited {
                run,
                how: Exit::Code(0),
            }),
            "lost" => self.event(Event::Exited {
                run,
                how: Exit::Unknown,
            }),
            "late" => self.event(Event::Exited {
                run: RunId::from_bits(99),
                how: Exit::Code(0),
            }),
            "timer" => self.event(Event::Timer),
            "1s" => self.pass(1),
            "10s" => self.pass(10),
            "20s" => self.pass(20),
            "60s" => self.pass(60),
            other => panic!("no such word: {other}"),
        }
    }
    fn says(&mut self, run: RunId, word: Word) {
        self.event(Event::Said { run, word });
    }
    fn pass(&mut self, seconds: u64) {
        self.second += seconds;
        self.event(Event::Timer);
    }
}

/// Activation | what happens | state after | what was asked for.
const LIVES: &str = "\
manual    | boot                                               | inactive             |
manual    | demand                                             | inactive             |
manual    | start                                              | activating           | spawn
manual    | start start demand                                 | activating           | spawn
manual    | start spawned                                      | activating           | spawn, probe
manual    | start spawned ready                                | active               | spawn, probe
manual    | start spawned ready exit                           | inactive             | spawn, probe
manual    | start spawned exit                                 | inactive             | spawn, probe, stop probe
manual    | start spawned ready late                           | active               | spawn, probe
manual    | start unspawned                                    | inactive             | spawn
manual    | start unspawned start                              | activating           | spawn, spawn
manual    | disable start                                      | inactive             |
manual    | disable restart                                    | inactive             |
manual    | start disable spawned ready                        | active               | spawn, probe
manual    | start spawned ready disable                        | active               | spawn, probe
manual    | start spawned 60s                                  | activation-timed-out | spawn, probe
manual    | start spawned 60s ready                            | active               | spawn, probe
manual    | start spawned 60s stop                             | deactivating         | spawn, probe, stop probe, terminate
manual    | start stop spawned                                 | deactivating         | spawn, probe, stop probe, terminate
manual    | start stop unspawned                               | inactive             | spawn
manual    | start stop start spawned exit                      | activating           | spawn, probe, stop probe, terminate, spawn
manual    | start spawned ready stop                           | deactivating         | spawn, probe, terminate
manual    | start spawned ready stop stop                      | deactivating         | spawn, probe, terminate
manual    | start spawned ready stop exit                      | inactive             | spawn, probe, terminate
manual    | start spawned ready stop start                     | deactivating         | spawn, probe, terminate
manual    | start spawned ready stop start exit                | activating           | spawn, probe, terminate, spawn
manual    | start spawned ready stop start stop exit           | inactive             | spawn, probe, terminate
manual    | start spawned ready stop ready                     | deactivating         | spawn, probe, terminate
manual    | start spawned ready stop 10s                       | deactivating         | spawn, probe, terminate
manual    | start spawned ready stop 20s                       | deactivating         | spawn, probe, terminate, kill
manual    | start spawned ready stop 20s 1s                    | deactivating         | spawn, probe, terminate, kill
manual    | start spawned ready stop 20s 10s                   | deactivating         | spawn, probe, terminate, kill, kill
manual    | start spawned ready restart                        | deactivating         | spawn, probe, terminate
manual    | start spawned ready restart exit                   | activating           | spawn, probe, terminate, spawn
manual    | start spawned ready restart disable exit           | inactive             | spawn, probe, terminate
manual    | start spawned ready same                           | active               | spawn, probe
manual    | start spawned ready files files                    | active               | spawn, probe, refresh
manual    | start files spawned ready                          | active               | spawn, probe, refresh
manual    | files start spawned ready                          | active               | spawn, probe
manual    | start spawned ready disable files                  | active               | spawn, probe, refresh
manual    | start spawned ready stop files exit                | inactive             | spawn, probe, terminate
manual    | start spawned ready respec exit                    | activating           | spawn, probe, terminate, spawn
manual    | start respec spawned exit                          | activating           | spawn, probe, stop probe, terminate, spawn
manual    | start spawned ready disable respec                 | active               | spawn, probe
manual    | start spawned ready disable respec enable          | deactivating         | spawn, probe, terminate
manual    | start spawned ready close start exit               | inactive             | spawn, probe, terminate
manual    | start spawned ready close start reopen exit | inactive | spawn, probe, terminate
always    | boot spawned ready close reopen exit | activating | spawn, probe, terminate, spawn
always    | disable close reopen | activating | spawn
manual    | close start restart                                | inactive             |
on-demand | boot                                               | inactive             |
on-demand | demand spawned ready                               | active               | spawn, probe
on-demand | demand spawned ready done                          | inactive             | spawn, probe
on-demand | demand spawned ready done demand                   | activating           | spawn, probe, spawn
on-demand | demand spawned ready exit demand                   | backing-off          | spawn, probe
on-demand | demand spawned ready exit demand 1s                | activating           | spawn, probe, spawn
on-demand | demand spawned ready exit demand stop 1s           | inactive             | spawn, probe
on-demand | demand unspawned demand manual 1s                  | inactive             | spawn
on-demand | demand spawned ready stop exit demand              | activating           | spawn, probe, terminate, spawn
always    | boot                                               | activating           | spawn
always    | disable boot                                       | inactive             |
always    | disable boot enable                                | activating           | spawn
always    | boot unspawned                                     | backing-off          | spawn
always    | boot unspawned demand                              | backing-off          | spawn
always    | boot unspawned start                               | activating           | spawn, spawn
always    | boot unspawned respec                              | activating           | spawn, spawn
always    | boot unspawned same                                | backing-off          | spawn
always    | boot unspawned disable                             | inactive             | spawn
always    | boot unspawned stop 1s                             | inactive             | spawn
always    | boot unspawned close 1s                            | inactive             | spawn
always    | boot unspawned 1s                                  | activating           | spawn, spawn
always    | boot unspawned 1s unspawned timer                  | backing-off          | spawn, spawn
always    | boot unspawned 1s unspawned 1s                     | activating           | spawn, spawn, spawn
always    | boot spawned ready exit                            | backing-off          | spawn, probe
always    | boot spawned ready 10s exit                        | activating           | spawn, probe, spawn
always    | boot spawned ready 10s done                        | activating           | spawn, probe, spawn
always    | boot spawned ready 10s exit spawned ready 10s exit | backing-off          | spawn, probe, spawn, probe
always    | boot spawned ready stop exit boot                  | inactive             | spawn, probe, terminate
always    | boot spawned ready stop exit demand enable same    | inactive             | spawn, probe, terminate
always    | boot spawned ready stop exit start                 | activating           | spawn, probe, terminate, spawn
always    | boot spawned ready disable exit                    | inactive             | spawn, probe
always    | boot spawned ready manual exit                     | inactive             | spawn, probe, refresh
always, notify    | boot spawned                               | activating           | spawn
always, notify    | boot spawned ready                         | active               | spawn
always, notify    | boot spawned says-ready                    | active               | spawn
always, notify    | boot spawned 60s                           | activation-timed-out | spawn
always, notify    | boot spawned 60s says-ready                | active               | spawn
always, notify    | boot spawned says-ready leaves             | deactivating         | spawn
always, notify    | boot spawned says-ready leaves leaves 10s  | deactivating         | spawn
always, notify    | boot spawned says-ready leaves 20s         | deactivating         | spawn, terminate
always, notify    | boot spawned says-ready leaves 20s 20s     | deactivating         | spawn, terminate, kill
always, notify    | boot spawned says-ready leaves done        | backing-off          | spawn
always, notify    | boot spawned says-ready leaves stop exit   | inactive             | spawn, terminate
on-demand, notify | demand spawned says-ready leaves done      | inactive             | spawn
on-demand, notify | demand spawned says-ready leaves demand done | activating         | spawn, spawn
always            | boot spawned says-ready                    | activating           | spawn, probe
always, after     | boot spawned 1s                            | activating           | spawn
always, after     | boot spawned 10s                           | active               | spawn
always, after     | boot spawned says-ready                    | active               | spawn
always, after     | boot spawned stop 10s                      | deactivating         | spawn, terminate
session   | boot                                               | inactive             |
session   | start                                              | inactive             |
session   | demand                                             | inactive             |
session   | restart                                            | inactive             |
session   | enable same                                        | inactive             |
session   | lent                                               | inactive             |
session   | lent start                                         | activating           | spawn
session   | lent demand                                        | activating           | spawn
session   | lent demand spawned ready done demand              | activating           | spawn, probe, spawn
session   | lent demand spawned ready restart exit             | activating           | spawn, probe, terminate, spawn
session   | lent demand spawned ready stop exit                | inactive             | spawn, probe, terminate
session   | lent demand spawned ready respec exit              | activating           | spawn, probe, terminate, spawn
session   | lent demand spawned ready returned                 | deactivating         | spawn, probe, terminate
session   | lent demand spawned ready returned demand exit     | inactive             | spawn, probe, terminate
session   | lent demand spawned ready lent exit                | inactive             | spawn, probe, terminate
session   | lent demand spawned ready lent demand exit         | activating           | spawn, probe, terminate, spawn
session   | lent demand spawned ready restart returned exit    | inactive             | spawn, probe, terminate
session   | lent demand returned spawned exit                  | inactive             | spawn, probe, stop probe, terminate
session   | lent demand lent demand spawned exit               | activating           | spawn, probe, stop probe, terminate, spawn
session   | lent demand unspawned demand lent                  | inactive             | spawn
session   | lent demand unspawned demand lent demand           | activating           | spawn, spawn
on-demand | lent demand spawned ready returned                 | active               | spawn, probe
manual, twice     | start unspawned                            | inactive             | spawn
manual, twice     | start unspawned start                      | activating           | spawn, spawn
manual, twice     | start unspawned start unspawned            | inactive, failed     | spawn, spawn
manual, twice     | start unspawned start unspawned 60s demand | inactive, failed     | spawn, spawn
manual, twice     | start unspawned start unspawned start      | activating           | spawn, spawn, spawn
manual, twice     | start unspawned start spawned ready done start unspawned | inactive | spawn, spawn, probe, spawn
manual, twice     | start unspawned start spawned ready 60s exit | inactive           | spawn, spawn, probe
manual, twice     | start unspawned start spawned ready 10s exit | inactive, failed | spawn, spawn, probe
always, twice     | boot unspawned                             | backing-off          | spawn
always, twice     | boot unspawned 1s unspawned                | inactive, failed     | spawn, spawn
always, twice     | boot unspawned 1s unspawned 60s boot same  | inactive, failed     | spawn, spawn
always, twice     | boot unspawned 1s unspawned node-restarts  | inactive, failed     | spawn, spawn
always, twice     | boot unspawned 1s unspawned node-restarts node-restarts | inactive, failed | spawn, spawn
always, twice     | boot unspawned 1s unspawned enable         | activating           | spawn, spawn, spawn
always, twice     | boot unspawned 1s unspawned restart        | activating           | spawn, spawn, spawn
always, twice     | boot unspawned 1s unspawned respec         | activating           | spawn, spawn, spawn
always, twice     | boot unspawned 1s unspawned enable unspawned | backing-off        | spawn, spawn, spawn
always, twice     | boot unspawned 1s unspawned disable enable | activating           | spawn, spawn, spawn
always, twice     | boot spawned ready stop exit start spawned ready exit | backing-off | spawn, probe, terminate, spawn, probe
always, once      | boot unspawned                             | inactive, failed     | spawn
always, once      | boot unspawned 10s                         | inactive, failed     | spawn
always, once      | boot unspawned 20s                         | activating           | spawn, spawn
always, once      | boot unspawned 20s unspawned               | inactive, failed     | spawn, spawn
always, once      | boot unspawned stop 20s                    | inactive             | spawn
always, once      | boot unspawned disable 20s                 | inactive             | spawn
always, once      | boot unspawned 10s node-restarts 10s       | inactive, failed     | spawn
always, once      | boot unspawned 10s node-restarts 20s       | activating           | spawn, spawn
always, once      | boot unspawned node-restarts node-restarts | activating           | spawn, spawn
on-demand, once   | demand spawned ready done                  | inactive             | spawn, probe
on-demand, once   | demand spawned ready exit                  | inactive, failed     | spawn, probe
on-demand, once   | demand spawned ready exit 10s demand       | inactive, failed     | spawn, probe
on-demand, once   | demand spawned ready exit 20s demand       | activating           | spawn, probe, spawn
on-demand, once   | demand spawned ready lost                  | inactive             | spawn, probe
manual, once      | start spawned ready exit start             | activating           | spawn, probe, spawn
always    | drain boot                                         | inactive             |
always    | drain start                                        | inactive             |
always    | drain boot undrain                                 | activating           | spawn
always    | boot spawned ready drain                           | deactivating         | spawn, probe, terminate
always    | boot spawned ready drain exit                      | inactive             | spawn, probe, terminate
always    | boot spawned ready drain exit undrain              | activating           | spawn, probe, terminate, spawn
always    | boot spawned ready drain undrain exit              | activating           | spawn, probe, terminate, spawn
always    | boot spawned ready rest                            | active               | spawn, probe
always    | boot spawned ready rest exit                       | inactive             | spawn, probe
always    | boot spawned ready rest exit enable same 60s       | inactive             | spawn, probe
always    | boot spawned ready rest respec                     | active               | spawn, probe
always    | boot spawned ready rest respec undrain             | deactivating         | spawn, probe, terminate
always    | boot spawned ready restart drain exit              | inactive             | spawn, probe, terminate
always    | boot unspawned drain 60s                           | inactive             | spawn
always    | boot unspawned rest 60s undrain                    | activating           | spawn, spawn
always    | boot drain spawned exit                            | inactive             | spawn, probe, stop probe, terminate
always    | boot rest spawned ready                            | active               | spawn, probe
always    | boot spawned ready stop exit drain undrain         | inactive             | spawn, probe, terminate
manual    | start spawned ready drain exit undrain             | inactive             | spawn, probe, terminate
";

#[test]
fn lives_follow_the_table() {
    for line in LIVES.lines() {
        let mut columns = line.split('|').map(str::trim);
        let mut bench = Bench::described(columns.next().unwrap());
        columns.next().unwrap().split(' ').for_each(|word| bench.word(word));
        let state = bench.machine.state();
        let state = match bench.machine.marks().failed {
            Some(_) if state == ServerState::Inactive => "inactive, failed",
            _ => state.as_str(),
        };
        assert_eq!(Some(state), columns.next(), "{line}");
        assert_eq!(Some(bench.did.join(", ").as_str()), columns.next(), "{line}");
    }
}

#[test]
fn reasons_say_what_went_wrong() {
    let table = [
        ("start unspawned", "failed to start: command not found"),
        ("start spawned exit", "ended before it was ready: exit code 3"),
        (
            "start spawned ready 10s exit",
            "ended by itself: exit code 3, 10 s after it became active",
        ),
        ("start spawned ready", ""),
        (
            "start spawned 60s",
            "not ready 60 s after its start; it runs on and may still become ready",
        ),
        ("start spawned ready stop exit", "stopped by an operator"),
        (
            "start spawned ready stop 20s 10s",
            "process 42 outlives SIGKILL: it hangs in the kernel",
        ),
        (
            "start spawned ready disable respec",
            "runs by an older definition: disabled servers are not restarted",
        ),
    ];
    for (words, reason) in table {
        let mut bench = Bench::new(Activation::Manual);
        words.split(' ').for_each(|word| bench.word(word));
        assert_eq!(bench.machine.reason(), reason, "{words}");
    }
    let table = [
        (
            "always, twice",
            "boot unspawned 1s unspawned",
            "disabled after 2 failures in a row, until it is enabled or started; the last one: failed to start: command \
             not found",
        ),
        (
            "always, once",
            "boot spawned ready exit",
            "disabled after 1 failure, for 20 s; the last one: ended by itself: exit code 3, 0 s after it became active",
        ),
        (
            "always, once",
            "boot unspawned node-restarts",
            "disabled after 1 failure, at 1970-01-01T00:00:00Z; for 20 s from the node's restart",
        ),
        (
            "always",
            "boot spawned ready drain exit",
            "stopped because its node is drained",
        ),
        (
            "always",
            "boot spawned ready rest respec",
            "runs by an older definition: its node is drained and starts nothing",
        ),
        (
            "always, notify",
            "boot spawned says-ready leaves",
            "stops by itself, as it says",
        ),
        (
            "always, notify",
            "boot spawned says-ready leaves 20s",
            "said that it stops by itself, and had not 20 s later",
        ),
    ];
    for (definition, words, reason) in table {
        let mut bench = Bench::described(definition);
        words.split(' ').for_each(|word| bench.word(word));
        assert_eq!(bench.machine.reason(), reason, "{definition}: {words}");
    }
}

#[test]
fn what_a_process_says_of_itself_is_reported_until_it_ends() {
    let mut bench = Bench::described("always, notify");
    bench.word("boot");
    bench.word("spawned");
    let run = bench.machine.run().unwrap();
    let endpoint = |uri: &str| Word::Endpoint {
        adapter: "http".into(),
        uri: uri.into(),
    };
    bench.says(RunId::from_bits(99), endpoint("tcp://stranger:1"));
    bench.says(run, endpoint("tcp://h:7"));
    bench.says(run, Word::Status("loading".into()));
    let report = |bench: &Bench| bench.machine.report(&"n1".parse().unwrap());
    let before = report(&bench);
    assert_eq!((before.reason.as_str(), before.endpoints.len()), ("says: loading", 0));
    bench.says(run, Word::Ready);
    assert_eq!(report(&bench).endpoints["s.http"], "tcp://h:7");
    bench.says(run, endpoint("tcp://h:8"));
    assert_eq!(report(&bench).endpoints["s.http"], "tcp://h:8");
    bench.word("leaves");
    let leaving = report(&bench);
    assert_eq!(leaving.reason, "stops by itself, as it says; says: loading");
    assert!(leaving.endpoints.is_empty(), "nobody is sent to a server that goes");
    bench.word("60s");
    bench.word("exit");
    bench.word("spawned");
    bench.says(bench.machine.run().unwrap(), Word::Ready);
    assert_eq!(
        report(&bench).endpoints["s.http"],
        "http://127.0.0.1:8080",
        "a new process has said nothing"
    );
}

#[test]
fn an_adopted_process_is_watched_restarted_or_stopped_as_disk_says() {
    let running = |spec: Arc<ServerSpec>| Running {
        run: RunId::from_bits(5),
        spec,
        pid: 42,
        ports: BTreeMap::from([("http".into(), 8080)]),
        tenure: None,
    };
    let stopped = Marks {
        stopped: true,
        ..Marks::default()
    };
    let disabled = Marks {
        enabled: false,
        ..Marks::default()
    };
    let old = Arc::new(spec(Activation::Always));
    for (marks, spec, did) in [
        (Marks::default(), old.clone(), "probe"),
        (
            Marks::default(),
            changed(Activation::Always),
            "probe, stop probe, terminate",
        ),
        (disabled, changed(Activation::Always), "probe"),
        (stopped, old.clone(), "probe, stop probe, terminate"),
    ] {
        let mut bench = Bench::new(Activation::Always);
        bench.machine = Machine::new(old.clone(), "127.0.0.1".into(), marks);
        bench.event(Event::Adopted(running(spec)));
        bench.word("boot");
        assert_eq!(bench.did.join(", "), did, "{marks:?}");
    }
}

#[test]
fn one_throw_of_the_dice_starts_many_servers_apart() {
    let run = |id: &str| {
        let mut spec = spec(Activation::Always);
        spec.id = id.parse().unwrap();
        let mut machine = Machine::new(Arc::new(spec), "h".into(), Marks::default());
        machine.handle(Event::Start(Why::Operator), &at(1));
        machine.run().unwrap()
    };
    assert_ne!(run("a"), run("b"));
    assert_eq!(run("a"), run("a"), "equal dice repeat a run");
}

const WORDS: [&str; 30] = [
    "files",
    "boot",
    "start",
    "demand",
    "stop",
    "restart",
    "enable",
    "disable",
    "respec",
    "same",
    "manual",
    "spawned",
    "spawned",
    "ready",
    "ready",
    "unspawned",
    "exit",
    "exit",
    "late",
    "1s",
    "20s",
    "60s",
    "drain",
    "rest",
    "undrain",
    "leaves",
    "demand",
    "lent",
    "lent",
    "returned",
];

proptest! {
    #[test]
    fn invariants_hold_after_any_events(
        choices in proptest::collection::vec(0..WORDS.len(), 0..60),
        definition in prop::sample::select(vec![
            "manual", "on-demand", "always", "session", "always, twice", "on-demand, once", "always, notify", "always, once, notify",
        ]),
        close_at in 0_usize..120,
    ) {
        let mut bench = Bench::described(definition);
        let mut drained = false;
        // The shell's side: was a process asked for, and does one live?
        let (mut asked, mut lives) = (false, false);
        for (step, choice) in choices.into_iter().enumerate() {
            let word = if step == close_at { "close" } else { WORDS[choice] };
            // The shell tells only what is true.
            match word {
                "spawned" if asked => (asked, lives) = (false, true),
                "unspawned" if asked => asked = false,
                "exit" if lives => lives = false,
                "ready" if lives => (),
                "spawned" | "unspawned" | "exit" | "ready" => continue,
                _ => (),
            }
            bench.did.clear();
            let enabled = bench.machine.marks().enabled || word == "enable";
            drained = (drained || word == "drain" || word == "rest") && word != "undrain";
            bench.word(word);
            let spawns = bench.did.iter().filter(|did| **did == "spawn").count();
            if spawns > 0 {
                prop_assert_eq!(spawns, 1);
                prop_assert!(!asked && !lives, "spawned beside another process, on {}", word);
                prop_assert!(enabled, "spawned while disabled, on {}", word);
                prop_assert!(!drained, "spawned while drained, on {}", word);
                prop_assert_eq!(bench.machine.marks().failed, None, "spawned while its failures disable it");
                prop_assert!(step < close_at, "spawned after its end, on {}", word);
                prop_assert!(!bench.machine.is_unheld(), "spawned for no session, on {}", word);
                asked = true;
            }
            prop_assert_eq!(bench.machine.has_process(), asked || lives, "after {}", word);
            if let (Some(holder), Phase::Active { running, .. } | Phase::Activating { running, .. }) =
                (bench.machine.holder(), &bench.machine.phase)
            {
                prop_assert_eq!(running.tenure, Some(holder), "it runs on for another session, after {}", word);
            }
            let disabled_for = bench.machine.marks().failed.and_then(|failed| failed.period);
            let waits = matches!(
                bench.machine.state(),
                ServerState::Deactivating | ServerState::BackingOff
            ) || (bench.machine.state() == ServerState::Activating && lives)
                || (bench.machine.state() == ServerState::Inactive && disabled_for.is_some());
            prop_assert_eq!(bench.machine.deadline().is_some(), waits, "a wait has a deadline, after {}", word);
        }
        // Whatever happened: enabled and started by an operator, with a good shell, it becomes active.
        if bench.machine.closed {
            return Ok(());
        }
        bench.word("undrain");
        bench.word("enable");
        let start = match bench.machine.spec().activation {
            Activation::Session => {
                bench.word("lent");
                "demand"
            }
            _ => "start",
        };
        bench.word(start);
        for _ in 0..8 {
            match bench.machine.state() {
                ServerState::Active => break,
                // One that leaves by itself may come back by itself only.
                ServerState::Deactivating => {
                    bench.word("exit");
                    bench.word(start);
                }
                ServerState::Activating if bench.machine.running().is_none() => bench.word("spawned"),
                ServerState::Activating | ServerState::ActivationTimedOut => bench.word("ready"),
                ServerState::BackingOff => bench.word("60s"),
                other => prop_assert!(false, "stuck in {}", other),
            }
        }
        prop_assert_eq!(bench.machine.state(), ServerState::Active);
    }
}
