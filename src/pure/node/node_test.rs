//! The node against a bench: a disk, processes, and registries that are scripted. A crash keeps the disk and the
//! processes, as `kill -9` does.

use super::*;
use crate::pure::base::limits::{EPOCH_JUMP_MAX, PEERS_MAX};
use crate::pure::base::{DatabaseId, EpochId, InstanceId, Moment, RunId, ServerId, Time, WallTime};
use crate::pure::lineage::rules::Rules;
use crate::pure::lineage::{Digest, Epoch, Version};
use crate::pure::membership::{Identity, PeerCard, PeerKind, Remembered};
use crate::pure::model::{Activation, Ready, ServerSpec};
use crate::pure::protocol::message::{RefusalCode, SlicePart};
use crate::pure::protocol::request::Verb;
use crate::pure::protocol::{ErrorCode, Message, ReplyTo, Request, Response};
use crate::pure::supervisor::{self, Exit, Running};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn epoch(number: u64, id: u128) -> Epoch {
    Epoch {
        number,
        id: EpochId::from_bits(id),
    }
}

fn card(name: &str, kind: PeerKind) -> PeerCard {
    PeerCard {
        name: name.parse().unwrap(),
        kind,
        instance: InstanceId::from_bits(1),
        generation: 1,
        address: "127.0.0.1:7401".parse().unwrap(),
        http: None,
    }
}

fn spec(id: &str, activation: Activation) -> ServerSpec {
    ServerSpec {
        id: id.parse().unwrap(),
        application: "shop".parse().unwrap(),
        run: vec!["true".into()],
        activation,
        ready: Ready::AtOnce,
        environment: BTreeMap::new(),
        directory: None,
        activation_timeout: Duration::from_mins(1),
        deactivation_timeout: Duration::from_mins(1),
        ports: BTreeMap::new(),
        adapters: Vec::new(),
    }
}

fn always(ids: &[&str]) -> Vec<ServerSpec> {
    ids.iter().map(|id| spec(id, Activation::Always)).collect()
}

/// The database that the bench's registries hold.
const HOME: DatabaseId = DatabaseId::from_bits(77);

fn id(text: &str) -> ServerId {
    text.parse().unwrap()
}

/// The node, its disk and its processes.
struct Bench {
    node: Node,
    rules: Rules,
    identity: Identity,
    slice: Slice,
    marks: BTreeMap<ServerId, supervisor::Marks>,
    processes: BTreeMap<ServerId, Running>,
    deleted: BTreeSet<ServerId>,
    remembered: Vec<Remembered>,
    /// Everything said to registries and clients since it was last taken.
    said: Vec<(String, Message)>,
    replies: Vec<Response>,
    /// What broke a promise: empty in every good run.
    faults: Vec<String>,
    second: u64,
    dice: u128,
}

impl Bench {
    fn new(rules: Rules) -> Self {
        let identity = Identity {
            grid: "test".parse().unwrap(),
            name: "n1".parse().unwrap(),
            kind: PeerKind::Node,
            instance: InstanceId::from_bits(9),
            generation: 1,
            drawn: None,
            promise: Epoch::NONE,
            role: None,
            file_role: None,
            initialised: crate::pure::membership::Initialised::default(),
        };
        let mut bench = Self {
            node: Node::new(config(rules), restored(&identity)),
            rules,
            identity,
            slice: Slice::default(),
            marks: BTreeMap::new(),
            processes: BTreeMap::new(),
            deleted: BTreeSet::new(),
            remembered: Vec::new(),
            said: Vec::new(),
            replies: Vec::new(),
            faults: Vec::new(),
            second: 1,
            dice: 1,
        };
        bench.event(Event::Started);
        bench
    }

    /// `kill -9` and a new start.
    fn crash(&mut self) {
        self.node = Node::new(
            config(self.rules),
            Restored {
                identity: self.identity.clone(),
                slice: self.slice.clone(),
                marks: self.marks.clone(),
                remembered: self.remembered.clone(),
                running: self.processes.clone(),
            },
        );
        self.event(Event::Started);
    }

