//! The life cycle as a table of state and event, and its invariants over arbitrary events.

use super::*;
use crate::pure::model::{Activation, AdapterSpec, PropertyFile, Ready};
use crate::pure::supervisor::event::Why;
use crate::pure::supervisor::exit::Exit;
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
    did: Vec<&'static str>,
}

impl Bench {
    fn new(activation: Activation) -> Self {
        let machine = Machine::new(Arc::new(spec(activation)), "127.0.0.1".into(), Marks::default());
        Self {
            machine,
            second: 1,
            did: Vec::new(),
        }
    }
    fn event(&mut self, event: Event) {
        for action in self.machine.handle(event, &at(self.second)) {
            match action {
                Action::Spawn { .. } => self.did.push("spawn"),
                Action::Probe { address, .. } => {
                    assert_eq!(address.to_string(), "127.0.0.1:8080");
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
";

#[test]
fn lives_follow_the_table() {
    for line in LIVES.lines() {
        let mut columns = line.split('|').map(str::trim);
        let activation = match columns.next() {
            Some("manual") => Activation::Manual,
            Some("on-demand") => Activation::OnDemand,
            _ => Activation::Always,
        };
        let mut bench = Bench::new(activation);
        columns.next().unwrap().split(' ').for_each(|word| bench.word(word));
        assert_eq!(Some(bench.machine.state().as_str()), columns.next(), "{line}");
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
}

#[test]
fn an_adopted_process_is_watched_restarted_or_stopped_as_disk_says() {
    let running = |spec: Arc<ServerSpec>| Running {
        run: RunId::from_bits(5),
        spec,
        pid: 42,
        ports: BTreeMap::from([("http".into(), 8080)]),
    };
    let stopped = Marks {
        enabled: true,
        stopped: true,
    };
    let disabled = Marks {
        enabled: false,
        stopped: false,
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

const WORDS: [&str; 22] = [
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
];

proptest! {
    #[test]
    fn invariants_hold_after_any_events(
        choices in proptest::collection::vec(0..WORDS.len(), 0..60),
        activation in prop_oneof![Just(Activation::Manual), Just(Activation::OnDemand), Just(Activation::Always)],
        close_at in 0_usize..120,
    ) {
        let mut bench = Bench::new(activation);
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
            bench.word(word);
            let spawns = bench.did.iter().filter(|did| **did == "spawn").count();
            if spawns > 0 {
                prop_assert_eq!(spawns, 1);
                prop_assert!(!asked && !lives, "spawned beside another process, on {}", word);
                prop_assert!(enabled, "spawned while disabled, on {}", word);
                prop_assert!(step < close_at, "spawned after its end, on {}", word);
                asked = true;
            }
            prop_assert_eq!(bench.machine.has_process(), asked || lives, "after {}", word);
            let waits = matches!(
                bench.machine.state(),
                ServerState::Deactivating | ServerState::BackingOff
            ) || (bench.machine.state() == ServerState::Activating && lives);
            prop_assert_eq!(bench.machine.deadline().is_some(), waits, "a wait has a deadline, after {}", word);
        }
        // Whatever happened: enabled and started by an operator, with a good shell, it becomes active.
        if bench.machine.closed {
            return Ok(());
        }
        bench.word("enable");
        bench.word("start");
        for _ in 0..8 {
            match bench.machine.state() {
                ServerState::Active => break,
                ServerState::Deactivating => bench.word("exit"),
                ServerState::Activating if bench.machine.running().is_none() => bench.word("spawned"),
                ServerState::Activating | ServerState::ActivationTimedOut => bench.word("ready"),
                ServerState::BackingOff => bench.word("60s"),
                other => prop_assert!(false, "stuck in {}", other),
            }
        }
        prop_assert_eq!(bench.machine.state(), ServerState::Active);
    }
}