    fn event(&mut self, event: Event) {
        self.dice += 1;
        let moment = Moment {
            now: Time::from_micros(self.second * 1_000_000),
            wall: WallTime(0),
            dice: self.dice,
        };
        let effects = self.node.handle(event, &moment);
        let durable = |effect: &Effect| matches!(effect, Effect::Identity(_) | Effect::Slice(_) | Effect::Marks(_));
        let first_other = effects
            .iter()
            .position(|effect| !durable(effect))
            .unwrap_or(effects.len());
        assert!(
            !effects.iter().skip(first_other).any(durable),
            "durable effects come first"
        );
        for effect in effects {
            self.effect(effect);
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Identity(identity) => self.identity = *identity,
            Effect::Remember(peers) => self.remembered = peers,
            Effect::Slice(slice) => self.slice = *slice,
            Effect::Marks(marks) => self.marks = marks,
            Effect::Send { to, message } => {
                if let Message::Promised { epoch, .. } = message
                    && self.identity.promise != epoch
                {
                    self.faults.push(format!("promised {epoch} before it was on disk"));
                }
                self.said.push((to.to_string(), message));
            }
            Effect::Reply { response, .. } => self.replies.push(response),
            Effect::Spawn { server, run, spec, .. } => {
                let running = Running {
                    run,
                    spec,
                    pid: 1,
                    ports: BTreeMap::new(),
                };
                if self.processes.insert(server.clone(), running).is_some() {
                    self.faults.push(format!("{server} runs twice"));
                }
                let (pid, ports) = (1, BTreeMap::new());
                let event = supervisor::Event::Spawned { run, pid, ports };
                self.event(Event::Server { id: server, event });
            }
            Effect::Delete { server } => {
                assert!(!self.processes.contains_key(&server), "deleted under a running process");
                self.deleted.insert(server);
            }
            _ => (),
        }
    }

    fn exit(&mut self, server: &str) {
        if let Some(running) = self.processes.remove(server) {
            let run = running.run;
            let how = Exit::Signal(15);
            let event = supervisor::Event::Exited { run, how };
            self.event(Event::Server { id: id(server), event });
        }
    }

    fn link(&mut self, registry: &str) {
        let card = card(registry, PeerKind::Registry);
        self.event(Event::Linked { card });
    }

    fn hear(&mut self, from: &str, message: Message) {
        let from = from.parse().unwrap();
        let message = Box::new(message);
        self.event(Event::Message { from, message });
    }

    fn slice(&mut self, from: &str, epoch: Epoch, serial: u64, servers: Vec<ServerSpec>, removals: &[(&str, u64)]) {
        let part = SlicePart {
            epoch,
            database: HOME,
            version: version(epoch.number, serial),
            base: None,
            first: true,
            last: true,
            servers,
            removals: removals.iter().map(|(name, serial)| (id(name), *serial)).collect(),
        };
        self.hear(from, Message::Slice(Box::new(part)));
    }

    fn client(&mut self, request: Request) {
        self.event(Event::Request {
            to: ReplyTo(1),
            actor: "test".into(),
            deadline: Duration::from_secs(5),
            request: Box::new(request),
        });
    }

    fn command(&mut self, server: &str, verb: Verb) {
        let server = id(server);
        self.client(Request::Command { server, verb });
    }

    /// How the last command was answered, in words.
    fn reply(&mut self) -> String {
        match self.replies.pop() {
            None => "waits".into(),
            Some(Response::Commanded(report)) => report.state.to_string(),
            Some(Response::Failed(failure)) => format!("{:?}: {}", failure.code, failure.message),
            Some(other) => panic!("unexpected answer {other:?}"),
        }
    }

    /// What was said last, in one word.
    fn last_word(&mut self) -> String {
        let said = std::mem::take(&mut self.said);
        match said.into_iter().map(|(_, message)| message).next_back() {
            Some(Message::Refusal { code, .. }) => format!("{code:?}"),
            Some(Message::Promised { .. }) => "Promised".into(),
            Some(Message::Declined { .. }) => "Declined".into(),
            Some(Message::Answer { response, .. }) => match *response {
                Response::Failed(failure) => format!("{:?}", failure.code),
                _ => "Answered".into(),
            },
            Some(_) => "other".into(),
            None => "nothing".into(),
        }
    }
}

fn version(epoch: u64, serial: u64) -> Version {
    Version {
        epoch,
        serial,
        digest: Digest::default(),
    }
}

fn config(rules: Rules) -> Config {
    Config {
        card: card("n1", PeerKind::Node),
        host: "127.0.0.1".into(),
        locator: vec!["127.0.0.1:7402".parse().unwrap()],
        on_stop: OnStop::Leave,
        rules,
    }
}

fn restored(identity: &Identity) -> Restored {
    Restored {
        identity: identity.clone(),
        slice: Slice::default(),
        marks: BTreeMap::new(),
        remembered: Vec::new(),
        running: BTreeMap::new(),
    }
}

#[test]
fn epochs_are_refused_by_the_table_also_after_a_restart() {
    // What arrives | what is said | is it obeyed then?
    let table: [(&str, Epoch, &str, bool); 14] = [
        ("slice", epoch(6, 1), "StaleMaster", false),
        ("slice", epoch(7, 2), "Contested", false),
        ("slice", epoch(7 + EPOCH_JUMP_MAX + 1, 1), "EpochJump", false),
        ("slice", epoch(7, 1), "other", true),
        ("slice", epoch(8, 3), "other", true),
        ("prepare", Epoch::NONE, "Declined", false),
        ("prepare", epoch(6, 1), "Declined", false),
        ("prepare", epoch(7, 2), "Declined", false),
        ("prepare", epoch(7 + EPOCH_JUMP_MAX + 1, 1), "Declined", false),
        ("prepare", epoch(7, 1), "Promised", true),
        ("prepare", epoch(8, 3), "Promised", true),
        ("ask", epoch(6, 1), "StaleEpoch", false),
        ("ask", epoch(7, 2), "StaleEpoch", false),
        ("ask", epoch(7, 1), "NotFound", true),
    ];
    for restart in [false, true] {
        for (what, asked, said, obeyed) in table {
            let mut bench = Bench::new(Rules::default());
            bench.link("r1");
            bench.slice("r1", epoch(7, 1), 3, always(&["a"]), &[]);
            if restart {
                bench.crash();
                bench.link("r1");
            }
            bench.said.clear();
            match what {
                "slice" => bench.slice("r1", asked, 4, always(&["b"]), &[]),
                "prepare" => bench.hear(
                    "r1",
                    Message::Prepare {
                        epoch: asked,
                        database: Some(HOME),
                    },
                ),
                _ => bench.hear(
                    "r1",
                    Message::Ask {
                        id: 1,
                        epoch: asked,
                        database: Some(HOME),
                        deadline_ms: 1000,
                        actor: "test".into(),
                        request: Request::Activate { server: id("x") },
                    },
                ),
            }
            let case = format!("{what} {asked}, restarted: {restart}");
            assert_eq!(bench.last_word(), said, "{case}");
            assert_eq!(bench.node.obeys() == asked, obeyed, "{case}");
            assert_eq!(bench.identity.promise, bench.node.obeys(), "{case}: on disk");
            assert_eq!(bench.processes.contains_key("b"), what == "slice" && obeyed, "{case}");
            assert!(bench.processes.contains_key("a"), "{case}: what runs goes on");
        }
    }
}

#[test]
fn refusals_name_both_sides_and_the_next_step() {
    let mut bench = Bench::new(Rules::default());
    bench.link("r1");
    bench.link("r2");
    bench.slice("r2", epoch(7, 1), 3, Vec::new(), &[]);
    bench.said.clear();
    bench.slice("r1", epoch(5, 2), 9, Vec::new(), &[]);
    let Some((
        to,
        Message::Refusal {
            code, promise, text, ..
        },
    )) = bench.said.pop()
    else {
        panic!("a refusal was to be sent");
    };
    assert_eq!(
        (to.as_str(), code, promise),
        ("r1", RefusalCode::StaleMaster, epoch(7, 1))
    );
    for part in [
        "STALE_MASTER",
        "node n1",
        "epoch 7 ",
        "r1",
        "epoch 5 ",
        "floe status",
        "floe registry promote r1",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
}

#[test]
fn a_foreign_master_commands_no_node_whatever_its_epoch() {
    let other = DatabaseId::from_bits(78);
    // What the node has | what arrives | of which database | what is said | is it obeyed then?
    let table: [(&str, &str, Option<DatabaseId>, &str, bool); 9] = [
        ("a slice", "slice", Some(other), "ForeignStore", false),
        ("a slice", "prepare", Some(other), "ForeignStore", false),
        ("a slice", "prepare", None, "ForeignStore", false),
        ("a slice", "ask", Some(other), "Precondition", false),
        ("a slice", "ask", None, "Precondition", false),
        ("a slice", "prepare", Some(HOME), "Promised", true),
        ("nothing", "slice", Some(other), "other", true),
        ("nothing", "prepare", Some(other), "Promised", true),
        ("nothing", "prepare", None, "Promised", true),
    ];
    for (has, what, database, said, obeyed) in table {
        for (number, restart) in [(3, false), (7, true), (8, false), (900, true)] {
            let case = format!("has {has}, hears {what} of {database:?} in epoch {number}, restarted: {restart}");
            let mut bench = Bench::new(Rules::default());
            bench.link("r1");
            if has == "a slice" {
                bench.slice("r1", epoch(2, 1), 3, always(&["a"]), &[]);
            }
            if restart {
                bench.crash();
            }
            bench.link("r2");
            bench.said.clear();
            let before = (bench.node.slice().clone(), bench.node.obeys());
            let epoch = epoch(number, 2);
            bench.hear(
                "r2",
                match what {
                    "slice" => Message::Slice(Box::new(SlicePart {
                        epoch,
                        database: database.unwrap(),
                        version: version(number, 9),
                        base: None,
                        first: true,
                        last: true,
                        servers: always(&["b"]),
                        removals: vec![(id("a"), 9)],
                    })),
                    "prepare" => Message::Prepare { epoch, database },
                    _ => Message::Ask {
                        id: 1,
                        epoch,
                        database,
                        deadline_ms: 1000,
                        actor: "test".into(),
                        request: Request::Command {
                            server: id("a"),
                            verb: Verb::Stop,
                        },
                    },
                },
            );
            let texts = format!("{:?}", bench.said);
            assert_eq!(bench.last_word(), said, "{case}");
            assert_eq!(bench.node.obeys() == epoch, obeyed, "{case}");
            assert_eq!(bench.identity.promise, bench.node.obeys(), "{case}: on disk");
            if !obeyed {
                assert_eq!((bench.node.slice().clone(), bench.node.obeys()), before, "{case}");
                assert!(bench.processes.contains_key("a"), "{case}: what runs goes on");
                let both = [
                    HOME.to_string(),
                    database.map_or("no database yet".into(), |id| id.to_string()),
                ];
                for part in [
                    "FOREIGN_STORE",
                    "node n1",
                    "r2",
                    "set its data folder aside",
                    &both[0],
                    &both[1],
                ] {
                    assert!(texts.contains(part), "{case}: {part:?} is missing in {texts}");
                }
            }
        }
    }
}

#[test]
fn a_slice_from_before_databases_were_remembered_belongs_to_the_first_that_speaks() {
    #[derive(serde::Serialize)]
    struct Old {
        epoch: Epoch,
        version: Option<Version>,
        servers: BTreeMap<ServerId, Placed>,
        removed: BTreeSet<ServerId>,
    }
    let old = crate::pure::wire::encode(&Old {
        epoch: epoch(2, 1),
        version: Some(version(2, 3)),
        servers: BTreeMap::new(),
        removed: BTreeSet::new(),
    });
    let slice: Slice = crate::pure::wire::decode(&old).unwrap();
    assert_eq!((slice.version, slice.database), (Some(version(2, 3)), None));
}

#[test]
fn only_a_later_removal_entry_deletes_a_server() {
    let mut bench = Bench::new(Rules::default());
    bench.link("r1");
    let reign = epoch(1, 1);
    bench.slice("r1", reign, 5, always(&["a", "b"]), &[]);
    for (serial, removals) in [(6, &[][..]), (7, &[("b", 5)]), (8, &[("b", 4), ("a", 9)])] {
        bench.slice("r1", reign, serial, always(&["a"]), removals);
        assert!(
            bench.processes.contains_key("b") && bench.deleted.is_empty(),
            "at {serial}"
        );
        let reports = bench.node.reports();
        let reason = &reports.iter().find(|report| report.id == id("b")).unwrap().reason;
        assert_eq!(*reason, format!("kept: slice 1.{serial} neither lists nor removes it"));
        bench.crash();
        bench.link("r1");
    }
    bench.slice("r1", reign, 9, always(&["a"]), &[("b", 6)]);
    assert!(bench.deleted.is_empty(), "it is stopped first");
    // A crash between the order and its end changes nothing.
    bench.crash();
    bench.link("r1");
    bench.said.clear();
    bench.exit("b");
    assert_eq!(bench.deleted, BTreeSet::from([id("b")]));
    let whole =
        |message: &Message| matches!(message, Message::Servers { first: true, servers, .. } if servers.len() == 1);
    assert!(
        bench.said.iter().any(|(_, message)| whole(message)),
        "registries hear that it is gone"
    );
    bench.slice("r1", reign, 10, always(&["a", "b"]), &[("b", 6)]);
    assert!(bench.processes.contains_key("b"), "listed again, it runs again");
}

#[test]
fn slices_are_assembled_from_their_parts_and_late_ones_ignored() {
    let mut bench = Bench::new(Rules::default());
    bench.link("r1");
    bench.link("r2");
    let part = |serial, first, last, server: &str| {
        let epoch = epoch(3, 1);
        let version = version(3, serial);
        let servers = always(&[server]);
        let removals = Vec::new();
        Message::Slice(Box::new(SlicePart {
            epoch,
            database: HOME,
            version,
            base: None,
            first,
            last,
            servers,
            removals,
        }))
    };
    bench.hear("r1", part(4, true, false, "a"));
    bench.hear("r2", part(4, false, true, "x"));
    bench.hear("r1", part(5, false, true, "y"));
    assert_eq!(bench.node.applied(), None, "parts of another slice complete nothing");
    bench.hear("r1", part(6, true, false, "a"));
    bench.hear("r1", part(6, false, false, "b"));
    bench.hear("r1", part(6, false, true, "c"));
    let runs: Vec<_> = bench.processes.keys().map(ServerId::as_str).collect();
    assert_eq!(runs, ["a", "b", "c"]);
    bench.hear("r1", part(5, true, true, "d"));
    assert_eq!(
        bench.node.applied(),
        Some(version(3, 6)),
        "an earlier version of the same reign is late"
    );
    bench.slice("r1", epoch(4, 1), 2, always(&["a"]), &[]);
    assert_eq!(bench.node.applied(), Some(version(4, 2)), "a new reign may stand lower");
}

#[test]
fn changes_that_do_not_fit_change_nothing_and_ask_for_the_whole() {
    let strange = Version {
        digest: Digest([9; 32]),
        ..version(3, 4)
    };
    // The epoch of the changes | what they are based on | do they fit version 4 of epoch 3?
    let table = [
        (epoch(3, 1), version(3, 4), true),
        (epoch(3, 1), version(3, 3), false),
        (epoch(3, 1), version(3, 5), false),
        (epoch(3, 1), strange, false),
        (epoch(4, 1), version(3, 4), false),
    ];
    for (reign, base, fits) in table {
        for lost in [false, true] {
            let fits = fits && !lost;
            let case = format!("changes of {base} in epoch {reign}, slice lost: {lost}");
            let mut bench = Bench::new(Rules::default());
            bench.link("r1");
            bench.slice("r1", epoch(3, 1), 4, always(&["a", "b"]), &[]);
            if lost {
                bench.slice = Slice::default();
                bench.crash();
                bench.link("r1");
            }
            let before = bench.node.slice().clone();
            bench.said.clear();
            let changes = |removals: &[(&str, u64)]| {
                Message::Slice(Box::new(SlicePart {
                    epoch: reign,
                    database: HOME,
                    version: version(reign.number, 6),
                    base: Some(base),
                    first: true,
                    last: true,
                    servers: always(&["c"]),
                    removals: removals.iter().map(|(name, serial)| (id(name), *serial)).collect(),
                }))
            };
            for _ in 0..2 {
                bench.hear("r1", changes(&[("a", 6)]));
                let said = std::mem::take(&mut bench.said);
                let status = said.into_iter().find_map(|(_, message)| match message {
                    Message::NodeStatus(report) => Some((report.unfit, report.applied)),
                    _ => None,
                });
                if fits {
                    assert_eq!(status, Some((false, Some(version(3, 6)))), "{case}");
                    break;
                }
                assert_eq!(status, Some((true, before.version)), "{case}: each time");
                assert_eq!(*bench.node.slice(), before, "{case}");
            }
            bench.slice("r1", reign, 7, always(&["b"]), &[("a", 6)]);
            assert!(!bench.node.status().unfit, "{case}: the whole one ends it");
        }
    }
}

/// The same history told whole and as changes ends in the same node, whatever was skipped or kept on the way.
#[test]
fn changes_do_what_the_whole_slice_does() {
    for seed in 0..300_u64 {
        let dice = Moment {
            dice: u128::from(seed),
            ..Moment::default()
        };
        let names = ["a", "b", "c", "d", "e"];
        let (mut whole, mut changes) = (Bench::new(Rules::default()), Bench::new(Rules::default()));
        let reign = epoch(1, 1);
        // What the master deploys (a server's revision, and when it changed), and what it removed when.
        let mut now: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        let mut removals: BTreeMap<&str, u64> = BTreeMap::new();
        let specs = |servers: &mut dyn Iterator<Item = (&&str, &(u64, u64))>| -> Vec<ServerSpec> {
            let spec = |(name, (revision, _)): (&&str, &(u64, u64))| ServerSpec {
                run: vec!["true".into(), revision.to_string()],
                ..spec(name, Activation::Always)
            };
            servers.map(spec).collect()
        };
        for bench in [&mut whole, &mut changes] {
            bench.link("r1");
            // Kept servers: an earlier slice listed them, and no entry removes them.
            bench.slice("r1", epoch(0, 1), 1, always(&["d", "e"]), &[]);
            bench.slice("r1", reign, 2, Vec::new(), &[]);
        }
        let mut told = 2;
        for serial in 3..20_u64 {
            let name = names[usize::try_from(dice.roll(serial * 4, 5)).unwrap()];
            match dice.roll(serial * 4 + 1, 3) {
                0 | 1 => {
                    now.insert(name, (dice.roll(serial * 4 + 2, 2), serial));
                    removals.remove(name);
                }
                _ if now.remove(name).is_some() => drop(removals.insert(name, serial)),
                _ => (),
            }
            if dice.roll(serial * 4 + 3, 3) == 0 {
                continue;
            }
            let all: Vec<(&str, u64)> = removals.iter().map(|(name, serial)| (*name, *serial)).collect();
            whole.slice("r1", reign, serial, specs(&mut now.iter()), &all);
            let new: Vec<(&str, u64)> = all.into_iter().filter(|(_, serial)| *serial > told).collect();
            let part = SlicePart {
                epoch: reign,
                database: HOME,
                version: version(1, serial),
                base: Some(version(1, told)),
                first: true,
                last: true,
                servers: specs(&mut now.iter().filter(|(_, (_, changed))| *changed > told)),
                removals: new.iter().map(|(name, serial)| (id(name), *serial)).collect(),
            };
            changes.hear("r1", Message::Slice(Box::new(part)));
            told = serial;
            for name in names {
                if dice.roll(serial * 64 + u64::from(name.as_bytes()[0]), 3) == 0 {
                    whole.exit(name);
                    changes.exit(name);
                }
            }
            let case = format!("seed {seed}, entry {serial}");
            assert_eq!(changes.node.slice(), whole.node.slice(), "{case}");
            assert_eq!(changes.slice, whole.slice, "{case}: on disk");
            assert_eq!(changes.deleted, whole.deleted, "{case}");
            let runs = |bench: &Bench| bench.processes.keys().cloned().collect::<Vec<_>>();
            assert_eq!(runs(&changes), runs(&whole), "{case}");
        }
    }
}

#[test]
fn always_servers_start_without_a_registry_and_running_ones_are_adopted() {
    let mut bench = Bench::new(Rules::default());
    bench.link("r1");
    bench.slice("r1", epoch(1, 1), 1, always(&["a", "b"]), &[]);
    let before: Vec<RunId> = bench.processes.values().map(|running| running.run).collect();
    bench.crash();
    let after: Vec<RunId> = bench.processes.values().map(|running| running.run).collect();
    assert_eq!(before, after, "adopted, not started again");
    // Both end while the node is away.
    bench.processes.clear();
    bench.crash();
    assert_eq!(bench.processes.len(), 2, "started with no registry in reach");
    assert_eq!(bench.faults, Vec::<String>::new());
}

#[test]
fn commands_are_answered_when_their_server_is_as_wanted() {
    let mut bench = Bench::new(Rules::default());
    bench.link("r1");
    bench.slice("r1", epoch(1, 1), 1, vec![spec("m", Activation::Manual)], &[]);
    bench.command("m", Verb::Start);
    assert_eq!(bench.reply(), "active");
    bench.command("m", Verb::Stop);
    assert_eq!(bench.reply(), "waits");
    bench.exit("m");
    assert_eq!(bench.reply(), "inactive");
    bench.command("m", Verb::Disable);
    assert_eq!(bench.reply(), "inactive");
    bench.crash();
    bench.command("m", Verb::Start);
    assert_eq!(
        bench.reply(),
        "Precondition: server m is disabled",
        "also after a restart"
    );
    bench.command("m", Verb::Enable);
    assert_eq!(bench.reply(), "inactive");
    bench.command("m", Verb::Start);
    assert_eq!(bench.reply(), "active");
    bench.command("m", Verb::Restart);
    assert_eq!(bench.reply(), "waits");
    bench.exit("m");
    assert_eq!(bench.reply(), "active", "answered by the new process");
    bench.command("m", Verb::Stop);
    bench.second += 5;
    bench.event(Event::Wake);
    assert_eq!(
        bench.reply(),
        "TimedOut: the deadline passed while server m was deactivating: stopped by an operator"
    );
    bench.command("x", Verb::Start);
    assert_eq!(bench.reply(), "NotFound: node n1 has no server x");
    bench.client(Request::Nodes);
    let Some(Response::Failed(failure)) = bench.replies.pop() else {
        panic!("a node answers for itself only");
    };
    assert_eq!(failure.code, ErrorCode::NotMaster);
    assert_eq!(failure.hint, "ask a registry with `--peer`: 127.0.0.1:7401 (r1)");
}

#[test]
fn a_registry_hears_the_whole_state_then_changes_before_answers() {
    let mut bench = Bench::new(Rules::default());
    bench.link("r1");
    bench.slice("r1", epoch(1, 1), 1, vec![spec("m", Activation::OnDemand)], &[]);
    bench.said.clear();
    bench.link("r2");
    let kinds: Vec<&str> = bench
        .said
        .iter()
        .map(|(to, message)| match (to.as_str(), message) {
            ("r2", Message::NodeStatus(_)) => "status",
            (
                "r2",
                Message::Servers {
                    first: true,
                    last: true,
                    ..
                },
            ) => "whole",
            ("r2", Message::Peers(_)) => "peers",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["status", "whole", "peers"]);
    bench.said.clear();
    let (server, actor) = (id("m"), String::new());
    let (epoch, deadline_ms) = (epoch(1, 1), 1000);
    let request = Request::Activate { server };
    bench.hear(
        "r2",
        Message::Ask {
            id: 7,
            epoch,
            database: Some(HOME),
            deadline_ms,
            actor,
            request,
        },
    );
    let to_r2: Vec<&Message> = bench
        .said
        .iter()
        .filter(|(to, _)| to == "r2")
        .map(|(_, said)| said)
        .collect();
    let active = to_r2.iter().position(|message| {
        matches!(message, Message::Servers { first: false, servers, .. } if servers[0].state.as_str() == "active")
    });
    let answer = to_r2
        .iter()
        .position(|message| matches!(message, Message::Answer { id: 7, .. }));
    assert!(active.is_some() && active < answer, "{to_r2:?}");
}

#[test]
fn a_full_list_of_peers_takes_newcomers_for_those_not_met_for_longest() {
    let mut bench = Bench::new(Rules::default());
    // Two come and go, and a third stays; the rest of the list is hearsay.
    for name in ["old", "late", "there"] {
        bench.link(name);
    }
    for name in ["old", "late"] {
        let peer = name.parse().unwrap();
        let reason = String::new();
        bench.event(Event::Unlinked { peer, reason });
    }
    let cards = |range: std::ops::Range<usize>| -> Vec<PeerCard> {
        range
            .map(|number| card(&format!("p{number}"), PeerKind::Registry))
            .collect()
    };
    bench.hear("there", Message::Peers(cards(0..PEERS_MAX - 3)));
    assert_eq!(bench.remembered.len(), PEERS_MAX);
    bench.crash();
    // Who is only spoken of finds no place; who is there does, also when nobody else ever was.
    let names = |bench: &Bench| -> BTreeSet<String> {
        let names = bench.remembered.iter().map(|known| known.card.name.to_string());
        names.collect()
    };
    let before = names(&bench);
    bench.link("there");
    bench.hear("there", Message::Peers(cards(PEERS_MAX..PEERS_MAX + 9)));
    assert_eq!(names(&bench), before);
    for number in 0..PEERS_MAX - 3 {
        bench.link(&format!("new{number}"));
    }
    let now = names(&bench);
    assert_eq!(now.len(), PEERS_MAX);
    assert!(!now.iter().any(|name| name.starts_with('p')), "hearsay goes first");
    assert!(["old", "late", "there"].iter().all(|name| now.contains(*name)));
    bench.link("one-more");
    let now = names(&bench);
    assert_eq!(
        (now.contains("old"), now.contains("late"), now.contains("one-more")),
        (false, true, true)
    );
    bench.link("and-one");
    bench.link("too-many");
    let now = names(&bench);
    assert_eq!(
        (now.len(), now.contains("late"), now.contains("there")),
        (PEERS_MAX, false, true)
    );
}

/// Random masters, candidates, exits and crashes; returns what broke.
fn random_life(seed: u64, rules: Rules) -> Vec<String> {
    let dice = Moment {
        dice: u128::from(seed),
        ..Moment::default()
    };
    let mut bench = Bench::new(rules);
    let mut highest = Epoch::NONE;
    let mut removable = BTreeSet::new();
    for step in 0..60 {
        let roll = |salt: u64, bound: u64| dice.roll(step * 16 + salt, bound);
        let asked = epoch(1 + roll(1, 4), u128::from(roll(2, 2)));
        let registry = if roll(3, 2) == 0 { "r1" } else { "r2" };
        bench.link(registry);
        match roll(0, 6) {
            0 | 1 => {
                let names: Vec<&str> = ["a", "b", "c"].into_iter().filter(|_| roll(4, 3) > 0).collect();
                let removed = if roll(5, 3) == 0 { &[("a", 20)][..] } else { &[] };
                removable.extend(removed.iter().map(|(name, _)| id(name)));
                let before = bench.node.slice().clone();
                bench.slice(registry, asked, roll(6, 30), always(&names), removed);
                if *bench.node.slice() != before && asked.number < highest.number {
                    bench
                        .faults
                        .push(format!("a slice of {asked} was applied after {highest}"));
                }
            }
            2 => bench.hear(
                registry,
                Message::Prepare {
                    epoch: asked,
                    database: Some(HOME),
                },
            ),
            3 => bench.exit(["a", "b", "c"][usize::try_from(roll(7, 3)).unwrap()]),
            4 => bench.crash(),
            _ => {
                bench.second += roll(8, 40);
                bench.event(Event::Wake);
            }
        }
        let obeyed = bench.node.obeys();
        if obeyed.number < highest.number || obeyed.contests(highest) {
            bench.faults.push(format!("obeys {obeyed} after {highest}"));
        }
        if highest.number <= obeyed.number {
            highest = obeyed;
        }
    }
    if !bench.deleted.is_subset(&removable) {
        bench.faults.push("deleted without a removal entry".into());
    }
    bench.faults
}

#[test]
fn no_promise_breaks_in_random_lives() {
    for seed in 0..400 {
        assert_eq!(random_life(seed, Rules::default()), Vec::<String>::new(), "seed {seed}");
    }
}

#[cfg(feature = "mutants")]
#[test]
fn each_rule_switched_off_is_noticed() {
    use crate::pure::lineage::rules::Rule;
    for rule in [
        Rule::NodeObeysHighest,
        Rule::HonourPromise,
        Rule::EpochIdDecides,
        Rule::PromiseIsDurable,
    ] {
        let noticed = (0..2000).find(|seed| !random_life(*seed, Rules::without(rule)).is_empty());
        assert!(noticed.is_some(), "{rule:?} was off and nothing broke");
    }
}

#[test]
fn a_peer_that_is_no_registry_orders_nothing() {
    let mut bench = Bench::new(Rules::default());
    let card = card("n2", PeerKind::Node);
    bench.event(Event::Linked { card });
    bench.said.clear();
    bench.slice("n2", epoch(1, 1), 1, always(&["a"]), &[]);
    bench.hear(
        "n2",
        Message::Prepare {
            epoch: epoch(9, 9),
            database: None,
        },
    );
    bench.slice("stranger", epoch(1, 1), 1, always(&["a"]), &[]);
    assert_eq!(
        (bench.node.obeys(), bench.said.len(), bench.processes.len()),
        (Epoch::NONE, 0, 0)
    );
}
